/** Bounded reading of untrusted JSON: each reader gives a value or a sentence that says what is wrong. */

import { epoch } from '../units.ts';
import type { Epoch } from '../units.ts';
import { decodeBase64 } from './base64.ts';

/** A value, or what is wrong with the input; `reason` repeats field names only, never contents. */
export type Parsed<Value> =
  | { readonly kind: 'parsed'; readonly value: Value }
  | { readonly kind: 'malformed'; readonly reason: string };

/** Largest counter value in URLs and JSON: what a JSON number carries exactly. */
export const MAX_COUNTER_VALUE = BigInt(Number.MAX_SAFE_INTEGER);

/** Input that is not what the schema says; caught by {@link parsing}, never seen outside. */
class Malformed extends Error {}

/** Runs a parser and turns what it could not read into a value. */
export function parsing<Value>(parse: () => Value): Parsed<Value> {
  try {
    return { kind: 'parsed', value: parse() };
  } catch (error) {
    if (error instanceof Malformed) return { kind: 'malformed', reason: error.message };
    throw error;
  }
}

/** Ends {@link parsing} with a reason. */
export function malformed(reason: string): never {
  throw new Malformed(reason);
}

/** A JSON object with no fields but those named. */
export class JsonFields {
  readonly #fields: Readonly<Record<string, unknown>>;

  private constructor(fields: Readonly<Record<string, unknown>>) {
    this.#fields = fields;
  }

  /** Reads a text; `allowed` undefined lets a later version of the sender add fields. */
  static fromText(text: string, allowed?: readonly string[]): JsonFields {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      malformed('the body is not JSON');
    }
    return JsonFields.from(value, 'the body', allowed);
  }

  /** Reads a value inside a text. */
  static from(value: unknown, name: string, allowed?: readonly string[]): JsonFields {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      malformed(`${name} is not a JSON object`);
    }
    if (allowed !== undefined && Object.keys(value).some((key) => !allowed.includes(key))) {
      malformed(`${name} has fields besides ${allowed.join(', ')}`);
    }
    return new JsonFields(value as Record<string, unknown>);
  }

  /** Whether a field is not there. */
  isAbsent(name: string): boolean {
    return this.#own(name) === undefined;
  }

  /** Whether a field is there and null. */
  isNull(name: string): boolean {
    return this.#own(name) === null;
  }

  /** A whole number from 0 to `max`. */
  integer(name: string, max: number = Number.MAX_SAFE_INTEGER): number {
    const value = this.#own(name);
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > max) {
      malformed(`${name} is not a whole number from 0 to ${String(max)}`);
    }
    return value;
  }

  /** An epoch. */
  epoch(name: string): Epoch {
    return epoch(BigInt(this.integer(name)));
  }

  /** A text that `pattern` matches; `expected` says so in words. */
  text(name: string, pattern: RegExp, expected: string): string {
    const value = this.#own(name);
    if (typeof value !== 'string' || !pattern.test(value)) malformed(`${name} is not ${expected}`);
    return value;
  }

  /** Base64 of `least` to `most` bytes. */
  bytes(name: string, least: number, most: number): Uint8Array {
    const value = this.#own(name);
    const isShortEnough = typeof value === 'string' && value.length <= Math.ceil(most / 3) * 4;
    const bytes = isShortEnough ? decodeBase64(value) : undefined;
    if (bytes === undefined || bytes.length < least || bytes.length > most) {
      malformed(`${name} is not base64 of ${String(least)} to ${String(most)} bytes`);
    }
    return bytes;
  }

  /** A list of at most `most` values. */
  list(name: string, most: number): readonly unknown[] {
    const value = this.#own(name);
    if (!Array.isArray(value) || value.length > most)
      malformed(`${name} is not a list of at most ${String(most)}`);
    return value as readonly unknown[];
  }

  #own(name: string): unknown {
    return Object.hasOwn(this.#fields, name) ? this.#fields[name] : undefined;
  }
}

/** Writes down what clients asked and were answered, as `checker/history.go` reads it. */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import type { WriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { performance } from 'node:perf_hooks';

/** The service's clock against ours, in all that was set. Ours is never set during a trial. */
export class ServiceClock {
  readonly #settings: { readonly from: number; until: number; readonly offsetMs: number }[] = [
    { from: -Infinity, until: Infinity, offsetMs: 0 },
  ];

  /** The clock is set by `set`, to so much ahead of ours. */
  change(offsetMs: number, set: () => void): void {
    const last = this.#settings.at(-1);
    const from = Date.now();
    set();
    if (last !== undefined) last.until = Date.now();
    this.#settings.push({ from, until: Infinity, offsetMs });
  }

  /** Between what times it was between two times of ours, in ms; a millisecond more for what is rounded. */
  between(from: number, until: number): [number, number] {
    const held = this.#settings.filter((each) => each.from <= until && each.until >= from);
    const offsets = held.map(({ offsetMs }) => offsetMs);
    return [from + Math.min(...offsets) - 1, until + Math.max(...offsets) + 1];
  }
}

/** A call that is under way. */
export interface Invocation {
  readonly client: number;
  readonly room: string;
  readonly call: Readonly<Record<string, unknown>>;
  readonly from: number;
  readonly at: number;
}

/** An answer in the checker's words; undefined: the outcome is unknown. */
export type Answer = ({ readonly kind: string } & Readonly<Record<string, unknown>>) | undefined;

/** The history of one trial, in a file. */
export class Recorder {
  readonly #clock: ServiceClock;
  readonly #file: WriteStream;
  /** Whose outcome is unknown, while the process lives that may still bring it about. */
  #open: Invocation[] = [];
  #operations = 0;
  #unknown = 0;

  constructor(
    file: string,
    times: { readonly lock: number; readonly lease: number; readonly revival: number },
    clock: ServiceClock,
  ) {
    this.#clock = clock;
    this.#file = createWriteStream(file);
    this.#file.write(`${JSON.stringify(times)}\n`);
  }

  get operations(): number {
    return this.#operations;
  }

  get unknown(): number {
    return this.#unknown;
  }

  begin(client: number, room: string, call: Readonly<Record<string, unknown>>): Invocation {
    return { client, room, call, from: Math.floor(performance.now() * 1000), at: Date.now() };
  }

  end(invocation: Invocation, answer: Answer): void {
    this.#operations += 1;
    if (answer === undefined) {
      this.#unknown += 1;
      this.#open.push(invocation);
    } else this.#write(invocation, answer);
  }

  /** The service is dead: what it has not done of all that it was asked, it never will. */
  serviceDied(): void {
    for (const invocation of this.#open) this.#write(invocation, null);
    this.#open = [];
  }

  #write({ client, room, call, from, at }: Invocation, answer: Answer | null): void {
    const to = Math.ceil(performance.now() * 1000);
    const now = this.#clock.between(at, Date.now());
    this.#file.write(`${JSON.stringify({ client, room, call, from, to, now, answer })}\n`);
  }

  async close(): Promise<void> {
    this.#file.end();
    await finished(this.#file);
  }
}

/** Enough of bytes to tell them apart. */
export function nameOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex').slice(0, 24);
}

/** The same of what they hash to. */
export function hashName(bytes: Uint8Array): string {
  return nameOf(createHash('sha256').update(bytes).digest());
}

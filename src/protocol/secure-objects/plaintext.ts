/**
 * What is inside the ciphertext: the payload, and behind it the properties that only members may read.
 * @see draft-ietf-moq-secure-objects (2026-03) #app
 */
import { ByteReader } from '../bytes/byte-reader.ts';
import { ByteWriter } from '../bytes/byte-writer.ts';
import { OutOfRange } from '../bytes/out-of-range.ts';
import { Truncated } from '../bytes/truncated.ts';
import { encodeVi64 } from '../bytes/vi64.ts';
import { invariant } from '../errors.ts';
import { ENCRYPTED_PROPERTIES, parsePairs } from './immutable-properties.ts';

/** Content of an opened object; both are views of one plaintext. */
export interface Plaintext {
  readonly payload: Uint8Array;
  /** Block of the encrypted properties; empty when there are none. */
  readonly encryptedProperties: Uint8Array;
}

/**
 * The parts that, joined, are the plaintext; the payload is one of them as it came, not copied.
 * @param encryptedProperties - block of properties; empty: none.
 * @throws {InvariantError} when `encryptedProperties` is not such a block.
 */
export function plaintextParts(payload: Uint8Array, encryptedProperties: Uint8Array): Uint8Array[] {
  const length = encodeVi64(payload.length);
  if (encryptedProperties.length === 0) return [length, payload];
  invariant(parsePairs(encryptedProperties) !== undefined, 'encrypted properties are Key-Value-Pairs');
  const list = new ByteWriter().vi64(ENCRYPTED_PROPERTIES).lengthPrefixed(encryptedProperties).finish();
  return [length, payload, list];
}

/**
 * Takes a plaintext apart.
 * @returns views of `plaintext`, or `undefined` when it is not of that form.
 */
export function parsePlaintext(plaintext: Uint8Array): Plaintext | undefined {
  try {
    const reader = new ByteReader(plaintext);
    const payload = reader.lengthPrefixed(Number.MAX_SAFE_INTEGER);
    if (reader.remaining === 0) return { payload, encryptedProperties: reader.rest() };
    if (reader.vi64() !== ENCRYPTED_PROPERTIES) return undefined;
    const encryptedProperties = reader.lengthPrefixed(Number.MAX_SAFE_INTEGER);
    const wellFormed = reader.remaining === 0 && parsePairs(encryptedProperties) !== undefined;
    return wellFormed ? { payload, encryptedProperties } : undefined;
  } catch (error) {
    if (error instanceof Truncated || error instanceof OutOfRange) return undefined;
    throw error;
  }
}

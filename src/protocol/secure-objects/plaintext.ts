/**
 * What is inside the ciphertext: the payload, and behind it the properties that only members may read.
 * @see draft-ietf-moq-secure-objects-01 #app
 */
import { ByteReader } from '../bytes/byte-reader.ts';
import { ByteWriter } from '../bytes/byte-writer.ts';
import { OutOfRange } from '../bytes/out-of-range.ts';
import { Truncated } from '../bytes/truncated.ts';
import { encodeVi64, vi64Length } from '../bytes/vi64.ts';
import { invariant } from '../errors.ts';
import { ENCRYPTED_PROPERTIES, parsePairs } from './immutable-properties.ts';
import { padList, unpadList, type PaddedSize } from './padding.ts';

const TYPE_LENGTH = vi64Length(ENCRYPTED_PROPERTIES);
const NOTHING = new Uint8Array(0);

/** Content of an opened object; both are views of one plaintext. */
export interface Plaintext {
  readonly payload: Uint8Array;
  /** Block of the encrypted properties; empty when there are none. */
  readonly encryptedProperties: Uint8Array;
}

/** How the size of a sealed object is hidden. */
export interface Padding {
  readonly paddedSize: PaddedSize;
  /** Bytes that sealing adds to the plaintext. */
  readonly tagLength: number;
}

/**
 * The parts that, joined, are the plaintext; the payload is one of them as it came, not copied.
 * @param content - its encrypted properties are a block of properties; empty: none.
 * @throws {InvariantError} when they are not such a block.
 */
export function plaintextParts(content: Plaintext, padding?: Padding): Uint8Array[] {
  const { payload, encryptedProperties } = content;
  const length = encodeVi64(payload.length);
  if (encryptedProperties.length === 0 && padding === undefined) return [length, payload];
  invariant(parsePairs(encryptedProperties) !== undefined, 'encrypted properties are Key-Value-Pairs');
  const around = length.length + payload.length + TYPE_LENGTH + (padding?.tagLength ?? 0);
  const list =
    padding === undefined ? encryptedProperties : padList(encryptedProperties, around, padding.paddedSize);
  return [length, payload, new ByteWriter().vi64(ENCRYPTED_PROPERTIES).lengthPrefixed(list).finish()];
}

/**
 * Takes a plaintext apart; Padding is left out.
 * @returns views of `plaintext`, or `undefined` when it is not of that form.
 */
export function parsePlaintext(plaintext: Uint8Array): Plaintext | undefined {
  try {
    const reader = new ByteReader(plaintext);
    const payload = reader.lengthPrefixed(Number.MAX_SAFE_INTEGER);
    if (reader.remaining === 0) return { payload, encryptedProperties: NOTHING };
    if (reader.vi64() !== ENCRYPTED_PROPERTIES) return undefined;
    const list = reader.lengthPrefixed(Number.MAX_SAFE_INTEGER);
    if (reader.remaining > 0) return undefined;
    const encryptedProperties = unpadList(list);
    return encryptedProperties && { payload, encryptedProperties };
  } catch (error) {
    if (error instanceof Truncated || error instanceof OutOfRange) return undefined;
    throw error;
  }
}

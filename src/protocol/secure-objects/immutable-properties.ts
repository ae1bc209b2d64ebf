/**
 * The Immutable Properties of a sealed object: relays read them, nobody changes them, and among them is the Key
 * ID that says which key opens the object.
 * @see moqt-18 #immutable-properties
 * @see draft-ietf-moq-secure-objects-01 #keyid-ext
 */
import { equal } from '../bytes/equal.ts';
import { decodeKeyValuePairs, encodeKeyValuePairs, type KeyValuePair } from '../bytes/key-value-pairs.ts';
import { OutOfRange } from '../bytes/out-of-range.ts';
import { Truncated } from '../bytes/truncated.ts';
import { invariant } from '../errors.ts';

/** Property type of the Secure Object Key ID. */
export const KEY_ID = 0x2n;
/** Type of the Encrypted Properties List, which never appears outside the ciphertext. */
export const ENCRYPTED_PROPERTIES = 0xan;
/** Property type of the Immutable Properties. */
export const IMMUTABLE_PROPERTIES = 0xbn;

/**
 * The value of the Immutable Properties.
 * @param keyId - Key ID that the object is sealed under.
 * @param others - block of further immutable properties, without a Key ID; copied.
 * @returns fresh bytes: all pairs ascending by type.
 * @throws {InvariantError} when `others` holds a property that may not be there.
 */
export function encodeImmutableProperties(keyId: bigint, others?: Uint8Array): Uint8Array {
  const pairs: KeyValuePair[] = [{ type: KEY_ID, value: keyId }];
  for (const pair of others === undefined ? [] : decodeKeyValuePairs(others)) {
    invariant(pair.type !== KEY_ID, 'the sealer sets the Key ID');
    invariant(pair.type !== ENCRYPTED_PROPERTIES, 'encrypted properties are never in the clear');
    invariant(pair.type !== IMMUTABLE_PROPERTIES, 'Immutable Properties hold no Immutable Properties');
    pairs.push(pair);
  }
  pairs.sort((a, b) => (a.type < b.type ? -1 : a.type > b.type ? 1 : 0));
  return encodeKeyValuePairs(pairs);
}

/**
 * The block of object properties that carries nothing but Immutable Properties.
 * @param immutable - of {@link encodeImmutableProperties}; copied.
 */
export function encodePropertiesWith(immutable: Uint8Array): Uint8Array {
  return encodeKeyValuePairs([{ type: IMMUTABLE_PROPERTIES, value: immutable }]);
}

/** What a receiver needs of an object's properties. */
export interface SealedProperties {
  readonly keyId: bigint;
  /** Value of the Immutable Properties as it was received: a view. */
  readonly immutable: Uint8Array;
}

/**
 * Finds Key ID and Immutable Properties in the properties of an object.
 * @param properties - block as received; borrowed.
 * @returns `undefined` for anything malformed, doubled or missing: the object is to be discarded.
 */
export function readSealedProperties(properties: Uint8Array): SealedProperties | undefined {
  const immutable = soleValue(parsePairs(properties), IMMUTABLE_PROPERTIES);
  if (!(immutable instanceof Uint8Array)) return undefined;
  const pairs = parsePairs(immutable);
  if (pairs?.some((pair) => pair.type === IMMUTABLE_PROPERTIES)) return undefined;
  const keyId = soleValue(pairs, KEY_ID);
  return typeof keyId === 'bigint' ? { keyId, immutable } : undefined;
}

/** Longest properties that are kept to compare the next with: all that we send are shorter. */
const MAX_KEPT_PROPERTIES = 64;

/** Reads the properties of one track's objects, which are the same from object to object as long as the key is. */
export class SealedPropertiesReader {
  #bytes: Uint8Array | undefined;
  #read: SealedProperties | undefined;

  /** What {@link readSealedProperties} finds; for properties like those before, in bytes of this reader's. */
  read(properties: Uint8Array): SealedProperties | undefined {
    if (this.#bytes !== undefined && equal(this.#bytes, properties)) return this.#read;
    if (properties.length > MAX_KEPT_PROPERTIES) return readSealedProperties(properties);
    this.#bytes = properties.slice();
    this.#read = readSealedProperties(this.#bytes);
    return this.#read;
  }
}

/**
 * Parses a block that an outsider wrote.
 * @returns `undefined` when it is malformed.
 */
export function parsePairs(block: Uint8Array): KeyValuePair[] | undefined {
  try {
    return decodeKeyValuePairs(block);
  } catch (error) {
    if (error instanceof Truncated || error instanceof OutOfRange) return undefined;
    throw error;
  }
}

function soleValue(pairs: KeyValuePair[] | undefined, type: bigint): bigint | Uint8Array | undefined {
  const found = pairs?.filter((pair) => pair.type === type);
  return found?.length === 1 ? found[0]?.value : undefined;
}

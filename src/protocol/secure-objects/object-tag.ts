/**
 * A short digest of a sealed object, by which its owner says that it sealed this one and no other.
 *
 * The tag of an AEAD does not do: whoever has the key makes other ciphertexts with the same tag.
 * @see docs/protocol.md #who-speaks
 */
import type { ObjectHeader } from './aad.ts';
import { putLocation, putUint32 } from './location.ts';

/** Bytes of a tag: finding a second object of one takes 2^64 attempts, within the seconds in which it would count. */
export const OBJECT_TAG_BYTES = 8;
/** Group ID, Object ID, publisher priority, length of the Immutable Properties. */
const HEADER_BYTES = 8 + 4 + 1 + 4;

/** What is hashed is put together here, as each frame of everybody is; larger ones have memory of their own. */
const scratch = new Uint8Array(64 * 1024);

/**
 * The tag of one object, which is of all that opening it depends on.
 * @param crypto - hashes by SHA-256: what it is given is read and not kept, and its result is fresh.
 * @param header - of the object, as it is authenticated.
 * @param immutable - value of the Immutable Properties; read, not kept.
 * @param payload - ciphertext; read, not kept.
 * @returns fresh bytes, as many as {@link OBJECT_TAG_BYTES} says.
 */
export function objectTag(
  crypto: { sha256(bytes: Uint8Array): Uint8Array },
  header: ObjectHeader,
  immutable: Uint8Array,
  payload: Uint8Array,
): Uint8Array {
  const length = HEADER_BYTES + immutable.length + payload.length;
  const hashed = length <= scratch.length ? scratch.subarray(0, length) : new Uint8Array(length);
  putLocation(hashed, header.group, header.object);
  hashed[12] = header.priority;
  putUint32(hashed, 13, immutable.length);
  hashed.set(immutable, HEADER_BYTES);
  hashed.set(payload, HEADER_BYTES + immutable.length);
  // A copy: a view would keep all of the hash, and costs more.
  return crypto.sha256(hashed).slice(0, OBJECT_TAG_BYTES);
}

import { invariant } from '../errors.ts';
import type { GroupId, ObjectId } from '../moqt/model.ts';

/** Object IDs that fit a nonce are below this. */
export const OBJECT_ID_LIMIT = 2n ** 32n;

/**
 * Forms the AEAD nonce of one object.
 * @param salt - 12 bytes; read, not kept.
 * @param group - Group ID, any of 64 bits.
 * @param object - Object ID below {@link OBJECT_ID_LIMIT}.
 * @returns 12 fresh bytes: salt XOR (group as 64 bits, object as 32 bits).
 * @throws {InvariantError} when the Object ID does not fit; who chooses IDs starts a new group before.
 * @see draft-ietf-moq-secure-objects (2026-03) #nonce
 */
export function formNonce(salt: Uint8Array, group: GroupId, object: ObjectId): Uint8Array {
  invariant(salt.length === 12, 'a salt has 12 bytes');
  invariant(object >= 0n && object < OBJECT_ID_LIMIT, 'an Object ID in a nonce has 32 bits');
  const nonce = new Uint8Array(12);
  const view = new DataView(nonce.buffer);
  view.setBigUint64(0, group);
  view.setUint32(8, Number(object));
  for (let at = 0; at < 12; at += 1) nonce[at] = (nonce[at] ?? 0) ^ (salt[at] ?? 0);
  return nonce;
}

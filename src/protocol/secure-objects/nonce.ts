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
 * @see draft-ietf-moq-secure-objects-01 #nonce
 */
export function formNonce(salt: Uint8Array, group: GroupId, object: ObjectId): Uint8Array {
  invariant(salt.length === 12, 'a salt has 12 bytes');
  invariant(object >= 0n && object < OBJECT_ID_LIMIT, 'an Object ID in a nonce has 32 bits');
  const nonce = salt.slice();
  xorUint32(nonce, 0, Number(group >> 32n));
  xorUint32(nonce, 4, Number(group & 0xffff_ffffn));
  xorUint32(nonce, 8, Number(object));
  return nonce;
}

function xorUint32(bytes: Uint8Array, offset: number, value: number): void {
  for (let at = 0; at < 4; at += 1) {
    bytes[offset + at] = (bytes[offset + at] ?? 0) ^ ((value >>> (24 - 8 * at)) & 0xff);
  }
}

import { invariant } from '../errors.ts';
import type { GroupId, ObjectId } from '../moqt/model.ts';
import { putLocation } from './location.ts';

/** Bytes of a nonce. */
export const NONCE_LENGTH = 12;
/** Object IDs that fit a nonce are below this. */
export const OBJECT_ID_LIMIT = 2n ** 32n;

/**
 * Forms the AEAD nonce of one object.
 * @param salt - 12 bytes; read, not kept.
 * @param group - Group ID, any of 64 bits.
 * @param object - Object ID below {@link OBJECT_ID_LIMIT}.
 * @param target - where to write it; by default 12 fresh bytes.
 * @returns `target`: salt XOR (group as 64 bits, object as 32 bits).
 * @throws {InvariantError} when the Object ID does not fit; who chooses IDs starts a new group before.
 * @see draft-ietf-moq-secure-objects-01 #nonce
 */
export function formNonce(
  salt: Uint8Array,
  group: GroupId,
  object: ObjectId,
  target: Uint8Array = new Uint8Array(NONCE_LENGTH),
): Uint8Array {
  invariant(salt.length === NONCE_LENGTH, 'a salt has 12 bytes');
  invariant(object >= 0n && object < OBJECT_ID_LIMIT, 'an Object ID in a nonce has 32 bits');
  putLocation(target, group, object);
  for (let at = 0; at < NONCE_LENGTH; at += 1) target[at] = (target[at] ?? 0) ^ (salt[at] ?? 0);
  return target;
}

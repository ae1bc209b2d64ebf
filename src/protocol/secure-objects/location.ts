/** Where an object is, as nonce and AAD have it. @see draft-ietf-moq-secure-objects-01 #nonce, #aad */
import type { GroupId, ObjectId } from '../moqt/model.ts';

const UINT32 = 2 ** 32;

/**
 * Writes a location of 12 bytes to the front of `target`, which has room for it.
 * @param group - 64 bits.
 * @param object - 32 bits.
 */
export function putLocation(target: Uint8Array, group: GroupId, object: ObjectId): void {
  // Arithmetic on numbers costs a fraction of what it costs on bigints, and groups are below 2^53 in practice.
  const number = Number(group);
  const isSafe = number <= Number.MAX_SAFE_INTEGER;
  putUint32(target, 0, isSafe ? Math.floor(number / UINT32) : Number(group >> 32n));
  putUint32(target, 4, isSafe ? number % UINT32 : Number(group & 0xffff_ffffn));
  putUint32(target, 8, Number(object));
}

/** Writes 32 bits, big-endian, at `offset` of `target`, which has room for them. */
export function putUint32(target: Uint8Array, offset: number, value: number): void {
  target[offset] = value >>> 24;
  target[offset + 1] = value >>> 16;
  target[offset + 2] = value >>> 8;
  target[offset + 3] = value;
}

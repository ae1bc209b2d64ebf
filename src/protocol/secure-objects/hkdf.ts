/**
 * HKDF made from HMAC. It is not taken from a platform, since some refuse an info above 1,024 bytes and full
 * track names may be longer.
 * @see RFC 5869
 */
import { invariant } from '../errors.ts';
import type { Hmac } from './crypto.ts';
import type { HashName } from './suite.ts';

/** Size of each hash's output in bytes. */
export const HASH_LENGTH: Readonly<Record<HashName, number>> = {
  'SHA-256': 32,
  'SHA-384': 48,
  'SHA-512': 64,
};

/** HKDF-Extract. @returns a fresh pseudorandom key of the hash's size. */
export function hkdfExtract(crypto: Hmac, hash: HashName, salt: Uint8Array, ikm: Uint8Array): Uint8Array {
  return crypto.hmac(hash, salt, ikm);
}

/**
 * HKDF-Expand.
 * @param length - bytes wanted; at most 255 times the hash's size.
 * @returns fresh bytes.
 */
export function hkdfExpand(
  crypto: Hmac,
  hash: HashName,
  prk: Uint8Array,
  info: Uint8Array,
  length: number,
): Uint8Array {
  invariant(length <= 255 * HASH_LENGTH[hash], 'HKDF gives at most 255 blocks');
  const output = new Uint8Array(length);
  let block: Uint8Array = new Uint8Array(0);
  for (let offset = 0, count = 1; offset < length; offset += block.length, count += 1) {
    const next = crypto.hmac(hash, prk, block, info, Uint8Array.of(count));
    block.fill(0);
    block = next;
    output.set(block.subarray(0, length - offset), offset);
  }
  block.fill(0);
  return output;
}

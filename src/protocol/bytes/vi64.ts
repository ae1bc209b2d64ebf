/**
 * The variable-length integer of MOQT: leading ones of the first byte count the bytes that follow.
 *
 * We write the shortest form; any form is read, as the specification allows.
 *
 * @see moqt-18 #variable-length-integers
 */
import { invariant } from '../errors.ts';

/** Largest value a vi64 holds: 2^64 - 1. */
export const MAX_VI64 = 0xffff_ffff_ffff_ffffn;
/** Longest encoding of a vi64 in bytes. */
export const MAX_VI64_LENGTH = 9;

/**
 * Bytes of the shortest encoding.
 * @param value - 0 to 2^64 - 1; a number must be a safe integer.
 * @returns 1 to 9.
 * @throws {InvariantError} when `value` is out of range.
 */
export function vi64Length(value: bigint | number): number {
  if (typeof value === 'number') {
    invariant(Number.isSafeInteger(value) && value >= 0, 'a vi64 is a safe non-negative integer');
    if (value < 0x80) return 1;
    if (value < 0x4000) return 2;
    if (value < 0x20_0000) return 3;
    if (value < 0x1000_0000) return 4;
  } else {
    invariant(value >= 0n && value <= MAX_VI64, 'a vi64 is between 0 and 2^64 - 1');
    if (value < 0x1000_0000n) return vi64Length(Number(value));
  }
  let length = 1;
  for (let limit = 0x80n; length < MAX_VI64_LENGTH && BigInt(value) >= limit; limit <<= 7n) length += 1;
  return length;
}

/**
 * Bytes that the encoding beginning with `first` takes, that byte included.
 * @param first - first byte of a vi64.
 * @returns 1 to 9.
 */
export function vi64LengthOf(first: number): number {
  return Math.clz32(~first & 0xff) - 23;
}

/**
 * Writes the shortest encoding at `offset`; the caller has made room for {@link vi64Length} bytes.
 * @returns offset behind the last byte written.
 */
export function putVi64(target: Uint8Array, offset: number, value: bigint | number): number {
  const length = vi64Length(value);
  if (length <= 4) {
    let rest = Number(value);
    for (let at = offset + length - 1; at > offset; at -= 1, rest >>>= 8) target[at] = rest & 0xff;
    target[offset] = rest | vi64Prefix(length);
    return offset + length;
  }
  let rest = BigInt(value);
  for (let at = offset + length - 1; at > offset; at -= 1, rest >>= 8n) target[at] = Number(rest & 0xffn);
  target[offset] = Number(rest) | vi64Prefix(length);
  return offset + length;
}

/**
 * The shortest encoding, as bytes of its own.
 * @throws {InvariantError} when `value` is out of range.
 */
export function encodeVi64(value: bigint | number): Uint8Array {
  const bytes = new Uint8Array(vi64Length(value));
  putVi64(bytes, 0, value);
  return bytes;
}

/** The leading ones that announce `length` bytes. */
function vi64Prefix(length: number): number {
  return (0xff00 >>> (length - 1)) & 0xff;
}

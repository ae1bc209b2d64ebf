/**
 * Padding: an encrypted property that gives objects one of few sizes, so that these tell a relay little.
 * @see draft-ietf-moq-secure-objects-01 #padding
 * @see docs/protocol.md #padding
 */
import { ByteReader } from '../bytes/byte-reader.ts';
import { ByteWriter } from '../bytes/byte-writer.ts';
import { decodePairsBefore } from '../bytes/key-value-pairs.ts';
import { vi64Length } from '../bytes/vi64.ts';
import { invariant } from '../errors.ts';

/** Property type of Padding; its value is `uint32 length || zeros`, and it is the last of its list. */
export const PADDING = 0x32n;
const LENGTH_BYTES = 4;

/** The smallest size that sealed objects of a kind have and that is not below `size`, in bytes. */
export type PaddedSize = (size: number) => number;

/** Sizes of sealed sound: 96, 128, 192, 256, 384, … bytes. Words and silence then look alike. */
export function soundSize(size: number): number {
  for (let power = 64; ; power *= 2) {
    if (size <= 1.5 * power) return 1.5 * power;
    if (size <= 2 * power) return 2 * power;
  }
}

/** Sizes of sealed control messages: 128, 256, 512, … bytes. */
export function controlSize(size: number): number {
  let power = 128;
  while (power < size) power *= 2;
  return power;
}

/**
 * Appends Padding to a list of encrypted properties.
 * @param list - block of Key-Value-Pairs, of types up to 0x32; copied.
 * @param around - bytes of the sealed object that are neither the list nor its length.
 * @returns the list that gives the sealed object one of the sizes; a fresh one.
 */
export function padList(list: Uint8Array, around: number, paddedSize: PaddedSize): Uint8Array {
  const { pairs, value } = decodePairsBefore(list, PADDING);
  const type = PADDING - (pairs.at(-1)?.type ?? 0n);
  invariant(value === undefined && type >= 0n, 'Padding is the last property, and the only one');
  const least = list.length + vi64Length(type) + LENGTH_BYTES;
  for (let size = paddedSize(around + vi64Length(least) + least); ; size = paddedSize(size + 1)) {
    // The list's length takes one to nine bytes; where it gets longer, one size cannot be made.
    for (let prefix = vi64Length(least); prefix <= vi64Length(size); prefix += 1) {
      const length = size - around - prefix;
      if (length < least || vi64Length(length) !== prefix) continue;
      const zeros = length - least;
      return new ByteWriter(length).bytes(list).vi64(type).u32(zeros).bytes(new Uint8Array(zeros)).finish();
    }
  }
}

/**
 * Takes Padding off a list of encrypted properties.
 * @returns a view of `list`; undefined when what follows is not well-formed.
 * @throws {Truncated | OutOfRange} when the properties before it are not.
 */
export function unpadList(list: Uint8Array): Uint8Array | undefined {
  const { length, value } = decodePairsBefore(list, PADDING);
  if (value === undefined) return list;
  const reader = new ByteReader(value);
  const zeros = reader.u32();
  if (zeros !== reader.remaining || reader.rest().some((byte) => byte !== 0)) return undefined;
  return list.subarray(0, length);
}

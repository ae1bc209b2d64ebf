/**
 * Blocks of Key-Value-Pairs: what MOQT's properties and setup options, LOC's metadata and the Encrypted
 * Properties List are made of.
 * @see moqt-18 #key-value-pair-structure
 */
import { invariant } from '../errors.ts';
import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import { OutOfRange } from './out-of-range.ts';
import { MAX_VI64 } from './vi64.ts';

/** Longest value of an odd type in bytes. */
export const MAX_PAIR_VALUE_LENGTH = 0xffff;
/**
 * Most pairs that we read from one block; a bound of ours, as the specification has none. No block of 64 KiB or less,
 * which is what a session takes as properties or setup options, holds more.
 */
export const MAX_PAIRS = 32_768;

/** One pair: an even type carries an integer of 64 bits, an odd one bytes. */
export interface KeyValuePair {
  readonly type: bigint;
  readonly value: bigint | Uint8Array;
}

/**
 * Writes a block with shortest integers.
 * @param pairs - in ascending order of type; a type may repeat. Values are copied.
 * @throws {InvariantError} when types descend, or a value is not of its type's kind and size.
 */
export function encodeKeyValuePairs(pairs: readonly KeyValuePair[]): Uint8Array {
  const writer = new ByteWriter();
  let previous = 0n;
  for (const { type, value } of pairs) {
    invariant(type >= previous, 'types of Key-Value-Pairs ascend');
    writer.vi64(type - previous);
    previous = type;
    if (typeof value === 'bigint') {
      invariant(type % 2n === 0n, 'an odd type carries bytes');
      writer.vi64(value);
    } else {
      invariant(type % 2n === 1n, 'an even type carries an integer');
      invariant(value.length <= MAX_PAIR_VALUE_LENGTH, 'a value is at most 65,535 bytes');
      writer.lengthPrefixed(value);
    }
  }
  return writer.finish();
}

/**
 * Reads a whole block.
 * @param block - borrowed: values of odd types are views of it.
 * @returns the pairs in their order, types ascending.
 * @throws {Truncated} when the block ends within a pair.
 * @throws {OutOfRange} when a type passes 2^64 - 1, a value 65,535 bytes, or there are over {@link MAX_PAIRS}.
 */
export function decodeKeyValuePairs(block: Uint8Array): KeyValuePair[] {
  return decodePairsBefore(block, undefined).pairs;
}

/** The pairs of a block up to one whose value is of a form of its own. */
export interface PairsBefore {
  readonly pairs: KeyValuePair[];
  /** Bytes that these pairs take. */
  readonly length: number;
  /** What stands behind the type that was looked for, a view; undefined when it is not in the block. */
  readonly value: Uint8Array | undefined;
}

/**
 * Reads a block up to the first pair of a type.
 * @param block - borrowed: values are views of it.
 * @throws {Truncated | OutOfRange} as {@link decodeKeyValuePairs} does.
 */
export function decodePairsBefore(block: Uint8Array, last: bigint | undefined): PairsBefore {
  const reader = new ByteReader(block);
  const pairs: KeyValuePair[] = [];
  let type = 0n;
  while (reader.remaining > 0) {
    if (pairs.length === MAX_PAIRS) throw new OutOfRange(MAX_PAIRS);
    const length = reader.offset;
    type += reader.vi64();
    if (type > MAX_VI64) throw new OutOfRange(Number(MAX_VI64));
    if (type === last) return { pairs, length, value: reader.rest() };
    const value = type % 2n === 0n ? reader.vi64() : reader.lengthPrefixed(MAX_PAIR_VALUE_LENGTH);
    pairs.push({ type, value });
  }
  return { pairs, length: block.length, value: undefined };
}

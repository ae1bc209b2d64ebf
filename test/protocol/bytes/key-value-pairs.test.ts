import fc from 'fast-check';
import { expect, test } from 'vitest';
import { concat } from '../../../src/protocol/bytes/concat.ts';
import {
  decodeKeyValuePairs,
  encodeKeyValuePairs,
  MAX_PAIRS,
  type KeyValuePair,
} from '../../../src/protocol/bytes/key-value-pairs.ts';
import { encodeHex } from '../../../src/protocol/bytes/hex.ts';
import { OutOfRange } from '../../../src/protocol/bytes/out-of-range.ts';
import { Truncated } from '../../../src/protocol/bytes/truncated.ts';
import { encodeVi64, MAX_VI64 } from '../../../src/protocol/bytes/vi64.ts';
import { InvariantError } from '../../../src/protocol/errors.ts';

const u64 = fc.oneof(fc.bigInt(0n, MAX_VI64), fc.bigInt(0n, 300n));
const pair: fc.Arbitrary<KeyValuePair> = fc.oneof(
  fc.record({ type: u64.map((type) => type & ~1n), value: u64 }),
  fc.record({ type: u64.map((type) => type | 1n), value: fc.uint8Array({ maxLength: 40 }) }),
);
const block = fc
  .array(pair, { maxLength: 12 })
  .map((pairs) => pairs.sort((a, b) => (a.type < b.type ? -1 : a.type > b.type ? 1 : 0)));

test('a block is what moqt-18 draws: delta types, integers for even, lengths for odd', () => {
  const pairs = [
    { type: 2n, value: 300n },
    { type: 0xbn, value: Uint8Array.of(0xaa, 0xbb) },
    { type: 0xbn, value: new Uint8Array(0) },
  ];
  //                                             02 = 300, +9 = 11: 2 bytes, +0 = 11: none
  expect(encodeHex(encodeKeyValuePairs(pairs))).toBe('02812c' + '0902aabb' + '0000');
});

test('round trip', () => {
  fc.assert(
    fc.property(block, (pairs) => {
      expect(decodeKeyValuePairs(encodeKeyValuePairs(pairs))).toEqual(pairs);
    }),
  );
});

test('any bytes give pairs or a named failure, and a cut block is truncated', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        decodeKeyValuePairs(bytes);
      } catch (error) {
        expect(error instanceof Truncated || error instanceof OutOfRange).toBe(true);
      }
    }),
  );
  expect(() => decodeKeyValuePairs(Uint8Array.of(2))).toThrow(Truncated);
  expect(() => decodeKeyValuePairs(Uint8Array.of(1, 2, 0))).toThrow(Truncated);
});

test('types past 2^64, values past 65,535 bytes and too many pairs are refused', () => {
  const overflow = concat(encodeVi64(MAX_VI64 - 1n), Uint8Array.of(0), Uint8Array.of(2, 0));
  expect(() => decodeKeyValuePairs(overflow)).toThrow(OutOfRange);
  expect(() => decodeKeyValuePairs(concat(Uint8Array.of(1), encodeVi64(65_536)))).toThrow(OutOfRange);
  expect(decodeKeyValuePairs(new Uint8Array(2 * MAX_PAIRS))).toHaveLength(MAX_PAIRS);
  expect(() => decodeKeyValuePairs(new Uint8Array(2 * MAX_PAIRS + 2))).toThrow(OutOfRange);
});

test('pairs that no block can hold are our own fault', () => {
  const bytes = new Uint8Array(1);
  for (const pairs of [
    [
      { type: 3n, value: bytes },
      { type: 1n, value: bytes },
    ],
    [{ type: 2n, value: bytes }],
    [{ type: 1n, value: 1n }],
    [{ type: 1n, value: new Uint8Array(65_536) }],
  ]) {
    expect(() => encodeKeyValuePairs(pairs)).toThrow(InvariantError);
  }
});

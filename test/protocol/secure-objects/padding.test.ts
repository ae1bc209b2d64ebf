import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeKeyValuePairs, type KeyValuePair } from '../../../src/protocol/bytes/key-value-pairs.ts';
import { InvariantError } from '../../../src/protocol/errors.ts';
import { ObjectCipher } from '../../../src/protocol/secure-objects/object-cipher.ts';
import {
  controlSize,
  padList,
  soundSize,
  unpadList,
  type PaddedSize,
} from '../../../src/protocol/secure-objects/padding.ts';
import { parsePlaintext, plaintextParts } from '../../../src/protocol/secure-objects/plaintext.ts';
import { baseKey, header, sealedTrack, SUITE_IDS } from './track-crypto.ts';

const NOTHING = new Uint8Array(0);
const IMMUTABLE = Uint8Array.of(2, 7);

/** A list of encrypted properties of types below that of Padding. */
const list = fc
  .uniqueArray(fc.integer({ min: 1, max: 0x31 }), { maxLength: 4 })
  .chain((types) => fc.tuple(...types.sort((a, b) => a - b).map(pairOf)))
  .map((pairs) => encodeKeyValuePairs(pairs));

function pairOf(type: number): fc.Arbitrary<KeyValuePair> {
  const value = type % 2 === 0 ? fc.bigInt(0n, 2n ** 64n - 1n) : fc.uint8Array({ maxLength: 70 });
  return value.map((chosen): KeyValuePair => ({ type: BigInt(type), value: chosen }));
}

function seal(
  suite: (typeof SUITE_IDS)[number],
  payload: Uint8Array,
  properties: Uint8Array,
  to: PaddedSize,
) {
  const cipher = new ObjectCipher(sealedTrack({ suite }));
  const key = cipher.deriveKey(baseKey(1), 7n);
  const content = { payload, encryptedProperties: properties };
  const sealed = cipher.seal(key, header(0n, 0n), IMMUTABLE, content, to);
  return { sealed, opened: cipher.open(key, header(0n, 0n), IMMUTABLE, sealed), content };
}

describe('sizes', () => {
  test('of sound are 96, 128 and half-way steps between powers of two', () => {
    const sizes = new Set(Array.from({ length: 1_100 }, (_, size) => soundSize(size)));
    expect([...sizes]).toEqual([96, 128, 192, 256, 384, 512, 768, 1_024, 1_536]);
  });

  test('of control messages are powers of two from 128', () => {
    const sizes = new Set(Array.from({ length: 1_100 }, (_, size) => controlSize(size)));
    expect([...sizes]).toEqual([128, 256, 512, 1_024, 2_048]);
  });

  test.each([
    [soundSize, 96],
    [soundSize, 128],
    [controlSize, 128],
    [controlSize, 256],
  ])('are kept as they are where they fit exactly', (sizes, size) => {
    expect([sizes(size), sizes(size - 1)]).toEqual([size, size]);
    expect(sizes(size + 1)).toBeGreaterThan(size);
  });
});

describe('a padded object', () => {
  test.each(SUITE_IDS)('suite %i: has one of the sizes, and opens to what was sealed', (suite) => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 400 }),
        list,
        fc.constantFrom(soundSize, controlSize),
        (payload, properties, sizes) => {
          const { sealed, opened, content } = seal(suite, payload, properties, sizes);
          expect(sizes(sealed.length)).toBe(sealed.length);
          expect(opened).toEqual(content);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('says nothing of its length within a size, and is not larger than it must be', () => {
    const lengths = Array.from({ length: 200 }, (_, length) => {
      const { sealed } = seal(4, new Uint8Array(length), NOTHING, soundSize);
      return sealed.length;
    });
    // The payload's length (1, from 128 on 2), list type and length, Padding's type and length, tag: 24 and more.
    expect(lengths.filter((length) => length === 96)).toHaveLength(72 + 1);
    expect(new Set(lengths)).toEqual(new Set([96, 128, 192, 256]));
  });

  test('has the bytes of the key profile', () => {
    const join = (properties: Uint8Array): string =>
      Buffer.concat(
        plaintextParts(
          { payload: Uint8Array.of(9, 9), encryptedProperties: properties },
          { paddedSize: (size) => Math.ceil(size / 16) * 16, tagLength: 16 },
        ),
      ).toString('hex');
    expect(join(NOTHING)).toBe('020909' + '0a0b' + '32' + '00000006' + '000000000000');
    // Types are told as differences: 0x32 - 0x06.
    expect(join(encodeKeyValuePairs([{ type: 6n, value: 5n }]))).toBe(
      '020909' + '0a0b' + '0605' + '2c' + '00000004' + '00000000',
    );
  });

  test('goes to the next size where the length of the list leaves one out', () => {
    // 127 bytes of list take one byte of length, 128 take two: 129 bytes of both cannot be made.
    const sizes: PaddedSize = (size) => (size <= 129 ? 129 : 200);
    const padded = padList(NOTHING, 0, sizes);
    expect(padded.length).toBe(198);
    expect(unpadList(padded)).toEqual(NOTHING);
  });

  test('cannot hold properties that come behind Padding, or Padding already', () => {
    for (const type of [0x32n, 0x33n, 0x40n]) {
      const value = type % 2n === 0n ? 0n : NOTHING;
      const properties = encodeKeyValuePairs([{ type, value }]);
      expect(() => seal(4, NOTHING, properties, soundSize)).toThrow(InvariantError);
    }
  });
});

describe('what an authentic plaintext holds as Padding', () => {
  const parse = (hex: string): unknown => parsePlaintext(new Uint8Array(Buffer.from(hex, 'hex')));

  test('is taken off', () => {
    const opened = { payload: Uint8Array.of(1), encryptedProperties: NOTHING };
    expect(parse('0101' + '0a05' + '3200000000')).toEqual(opened);
    expect(parse('0101' + '0a07' + '32000000020000')).toEqual(opened);
    expect(parse('0101' + '0a09' + '0605' + '2c000000020000')).toEqual({
      ...opened,
      encryptedProperties: Uint8Array.of(6, 5),
    });
  });

  test.each([
    ['a length that is cut', '0a0432000000'],
    ['fewer zeros than it says', '0a06320000000200'],
    ['more zeros than it says', '0a0732000000010000'],
    ['other bytes than zeros', '0a07320000000200ff'],
    ['a property behind it', '0a083200000001000101'],
  ])('is refused with %s', (_, properties) => {
    expect(parse('0101' + properties)).toBeUndefined();
  });
});

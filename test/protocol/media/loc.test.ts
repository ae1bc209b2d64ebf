import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeHex, encodeHex } from '../../../src/protocol/bytes/hex.ts';
import { InvariantError, PeerViolation } from '../../../src/protocol/errors.ts';
import { decodeLocProperties, encodeLocProperties } from '../../../src/protocol/media/loc.ts';
import type { LocProperties } from '../../../src/protocol/media/loc.ts';

function bytesOf(hex: string): Uint8Array {
  const bytes = decodeHex(hex.replaceAll(' ', ''));
  if (bytes === undefined) throw new InvariantError(`not hex: ${hex}`);
  return bytes;
}

/** Each pair is: delta of the type, then a vi64, or a length and as many bytes. */
const vectors: readonly [string, LocProperties, string][] = [
  ['nothing', {}, ''],
  // 0x10, 1234567890 as vi64
  ['a wall-clock timestamp', { timestamp: 1_234_567_890n }, '10 f0 49 96 02 d2'],
  // 0x08 = 1000000; +8 = 0x10: 33366
  [
    'a capture timestamp with its timescale',
    { timescale: 1_000_000n, timestamp: 33_366n },
    '08 cf 42 40 08 c0 82 56',
  ],
  // 0x09, 1 byte: start, end, independent
  ['a key frame', { videoFrameMarking: { independent: true, discardable: false } }, '09 01 e0'],
  ['a frame that nobody needs', { videoFrameMarking: { independent: false, discardable: true } }, '09 01 d0'],
  // 0x0c: voice bit and 42
  ['speech at -42 dBov', { audioLevel: { voice: true, level: 42 } }, '0c 80 aa'],
  ['silence', { audioLevel: { voice: false, level: 127 } }, '0c 7f'],
  // 0x0d, 2 bytes; +2 = 0x0f, 1 byte
  ['configs', { videoConfig: Uint8Array.of(1, 2), audioConfig: Uint8Array.of(3) }, '0d 02 01 02 02 01 03'],
];

const properties: fc.Arbitrary<LocProperties> = fc.record(
  {
    timestamp: fc.bigInt(0n, 0xffff_ffff_ffff_ffffn),
    timescale: fc.bigInt(1n, 0xffff_ffff_ffff_ffffn),
    videoFrameMarking: fc.record({ independent: fc.boolean(), discardable: fc.boolean() }),
    audioLevel: fc.record({ voice: fc.boolean(), level: fc.integer({ min: 0, max: 127 }) }),
    videoConfig: fc.uint8Array({ maxLength: 300 }),
    audioConfig: fc.uint8Array({ maxLength: 300 }),
  },
  { requiredKeys: [] },
);

describe('LOC properties', () => {
  test.each(vectors)('%s', (_name, value, hex) => {
    expect(encodeHex(encodeLocProperties(value))).toBe(hex.replaceAll(' ', ''));
    expect(decodeLocProperties(bytesOf(hex))).toEqual(value);
  });

  test('what is written is read', () => {
    fc.assert(
      fc.property(properties, (value) => {
        expect(decodeLocProperties(encodeLocProperties(value))).toEqual(value);
      }),
    );
  });

  test('any bytes give properties or a named violation', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        try {
          decodeLocProperties(bytes);
        } catch (cause) {
          expect(cause).toBeInstanceOf(PeerViolation);
          expect((cause as PeerViolation).clause).toMatch(/^(loc-00|moqt-18)#/);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('unknown types, even and odd, are passed over', () => {
    // 0x00 = 5; +7 = 0x07, 2 bytes; +5 = 0x0c = 1
    expect(decodeLocProperties(bytesOf('00 05 07 02 ff ff 05 01'))).toEqual({
      audioLevel: { voice: false, level: 1 },
    });
  });

  test.each([
    ['ends inside a length', '09'],
    ['ends inside a value', '0d 05 01'],
    ['a property twice', '0c 01 00 02'],
    ['a type above 2^64 - 1', '01 00 ff ff ff ff ff ff ff ff ff 00'],
    ['a value above 65535 bytes', '0d c1 00 00'],
    ['an audio level above 255', '0c 81 00'],
    ['a frame marking without a byte', '09 00'],
    ['a frame marking of five bytes', '09 05 00 00 00 00 00'],
    ['a timescale of zero', '08 00'],
  ])('%s is refused', (_name, hex) => {
    expect(() => decodeLocProperties(bytesOf(hex))).toThrow(PeerViolation);
  });

  test('configs are copies', () => {
    const bytes = bytesOf('0d 01 07');
    const { videoConfig } = decodeLocProperties(bytes);
    bytes.fill(0);
    expect(videoConfig).toEqual(Uint8Array.of(7));
  });

  test('a level that does not fit is our own fault', () => {
    expect(() => encodeLocProperties({ audioLevel: { voice: false, level: 128 } })).toThrow(InvariantError);
  });
});

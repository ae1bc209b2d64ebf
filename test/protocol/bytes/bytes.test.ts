import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeBase64Url, encodeBase64Url } from '../../../src/protocol/bytes/base64url.ts';
import { ByteReader } from '../../../src/protocol/bytes/byte-reader.ts';
import { ByteWriter } from '../../../src/protocol/bytes/byte-writer.ts';
import { concat } from '../../../src/protocol/bytes/concat.ts';
import { equal } from '../../../src/protocol/bytes/equal.ts';
import { decodeHex, encodeHex } from '../../../src/protocol/bytes/hex.ts';
import { OutOfRange } from '../../../src/protocol/bytes/out-of-range.ts';
import { Truncated } from '../../../src/protocol/bytes/truncated.ts';
import { decodeUtf8, encodeUtf8 } from '../../../src/protocol/bytes/utf8.ts';
import { encodeVi64, MAX_VI64, vi64Length } from '../../../src/protocol/bytes/vi64.ts';
import { InvariantError } from '../../../src/protocol/errors.ts';

const u64 = fc.oneof(fc.bigInt(0n, MAX_VI64), fc.bigInt(0n, 1n << 16n), powerEdges());

/** 2^k - 1 and 2^k: where encodings change their length. */
function powerEdges(): fc.Arbitrary<bigint> {
  return fc
    .integer({ min: 0, max: 64 })
    .chain((k) => fc.constantFrom((1n << BigInt(k)) - 1n, k < 64 ? 1n << BigInt(k) : MAX_VI64));
}

function bytesOf(hex: string): Uint8Array {
  const bytes = decodeHex(hex);
  if (bytes === undefined) throw new InvariantError(`not hex: ${hex}`);
  return bytes;
}

describe('vi64', () => {
  test.each([
    ['25', 37n],
    ['8025', 37n],
    ['bbbd', 15_293n],
    ['ed7f3e7d', 226_442_877n],
    ['faa1a0e403d8', 2_893_212_287_960n],
    ['fc8998abc66bc0', 151_288_809_941_952n],
    ['fefa318fa8e3ca11', 70_423_237_261_249_041n],
    ['ffffffffffffffffff', 18_446_744_073_709_551_615n],
    ['ff0000000000000000', 0n],
  ])('%s is %s, as in the table of moqt-18', (hex, value) => {
    const reader = new ByteReader(bytesOf(hex));
    expect(reader.vi64()).toBe(value);
    expect(reader.remaining).toBe(0);
  });

  test.each([
    [0n, 1],
    [127n, 1],
    [128n, 2],
    [16_383n, 2],
    [16_384n, 3],
    [2_097_151n, 3],
    [2_097_152n, 4],
    [268_435_455n, 4],
    [268_435_456n, 5],
    [34_359_738_367n, 5],
    [34_359_738_368n, 6],
    [4_398_046_511_103n, 6],
    [4_398_046_511_104n, 7],
    [562_949_953_421_311n, 7],
    [562_949_953_421_312n, 8],
    [72_057_594_037_927_935n, 8],
    [72_057_594_037_927_936n, 9],
    [MAX_VI64, 9],
  ])('%s takes %i bytes', (value, length) => {
    expect(vi64Length(value)).toBe(length);
    expect(encodeVi64(value)).toHaveLength(length);
  });

  test('round trip; numbers and bigints give the same bytes', () => {
    fc.assert(
      fc.property(u64, (value) => {
        const bytes = encodeVi64(value);
        expect(new ByteReader(bytes).vi64()).toBe(value);
        if (value <= BigInt(Number.MAX_SAFE_INTEGER)) {
          expect(encodeVi64(Number(value))).toEqual(bytes);
          expect(new ByteReader(bytes).vi64Number()).toBe(Number(value));
        } else {
          expect(() => new ByteReader(bytes).vi64Number()).toThrow(OutOfRange);
        }
      }),
    );
  });

  test('every longer form has the same value', () => {
    fc.assert(
      fc.property(u64, fc.integer({ min: 1, max: 9 }), (value, wanted) => {
        const length = Math.max(wanted, vi64Length(value));
        const bytes = new Uint8Array(length);
        for (let at = length - 1, rest = value; at >= 0; at -= 1, rest >>= 8n)
          bytes[at] = Number(rest & 0xffn);
        bytes[0] = (bytes[0] ?? 0) | ((0xff00 >>> (length - 1)) & 0xff);
        expect(new ByteReader(bytes).vi64()).toBe(value);
      }),
    );
  });

  test('what is no u64 is our own fault', () => {
    for (const value of [-1n, MAX_VI64 + 1n, -1, 0.5, 2 ** 53, Number.NaN]) {
      expect(() => encodeVi64(value)).toThrow(InvariantError);
    }
  });
});

describe('ByteReader and ByteWriter', () => {
  type Field =
    | { kind: 'u8'; value: number }
    | { kind: 'u16'; value: number }
    | { kind: 'u32'; value: number }
    | { kind: 'u64'; value: bigint }
    | { kind: 'vi64'; value: bigint }
    | { kind: 'bytes'; value: Uint8Array };
  const uint = (max: number) => fc.integer({ min: 0, max });
  const field: fc.Arbitrary<Field> = fc.oneof(
    fc.record({ kind: fc.constant('u8' as const), value: uint(0xff) }),
    fc.record({ kind: fc.constant('u16' as const), value: uint(0xffff) }),
    fc.record({ kind: fc.constant('u32' as const), value: uint(0xffff_ffff) }),
    fc.record({ kind: fc.constant('u64' as const), value: u64 }),
    fc.record({ kind: fc.constant('vi64' as const), value: u64 }),
    fc.record({ kind: fc.constant('bytes' as const), value: fc.uint8Array({ maxLength: 200 }) }),
  );

  function write(writer: ByteWriter, item: Field): void {
    if (item.kind === 'bytes') writer.lengthPrefixed(item.value);
    else if (item.kind === 'u64') writer.u64(item.value);
    else if (item.kind === 'vi64') writer.vi64(item.value);
    else if (item.kind === 'u8') writer.u8(item.value);
    else if (item.kind === 'u16') writer.u16(item.value);
    else writer.u32(item.value);
  }

  function read(reader: ByteReader, kind: Field['kind']): Field['value'] {
    return kind === 'bytes' ? reader.lengthPrefixed(200) : reader[kind]();
  }

  test('round trip of any fields, from any capacity', () => {
    fc.assert(
      fc.property(fc.array(field), fc.integer({ min: 0, max: 64 }), (fields, capacity) => {
        const writer = new ByteWriter(capacity);
        for (const item of fields) write(writer, item);
        const bytes = writer.finish();
        expect(writer.length).toBe(bytes.length);
        const reader = new ByteReader(bytes);
        for (const item of fields) expect(read(reader, item.kind)).toEqual(item.value);
        expect(reader.remaining).toBe(0);
        expect(reader.offset).toBe(bytes.length);
      }),
    );
  });

  test('a read past the end throws Truncated, says how much is missing, and moves nothing', () => {
    fc.assert(
      fc.property(field, fc.uint8Array({ maxLength: 8 }), fc.nat(), (item, before, at) => {
        const writer = new ByteWriter().bytes(before);
        write(writer, item);
        const whole = writer.finish();
        const cut = before.length + (at % (whole.length - before.length));
        const reader = new ByteReader(whole.subarray(0, cut));
        reader.bytes(before.length);
        try {
          read(reader, item.kind);
          expect.unreachable();
        } catch (error) {
          if (!(error instanceof Truncated)) throw error;
          expect(error.missing).toBeGreaterThan(0);
          expect(error.missing).toBeLessThanOrEqual(whole.length - cut);
        }
        expect(reader.offset).toBe(before.length);
      }),
    );
  });

  test('a length over its bound fails at once and moves nothing', () => {
    const reader = new ByteReader(encodeVi64(201n));
    expect(() => reader.lengthPrefixed(200)).toThrow(OutOfRange);
    expect(() => reader.vi64Number(200)).toThrow(OutOfRange);
    expect(reader.offset).toBe(0);
    expect(reader.vi64Number(201)).toBe(201);
    const huge = new ByteReader(encodeVi64(MAX_VI64));
    expect(() => huge.lengthPrefixed(Number.MAX_SAFE_INTEGER)).toThrow(OutOfRange);
    expect(huge.offset).toBe(0);
  });

  test('bytes are views of what is read; rest takes all of it', () => {
    const source = Uint8Array.of(1, 2, 3, 4);
    const reader = new ByteReader(source);
    const view = reader.bytes(2);
    source[0] = 9;
    expect(view).toEqual(Uint8Array.of(9, 2));
    expect(reader.rest()).toEqual(Uint8Array.of(3, 4));
    expect(reader.rest()).toEqual(new Uint8Array(0));
  });

  test('what was finished does not change by later writes', () => {
    const writer = new ByteWriter().u8(1);
    const first = writer.finish();
    writer.u8(2);
    expect(first).toEqual(Uint8Array.of(1));
    expect(writer.finish()).toEqual(Uint8Array.of(1, 2));
  });

  test('what was finished is its receiver’s, whatever its length and however often it is finished', () => {
    for (const length of [1, 1_023, 1_024, 1_025]) {
      const written = new Uint8Array(length).fill(7);
      const writer = new ByteWriter().bytes(written);
      const [first, second] = [writer.finish(), writer.finish()];
      new ByteWriter().bytes(new Uint8Array(1_024).fill(9)).finish();
      expect(first).toEqual(written);
      expect(second).toEqual(written);
    }
  });

  test('integers that do not fit are our own fault', () => {
    expect(() => new ByteWriter().u8(256)).toThrow(InvariantError);
    expect(() => new ByteWriter().u16(-1)).toThrow(InvariantError);
    expect(() => new ByteWriter().u32(2 ** 32)).toThrow(InvariantError);
    expect(() => new ByteWriter().u64(1n << 64n)).toThrow(InvariantError);
  });
});

describe('texts of bytes', () => {
  test('hex', () => {
    expect(encodeHex(Uint8Array.of(0, 0x0f, 0xa5, 0xff))).toBe('000fa5ff');
    expect(decodeHex('00FFa5')).toEqual(Uint8Array.of(0, 255, 0xa5));
    for (const bad of ['0', '0g', ' 00', '0x00', '00\n']) expect(decodeHex(bad)).toBeUndefined();
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => equal(decodeHex(encodeHex(bytes)) ?? bytes.subarray(1), bytes)),
    );
  });

  test('base64url is that of the platform, both ways', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const text = encodeBase64Url(bytes);
        expect(text).toBe(Buffer.from(bytes).toString('base64url'));
        expect(decodeBase64Url(text)).toEqual(bytes);
      }),
    );
  });

  test('base64url refuses every text that is not the one of its bytes', () => {
    for (const bad of ['A', 'AB', 'AAB', 'AA==', 'A+AA', 'A/AA', 'AA A', 'AAAAA', 'AAé0']) {
      expect(decodeBase64Url(bad)).toBeUndefined();
    }
    fc.assert(
      fc.property(fc.string({ maxLength: 12 }), (text) => {
        const bytes = decodeBase64Url(text);
        return bytes === undefined || encodeBase64Url(bytes) === text;
      }),
    );
  });

  test('UTF-8', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const wellFormed = Buffer.from(text).toString();
        expect(decodeUtf8(encodeUtf8(text))).toBe(wellFormed);
      }),
    );
    expect(decodeUtf8(Uint8Array.of(0xef, 0xbb, 0xbf, 0x41))).toBe('\ufeffA');
    for (const bad of ['ff', 'c080', 'eda080', 'e282']) expect(decodeUtf8(bytesOf(bad))).toBeUndefined();
  });
});

describe('concat and equal', () => {
  test('concat joins copies', () => {
    const part = Uint8Array.of(1, 2);
    const joined = concat(part, new Uint8Array(0), Uint8Array.of(3));
    part[0] = 9;
    expect(joined).toEqual(Uint8Array.of(1, 2, 3));
    expect(concat()).toEqual(new Uint8Array(0));
  });

  test('equal compares lengths and all bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
        expect(equal(a, b)).toBe(Buffer.compare(a, b) === 0);
        expect(equal(a, a.slice())).toBe(true);
      }),
    );
    expect(equal(Uint8Array.of(1, 2), Uint8Array.of(1, 3))).toBe(false);
    expect(equal(Uint8Array.of(1), Uint8Array.of(1, 0))).toBe(false);
  });
});

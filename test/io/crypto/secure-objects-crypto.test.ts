import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addonCrypto } from '../../../src/io/crypto/addon-crypto.ts';
import { nodeCrypto } from '../../../src/io/crypto/node-crypto.ts';
import { concat } from '../../../src/protocol/bytes/concat.ts';
import { InvariantError } from '../../../src/protocol/errors.ts';
import { nobleCrypto } from '../../../src/protocol/secure-objects/noble-crypto.ts';
import { hkdfExpand } from '../../../src/protocol/secure-objects/hkdf.ts';
import { SUITES, type SuiteId } from '../../../src/protocol/secure-objects/suite.ts';

const SUITE_IDS: readonly SuiteId[] = [1, 2, 3, 4, 5];
const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const anyBytes = fc.uint8Array({ maxLength: 300 });

const IMPLEMENTATIONS = [
  ['the addon', addonCrypto],
  ['node:crypto', nodeCrypto],
] as const;

describe.each(
  IMPLEMENTATIONS.flatMap(([name, crypto]) => SUITE_IDS.map((id) => [name, id, crypto] as const)),
)('%s, suite %i', (_, id, crypto) => {
  const { Nk, Nn, Nt } = SUITES[id];
  const [fast, readable] = [crypto.aead(id), nobleCrypto.aead(id)];

  test('seals as the readable twin, however the plaintext is cut, and each opens the other', () => {
    fc.assert(
      fc.property(
        bytesOf(Nk),
        bytesOf(Nn),
        anyBytes,
        fc.array(anyBytes, { maxLength: 4 }),
        (key, nonce, aad, parts) => {
          const sealed = fast.seal(key, nonce, aad, ...parts);
          expect(sealed).toEqual(readable.seal(key, nonce, aad, ...parts));
          expect(sealed.constructor).toBe(Uint8Array);
          const opened = fast.open(key, nonce, aad, sealed);
          expect(opened).toEqual(concat(...parts));
          expect(opened?.constructor).toBe(Uint8Array);
          expect(readable.open(key, nonce, aad, sealed)).toEqual(opened);
        },
      ),
    );
  });

  test('large plaintexts have memory of their own and the same bytes', () => {
    const [key, nonce, aad] = [new Uint8Array(Nk).fill(7), new Uint8Array(Nn).fill(9), Uint8Array.of(1)];
    for (const length of [16_363, 16_364, 16_383, 16_384, 65_516, 65_517, 100_000]) {
      const payload = Uint8Array.from({ length }, (_, at) => at * 31);
      const parts = [Uint8Array.of(1, 2, 3), payload, Uint8Array.of(4)];
      const sealed = fast.seal(key, nonce, aad, ...parts);
      expect(Buffer.compare(sealed, readable.seal(key, nonce, aad, ...parts))).toBe(0);
      expect(Buffer.compare(fast.open(key, nonce, aad, sealed) ?? key, concat(...parts))).toBe(0);
    }
  });

  test('anything changed or cut does not open, in either', () => {
    fc.assert(
      fc.property(
        bytesOf(Nk),
        bytesOf(Nn),
        anyBytes,
        anyBytes,
        fc.constantFrom('key', 'nonce', 'aad', 'sealed', 'cut', 'longer'),
        fc.nat(),
        (key, nonce, aad, plaintext, what, where) => {
          const sealed = readable.seal(key, nonce, aad, plaintext);
          const inputs: Record<'key' | 'nonce' | 'aad' | 'sealed', Uint8Array> = { key, nonce, aad, sealed };
          if (what === 'cut') inputs.sealed = sealed.subarray(0, where % sealed.length);
          else if (what === 'longer') inputs.sealed = concat(sealed, Uint8Array.of(where & 0xff));
          else if (what === 'aad' && aad.length === 0) inputs.aad = Uint8Array.of(0);
          // The last byte: of the CTR suites' key, the first 16 decrypt and do not authenticate.
          else if (what === 'key') inputs.key = flip(key, 8 * (Nk - 1) + (where & 7));
          else inputs[what] = flip(inputs[what], where);
          expect(fast.open(inputs.key, inputs.nonce, inputs.aad, inputs.sealed)).toBeUndefined();
          expect(readable.open(inputs.key, inputs.nonce, inputs.aad, inputs.sealed)).toBeUndefined();
        },
      ),
      // Four-byte tags pass by chance once in 2^32: not in this many runs.
      { numRuns: 200 },
    );
  });

  test('keeps and changes nothing that it was given', () => {
    const inputs = [new Uint8Array(Nk).fill(7), new Uint8Array(Nn).fill(9), Uint8Array.of(1, 2)] as const;
    const part = new Uint8Array(300).fill(5);
    const copies = [...inputs, part].map((bytes) => bytes.slice());
    const first = fast.seal(...inputs, part);
    const kept = first.slice();
    const opened = fast.open(...inputs, first);
    fast.seal(...inputs, part, part);
    expect(fast.open(...inputs, flip(first, 3))).toBeUndefined();
    expect([...inputs, part]).toEqual(copies);
    expect(first).toEqual(kept);
    opened?.fill(0);
    expect(first).toEqual(kept);
    first.fill(0);
    expect(fast.open(...inputs, kept)).toEqual(part);
  });

  test('what was opened shares its memory with nothing, however short', () => {
    const inputs = [new Uint8Array(Nk).fill(7), new Uint8Array(Nn).fill(9), Uint8Array.of(1, 2)] as const;
    for (const length of [0, 1, 100, 20_000]) {
      const opened = fast.open(...inputs, fast.seal(...inputs, new Uint8Array(length)));
      expect(opened?.buffer.byteLength).toBe(length);
    }
  });

  test('less than a tag does not open', () => {
    for (let length = 0; length < Nt; length += 1) {
      expect(
        fast.open(new Uint8Array(Nk), new Uint8Array(Nn), new Uint8Array(0), new Uint8Array(length)),
      ).toBeUndefined();
    }
  });
});

test('a key of another suite is our own fault, which the addon could not tell', () => {
  const [nonce, none] = [new Uint8Array(12), new Uint8Array(0)];
  const [short, long] = [addonCrypto.aead(4), addonCrypto.aead(5)];
  expect(() => short.seal(new Uint8Array(32), nonce, none)).toThrow(InvariantError);
  expect(() => short.open(new Uint8Array(32), nonce, none, new Uint8Array(16))).toThrow(InvariantError);
  expect(() => long.seal(new Uint8Array(16), nonce, none)).toThrow(InvariantError);
});

describe.each(IMPLEMENTATIONS)('HMAC and HKDF, %s', (_, crypto) => {
  test('are those of the twin', () => {
    const hash = fc.constantFrom('SHA-256' as const, 'SHA-384' as const, 'SHA-512' as const);
    fc.assert(
      fc.property(hash, anyBytes, fc.array(anyBytes, { maxLength: 3 }), (name, key, parts) => {
        expect(crypto.hmac(name, key, ...parts)).toEqual(nobleCrypto.hmac(name, key, ...parts));
      }),
    );
  });

  test('RFC 5869, test case 1', () => {
    const prk = Buffer.from('077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5', 'hex');
    const info = Buffer.from('f0f1f2f3f4f5f6f7f8f9', 'hex');
    const okm = hkdfExpand(crypto, 'SHA-256', prk, info, 42);
    expect(Buffer.from(okm).toString('hex')).toBe(
      '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
    );
  });

  test('an info above 1,024 bytes is taken', () => {
    const info = new Uint8Array(5_000);
    const okm = hkdfExpand(crypto, 'SHA-512', new Uint8Array(64), info, 100);
    expect(okm).toEqual(hkdfExpand(nobleCrypto, 'SHA-512', new Uint8Array(64), info, 100));
  });
});

/** A copy with one bit changed. */
function flip(bytes: Uint8Array, where: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const at = (where >>> 3) % copy.length;
  copy[at] = (copy[at] ?? 0) ^ (1 << (where & 7));
  return copy;
}

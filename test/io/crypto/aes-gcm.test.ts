/** The addon's AES-GCM: the vectors of its authors, node:crypto on the same bytes, and what it refuses. */
import { createCipheriv } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { quic } from '../../../src/io/quic/addon.ts';
import { concat } from '../../../src/protocol/bytes/concat.ts';

const { sealAesGcm, openAesGcm } = quic();
type Three = [key: Uint8Array, nonce: Uint8Array, aad: Uint8Array];
const TAG = 16;

const KEY = 'feffe9928665731c6d6a8f9467308308';
const NONCE = 'cafebabefacedbaddecaf888';
const TEXT =
  'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39';
const AAD = 'feedfacedeadbeeffeedfacedeadbeefabaddad2';
const ZEROS = '00'.repeat(16);

/** McGrew and Viega, The Galois/Counter Mode of Operation, appendix B: those with nonces of 96 bits, AES-128 and AES-256. */
const CASES = [
  {
    of: 1,
    key: ZEROS,
    nonce: '00'.repeat(12),
    text: '',
    aad: '',
    sealed: '58e2fccefa7e3061367f1d57a4e7455a',
  },
  {
    of: 2,
    key: ZEROS,
    nonce: '00'.repeat(12),
    text: ZEROS,
    aad: '',
    sealed: '0388dace60b6a392f328c2b971b2fe78ab6e47d42cec13bdf53a67b21257bddf',
  },
  {
    of: 3,
    key: KEY,
    nonce: NONCE,
    text: `${TEXT}1aafd255`,
    aad: '',
    sealed:
      '42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091473f59854d5c2af327cd64a62cf35abd2ba6fab4',
  },
  {
    of: 4,
    key: KEY,
    nonce: NONCE,
    text: TEXT,
    aad: AAD,
    sealed:
      '42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e0915bc94fbc3221a5db94fae95ae7121a47',
  },
  {
    of: 13,
    key: ZEROS + ZEROS,
    nonce: '00'.repeat(12),
    text: '',
    aad: '',
    sealed: '530f8afbc74536b9a963b4f1c4cb738b',
  },
  {
    of: 14,
    key: ZEROS + ZEROS,
    nonce: '00'.repeat(12),
    text: ZEROS,
    aad: '',
    sealed: 'cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919',
  },
  {
    of: 16,
    key: KEY + KEY,
    nonce: NONCE,
    text: TEXT,
    aad: AAD,
    sealed:
      '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b',
  },
];

test.each(CASES)('test case $of', (vector) => {
  const [key, nonce, text, aad] = [vector.key, vector.nonce, vector.text, vector.aad].map(bytes);
  const sealed = seal(key!, nonce!, aad!, text!);
  expect(Buffer.from(sealed).toString('hex')).toBe(vector.sealed);
  expect(open(key!, nonce!, aad!, sealed)).toEqual(text);
});

test('seals as node:crypto, whatever the lengths and wherever the bytes are', () => {
  const lengths = fc.oneof(fc.integer({ min: 0, max: 700 }), fc.integer({ min: 0, max: 200_000 }));
  fc.assert(
    fc.property(
      fc.constantFrom(16, 32),
      lengths,
      fc.integer({ min: 0, max: 300 }),
      fc.array(fc.integer({ min: 0, max: 63 }), { minLength: 5, maxLength: 5 }),
      fc.integer({ min: 0, max: 255 }),
      (keyLength, length, aadLength, at, seed) => {
        const [key, nonce, aad, text] = [keyLength, 12, aadLength, length].map((each, nth) =>
          Uint8Array.from({ length: each }, (_, index) => index * 167 + seed + nth),
        );
        const cipher = createCipheriv(keyLength === 16 ? 'aes-128-gcm' : 'aes-256-gcm', key!, nonce!);
        cipher.setAAD(aad!);
        const theirs = Buffer.concat([cipher.update(text!), cipher.final(), cipher.getAuthTag()]);
        const [ourKey, ourNonce, ourAad] = [key!, nonce!, aad!].map((each, nth) => placed(each, at[nth]!));
        const sealed = placed(concat(text!, new Uint8Array(TAG)), at[3]!);
        sealAesGcm(ourKey!, ourNonce!, ourAad!, sealed);
        expect(theirs.equals(sealed)).toBe(true);
        const opened = placed(new Uint8Array(length).fill(9), at[4]!);
        expect(openAesGcm(ourKey!, ourNonce!, ourAad!, sealed, opened)).toBe(true);
        expect(Buffer.compare(opened, text!)).toBe(0);
        expect(theirs.equals(sealed)).toBe(true);
        expect([ourKey, ourNonce, ourAad]).toEqual([key, nonce, aad]);
      },
    ),
    { numRuns: 150 },
  );
});

test('what is not authentic gives zeros', () => {
  const [key, nonce, aad] = [new Uint8Array(16), new Uint8Array(12), new Uint8Array(3)];
  const sealed = seal(key, nonce, aad, new Uint8Array(100).fill(7));
  for (let at = 0; at < sealed.length; at += 1) {
    const changed = Uint8Array.from(sealed);
    changed[at]! ^= 0x10;
    const text = new Uint8Array(100).fill(9);
    expect(openAesGcm(key, nonce, aad, changed, text)).toBe(false);
    expect(text).toEqual(new Uint8Array(100));
  }
});

describe('refuses, and writes nothing,', () => {
  const [key, nonce, aad] = [new Uint8Array(16), new Uint8Array(12), new Uint8Array(5)];
  const invalid = expect.objectContaining({ code: 'ERR_QUIC_INVALID_OPTION' }) as Error;
  const MOST = 8 * 1024 * 1024;

  function refused(run: (text: Uint8Array) => void, text = new Uint8Array(100).fill(7)): void {
    const before = Uint8Array.from(text);
    expect(() => run(text)).toThrow(invalid);
    expect(Buffer.compare(text, before)).toBe(0);
  }

  test('other lengths', () => {
    for (let length = 0; length < 70; length += 1) {
      const other = new Uint8Array(length);
      if (length !== 16 && length !== 32) {
        refused((text) => sealAesGcm(other, nonce, aad, text));
        refused((text) => openAesGcm(other, nonce, aad, new Uint8Array(116), text));
      }
      if (length !== 12) {
        refused((text) => sealAesGcm(key, other, aad, text));
        refused((text) => openAesGcm(key, other, aad, new Uint8Array(116), text));
      }
      if (length < TAG) {
        refused((text) => sealAesGcm(key, nonce, aad, text), new Uint8Array(length).fill(7));
        refused((text) => openAesGcm(key, nonce, aad, other, text), new Uint8Array(0));
      }
      refused((text) => openAesGcm(key, nonce, aad, other, text));
    }
    expect(() => sealAesGcm(key, nonce, aad, new Uint8Array(MOST + TAG))).not.toThrow();
    refused((text) => sealAesGcm(key, nonce, aad, text), new Uint8Array(MOST + TAG + 1));
    refused((text) => sealAesGcm(key, nonce, new Uint8Array(MOST + 1), text));
    refused(
      (text) => openAesGcm(key, nonce, aad, new Uint8Array(MOST + TAG + 1), text),
      new Uint8Array(MOST + 1),
    );
  });

  test('to write over what it reads', () => {
    const all = new Uint8Array(1_000).fill(7);
    const text = all.subarray(100, 200);
    for (const [from, to] of [
      [100, 116],
      [85, 101],
      [199, 215],
      [140, 156],
    ]) {
      const view = all.subarray(from, to);
      refused(() => sealAesGcm(view, nonce, aad, text));
      refused(() => sealAesGcm(key, view.subarray(0, 12), view, text));
      refused(() => sealAesGcm(key, nonce, view, text));
      refused(() => openAesGcm(key, nonce, view, new Uint8Array(116), text));
    }
    refused(() => openAesGcm(key, nonce, aad, all.subarray(100, 216), text));
    expect(all.every((byte) => byte === 7)).toBe(true);
    // Side by side is apart.
    expect(() => sealAesGcm(all.subarray(84, 100), nonce, all.subarray(200, 300), text)).not.toThrow();
  });

  test('what is no bytes', () => {
    for (const other of [
      undefined,
      null,
      16,
      'sixteen bytes...',
      [1, 2],
      {},
      new Float64Array(2),
      new ArrayBuffer(16),
    ]) {
      const none = other as Uint8Array;
      for (const at of [0, 1, 2]) {
        const [a, b, c] = [key, nonce, aad].map((good, nth) => (nth === at ? none : good)) as Three;
        expect(() => sealAesGcm(a, b, c, new Uint8Array(20))).toThrow();
        expect(() => openAesGcm(a, b, c, new Uint8Array(36), new Uint8Array(20))).toThrow();
      }
      expect(() => openAesGcm(key, nonce, aad, none, new Uint8Array(20))).toThrow();
      if (!ArrayBuffer.isView(other)) expect(() => sealAesGcm(key, nonce, aad, none)).toThrow();
    }
  });
});

function seal(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, text: Uint8Array): Uint8Array {
  const sealed = concat(text, new Uint8Array(TAG));
  sealAesGcm(key, nonce, aad, sealed);
  return sealed;
}

function open(
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  sealed: Uint8Array,
): Uint8Array | undefined {
  const text = new Uint8Array(sealed.length - TAG);
  return openAesGcm(key, nonce, aad, sealed, text) ? text : undefined;
}

/** A copy that begins `at` bytes into its memory. */
function placed(value: Uint8Array, at: number): Uint8Array {
  const copy = new Uint8Array(at + value.length).subarray(at);
  copy.set(value);
  return copy;
}

function bytes(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'));
}

import { createHash, createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { receiptSigner, receiptVerifier } from '../../../src/io/counter/receipt-crypto.ts';
import {
  checkReceiptChain,
  encodeReceipt,
  NO_PREVIOUS_RECEIPT,
  parseReceipt,
  receiptHash,
  verifyReceipt,
} from '../../../src/protocol/counter/receipt.ts';
import type { Receipt } from '../../../src/protocol/counter/receipt.ts';
import { PeerViolation } from '../../../src/protocol/errors.ts';
import { epoch, unixMillis } from '../../../src/protocol/units.ts';

interface Vector {
  group: string;
  epoch: string;
  attempt: number;
  commit: string;
  transcript: string;
  time_ms: string;
  next_key: string;
  previous: string;
  signed: string;
  signature: string;
}

const vectors = JSON.parse(readFileSync('test/vectors/receipts.json', 'utf8')) as {
  public_key: string;
  receipts: Vector[];
};
const hex = (text: string): Buffer => Buffer.from(text, 'hex');
const bytesOf = (vector: Vector): Uint8Array => new Uint8Array(hex(vector.signed + vector.signature));

describe('published receipt vectors', () => {
  test('hold a chain of at least five', () => {
    const first = vectors.receipts[0]?.group;
    expect(vectors.receipts.filter(({ group }) => group === first).length).toBeGreaterThanOrEqual(5);
  });

  // Built from the text of key-profile.md alone, with nothing of the product.
  test.each(vectors.receipts.map((vector, index) => [index, vector] as const))(
    'receipt %i',
    (index, vector) => {
      const sha256 = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest();
      const uint = (value: bigint, bytes: number): Buffer => hex(value.toString(16).padStart(2 * bytes, '0'));
      const publicKey = hex(vectors.public_key);
      const group = hex(vector.group);
      const transcript = hex(vector.transcript);
      const before = vectors.receipts[index - 1];
      const previous = vector.epoch === '0' ? Buffer.alloc(32) : sha256(hex(before?.signed ?? ''));
      expect(vector.previous).toBe(previous.toString('hex'));
      const signed = Buffer.concat([
        Buffer.from('conclave receipt v2', 'latin1'),
        sha256(publicKey).subarray(0, 8),
        uint(BigInt(group.length), 1),
        group,
        uint(BigInt(vector.epoch), 8),
        uint(BigInt(vector.attempt), 4),
        sha256(hex(vector.commit)),
        uint(BigInt(transcript.length), 1),
        transcript,
        hex(vector.next_key),
        uint(BigInt(vector.time_ms), 8),
        previous,
      ]);
      expect(vector.signed).toBe(signed.toString('hex'));
      const key = createPublicKey({
        key: { kty: 'OKP', crv: 'Ed25519', x: publicKey.toString('base64url') },
        format: 'jwk',
      });
      expect(verify(null, signed, key, hex(vector.signature))).toBe(true);

      const verdict = verifyReceipt(bytesOf(vector), publicKey, receiptVerifier);
      expect(verdict).toMatchObject({
        kind: 'valid',
        receipt: { epoch: BigInt(vector.epoch), attempt: vector.attempt, time: Number(vector.time_ms) },
      });
    },
  );
});

describe('receipts', () => {
  const signer = receiptSigner(generateKeyPairSync('ed25519').privateKey);
  const bodies = fc
    .record({
      group: fc.uint8Array({ minLength: 1, maxLength: 255 }),
      epoch: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }).map(epoch),
      attempt: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      commitHash: fc.uint8Array({ minLength: 32, maxLength: 32 }),
      transcript: fc.uint8Array({ maxLength: 64 }),
      nextKey: fc.uint8Array({ minLength: 32, maxLength: 32 }),
      time: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }).map(unixMillis),
      previousHash: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    })
    .map((body) => (body.epoch === 0n ? { ...body, previousHash: NO_PREVIOUS_RECEIPT } : body));

  test('what is signed is read back', () => {
    fc.assert(
      fc.property(bodies, (body) => {
        const verdict = verifyReceipt(
          encodeReceipt(body, signer, receiptVerifier),
          signer.publicKey,
          receiptVerifier,
        );
        expect(verdict).toMatchObject({ kind: 'valid', receipt: body });
      }),
    );
  });

  test('no changed bit, cut or addition is accepted', () => {
    const accepted = (bytes: Uint8Array): boolean =>
      verifyReceipt(bytes, signer.publicKey, receiptVerifier).kind === 'valid';
    fc.assert(
      fc.property(bodies, fc.nat(), fc.nat({ max: 7 }), (body, position, bit) => {
        const bytes = encodeReceipt(body, signer, receiptVerifier);
        const flipped = bytes.slice();
        const at = position % bytes.length;
        flipped[at] = (flipped[at] ?? 0) ^ (1 << bit);
        expect(accepted(bytes)).toBe(true);
        expect(accepted(flipped)).toBe(false);
        expect(accepted(bytes.subarray(0, at))).toBe(false);
        expect(accepted(Uint8Array.of(...bytes, 0))).toBe(false);
      }),
    );
  });

  test('any bytes give a receipt or a named violation', () => {
    const prefix = encodeReceipt(fc.sample(bodies, 1)[0] ?? raise(), signer, receiptVerifier);
    fc.assert(
      fc.property(fc.nat({ max: prefix.length }), fc.uint8Array({ maxLength: 300 }), (kept, tail) => {
        try {
          const { signed, signature } = parseReceipt(Uint8Array.of(...prefix.subarray(0, kept), ...tail));
          expect(signed.length + signature.length).toBe(kept + tail.length);
        } catch (error) {
          expect(error).toBeInstanceOf(PeerViolation);
          expect((error as PeerViolation).clause).toBe('conclave-protocol#receipts');
        }
      }),
      { numRuns: 1000 },
    );
  });

  test.each<[string, Parameters<typeof layOut>[0], string]>([
    ['of another version', { context: 'conclave receipt v1' }, 'not a receipt of version 2'],
    ['without a group', { group: Uint8Array.of(0) }, 'empty group id'],
    [
      'with a transcript hash of 65 bytes',
      { transcript: Uint8Array.of(65, ...Array<number>(65).fill(0)) },
      'transcript hash longer than 64 bytes',
    ],
    [
      'with a length in two bytes where one does',
      { transcript: Uint8Array.of(0x80, 1, 9) },
      'transcript length is not minimal',
    ],
    ['of a time that no clock shows', { time: 2n ** 53n }, 'time out of range'],
    [
      'of epoch 0 that has a past',
      { begun: 0n, previous: new Uint8Array(32).fill(1) },
      'the receipt of epoch 0 names a previous receipt',
    ],
    ['with bytes after it', { signature: new Uint8Array(65) }, 'bytes after the receipt'],
    ['without its last byte', { signature: new Uint8Array(63) }, 'receipt ends early'],
  ])('one %s is refused for that', (_name, change, reason) => {
    const verdict = verifyReceipt(layOut(change), signer.publicKey, receiptVerifier);
    if (verdict.kind !== 'malformed') expect.unreachable(verdict.kind);
    expect(verdict.violation.message).toBe(`${reason} [conclave-protocol#receipts]`);
  });

  test.each<[string, Parameters<typeof layOut>[0]]>([
    ['as it should be', {}],
    ['with a transcript hash of 64 bytes', { transcript: Uint8Array.of(64, ...Array<number>(64).fill(0)) }],
    ['of the last time that a clock shows', { time: 2n ** 53n - 1n }],
    ['of epoch 0', { begun: 0n, previous: new Uint8Array(32) }],
    ['of epoch 1 with zeros for its past', { begun: 1n, previous: new Uint8Array(32) }],
  ])('one %s is read', (_name, change) => {
    const bytes = layOut(change);
    expect(parseReceipt(bytes).signed).toEqual(bytes.subarray(0, -64));
  });

  test('another key is told from a bad signature', () => {
    const bytes = encodeReceipt(fc.sample(bodies, 1)[0] ?? raise(), signer, receiptVerifier);
    const other = receiptSigner(generateKeyPairSync('ed25519').privateKey);
    expect(verifyReceipt(bytes, other.publicKey, receiptVerifier)).toEqual({ kind: 'other-key' });
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    expect(verifyReceipt(bytes, signer.publicKey, receiptVerifier)).toEqual({ kind: 'bad-signature' });
  });

  test('a receipt that was read shares no memory with its source', () => {
    const source = Buffer.from(bytesOf(vectors.receipts[0] ?? raise()));
    const receipt = parseReceipt(source);
    const group = Buffer.from(receipt.group).toString('hex');
    source.fill(0);
    expect(Buffer.from(receipt.group).toString('hex')).toBe(group);
  });

  test('the chain tells the next receipt from another past, an earlier time and a gap', () => {
    const chain = vectors.receipts.slice(0, 3).map((vector) => parseReceipt(bytesOf(vector)));
    const [zero, one, two] = chain as [Receipt, Receipt, Receipt];
    const check = (previous: Receipt | undefined, next: Receipt): string =>
      checkReceiptChain(previous, next, receiptVerifier).kind;
    expect(check(undefined, zero)).toBe('follows');
    expect(check(zero, one)).toBe('follows');
    expect(check(undefined, one)).toBe('not-next');
    expect(check(zero, two)).toBe('not-next');
    expect(check({ ...zero, group: Uint8Array.of(1) }, one)).toBe('not-next');
    expect(check(zero, { ...one, previousHash: receiptHash(one, receiptVerifier) })).toBe('other-past');
    expect(check(zero, { ...one, time: zero.time })).toBe('follows');
    expect(check(zero, { ...one, time: unixMillis(zero.time - 1) })).toBe('earlier');
  });
});

/** A receipt laid out by docs/protocol.md#receipts, with what the test wants to be wrong. */
function layOut(change: {
  readonly context?: string;
  /** With its length, as the transcript. */
  readonly group?: Uint8Array;
  readonly begun?: bigint;
  readonly transcript?: Uint8Array;
  readonly time?: bigint;
  readonly previous?: Uint8Array;
  readonly signature?: Uint8Array;
}): Uint8Array {
  const uint64 = (value: bigint): Buffer => hex(value.toString(16).padStart(16, '0'));
  return new Uint8Array(
    Buffer.concat([
      Buffer.from(change.context ?? 'conclave receipt v2'),
      Buffer.alloc(8),
      change.group ?? Uint8Array.of(1, 7),
      uint64(change.begun ?? 5n),
      Buffer.alloc(4),
      Buffer.alloc(32),
      change.transcript ?? Uint8Array.of(1, 9),
      Buffer.alloc(32, 5),
      uint64(change.time ?? 0n),
      change.previous ?? new Uint8Array(32).fill(3),
      change.signature ?? new Uint8Array(64),
    ]),
  );
}

function raise(): never {
  throw new Error('no sample');
}

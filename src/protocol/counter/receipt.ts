/**
 * Receipts: the epoch counter's signed statement that one Commit is *the* Commit of one epoch.
 *
 * Each receipt carries the hash of the one before, so the receipts of a group form a chain that can be checked
 * offline by anybody who knows the counter's public key.
 *
 * @see docs/protocol.md #receipts
 */

import { ByteReader } from '../bytes/byte-reader.ts';
import { ByteWriter } from '../bytes/byte-writer.ts';
import { concat } from '../bytes/concat.ts';
import { equal } from '../bytes/equal.ts';
import { OutOfRange } from '../bytes/out-of-range.ts';
import { Truncated } from '../bytes/truncated.ts';
import { encodeUtf8 } from '../bytes/utf8.ts';
import { invariant, PeerViolation } from '../errors.ts';
import { epoch, unixMillis } from '../units.ts';
import type { Epoch, UnixMillis } from '../units.ts';

/** Longest group id, MLS transcript hash and so on that a receipt can carry; all in bytes. */
export const RECEIPT_LIMITS = { group: 255, transcript: 64 } as const;
/** What stands for the previous receipt's hash at epoch 0: 32 zero bytes. */
export const NO_PREVIOUS_RECEIPT: Uint8Array = new Uint8Array(32);
/** Bytes of an Ed25519 public key. */
export const PUBLIC_KEY_BYTES = 32;
/** Bytes of an Ed25519 signature. */
export const SIGNATURE_BYTES = 64;

const CLAUSE = 'conclave-protocol#receipts';
const CONTEXT = encodeUtf8('conclave receipt v2');
const KEY_ID_BYTES = 8;
const HASH_BYTES = 32;

/** What the counter signs. */
export interface ReceiptBody {
  /** First 8 bytes of SHA-256(public key of the counter). */
  readonly keyId: Uint8Array;
  /** MLS group id, which is the counter id; 1 to 255 bytes. */
  readonly group: Uint8Array;
  /** The epoch that the Commit begins. */
  readonly epoch: Epoch;
  /** Attempt *f* at this epoch: the Commit is object 2f of the epoch's MOQT group. Below 2^32. */
  readonly attempt: number;
  /** SHA-256 of the MLSMessage with the Commit; at epoch 0 of the GroupContext. */
  readonly commitHash: Uint8Array;
  /** Confirmed transcript hash of the new epoch; empty at epoch 0. */
  readonly transcript: Uint8Array;
  /** The new epoch's key, see `EpochView.epochKey`: who signs with it may begin the epoch after. 32 bytes. */
  readonly nextKey: Uint8Array;
  /** When the counter signed, on its own clock; never before the previous receipt. */
  readonly time: UnixMillis;
  /** SHA-256 of the previous receipt's signed bytes; 32 zero bytes at epoch 0. */
  readonly previousHash: Uint8Array;
}

/** A receipt as it was read; nothing is known about its signature, see {@link verifyReceipt}. */
export interface Receipt extends ReceiptBody {
  /** Exactly the bytes that were signed: never re-encoded. */
  readonly signed: Uint8Array;
  /** Ed25519 signature over {@link Receipt.signed}, 64 bytes. */
  readonly signature: Uint8Array;
}

/** The cryptography that checking a receipt needs. */
export interface ReceiptVerifier {
  /** SHA-256, 32 fresh bytes. */
  sha256(bytes: Uint8Array): Uint8Array;
  /** Whether `signature` (64 bytes) is `publicKey`'s (32 bytes) Ed25519 signature over `message`. */
  verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
}

/** The counter's signing key. */
export interface ReceiptSigner {
  /** Ed25519 public key, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** Ed25519 signature over `message`, 64 fresh bytes. */
  sign(message: Uint8Array): Uint8Array;
}

/** What {@link verifyReceipt} found. */
export type ReceiptVerdict =
  | { readonly kind: 'valid'; readonly receipt: Receipt }
  /** The bytes are no receipt. */
  | { readonly kind: 'malformed'; readonly violation: PeerViolation }
  /** Signed, if at all, by another key than the one asked for. */
  | { readonly kind: 'other-key' }
  | { readonly kind: 'bad-signature' };

/** How a receipt stands to the one held for the epoch before it. */
export type ChainVerdict =
  | { readonly kind: 'follows' }
  /** Another group, or an epoch that is not the next one. */
  | { readonly kind: 'not-next' }
  /** The next epoch, but signed over another past: the counter has signed two lines. */
  | { readonly kind: 'other-past' }
  /** Signed as of an earlier time: heads of such a line would count as said before anybody's time. */
  | { readonly kind: 'earlier' };

/**
 * Names a key in a receipt.
 * @param publicKey - Ed25519 public key, 32 bytes.
 * @returns the first 8 bytes of its SHA-256.
 */
export function receiptKeyId(publicKey: Uint8Array, verifier: Pick<ReceiptVerifier, 'sha256'>): Uint8Array {
  return verifier.sha256(publicKey).slice(0, KEY_ID_BYTES);
}

/**
 * Forms the bytes that the counter signs.
 * @returns fresh bytes; the fields are copied.
 * @throws {InvariantError} a field has a size or value that the layout cannot carry: our own fault.
 * @see docs/protocol.md #receipts
 */
export function encodeReceiptBody(body: ReceiptBody): Uint8Array {
  invariant(body.keyId.length === KEY_ID_BYTES, 'a receipt key id has 8 bytes');
  invariant(
    body.group.length > 0 && body.group.length <= RECEIPT_LIMITS.group,
    'a group id has 1 to 255 bytes',
  );
  invariant(body.commitHash.length === HASH_BYTES, 'a Commit hash has 32 bytes');
  invariant(body.transcript.length <= RECEIPT_LIMITS.transcript, 'a transcript hash has at most 64 bytes');
  invariant(body.nextKey.length === PUBLIC_KEY_BYTES, 'an epoch key has 32 bytes');
  invariant(Number.isSafeInteger(body.time) && body.time >= 0, 'a time is a whole number of milliseconds');
  invariant(body.previousHash.length === HASH_BYTES, 'a receipt hash has 32 bytes');

  return new ByteWriter(256)
    .bytes(CONTEXT)
    .bytes(body.keyId)
    .u8(body.group.length)
    .bytes(body.group)
    .u64(body.epoch)
    .u32(body.attempt)
    .bytes(body.commitHash)
    .lengthPrefixed(body.transcript)
    .bytes(body.nextKey)
    .u64(BigInt(body.time))
    .bytes(body.previousHash)
    .finish();
}

/**
 * Signs a receipt.
 * @param body - all fields but the key id, which is the signer's.
 * @returns signed bytes and signature, fresh: what goes into object 2f+1 and `/history`.
 */
export function encodeReceipt(
  body: Omit<ReceiptBody, 'keyId'>,
  signer: ReceiptSigner,
  verifier: Pick<ReceiptVerifier, 'sha256'>,
): Uint8Array {
  const signed = encodeReceiptBody({ ...body, keyId: receiptKeyId(signer.publicKey, verifier) });
  const signature = signer.sign(signed);
  invariant(signature.length === SIGNATURE_BYTES, 'an Ed25519 signature has 64 bytes');
  return concat(signed, signature);
}

/**
 * Reads a receipt; says nothing about its signature.
 * @param bytes - a whole receipt, signature included; copied.
 * @throws {PeerViolation} `conclave-protocol#receipts` (code 0: there is no session to close).
 * @see docs/protocol.md #receipts
 */
export function parseReceipt(bytes: Uint8Array): Receipt {
  try {
    // Not slice(): a Buffer's slice would share memory with the caller.
    return readReceipt(new Uint8Array(bytes));
  } catch (error) {
    if (error instanceof Truncated) throw new PeerViolation(0, CLAUSE, 'receipt ends early');
    if (error instanceof OutOfRange)
      throw new PeerViolation(0, CLAUSE, 'transcript hash longer than 64 bytes');
    throw error;
  }
}

/**
 * Reads a receipt and checks that `publicKey` signed it. Which group, epoch, Commit and transcript it must name is
 * for the caller to compare.
 * @param publicKey - the counter's Ed25519 key from the invitation, 32 bytes.
 */
export function verifyReceipt(
  bytes: Uint8Array,
  publicKey: Uint8Array,
  verifier: ReceiptVerifier,
): ReceiptVerdict {
  let receipt: Receipt;
  try {
    receipt = parseReceipt(bytes);
  } catch (error) {
    if (error instanceof PeerViolation) return { kind: 'malformed', violation: error };
    throw error;
  }
  if (!equal(receipt.keyId, receiptKeyId(publicKey, verifier))) return { kind: 'other-key' };
  const signatureHolds = verifier.verifyEd25519(publicKey, receipt.signed, receipt.signature);
  return signatureHolds ? { kind: 'valid', receipt } : { kind: 'bad-signature' };
}

/**
 * What the next receipt must carry as its previous hash.
 * @returns SHA-256 of the signed bytes, without the signature.
 */
export function receiptHash(
  receipt: Pick<Receipt, 'signed'>,
  verifier: Pick<ReceiptVerifier, 'sha256'>,
): Uint8Array {
  return verifier.sha256(receipt.signed);
}

/**
 * Compares a verified receipt with the one held for the epoch before.
 * @param previous - undefined where `next` is to be the receipt of epoch 0.
 */
export function checkReceiptChain(
  previous: Receipt | undefined,
  next: Receipt,
  verifier: Pick<ReceiptVerifier, 'sha256'>,
): ChainVerdict {
  if (previous === undefined) return { kind: next.epoch === 0n ? 'follows' : 'not-next' };
  if (!equal(previous.group, next.group) || next.epoch !== previous.epoch + 1n) {
    return { kind: 'not-next' };
  }
  if (!equal(next.previousHash, receiptHash(previous, verifier))) return { kind: 'other-past' };
  return { kind: next.time >= previous.time ? 'follows' : 'earlier' };
}

function readReceipt(bytes: Uint8Array): Receipt {
  const reader = new ByteReader(bytes);
  if (!equal(reader.bytes(CONTEXT.length), CONTEXT)) {
    throw new PeerViolation(0, CLAUSE, 'not a receipt of version 2');
  }
  const keyId = reader.bytes(KEY_ID_BYTES);
  const group = reader.bytes(reader.u8());
  if (group.length === 0) throw new PeerViolation(0, CLAUSE, 'empty group id');
  const begun = epoch(reader.u64());
  const attempt = reader.u32();
  const commitHash = reader.bytes(HASH_BYTES);
  const transcriptAt = reader.offset;
  const transcript = reader.lengthPrefixed(RECEIPT_LIMITS.transcript);
  if (reader.offset - transcriptAt !== 1 + transcript.length) {
    throw new PeerViolation(0, CLAUSE, 'transcript length is not minimal');
  }
  const nextKey = reader.bytes(PUBLIC_KEY_BYTES);
  const time = reader.u64();
  if (time > BigInt(Number.MAX_SAFE_INTEGER)) throw new PeerViolation(0, CLAUSE, 'time out of range');
  const previousHash = reader.bytes(HASH_BYTES);
  if (begun === 0n && !equal(previousHash, NO_PREVIOUS_RECEIPT)) {
    throw new PeerViolation(0, CLAUSE, 'the receipt of epoch 0 names a previous receipt');
  }
  const signed = bytes.subarray(0, reader.offset);
  const signature = reader.bytes(SIGNATURE_BYTES);
  if (reader.remaining > 0) throw new PeerViolation(0, CLAUSE, 'bytes after the receipt');
  return {
    keyId,
    group,
    epoch: begun,
    attempt,
    commitHash,
    transcript,
    nextKey,
    time: unixMillis(Number(time)),
    previousHash,
    signed,
    signature,
  };
}

/**
 * Heads: what a member says, under its own signature key, of the line that it is in: the counter's newest receipt. Sealed
 * under a key from the invitation, they can be read on both sides of a meeting that was split.
 * @see docs/protocol.md #heads
 */
import { ByteReader } from '../bytes/byte-reader.ts';
import { ByteWriter } from '../bytes/byte-writer.ts';
import { concat } from '../bytes/concat.ts';
import { equal } from '../bytes/equal.ts';
import { OutOfRange } from '../bytes/out-of-range.ts';
import { Truncated } from '../bytes/truncated.ts';
import { encodeUtf8 } from '../bytes/utf8.ts';
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from '../counter/receipt.ts';
import type { Ed25519Signer } from './crypto-port.ts';

/** What a head says. Of one that came, nothing is known of its signature yet. */
export interface Head {
  /** Of the member, Ed25519. */
  readonly signatureKey: Uint8Array;
  /** The receipt with its signature, as the member holds it. */
  readonly receipt: Uint8Array;
  /** What the member signed. */
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
}

/** One authenticated cipher: AES-128-GCM. */
export interface HeadCipher {
  seal(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array;
  open(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, ciphertext: Uint8Array): Uint8Array | undefined;
}

/** Bytes of the nonce in front of a sealed head. */
export const HEAD_NONCE_BYTES = 12;
/** Largest sealed head that is opened. */
export const MAX_HEAD_BYTES = 1_024;

const CONTEXT = encodeUtf8('conclave head v1');
const MAX_RECEIPT_BYTES = 768;

/** What a member signs of its head. */
export function signedPartOfHead(signatureKey: Uint8Array, receipt: Uint8Array): Uint8Array {
  return new ByteWriter(512).bytes(CONTEXT).bytes(signatureKey).lengthPrefixed(receipt).finish();
}

/** Says under one's own key that one follows a receipt. */
export function signHead(receipt: Uint8Array, signer: Ed25519Signer): Head {
  const signed = signedPartOfHead(signer.publicKey, receipt);
  return { signatureKey: signer.publicKey, receipt, signed, signature: signer.sign(signed) };
}

/**
 * Seals a head, one's own or somebody else's as it came.
 * @param nonce - 12 bytes, fresh.
 */
export function sealHead(
  { signed, signature }: Pick<Head, 'signed' | 'signature'>,
  { key, group, nonce }: { readonly key: Uint8Array; readonly group: Uint8Array; readonly nonce: Uint8Array },
  cipher: HeadCipher,
): Uint8Array {
  return concat(nonce, cipher.seal(key, nonce, group, concat(signed, signature)));
}

/** Opens a head and reads it. @returns undefined for anything that whoever has the invitation did not seal for the group. */
export function openHead(
  sealed: Uint8Array,
  { key, group }: { readonly key: Uint8Array; readonly group: Uint8Array },
  cipher: HeadCipher,
): Head | undefined {
  if (sealed.length > MAX_HEAD_BYTES || sealed.length <= HEAD_NONCE_BYTES) return undefined;
  const nonce = sealed.subarray(0, HEAD_NONCE_BYTES);
  const plain = cipher.open(key, nonce, group, sealed.subarray(HEAD_NONCE_BYTES));
  if (plain === undefined) return undefined;
  const reader = new ByteReader(plain);
  try {
    if (!equal(reader.bytes(CONTEXT.length), CONTEXT)) return undefined;
    const signatureKey = reader.bytes(PUBLIC_KEY_BYTES);
    const receipt = reader.lengthPrefixed(MAX_RECEIPT_BYTES);
    const signed = plain.subarray(0, reader.offset);
    const signature = reader.bytes(SIGNATURE_BYTES);
    return reader.remaining === 0 ? { signatureKey, receipt, signed, signature } : undefined;
  } catch (error) {
    if (error instanceof Truncated || error instanceof OutOfRange) return undefined;
    throw error;
  }
}

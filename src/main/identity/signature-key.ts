import { randomBytes } from 'node:crypto';
import { ed25519PublicKey, RAW_KEY_BYTES } from '../../io/crypto/raw-keys.ts';
import { invariant } from '../../protocol/errors.ts';

/** An Ed25519 key pair, raw. */
export interface SignatureKey {
  /** Secret: 32 bytes. */
  readonly seed: Uint8Array;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
}

/** A key pair that nobody had before. */
export function generateSignatureKey(): SignatureKey {
  return signatureKeyOf(Uint8Array.from(randomBytes(RAW_KEY_BYTES)));
}

/** The key pair of a seed. @param seed - 32 bytes; kept. */
export function signatureKeyOf(seed: Uint8Array): SignatureKey {
  invariant(seed.length === RAW_KEY_BYTES, 'an Ed25519 seed has 32 bytes');
  return { seed, publicKey: ed25519PublicKey(seed) };
}

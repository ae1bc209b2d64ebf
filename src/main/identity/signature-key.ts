import { createPrivateKey, createPublicKey, randomBytes } from 'node:crypto';
import { invariant } from '../../protocol/errors.ts';

/** Bytes of an Ed25519 seed and of its public key. */
export const ED25519_KEY_LENGTH = 32;

/** PKCS #8 of an Ed25519 key up to its seed. @see RFC 8410 section 7 */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** An Ed25519 key pair, raw. */
export interface SignatureKey {
  /** Secret: 32 bytes. */
  readonly seed: Uint8Array;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
}

/** A key pair that nobody had before. */
export function generateSignatureKey(): SignatureKey {
  return signatureKeyOf(Uint8Array.from(randomBytes(ED25519_KEY_LENGTH)));
}

/** The key pair of a seed. @param seed - 32 bytes; kept. */
export function signatureKeyOf(seed: Uint8Array): SignatureKey {
  invariant(seed.length === ED25519_KEY_LENGTH, 'an Ed25519 seed has 32 bytes');
  const pkcs8 = Buffer.concat([PKCS8_PREFIX, seed]);
  const publicKey = createPublicKey(createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }));
  pkcs8.fill(0);
  const spki = publicKey.export({ format: 'der', type: 'spki' });
  return { seed, publicKey: Uint8Array.from(spki.subarray(spki.length - ED25519_KEY_LENGTH)) };
}

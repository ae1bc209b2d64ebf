import { createHash, createPrivateKey, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { ReceiptSigner, ReceiptVerifier } from '../../protocol/counter/receipt.ts';
import { rawPublicKey, verifyEd25519 } from '../crypto/raw-keys.ts';

/** Checks receipts with node:crypto. */
export const receiptVerifier: ReceiptVerifier = {
  sha256: (bytes) => new Uint8Array(createHash('sha256').update(bytes).digest()),
  verifyEd25519,
};

/**
 * Signs receipts with node:crypto.
 * @param privateKey - an Ed25519 key, PKCS #8 PEM.
 * @throws {TypeError} it is another kind of key.
 */
export function receiptSigner(privateKey: string | KeyObject): ReceiptSigner {
  const key = typeof privateKey === 'string' ? createPrivateKey(privateKey) : privateKey;
  if (key.asymmetricKeyType !== 'ed25519')
    throw new TypeError('the receipt key is not an Ed25519 private key');
  return {
    publicKey: rawPublicKey(key),
    sign: (message) => new Uint8Array(sign(null, message, key)),
  };
}

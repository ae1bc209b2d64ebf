import { createHash, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { ReceiptSigner, ReceiptVerifier } from '../../protocol/counter/receipt.ts';
import { PUBLIC_KEY_BYTES } from '../../protocol/counter/receipt.ts';

/** DER before the 32 bytes of an Ed25519 public key. @see RFC 8410 section 4 */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

/** Checks receipts with node:crypto. */
export const receiptVerifier: ReceiptVerifier = {
  sha256: (bytes) => new Uint8Array(createHash('sha256').update(bytes).digest()),
  verifyEd25519: (publicKey, message, signature) => {
    if (publicKey.length !== PUBLIC_KEY_BYTES) return false;
    const key = createPublicKey({
      key: Buffer.concat([SPKI_PREFIX, publicKey]),
      type: 'spki',
      format: 'der',
    });
    return verify(null, message, key, signature);
  },
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
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
  return {
    publicKey: new Uint8Array(spki.subarray(SPKI_PREFIX.length)),
    sign: (message) => new Uint8Array(sign(null, message, key)),
  };
}

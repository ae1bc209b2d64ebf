/** The group core's cryptography on node:crypto. */
import { createHash, createHmac, createPublicKey, verify } from 'node:crypto';
import type { GroupCrypto } from '../../protocol/group/crypto-port.ts';

const ED25519_SPKI = Buffer.from('302a300506032b6570032100', 'hex');
const ED25519_KEY_BYTES = 32;

/** {@link GroupCrypto} of this runtime. */
export const nodeGroupCrypto: GroupCrypto = {
  sha256: (bytes) => new Uint8Array(createHash('sha256').update(bytes).digest()),
  hmacSha256: (key, bytes) => new Uint8Array(createHmac('sha256', key).update(bytes).digest()),
  verifyEd25519(publicKey, message, signature) {
    if (publicKey.length !== ED25519_KEY_BYTES) return false;
    const key = Buffer.concat([ED25519_SPKI, publicKey]);
    return verify(null, message, createPublicKey({ key, format: 'der', type: 'spki' }), signature);
  },
};

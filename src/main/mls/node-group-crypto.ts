/** The group core's cryptography on node:crypto. */
import { createHash, createHmac } from 'node:crypto';
import { ed25519Signer, verifyEd25519 } from '../../io/crypto/raw-keys.ts';
import type { GroupCrypto } from '../../protocol/group/crypto-port.ts';

/** {@link GroupCrypto} of this runtime. */
export const nodeGroupCrypto: GroupCrypto = {
  sha256: (bytes) => new Uint8Array(createHash('sha256').update(bytes).digest()),
  hmacSha256: (key, bytes) => new Uint8Array(createHmac('sha256', key).update(bytes).digest()),
  ed25519Signer,
  verifyEd25519,
};

/** The group core's cryptography on node:crypto. */
import { createHmac, hash } from 'node:crypto';
import { plain } from '../../io/crypto/node-crypto.ts';
import { ed25519Signer, verifyEd25519 } from '../../io/crypto/raw-keys.ts';
import type { GroupCrypto } from '../../protocol/group/crypto-port.ts';

/** {@link GroupCrypto} of this runtime. */
export const nodeGroupCrypto: GroupCrypto = {
  // In one call: each frame of everybody is hashed.
  sha256: (bytes) => plain(hash('sha256', bytes, 'buffer')),
  hmacSha256: (key, bytes) => plain(createHmac('sha256', key).update(bytes).digest()),
  ed25519Signer,
  verifyEd25519,
};

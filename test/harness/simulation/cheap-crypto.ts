/**
 * Secure Objects without cryptography: what is sealed can be read by anybody, and is opened with the key, nonce and AAD alone under
 * which it was sealed. Keys, nonces, what is authenticated and all sizes are as ever.
 */
import type { Aead, SecureObjectsCrypto } from '../../../src/protocol/secure-objects/crypto.ts';
import { SUITES, type HashName } from '../../../src/protocol/secure-objects/suite.ts';
import { concat } from '../../../src/protocol/bytes/concat.ts';
import { equal } from '../../../src/protocol/bytes/equal.ts';
import { keyedHash } from '../group/keyed-hash.ts';

const HASH_BYTES: Readonly<Record<HashName, number>> = { 'SHA-256': 32, 'SHA-384': 48, 'SHA-512': 64 };

/** For worlds that are many and short. */
export const cheapCrypto: SecureObjectsCrypto = {
  hmac: (hash, key, ...data) => keyedHash(HASH_BYTES[hash], key, ...data),
  aead: (suite) => aeadOf(SUITES[suite].Nt),
};

function aeadOf(tagLength: number): Aead {
  const tagOf = (key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array =>
    keyedHash(tagLength, key, nonce, Uint8Array.of(aad.length), aad, plaintext);
  return {
    seal(key, nonce, aad, ...parts) {
      const plaintext = concat(...parts);
      return concat(plaintext, tagOf(key, nonce, aad, plaintext));
    },
    open(key, nonce, aad, sealed) {
      const length = sealed.length - tagLength;
      if (length < 0) return undefined;
      const plaintext = sealed.slice(0, length);
      return equal(tagOf(key, nonce, aad, plaintext), sealed.subarray(length)) ? plaintext : undefined;
    },
  };
}

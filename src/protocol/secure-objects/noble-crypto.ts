/**
 * The readable implementation of {@link SecureObjectsCrypto}: the constructions of the specifications, line by
 * line, over @noble. Tests hold it equal to the fast one that media is sealed with.
 */
import { ctr, gcm } from '@noble/ciphers/aes.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import { ByteWriter } from '../bytes/byte-writer.ts';
import { concat } from '../bytes/concat.ts';
import { equal } from '../bytes/equal.ts';
import type { Aead, SecureObjectsCrypto } from './crypto.ts';
import { CTR_ENCRYPTION_KEY_LENGTH, SUITES, type HashName } from './suite.ts';

const HASHES = { 'SHA-256': sha256, 'SHA-384': sha384, 'SHA-512': sha512 };

/** Secure Objects over @noble/ciphers and @noble/hashes. */
export const nobleCrypto: SecureObjectsCrypto = {
  hmac: (hash: HashName, key, ...data) => hmac(HASHES[hash], key, concat(...data)),
  aead: (suite) => (SUITES[suite].cipher === 'AES-128-CTR-HMAC' ? ctrHmac(SUITES[suite].Nt) : AES_GCM),
};

const AES_GCM: Aead = {
  seal: (key, nonce, aad, ...plaintext) => gcm(key, nonce, aad).encrypt(concat(...plaintext)),
  open(key, nonce, aad, ciphertext) {
    try {
      return gcm(key, nonce, aad).decrypt(ciphertext);
    } catch {
      return undefined;
    }
  },
};

/** AES-128-CTR, then HMAC-SHA256 truncated to `Nt` bytes. @see RFC 9605 section 4.5.1 */
function ctrHmac(Nt: number): Aead {
  function crypt(key: Uint8Array, nonce: Uint8Array, data: Uint8Array): Uint8Array {
    const initialCounter = concat(nonce, new Uint8Array(4));
    return ctr(key.subarray(0, CTR_ENCRYPTION_KEY_LENGTH), initialCounter).encrypt(data);
  }

  function tagOf(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, ciphertext: Uint8Array): Uint8Array {
    const lengths = new ByteWriter()
      .u64(BigInt(aad.length))
      .u64(BigInt(ciphertext.length))
      .u64(BigInt(Nt))
      .finish();
    const authenticated = concat(lengths, nonce, aad, ciphertext);
    return hmac(sha256, key.subarray(CTR_ENCRYPTION_KEY_LENGTH), authenticated).subarray(0, Nt);
  }

  return {
    seal(key, nonce, aad, ...plaintext) {
      const ciphertext = crypt(key, nonce, concat(...plaintext));
      return concat(ciphertext, tagOf(key, nonce, aad, ciphertext));
    },
    open(key, nonce, aad, sealed) {
      if (sealed.length < Nt) return undefined;
      const ciphertext = sealed.subarray(0, sealed.length - Nt);
      const tag = sealed.subarray(sealed.length - Nt);
      if (!equal(tag, tagOf(key, nonce, aad, ciphertext))) return undefined;
      return crypt(key, nonce, ciphertext);
    },
  };
}

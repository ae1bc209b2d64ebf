/**
 * Secure Objects over node:crypto alone: all suites, where there is no addon (`addon-crypto.ts`), and those that it has not.
 *
 * Results are plain `Uint8Array`s: a `Buffer`'s `slice` shares memory, which code written for bytes does not expect.
 */
import { createCipheriv, createDecipheriv, createHmac, timingSafeEqual } from 'node:crypto';
import type { CipherGCMTypes } from 'node:crypto';
import type { Aead, SecureObjectsCrypto } from '../../protocol/secure-objects/crypto.ts';
import { CTR_ENCRYPTION_KEY_LENGTH, SUITES, type HashName } from '../../protocol/secure-objects/suite.ts';

const HASHES: Readonly<Record<HashName, string>> = {
  'SHA-256': 'sha256',
  'SHA-384': 'sha384',
  'SHA-512': 'sha512',
};

const GCM_TAG_LENGTH = 16;

/** Secure Objects over node:crypto. */
export const nodeCrypto: SecureObjectsCrypto = {
  hmac(hash, key, ...data) {
    const mac = createHmac(HASHES[hash], key);
    for (const part of data) mac.update(part);
    return plain(mac.digest());
  },
  aead: (suite) => AEADS[SUITES[suite].cipher](SUITES[suite].Nt),
};

const AEADS = {
  'AES-128-GCM': () => gcm('aes-128-gcm'),
  'AES-256-GCM': () => gcm('aes-256-gcm'),
  'AES-128-CTR-HMAC': ctrHmac,
};

function gcm(algorithm: CipherGCMTypes): Aead {
  return {
    seal(key, nonce, aad, ...plaintext) {
      const cipher = createCipheriv(algorithm, key, nonce);
      cipher.setAAD(aad);
      const { sealed, tag } = encrypt(cipher, plaintext, GCM_TAG_LENGTH);
      cipher.final();
      tag.set(cipher.getAuthTag());
      return sealed;
    },
    open(key, nonce, aad, sealed) {
      const length = sealed.length - GCM_TAG_LENGTH;
      if (length < 0) return undefined;
      const decipher = createDecipheriv(algorithm, key, nonce);
      decipher.setAAD(aad);
      // Always a whole tag: GCM would take one that was cut, too.
      decipher.setAuthTag(sealed.subarray(length));
      const plaintext = decipher.update(sealed.subarray(0, length));
      try {
        decipher.final();
      } catch {
        return undefined;
      }
      return plain(plaintext);
    },
  };
}

/** AES-128-CTR, then HMAC-SHA256 truncated to `Nt` bytes. @see RFC 9605 section 4.5.1 */
function ctrHmac(Nt: number): Aead {
  function start(key: Uint8Array, nonce: Uint8Array): Ciphering {
    const initialCounter = new Uint8Array(16);
    initialCounter.set(nonce);
    return createCipheriv('aes-128-ctr', key.subarray(0, CTR_ENCRYPTION_KEY_LENGTH), initialCounter);
  }

  function tagOf(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, ciphertext: Uint8Array): Buffer {
    const lengths = Buffer.alloc(24);
    lengths.writeUIntBE(aad.length, 2, 6);
    lengths.writeUIntBE(ciphertext.length, 10, 6);
    lengths.writeUIntBE(Nt, 18, 6);
    const mac = createHmac('sha256', key.subarray(CTR_ENCRYPTION_KEY_LENGTH));
    return mac.update(lengths).update(nonce).update(aad).update(ciphertext).digest().subarray(0, Nt);
  }

  return {
    seal(key, nonce, aad, ...plaintext) {
      const { sealed, ciphertext, tag } = encrypt(start(key, nonce), plaintext, Nt);
      tag.set(tagOf(key, nonce, aad, ciphertext));
      return sealed;
    },
    open(key, nonce, aad, sealed) {
      const length = sealed.length - Nt;
      if (length < 0) return undefined;
      const ciphertext = sealed.subarray(0, length);
      if (!timingSafeEqual(tagOf(key, nonce, aad, ciphertext), sealed.subarray(length))) return undefined;
      return plain(start(key, nonce).update(ciphertext));
    },
  };
}

interface Ciphering {
  update(data: Uint8Array): Buffer;
}

/** Ciphers all parts into fresh bytes with room for a tag behind. */
function encrypt(cipher: Ciphering, parts: readonly Uint8Array[], tagLength: number) {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const sealed = new Uint8Array(length + tagLength);
  let offset = 0;
  for (const part of parts) {
    sealed.set(cipher.update(part), offset);
    offset += part.length;
  }
  return { sealed, ciphertext: sealed.subarray(0, length), tag: sealed.subarray(length) };
}

/** A buffer's bytes as what code written for bytes expects; shared, not copied. */
export function plain(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}

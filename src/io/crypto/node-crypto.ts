/**
 * Secure Objects over node:crypto: the implementation that media is sealed and opened with.
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

/** Parts smaller than this are joined before encryption: a call into OpenSSL costs more than the copy. */
const JOIN_BELOW = 16_384;
/** Larger parts are encrypted in pieces of this size, which are copied while the cache has them. */
const PIECE = 32_768;
/** Memory that sealed objects are cut from: to have an ArrayBuffer for each costs as much as to encrypt a short one. */
const SLAB = 65_536;
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

interface Ciphering {
  update(data: Uint8Array): Buffer;
}

function gcm(algorithm: CipherGCMTypes): Aead {
  /** The tag of the object that is being opened. */
  const tag = new Uint8Array(GCM_TAG_LENGTH);
  return {
    seal(key, nonce, aad, ...plaintext) {
      const cipher = createCipheriv(algorithm, key, nonce);
      cipher.setAAD(aad);
      const sealed = update(cipher, plaintext, GCM_TAG_LENGTH);
      cipher.final();
      sealed.set(cipher.getAuthTag(), sealed.length - GCM_TAG_LENGTH);
      return sealed;
    },
    open(key, nonce, aad, sealed) {
      const length = sealed.length - GCM_TAG_LENGTH;
      if (length < 0) return undefined;
      const decipher = createDecipheriv(algorithm, key, nonce);
      decipher.setAAD(aad);
      // Always a whole tag: GCM would take one that was cut, too.
      for (let at = 0; at < GCM_TAG_LENGTH; at += 1) tag[at] = sealed[length + at] ?? 0;
      decipher.setAuthTag(tag);
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
      const sealed = update(start(key, nonce), plaintext, Nt);
      const length = sealed.length - Nt;
      sealed.set(tagOf(key, nonce, aad, sealed.subarray(0, length)), length);
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

/** Ciphers all parts into fresh bytes with room for a tag behind. */
function update(cipher: Ciphering, parts: readonly Uint8Array[], tagLength: number): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  if (length < JOIN_BELOW) {
    const output = cutFromSlab(length + tagLength);
    fill(output, parts);
    output.set(cipher.update(output.subarray(0, length)));
    return output;
  }
  // Memory of its own that is not zeroed first: all of it is written.
  const output = plain(Buffer.allocUnsafeSlow(length + tagLength));
  let offset = 0;
  for (const part of parts) {
    for (let at = 0; at < part.length; at += PIECE) {
      output.set(cipher.update(part.length <= PIECE ? part : part.subarray(at, at + PIECE)), offset + at);
    }
    offset += part.length;
  }
  return output;
}

let slab: ArrayBuffer = new ArrayBuffer(0);
let slabUsed = 0;

/** Bytes that no other object has, in memory that others are cut from, too; not zeroed first, as all of them are written. */
function cutFromSlab(length: number): Uint8Array {
  if (slabUsed + length > slab.byteLength) {
    slab = Buffer.allocUnsafeSlow(SLAB).buffer;
    slabUsed = 0;
  }
  const cut = new Uint8Array(slab, slabUsed, length);
  slabUsed += length;
  return cut;
}

function fill(output: Uint8Array, parts: readonly Uint8Array[]): void {
  let offset = 0;
  for (const part of parts) {
    output.set(part, offset);
    offset += part.length;
  }
}

/** A buffer's bytes as what code written for bytes expects; shared, not copied. */
export function plain(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}

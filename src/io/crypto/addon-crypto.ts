/**
 * Secure Objects as the app seals and opens media.
 *
 * AES-GCM is the native addon's, which writes each byte once, to where it stays. node:crypto gives pieces that are to be put
 * together, and takes longer to make a cipher than to encrypt a frame of sound; it does all else.
 */
import { invariant } from '../../protocol/errors.ts';
import type { Aead, SecureObjectsCrypto } from '../../protocol/secure-objects/crypto.ts';
import { SUITES } from '../../protocol/secure-objects/suite.ts';
import { quic } from '../quic/addon.ts';
import { nodeCrypto, plain } from './node-crypto.ts';

/** Memory that sealed objects are cut from: to have an ArrayBuffer for each costs as much as to encrypt a short one. */
const SLAB = 65_536;
/** Sealed objects from this size on have memory of their own. */
const OWN_MEMORY_FROM = 16_384;
const TAG_LENGTH = 16;

/** Secure Objects over the addon, which is loaded with the first of its ciphers, and node:crypto. */
export const addonCrypto: SecureObjectsCrypto = {
  hmac: (...parameters) => nodeCrypto.hmac(...parameters),
  aead(id) {
    const { cipher, Nk } = SUITES[id];
    return cipher === 'AES-128-CTR-HMAC' ? nodeCrypto.aead(id) : gcm(Nk);
  },
};

/** AES-GCM with keys of `Nk` bytes. */
function gcm(Nk: number): Aead {
  const { sealAesGcm, openAesGcm } = quic();
  return {
    seal(key, nonce, aad, ...plaintext) {
      invariant(key.length === Nk, 'a key has the length that its suite says');
      let length = TAG_LENGTH;
      for (const part of plaintext) length += part.length;
      const sealed = forSealed(length);
      let offset = 0;
      for (const part of plaintext) {
        sealed.set(part, offset);
        offset += part.length;
      }
      sealAesGcm(key, nonce, aad, sealed);
      return sealed;
    },
    open(key, nonce, aad, sealed) {
      invariant(key.length === Nk, 'a key has the length that its suite says');
      const length = sealed.length - TAG_LENGTH;
      if (length < 0) return undefined;
      // Memory of its own, however short: who posts what was opened posts all of its ArrayBuffer.
      const plaintext = unwritten(length);
      return openAesGcm(key, nonce, aad, sealed, plaintext) ? plaintext : undefined;
    },
  };
}

let slab: ArrayBuffer = new ArrayBuffer(0);
let slabUsed = 0;

/** Bytes for an object that is to be sealed, which no other has, in memory that others are cut from, too; as {@link unwritten}. */
function forSealed(length: number): Uint8Array {
  if (length >= OWN_MEMORY_FROM) return unwritten(length);
  if (slabUsed + length > slab.byteLength) {
    slab = Buffer.allocUnsafeSlow(SLAB).buffer;
    slabUsed = 0;
  }
  const cut = new Uint8Array(slab, slabUsed, length);
  slabUsed += length;
  return cut;
}

/** Bytes that are not zeroed first: whoever takes them writes all of them. */
function unwritten(length: number): Uint8Array {
  return plain(Buffer.allocUnsafeSlow(length));
}

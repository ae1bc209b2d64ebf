/** Tracks, keys and a watched cryptography for the tests of sealer and opener. */
import { nodeCrypto } from '../../../src/io/crypto/node-crypto.ts';
import { encodeHex } from '../../../src/protocol/bytes/hex.ts';
import { encodeUtf8 } from '../../../src/protocol/bytes/utf8.ts';
import { groupId, objectId, type FullTrackName } from '../../../src/protocol/moqt/model.ts';
import type { ObjectHeader } from '../../../src/protocol/secure-objects/aad.ts';
import type { SecureObjectsCrypto } from '../../../src/protocol/secure-objects/crypto.ts';
import type { SealedTrack } from '../../../src/protocol/secure-objects/object-cipher.ts';
import type { SuiteId } from '../../../src/protocol/secure-objects/suite.ts';

export const SUITE_IDS: readonly SuiteId[] = [1, 2, 3, 4, 5];

/** A track named by texts. */
export function trackNamed(...texts: readonly string[]): FullTrackName {
  return { namespace: texts.slice(0, -1).map(encodeUtf8), name: encodeUtf8(texts.at(-1) ?? '') };
}

/** A track of suite 4 over node:crypto, unless told otherwise. */
export function sealedTrack(changes: Partial<SealedTrack> = {}): SealedTrack {
  const track = trackNamed('meeting', 'media', 'alice', 'camera 1', 'o');
  return { track, suite: 4, crypto: nodeCrypto, ...changes };
}

/** The header of an object. */
export function header(group: bigint, object: bigint, priority = 128): ObjectHeader {
  return { group: groupId(group), object: objectId(object), priority };
}

/** A base key of 32 bytes, different for each number. */
export function baseKey(number: number): Uint8Array {
  return new Uint8Array(32).fill(number);
}

/** node:crypto that remembers every (key, nonce) it sealed with, and the key arrays it was given. */
export class WatchedCrypto implements SecureObjectsCrypto {
  readonly sealedWith: string[] = [];
  readonly keys = new Set<Uint8Array>();

  readonly hmac = nodeCrypto.hmac;

  aead(suite: SuiteId) {
    const aead = nodeCrypto.aead(suite);
    return {
      seal: (key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, ...plaintext: readonly Uint8Array[]) => {
        this.keys.add(key);
        this.sealedWith.push(`${encodeHex(key)} ${encodeHex(nonce)}`);
        return aead.seal(key, nonce, aad, ...plaintext);
      },
      open: (key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, ciphertext: Uint8Array) => {
        this.keys.add(key);
        return aead.open(key, nonce, aad, ciphertext);
      },
    };
  }
}

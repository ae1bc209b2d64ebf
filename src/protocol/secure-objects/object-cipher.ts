/**
 * Sealing and opening one object, without any memory of others: {@link TrackSealer} and {@link TrackOpener}
 * add the rules that hold between objects.
 * @see draft-ietf-moq-secure-objects-01 #encrypt
 */
import type { FullTrackName } from '../moqt/model.ts';
import { AAD_HEADER_LENGTH, putAad, type ObjectHeader } from './aad.ts';
import type { Aead, SecureObjectsCrypto } from './crypto.ts';
import { encodeFullTrackName } from './full-track-name.ts';
import { deriveTrackKey, type TrackKey } from './key-schedule.ts';
import { formNonce, NONCE_LENGTH, OBJECT_ID_LIMIT } from './nonce.ts';
import type { PaddedSize } from './padding.ts';
import { parsePlaintext, plaintextParts, type Plaintext } from './plaintext.ts';
import { SUITES, type Suite, type SuiteId } from './suite.ts';

/** What all objects of a track have in common. */
export interface SealedTrack {
  readonly track: FullTrackName;
  readonly suite: SuiteId;
  readonly crypto: SecureObjectsCrypto;
}

/** Seals and opens single objects of one track. */
export class ObjectCipher {
  readonly suite: Suite;
  readonly #crypto: SecureObjectsCrypto;
  readonly #aead: Aead;
  readonly #fullTrackName: Uint8Array;
  /** Nonce and AAD of each object are built here, without an allocation: ciphers read them and keep nothing. */
  readonly #nonce = new Uint8Array(NONCE_LENGTH);
  #aad = new Uint8Array(0);

  constructor({ track, suite, crypto }: SealedTrack) {
    this.suite = SUITES[suite];
    this.#crypto = crypto;
    this.#aead = crypto.aead(suite);
    this.#fullTrackName = encodeFullTrackName(track);
  }

  /** Key and salt of this track. @param trackBaseKey - read, not kept. */
  deriveKey(trackBaseKey: Uint8Array, keyId: bigint): TrackKey {
    return deriveTrackKey(this.#crypto, this.suite, this.#fullTrackName, trackBaseKey, keyId);
  }

  /**
   * Encrypts one object. The caller guarantees that the location was never sealed under `key` before.
   * @param immutable - value of the Immutable Properties the object will carry.
   * @param content - payload and block of encrypted properties; read, not kept.
   * @param paddedSize - the sizes that the ciphertext may have; any, by default.
   * @returns the fresh ciphertext that becomes the payload of the MOQT object.
   * @throws {InvariantError} when the Object ID has more than 32 bits.
   */
  seal(
    key: TrackKey,
    header: ObjectHeader,
    immutable: Uint8Array,
    content: Plaintext,
    paddedSize?: PaddedSize,
  ): Uint8Array {
    const nonce = formNonce(key.salt, header.group, header.object, this.#nonce);
    const aad = this.#aadOf(header, immutable);
    const padding = paddedSize && { paddedSize, tagLength: this.suite.Nt };
    return this.#aead.seal(key.key, nonce, aad, ...plaintextParts(content, padding));
  }

  /**
   * Decrypts one object.
   * @returns views of a fresh plaintext, or `undefined` for anything that is not authentic and well-formed.
   */
  open(
    key: TrackKey,
    header: ObjectHeader,
    immutable: Uint8Array,
    ciphertext: Uint8Array,
  ): Plaintext | undefined {
    if (header.object >= OBJECT_ID_LIMIT) return undefined;
    const nonce = formNonce(key.salt, header.group, header.object, this.#nonce);
    const plaintext = this.#aead.open(key.key, nonce, this.#aadOf(header, immutable), ciphertext);
    return plaintext === undefined ? undefined : parsePlaintext(plaintext);
  }

  #aadOf(header: ObjectHeader, immutable: Uint8Array): Uint8Array {
    const length = AAD_HEADER_LENGTH + immutable.length;
    // The same from object to object, as long as the key is.
    if (this.#aad.length !== length) this.#aad = new Uint8Array(length);
    putAad(this.#aad, header, immutable);
    return this.#aad;
  }
}

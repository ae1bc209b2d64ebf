/**
 * Sealing and opening one object, without any memory of others: {@link TrackSealer} and {@link TrackOpener}
 * add the rules that hold between objects.
 * @see draft-ietf-moq-secure-objects (2026-03) #encrypt
 */
import type { FullTrackName, GroupId, ObjectId } from '../moqt/model.ts';
import { AAD_BUILDERS, maxAadLength, type AadBuilder, type ProfileId } from './aad.ts';
import type { Aead, SecureObjectsCrypto } from './crypto.ts';
import { encodeFullTrackName } from './full-track-name.ts';
import { deriveTrackKey, type TrackKey } from './key-schedule.ts';
import { formNonce, OBJECT_ID_LIMIT } from './nonce.ts';
import { parsePlaintext, plaintextParts, type Plaintext } from './plaintext.ts';
import { SUITES, type Suite, type SuiteId } from './suite.ts';

/** What all objects of a track have in common. */
export interface SealedTrack {
  readonly track: FullTrackName;
  readonly suite: SuiteId;
  readonly profile: ProfileId;
  readonly crypto: SecureObjectsCrypto;
}

/** Seals and opens single objects of one track. */
export class ObjectCipher {
  readonly suite: Suite;
  readonly #crypto: SecureObjectsCrypto;
  readonly #aead: Aead;
  readonly #aad: AadBuilder;
  readonly #fullTrackName: Uint8Array;
  /** Each AAD is built here, without an allocation per object: ciphers read it and do not keep it. */
  #aadBuffer = new Uint8Array(0);

  constructor({ track, suite, profile, crypto }: SealedTrack) {
    this.suite = SUITES[suite];
    this.#crypto = crypto;
    this.#aead = crypto.aead(suite);
    this.#aad = AAD_BUILDERS[profile];
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
   * @returns the fresh ciphertext that becomes the payload of the MOQT object.
   * @throws {InvariantError} when the Object ID has more than 32 bits.
   */
  seal(
    key: TrackKey,
    group: GroupId,
    object: ObjectId,
    immutable: Uint8Array,
    content: Plaintext,
  ): Uint8Array {
    const nonce = formNonce(key.salt, group, object);
    const aad = this.#aadOf(key.keyId, group, object, immutable);
    const parts = plaintextParts(content.payload, content.encryptedProperties);
    return this.#aead.seal(key.key, nonce, aad, ...parts);
  }

  /**
   * Decrypts one object.
   * @returns views of a fresh plaintext, or `undefined` for anything that is not authentic and well-formed.
   */
  open(
    key: TrackKey,
    group: GroupId,
    object: ObjectId,
    immutable: Uint8Array,
    ciphertext: Uint8Array,
  ): Plaintext | undefined {
    if (object >= OBJECT_ID_LIMIT) return undefined;
    const nonce = formNonce(key.salt, group, object);
    const aad = this.#aadOf(key.keyId, group, object, immutable);
    const plaintext = this.#aead.open(key.key, nonce, aad, ciphertext);
    return plaintext === undefined ? undefined : parsePlaintext(plaintext);
  }

  #aadOf(keyId: bigint, group: GroupId, object: ObjectId, immutable: Uint8Array): Uint8Array {
    const room = maxAadLength(this.#fullTrackName.length, immutable.length);
    if (this.#aadBuffer.length < room) this.#aadBuffer = new Uint8Array(room);
    const input = { keyId, group, object, fullTrackName: this.#fullTrackName, immutable };
    return this.#aadBuffer.subarray(0, this.#aad(this.#aadBuffer, input));
  }
}

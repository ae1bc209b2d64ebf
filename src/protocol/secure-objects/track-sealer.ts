import { invariant } from '../errors.ts';
import { compareLocations, type Location } from '../moqt/model.ts';
import type { Epoch } from '../units.ts';
import type { ObjectHeader } from './aad.ts';
import { encodeImmutableProperties, encodePropertiesWith } from './immutable-properties.ts';
import { eraseTrackKey, type TrackKey } from './key-schedule.ts';
import { KeyUsage } from './key-usage.ts';
import { ObjectCipher, type SealedTrack } from './object-cipher.ts';
import type { PaddedSize } from './padding.ts';
import type { UsageLimits } from './suite.ts';

/** Properties that an object carries besides the Key ID; both are blocks of Key-Value-Pairs, read and not kept. */
export interface ObjectProperties {
  /** Readable by relays, changed by nobody. */
  readonly immutable?: Uint8Array;
  /** Readable by members only. */
  readonly encrypted?: Uint8Array;
}

/** Outcome of sealing: an object to publish, or a key that has reached its limits. */
export type SealOutcome =
  | {
      readonly kind: 'sealed';
      /** Block of object properties; several objects may share these bytes, so nobody changes them. */
      readonly properties: Uint8Array;
      /** Value of the Immutable Properties in `properties`; shared like those. */
      readonly immutable: Uint8Array;
      /** Ciphertext: the payload of the MOQT object. */
      readonly payload: Uint8Array;
    }
  | { readonly kind: 'rekey-required' };

const NOTHING = new Uint8Array(0);

/**
 * Seals the objects of one track that this process publishes, and of no other.
 *
 * A nonce is made of the location, so locations only go up, over all keys; that needs no memory but the last
 * one. It holds within this sealer: the track's name must be new in each process (its instance is random), as a
 * second sealer for the same name and key would begin again.
 */
export class TrackSealer {
  readonly #cipher: ObjectCipher;
  readonly #limits: UsageLimits;
  #current: { readonly key: TrackKey; readonly usage: KeyUsage; readonly immutable: Uint8Array } | undefined;
  #lastEpoch: Epoch | undefined;
  #last: Location | undefined;
  /** Properties of objects that have no further immutable ones. */
  #plainProperties: Uint8Array = NOTHING;

  /** @param limits - what one key may do; the suite's own by default. */
  constructor(track: SealedTrack, limits?: UsageLimits) {
    this.#cipher = new ObjectCipher(track);
    this.#limits = limits ?? this.#cipher.suite.limits;
  }

  /** Epoch whose key seals now. */
  get epoch(): Epoch | undefined {
    return this.#current === undefined ? undefined : this.#lastEpoch;
  }

  /** Whether the key nears its limits, so that an update commit is due. */
  get rekeyNeeded(): boolean {
    return this.#current?.usage.rekeyNeeded ?? false;
  }

  /**
   * Goes over to the key of a later epoch at once, and zeroes the one before.
   * @param trackBaseKey - of `deriveTrackBaseKey` for this very track; read, not kept.
   * @throws {InvariantError} when `epoch` is not later: a key that comes back would count its use from zero.
   */
  setKey(epoch: Epoch, trackBaseKey: Uint8Array): void {
    invariant(this.#lastEpoch === undefined || epoch > this.#lastEpoch, 'epochs of a sealer only go up');
    this.erase();
    this.#lastEpoch = epoch;
    const immutable = encodeImmutableProperties(epoch);
    this.#plainProperties = encodePropertiesWith(immutable);
    this.#current = {
      key: this.#cipher.deriveKey(trackBaseKey, epoch),
      usage: new KeyUsage(this.#limits),
      immutable,
    };
  }

  /**
   * Seals one object at a location above all before.
   * @param payload - read, not kept.
   * @param paddedSize - the sizes that the sealed payload may have; any, by default.
   * @throws {InvariantError} without a key, for a location that is not above the last, an Object ID of 2^32
   * or more, and malformed properties: each would be our own fault.
   */
  seal(
    header: ObjectHeader,
    payload: Uint8Array,
    properties: ObjectProperties = {},
    paddedSize?: PaddedSize,
  ): SealOutcome {
    const current = this.#current;
    invariant(current !== undefined, 'a sealer has a key before it seals');
    const { group, object } = header;
    invariant(
      this.#last === undefined || compareLocations(header, this.#last) > 0,
      'locations only go up: one sealed twice would repeat its nonce',
    );
    const { immutable, encrypted = NOTHING } = properties;
    const value =
      immutable === undefined ? current.immutable : encodeImmutableProperties(current.key.keyId, immutable);
    const bare = payload.length + encrypted.length + OVERHEAD;
    const size = paddedSize === undefined ? bare : paddedSize(bare + PADDING_OVERHEAD);
    if (!current.usage.spend(size)) return { kind: 'rekey-required' };
    // Before the cipher runs: a location is spent even when sealing fails half-way.
    this.#last = { group, object };
    const content = { payload, encryptedProperties: encrypted };
    return {
      kind: 'sealed',
      properties: immutable === undefined ? this.#plainProperties : encodePropertiesWith(value),
      immutable: value,
      payload: this.#cipher.seal(current.key, header, value, content, paddedSize),
    };
  }

  /** Zeroes the key: nothing is sealed until the next {@link TrackSealer.setKey}. */
  erase(): void {
    if (this.#current !== undefined) eraseTrackKey(this.#current.key);
    this.#current = undefined;
  }
}

/** Most bytes that the plaintext's framing adds: two lengths and a type. */
const OVERHEAD = 19;
/** Most bytes that Padding adds besides its zeros, and the tag, which counts to the padded size. */
const PADDING_OVERHEAD = 13 + 16;

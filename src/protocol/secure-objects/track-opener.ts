import { invariant } from '../errors.ts';
import { epoch as toEpoch, millis, type Epoch, type Millis } from '../units.ts';
import type { ObjectHeader } from './aad.ts';
import { SealedPropertiesReader } from './immutable-properties.ts';
import { eraseTrackKey, type TrackKey } from './key-schedule.ts';
import { KeyUsage } from './key-usage.ts';
import { ObjectCipher, type SealedTrack } from './object-cipher.ts';
import { ReplayWindow } from './replay-window.ts';
import type { UsageLimits } from './suite.ts';

/** How long the key of an ended epoch still opens objects under way, unless it is told otherwise. */
export const DEFAULT_OVERLAP = millis(5_000);
/** Keys held at once; when commits come faster than the overlap ends, the oldest is erased early. */
export const MAX_KEYS_HELD = 4;

/** Outcome of opening. */
export type OpenOutcome =
  | {
      readonly kind: 'opened';
      /** Whose key it was sealed under. */
      readonly epoch: Epoch;
      /** A view of a fresh plaintext. */
      readonly payload: Uint8Array;
      /** Block of Key-Value-Pairs, well-formed; empty when there are none. */
      readonly encryptedProperties: Uint8Array;
      /** Block of the Immutable Properties, the Key ID among them, as received; nobody changes these bytes. */
      readonly immutable: Uint8Array;
    }
  /** Sealed in an epoch later than all known: may be held back for a short time and opened again. */
  | { readonly kind: 'unknown-key'; readonly epoch: Epoch }
  /** Everything else, without a reason: malformed, not authentic, replayed, or its key was erased. */
  | { readonly kind: 'failed' };

/** How an opener may be set up. */
export interface OpenerOptions {
  /** What one key may do; the suite's own by default. */
  readonly limits?: UsageLimits;
  /** What was opened of the track before; by default nothing was. */
  readonly window?: ReplayWindow;
}

interface HeldKey {
  readonly key: TrackKey;
  readonly usage: KeyUsage;
  eraseAt: Millis | undefined;
}

const FAILED = { kind: 'failed' } as const;

/**
 * Opens the objects of one track of another member: each at most once, in whatever order they come.
 *
 * The owner calls {@link TrackOpener.expire} when {@link TrackOpener.deadline} has come, which erases the keys
 * of past epochs.
 */
export class TrackOpener {
  readonly #cipher: ObjectCipher;
  readonly #limits: UsageLimits;
  /** In the order of epochs. */
  readonly #keys = new Map<bigint, HeldKey>();
  readonly #window: ReplayWindow;
  readonly #properties = new SealedPropertiesReader();
  #newest: Epoch | undefined;
  #failures = 0;

  constructor(track: SealedTrack, options: OpenerOptions = {}) {
    this.#cipher = new ObjectCipher(track);
    this.#limits = options.limits ?? this.#cipher.suite.limits;
    this.#window = options.window ?? new ReplayWindow();
  }

  /** Objects that failed, for whatever reason. */
  get failures(): number {
    return this.#failures;
  }

  /** Whether the newest key nears its limits, so that an update commit is due. */
  get rekeyNeeded(): boolean {
    return (this.#newest !== undefined && this.#keys.get(this.#newest)?.usage.rekeyNeeded) ?? false;
  }

  /** When {@link TrackOpener.expire} is to be called next; `undefined` when nothing is to be erased. */
  get deadline(): Millis | undefined {
    let earliest: Millis | undefined;
    for (const { eraseAt } of this.#keys.values()) {
      if (eraseAt !== undefined && (earliest === undefined || eraseAt < earliest)) earliest = eraseAt;
    }
    return earliest;
  }

  /**
   * Adds the key of a later epoch; those before are erased when the overlap has passed.
   * @param trackBaseKey - of `deriveTrackBaseKey` for this very track; read, not kept.
   * @param now - monotonic.
   * @param overlap - how long keys of former epochs are kept from now on; none is kept longer than it was to be.
   * @throws {InvariantError} when `epoch` is not later than all before.
   */
  setKey(epoch: Epoch, trackBaseKey: Uint8Array, now: Millis, overlap: Millis = DEFAULT_OVERLAP): void {
    invariant(this.#newest === undefined || epoch > this.#newest, 'epochs of an opener only go up');
    for (const held of this.#keys.values())
      held.eraseAt = millis(Math.min(held.eraseAt ?? Infinity, now + overlap));
    this.expire(now);
    for (const oldest of this.#keys.keys()) {
      if (this.#keys.size < MAX_KEYS_HELD) break;
      this.#erase(oldest);
    }
    const key = this.#cipher.deriveKey(trackBaseKey, epoch);
    this.#keys.set(epoch, { key, usage: new KeyUsage(this.#limits), eraseAt: undefined });
    this.#newest = epoch;
  }

  /** Zeroes the keys whose overlap has passed. @param now - monotonic. */
  expire(now: Millis): void {
    for (const [keyId, { eraseAt }] of this.#keys)
      if (eraseAt !== undefined && eraseAt <= now) this.#erase(keyId);
  }

  /** Zeroes the key of an epoch at once, for example of one in which somebody was removed. */
  retire(epoch: Epoch): void {
    this.#erase(epoch);
  }

  /** Zeroes all keys; nothing opens any more until the next {@link TrackOpener.setKey}. */
  erase(): void {
    for (const keyId of [...this.#keys.keys()]) this.#erase(keyId);
  }

  /**
   * Opens one object.
   * @param properties - block of object properties as received; borrowed.
   * @param payload - ciphertext; read, not kept.
   */
  open(header: ObjectHeader, properties: Uint8Array, payload: Uint8Array): OpenOutcome {
    const { group, object } = header;
    const sealed = this.#properties.read(properties);
    if (sealed === undefined) return this.#fail();
    const held = this.#keys.get(sealed.keyId);
    if (held === undefined) {
      const mayCome = this.#newest === undefined || sealed.keyId > this.#newest;
      return mayCome ? { kind: 'unknown-key', epoch: toEpoch(sealed.keyId) } : this.#fail();
    }
    if (!this.#window.isNew(group, object) || !held.usage.spend(payload.length)) return this.#fail();
    const content = this.#cipher.open(held.key, header, sealed.immutable, payload);
    if (content === undefined) {
      held.usage.fail();
      return this.#fail();
    }
    this.#window.remember(group, object);
    const { payload: opened, encryptedProperties } = content;
    const { immutable } = sealed;
    return { kind: 'opened', epoch: toEpoch(sealed.keyId), payload: opened, encryptedProperties, immutable };
  }

  #fail(): OpenOutcome {
    this.#failures += 1;
    return FAILED;
  }

  #erase(keyId: bigint): void {
    const held = this.#keys.get(keyId);
    if (held !== undefined) eraseTrackKey(held.key);
    this.#keys.delete(keyId);
  }
}

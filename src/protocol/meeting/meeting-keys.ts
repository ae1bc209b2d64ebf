/**
 * The media keys of a meeting: one sealer and one opener for each track, all on the epoch that MLS is in.
 *
 * The master key of an epoch is turned into its Epoch Secret at once and overwritten; the Epoch Secret lives as long as its
 * epoch, since a track may be met at any time; keys of the epoch before live on in the openers for the overlap.
 * @see draft-jennings-moq-e2ee-mls #interactions-with-moq-secure-objects
 */
import { invariant } from '../errors.ts';
import type { FullTrackName } from '../moqt/model.ts';
import { deriveEpochSecret, deriveTrackBaseKey } from '../secure-objects/key-schedule.ts';
import type { SecureObjectsCrypto } from '../secure-objects/crypto.ts';
import { ReplayWindows } from '../secure-objects/replay-windows.ts';
import type { HashName, SuiteId } from '../secure-objects/suite.ts';
import { DEFAULT_OVERLAP, TrackOpener } from '../secure-objects/track-opener.ts';
import { TrackSealer } from '../secure-objects/track-sealer.ts';
import { millis, type Epoch, type Millis } from '../units.ts';

/** What the meeting's GroupContext says of its media keys. */
export interface MediaKeyParameters {
  /** Hash of the MLS cipher suite. */
  readonly mlsHash: HashName;
  readonly suite: SuiteId;
}

/** What is said on a track: words that others act upon, or media that they play. */
export type TrackUse = 'control' | 'media';

/** After a removal media is opened for two round trips; at least so long as slow members may take to go over to the new keys. */
const LEAST_IN_FLIGHT_MS = 200;
const MOST_IN_FLIGHT_MS = 1_000;

/** A Commit that removed somebody. */
export interface Removal {
  /** Of the session with the relay; undefined: not known. */
  readonly roundTrip: Millis | undefined;
}

/**
 * How long what was sealed in an ended epoch is still opened. After a removal that is what was in flight for media, and
 * nothing for control: who was removed has those keys and could speak as anybody.
 */
function overlapOf(use: TrackUse, removal: Removal | undefined): Millis {
  if (removal === undefined) return DEFAULT_OVERLAP;
  if (use === 'control') return millis(0);
  const inFlight = 2 * (removal.roundTrip ?? MOST_IN_FLIGHT_MS);
  return millis(Math.min(MOST_IN_FLIGHT_MS, Math.max(LEAST_IN_FLIGHT_MS, inFlight)));
}

/** Hands out sealers and openers, and moves them all to a new epoch. */
export class MeetingKeys {
  readonly #parameters: MediaKeyParameters;
  readonly #crypto: SecureObjectsCrypto;
  readonly #sealers = new Map<TrackSealer, FullTrackName>();
  readonly #openers = new Map<TrackOpener, { readonly track: FullTrackName; readonly use: TrackUse }>();
  readonly #windows = new ReplayWindows();
  /** Whether openers may have keys of before. */
  #hasPast = false;
  #epoch: Epoch | undefined;
  #epochSecret: Uint8Array | undefined;

  constructor(parameters: MediaKeyParameters, crypto: SecureObjectsCrypto) {
    this.#parameters = parameters;
    this.#crypto = crypto;
  }

  /** The epoch that is sealed under; undefined before the first. */
  get epoch(): Epoch | undefined {
    return this.#epoch;
  }

  /** A key nears the limits of its AEAD: an update commit is due. */
  get rekeyNeeded(): boolean {
    for (const sealer of this.#sealers.keys()) if (sealer.rekeyNeeded) return true;
    for (const opener of this.#openers.keys()) if (opener.rekeyNeeded) return true;
    return false;
  }

  /**
   * Goes over to a new epoch: all sealers at once, all openers with the overlap.
   * @param masterKey - the epoch's MLS master key; overwritten.
   * @param removal - where the Commit that began it removed somebody.
   */
  begin(epoch: Epoch, masterKey: Uint8Array, now: Millis, removal?: Removal): void {
    this.#epochSecret?.fill(0);
    this.#epochSecret = deriveEpochSecret(this.#crypto, this.#parameters.mlsHash, masterKey, epoch);
    masterKey.fill(0);
    this.#epoch = epoch;
    for (const [sealer, track] of this.#sealers)
      this.#withBaseKey(track, (key) => {
        sealer.setKey(epoch, key);
      });
    for (const [opener, { track, use }] of this.#openers)
      this.#withBaseKey(track, (key) => {
        opener.setKey(epoch, key, now, overlapOf(use, removal));
      });
    this.#hasPast = true;
  }

  /** A sealer for a track of ours, on the current epoch when there is one. */
  sealer(track: FullTrackName): TrackSealer {
    const sealer = new TrackSealer({ track, ...this.#sealing() });
    this.#sealers.set(sealer, track);
    const epoch = this.#epoch;
    if (epoch !== undefined)
      this.#withBaseKey(track, (key) => {
        sealer.setKey(epoch, key);
      });
    return sealer;
  }

  /** A track of ours is over: its keys are overwritten. */
  retire(sealer: TrackSealer): void {
    sealer.erase();
    this.#sealers.delete(sealer);
  }

  /** An opener for somebody's track; to be handed back by {@link MeetingKeys.release}. */
  opener(track: FullTrackName, use: TrackUse, now: Millis): TrackOpener {
    const window = this.#windows.follow(track);
    const opener = new TrackOpener({ track, ...this.#sealing() }, { window });
    this.#openers.set(opener, { track, use });
    const epoch = this.#epoch;
    if (epoch !== undefined)
      this.#withBaseKey(track, (key) => {
        opener.setKey(epoch, key, now);
      });
    return opener;
  }

  /** The track is over: its keys are overwritten. What was opened of it stays known, should it be offered again. */
  release(opener: TrackOpener): void {
    opener.erase();
    const opened = this.#openers.get(opener);
    if (opened !== undefined) this.#windows.leave(opened.track);
    this.#openers.delete(opener);
  }

  /** Overwrites keys whose overlap is over. */
  expire(now: Millis): void {
    if (!this.#hasPast) return;
    this.#hasPast = false;
    for (const opener of this.#openers.keys()) {
      opener.expire(now);
      this.#hasPast ||= opener.deadline !== undefined;
    }
  }

  /** Overwrites everything: the meeting is over for us. */
  erase(): void {
    for (const sealer of this.#sealers.keys()) sealer.erase();
    for (const opener of this.#openers.keys()) opener.erase();
    this.#sealers.clear();
    this.#openers.clear();
    this.#epochSecret?.fill(0);
    this.#epochSecret = undefined;
  }

  #sealing(): { suite: SuiteId; crypto: SecureObjectsCrypto } {
    return { suite: this.#parameters.suite, crypto: this.#crypto };
  }

  #withBaseKey(track: FullTrackName, use: (key: Uint8Array) => void): void {
    invariant(this.#epochSecret !== undefined, 'track keys come from an epoch');
    const key = deriveTrackBaseKey(this.#crypto, this.#parameters.mlsHash, this.#epochSecret, track);
    use(key);
    key.fill(0);
  }
}

/**
 * One of a member's tracks, in all the instances that the relay offers of it.
 *
 * A process that died leaves its instance behind until the relay notices, and the relay offers old and new in any order.
 * All are accepted; the one that brings something live is the one that counts.
 */
import type { PublishOffer } from '../../io/moqt/client-api.ts';
import type { SenderId } from '../../protocol/group/names.ts';
import { decodeUtf8 } from '../../protocol/bytes/utf8.ts';
import type { Epoch } from '../../protocol/units.ts';
import type { OpenedObject } from './incoming-track.ts';
import { RemoteTrack, within, type RemoteTrackContext } from './remote-track.ts';

/** Who follows the track. */
export interface TrackInstancesListener {
  /** An object that counts. @param begins - the first of an instance: nothing of another one goes before it. */
  opened(object: OpenedObject, sender: SenderId, begins: boolean): void;
  /** An instance has ended. */
  ended(): void;
}

/** An instance that brought something this lately is not replaced by another. */
const TAKE_OVER_AFTER_MS = 1_000;
const MAX_INSTANCES = 4;

/** See the module's description. */
export class TrackInstances {
  readonly #priority: number;
  readonly #context: RemoteTrackContext;
  readonly #listener: TrackInstancesListener;
  /** Oldest offer first. */
  #tracks: readonly RemoteTrack[] = [];
  #counting: RemoteTrack | undefined;
  #unreadableBefore = 0;

  /** @param priority - subscriber priority, 0 the most urgent. */
  constructor(priority: number, context: RemoteTrackContext, listener: TrackInstancesListener) {
    this.#priority = priority;
    this.#context = context;
    this.#listener = listener;
  }

  /** The instance that counts; before anything was opened, the one that was offered last. */
  get current(): RemoteTrack | undefined {
    return this.#counting ?? this.#tracks.at(-1);
  }

  /** Objects that could not be opened. */
  get unreadable(): number {
    return this.#tracks.reduce((count, track) => count + track.unreadable, this.#unreadableBefore);
  }

  /** Accepts an instance that the relay offers. */
  offered(sender: SenderId, instance: Uint8Array, offer: PublishOffer, forward: boolean): RemoteTrack {
    const track: RemoteTrack = new RemoteTrack(
      decodeUtf8(instance) ?? '',
      offer,
      forward,
      this.#priority,
      this.#context,
      (object, live) => {
        this.#opened(track, sender, object, live);
      },
      () => {
        this.#drop(track);
        this.#listener.ended();
      },
    );
    this.#tracks = [...this.#tracks, track];
    const oldest = this.#tracks.find((candidate) => candidate !== this.#counting);
    if (this.#tracks.length > MAX_INSTANCES && oldest !== undefined) this.#drop(oldest);
    return track;
  }

  /** Wants objects, or none for now. */
  setForward(forward: boolean): void {
    for (const track of this.#tracks) track.setForward(forward);
  }

  /** A new epoch's keys are in all openers. */
  epochBegan(epoch: Epoch): void {
    for (const track of this.#tracks) track.epochBegan(epoch);
  }

  /** Gives up what waited too long for its key. */
  expire(): void {
    for (const track of this.#tracks) track.expire();
  }

  /** Ends all subscriptions. */
  close(): void {
    for (const track of this.#tracks) this.#drop(track);
  }

  #opened(track: RemoteTrack, sender: SenderId, object: OpenedObject, live: boolean): void {
    const begins = track !== this.#counting;
    if (begins && this.#counting !== undefined) {
      const talks = within(this.#counting.times.opened, TAKE_OVER_AFTER_MS, this.#context.now());
      if (talks || !live) return;
    }
    this.#counting = track;
    this.#listener.opened(object, sender, begins);
  }

  #drop(track: RemoteTrack): void {
    if (!this.#tracks.includes(track)) return;
    this.#unreadableBefore += track.unreadable;
    this.#tracks = this.#tracks.filter((each) => each !== track);
    if (this.#counting === track) this.#counting = undefined;
    track.close();
  }
}

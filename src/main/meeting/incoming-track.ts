/**
 * A track of another member that we receive: opens each object, holds those whose key is on its way, and hands on what
 * was opened. What cannot be opened is counted and goes nowhere.
 */
import type { FullTrackName, MoqtObject } from '../../protocol/moqt/model.ts';
import type { Epoch, Millis } from '../../protocol/units.ts';
import { HeldObjects } from './held-objects.ts';

/** What opening one object yields. */
export type Opened =
  | { readonly kind: 'opened'; readonly payload: Uint8Array; readonly encryptedProperties: Uint8Array }
  /** Sealed under an epoch whose key is not here (yet). */
  | { readonly kind: 'unknown-key'; readonly epoch: Epoch }
  | { readonly kind: 'failed' };

/** Opens an object of the track. */
export type OpenObject = (
  group: bigint,
  object: bigint,
  properties: Uint8Array,
  payload: Uint8Array,
  now: Millis,
) => Opened;

/** An object that was opened. */
export interface OpenedObject {
  readonly group: bigint;
  readonly object: bigint;
  readonly payload: Uint8Array;
  readonly encryptedProperties: Uint8Array;
}

/** Who is told what became of the objects. */
export interface IncomingTrackListener {
  opened(object: OpenedObject): void;
  /** An object waits for the key of `epoch`, which is not here yet. */
  waitingForKey(epoch: Epoch): void;
  /** An object could not be opened and was dropped. */
  unreadable(): void;
}

/** See the module's description. */
export class IncomingTrack {
  readonly track: FullTrackName;
  readonly #open: OpenObject;
  readonly #listener: IncomingTrackListener;
  readonly #held = new HeldObjects();

  constructor(track: FullTrackName, open: OpenObject, listener: IncomingTrackListener) {
    this.track = track;
    this.#open = open;
    this.#listener = listener;
  }

  /**
   * Takes an object from the subscription.
   * @param current - the epoch that we are in: only keys of later epochs are waited for.
   */
  receive(object: MoqtObject, current: Epoch, now: Millis): void {
    if (object.content.kind !== 'payload') return;
    const { group, object: id } = object.location;
    const outcome = this.#open(group, id, object.properties, object.content.payload, now);
    switch (outcome.kind) {
      case 'opened':
        this.#listener.opened({
          group,
          object: id,
          payload: outcome.payload,
          encryptedProperties: outcome.encryptedProperties,
        });
        return;
      case 'unknown-key':
        if (outcome.epoch <= current) {
          this.#listener.unreadable();
          return;
        }
        this.#countUnreadable(this.#held.hold(object, outcome.epoch, now));
        this.#listener.waitingForKey(outcome.epoch);
        return;
      case 'failed':
        this.#listener.unreadable();
        return;
    }
  }

  /** The key of `epoch` is here: what waited for it is opened now. */
  keyArrived(epoch: Epoch, now: Millis): void {
    this.expire(now);
    for (const object of this.#held.take(epoch)) this.receive(object, epoch, now);
  }

  /** Gives up what has waited too long. */
  expire(now: Millis): void {
    this.#countUnreadable(this.#held.expire(now));
  }

  #countUnreadable(count: number): void {
    for (let i = 0; i < count; i += 1) this.#listener.unreadable();
  }
}

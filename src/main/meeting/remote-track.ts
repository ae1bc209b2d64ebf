/** One track of another member: its subscription, its opener, and when it was last heard of. */
import type { MoqtClient, PublishOffer, Subscription } from '../../io/moqt/client-api.ts';
import { groupId, objectId } from '../../protocol/moqt/model.ts';
import type { TrackOpener } from '../../protocol/secure-objects/track-opener.ts';
import { epoch as epochOf, millis, type Epoch, type Millis } from '../../protocol/units.ts';
import { IncomingTrack, type OpenedObject } from './incoming-track.ts';
import type { MeetingKeys } from './meeting-keys.ts';

/** What a remote track needs from the meeting. */
export interface RemoteTrackContext {
  readonly keys: MeetingKeys;
  readonly now: () => Millis;
  /** The session that offers come from; undefined between sessions. */
  readonly client: () => MoqtClient | undefined;
  /** Something sealed in a later epoch arrived. */
  epochSeen(epoch: Epoch): void;
}

/** When something last happened on a track; undefined: never. */
export interface RemoteTrackTimes {
  opened: Millis | undefined;
  waitingForKey: Millis | undefined;
  unreadable: Millis | undefined;
}

const FETCH_TIMEOUT_MS = 5_000;
const FETCH_MAX_BYTES = 4 * 1024 * 1024;
/** Nothing was sealed in it: any Key ID is later. */
const NO_EPOCH = epochOf(-1n);

/** See the module's description. */
export class RemoteTrack {
  readonly instance: string;
  readonly times: RemoteTrackTimes = { opened: undefined, waitingForKey: undefined, unreadable: undefined };
  readonly #context: RemoteTrackContext;
  readonly #opener: TrackOpener;
  readonly #incoming: IncomingTrack;
  readonly #subscription: Subscription;
  #ended = false;
  #unreadable = 0;
  /** What is received right now was published before we subscribed. */
  #fetched = false;

  /**
   * Accepts an offered track.
   * @param forward - objects are wanted at once.
   * @param opened - is given each opened object; `live` unless it was published before we subscribed.
   * @param ended - the publisher or the session is gone.
   */
  constructor(
    instance: string,
    offer: PublishOffer,
    forward: boolean,
    subscriberPriority: number,
    context: RemoteTrackContext,
    opened: (object: OpenedObject, live: boolean) => void,
    ended: () => void,
  ) {
    this.instance = instance;
    this.#context = context;
    this.#opener = context.keys.opener(offer.track, context.now());
    this.#incoming = new IncomingTrack(
      offer.track,
      (group, object, properties, payload, now) => {
        this.#opener.expire(now);
        return this.#opener.open(groupId(group), objectId(object), properties, payload);
      },
      {
        opened: (object) => {
          this.times.opened = context.now();
          opened(object, !this.#fetched);
        },
        waitingForKey: (epoch) => {
          this.times.waitingForKey = context.now();
          context.epochSeen(epoch);
        },
        unreadable: () => {
          this.times.unreadable = context.now();
          this.#unreadable += 1;
        },
      },
    );
    this.#subscription = offer.accept(
      { forward, subscriberPriority },
      {
        object: (object) => {
          if (!this.#ended) this.#incoming.receive(object, this.#epoch(), context.now());
        },
        done: () => {
          if (this.#ended) return;
          this.close();
          ended();
        },
      },
    );
  }

  /** Objects that could not be opened. */
  get unreadable(): number {
    return this.#unreadable;
  }

  /** Wants objects, or none for now. */
  setForward(forward: boolean): void {
    if (!this.#ended) this.#subscription.update({ forward });
  }

  /** Fetches the newest group as the offer named it, which was published before we subscribed. */
  async catchUp(): Promise<void> {
    const { largest } = this.#subscription.description;
    const client = this.#context.client();
    if (largest === undefined || client === undefined || this.#ended) return;
    const outcome = await client.fetch(
      this.#incoming.track,
      { group: largest.group, object: objectId(0n) },
      { group: largest.group, object: objectId(0n) },
      { timeoutMs: FETCH_TIMEOUT_MS, maxBytes: FETCH_MAX_BYTES },
    );
    // Not being served is an expected outcome: the sender says it again at each epoch and every few seconds.
    if (this.#isOver() || (outcome.kind !== 'complete' && outcome.kind !== 'incomplete')) return;
    this.#fetched = true;
    for (const object of outcome.objects) this.#incoming.receive(object, this.#epoch(), this.#context.now());
    this.#fetched = false;
  }

  /** A new epoch's key is in the opener: what waited for it is opened. */
  epochBegan(epoch: Epoch): void {
    this.#incoming.keyArrived(epoch, this.#context.now());
  }

  /** Gives up what waited too long for its key. */
  expire(): void {
    this.#incoming.expire(this.#context.now());
  }

  /** Ends the subscription and overwrites the track's keys. */
  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#subscription.cancel();
    this.#context.keys.release(this.#opener);
  }

  #isOver(): boolean {
    return this.#ended;
  }

  #epoch(): Epoch {
    return this.#context.keys.epoch ?? NO_EPOCH;
  }
}

/** Whether a time lies within `span` ms before `now`. */
export function within(time: Millis | undefined, span: number, now: Millis): boolean {
  return time !== undefined && millis(now - time) <= span;
}

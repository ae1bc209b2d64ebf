/**
 * One instance of a track of another member: its subscription and its opener. It opens each object, holds those whose key
 * is on its way, and hands on what was opened. What cannot be opened is counted and goes nowhere.
 */
import type { Fetch, PublishOffer, SubscriptionOwner, Subscription } from '../moqt/client/client-api.ts';
import { PublishDoneCode } from '../moqt/codes.ts';
import { objectId, type FullTrackName, type Location, type MoqtObject } from '../moqt/model.ts';
import { objectTag } from '../secure-objects/object-tag.ts';
import type { TrackOpener } from '../secure-objects/track-opener.ts';
import { settledUntil, type Task } from '../tasks.ts';
import type { Epoch, Millis } from '../units.ts';
import type { GroupNotices, MeetingCore } from './core.ts';
import { HeldObjects } from './held-objects.ts';
import type { MeetingKeys } from './meeting-keys.ts';
import type { RelayLink } from './relay-link.ts';
import { timeOfTrack, type MemberTrackKind } from './track-instance.ts';

/** What the tracks of members need. */
export interface MemberTrackContext {
  readonly core: MeetingCore;
  readonly keys: MeetingKeys;
  readonly link: Pick<RelayLink, 'client'>;
  readonly notices: GroupNotices;
}

/** An object that was opened. Its bytes belong to the receiver. */
export interface OpenedObject {
  /** Whose key it was sealed under. */
  readonly epoch: Epoch;
  readonly location: Location;
  /** Of the object as it was sealed. */
  readonly tag: Uint8Array;
  readonly payload: Uint8Array;
  readonly encryptedProperties: Uint8Array;
}

/** Who takes what the track brings. */
export interface MemberTrackOwner {
  /** @param live - false when the object was published before we subscribed. */
  opened(track: MemberTrack, object: OpenedObject, live: boolean): void;
  /** Something came that is sealed in an epoch whose key is not here. Anybody can say so. */
  ahead(track: MemberTrack, epoch: Epoch): void;
  /**
   * The publisher or the session is gone; the track is closed.
   * @param isSaid - the relay has said that the track has ended.
   */
  ended(track: MemberTrack, isSaid: boolean): void;
}

const SUBSCRIBER_PRIORITY = { control: 8, catalog: 16, audio: 32, video: 128 } as const;
const FETCH_MS = 5_000;
const FETCH_MAX_BYTES = 4 * 1024 * 1024;
/** Objects that follow each other within this time say nothing new about the track. */
const STEADY_MS = 1_000;

/** The track. */
export class MemberTrack implements SubscriptionOwner {
  readonly name: FullTrackName;
  /** What the names of all tracks of its instance have in common. */
  readonly time: string | undefined;
  readonly #context: MemberTrackContext;
  readonly #owner: MemberTrackOwner;
  readonly #opener: TrackOpener;
  readonly #held = new HeldObjects();
  readonly #subscription: Subscription;
  /** What was published before, while it is on its way. */
  #fetch: Fetch | undefined;
  #ended = false;
  #unreadable = 0;
  #openedAt: Millis | undefined;
  #waitedAt: Millis | undefined;
  #unreadableAt: Millis | undefined;

  /** Accepts an offered track; with `forward` objects are wanted at once. */
  constructor(
    offer: PublishOffer,
    kind: MemberTrackKind,
    forward: boolean,
    context: MemberTrackContext,
    owner: MemberTrackOwner,
  ) {
    this.name = offer.track;
    this.time = timeOfTrack(offer.track);
    this.#context = context;
    this.#owner = owner;
    this.#opener = context.keys.opener(
      offer.track,
      kind === 'control' ? 'control' : 'media',
      context.core.tasks.now,
    );
    this.#subscription = offer.accept({ forward, subscriberPriority: SUBSCRIBER_PRIORITY[kind] }, this);
  }

  /** Objects that could not be opened. */
  get unreadable(): number {
    return this.#unreadable;
  }

  /** When something was last opened; undefined: never. */
  get openedAt(): Millis | undefined {
    return this.#openedAt;
  }

  /** When an object last came whose key was not here yet. */
  get waitedAt(): Millis | undefined {
    return this.#waitedAt;
  }

  /** When an object last could not be opened. */
  get unreadableAt(): Millis | undefined {
    return this.#unreadableAt;
  }

  /** Takes an object from the subscription. */
  object(object: MoqtObject): void {
    if (!this.#ended) this.#open(object, true);
  }

  /** The publisher or the session is gone. */
  done(code: number): void {
    if (this.#ended) return;
    this.close();
    this.#owner.ended(this, code !== PublishDoneCode.INTERNAL_ERROR);
  }

  /** Wants objects, or none for now. */
  setForward(forward: boolean): void {
    if (!this.#ended) this.#subscription.update({ forward });
  }

  /** Fetches the newest group as the offer named it, which was published before we subscribed. */
  catchUp(): void {
    this.#context.core.tasks.start(this.#catchUp());
  }

  /** The key of `newEpoch` is in the opener: what waited for it is opened now. */
  epochBegan(newEpoch: Epoch): void {
    this.expire();
    for (const object of this.#held.take(newEpoch)) this.#open(object, true);
  }

  /** Gives up what waited too long for its key. */
  expire(): void {
    this.#countUnreadable(this.#held.expire(this.#now));
  }

  /** Ends the subscription and overwrites the track's keys. */
  close(): void {
    if (this.#release()) this.#subscription.cancel();
  }

  /** Overwrites the track's keys. @returns the subscription, for another join of ours to take; undefined when it is over. */
  handOver(): PublishOffer | undefined {
    return this.#release() ? this.#subscription.handOver() : undefined;
  }

  get #now(): Millis {
    return this.#context.core.tasks.now;
  }

  *#catchUp(): Task {
    const { largest } = this.#subscription.description;
    const { client } = this.#context.link;
    if (largest === undefined || client === undefined || this.#ended) return;
    const whole = { group: largest.group, object: objectId(0n) };
    const fetch = client.fetch(this.name, whole, whole, FETCH_MAX_BYTES);
    this.#fetch = fetch;
    yield* settledUntil(fetch.outcome, this.#context.core.tasks.after(FETCH_MS));
    fetch.giveUp();
    const outcome = fetch.outcome.settled?.value;
    // Not being served is an expected outcome: the sender says it again at each epoch and every few seconds.
    if (outcome?.kind !== 'complete' && outcome?.kind !== 'incomplete') return;
    for (const object of outcome.objects) if (!this.#isOver()) this.#open(object, false);
  }

  /** The one place where something sealed becomes something open. */
  #open(object: MoqtObject, live: boolean): void {
    if (object.content.kind !== 'payload') return;
    const { location } = object;
    const sealed = object.content.payload;
    this.#opener.expire(this.#now);
    const header = { ...location, priority: object.publisherPriority };
    const outcome = this.#opener.open(header, object.properties, sealed);
    if (outcome.kind === 'opened') {
      const before = this.#openedAt;
      this.#openedAt = this.#now;
      // Its tile says so at once; that nothing comes any more is seen at the next tick.
      if (before === undefined || this.#now - before > STEADY_MS) this.#context.core.changed();
      const { epoch, payload, encryptedProperties, immutable } = outcome;
      const tag = objectTag(this.#context.core.options.groupCrypto, header, immutable, sealed);
      this.#owner.opened(this, { epoch, location, tag, payload, encryptedProperties }, live);
    } else if (outcome.kind === 'unknown-key') {
      this.#waitedAt = this.#now;
      this.#countUnreadable(this.#held.hold(object, outcome.epoch, this.#now));
      this.#context.notices.epochSeen(outcome.epoch);
      this.#owner.ahead(this, outcome.epoch);
    } else this.#countUnreadable(1);
  }

  /** @returns false when it was over before. */
  #release(): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    this.#context.keys.release(this.#opener);
    this.#fetch?.giveUp();
    return true;
  }

  #countUnreadable(count: number): void {
    if (count === 0) return;
    this.#unreadable += count;
    this.#unreadableAt = this.#now;
  }

  /** Opening an object may have ended the track. */
  #isOver(): boolean {
    return this.#ended;
  }
}

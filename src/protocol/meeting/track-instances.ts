/**
 * One of a member's tracks, in all the instances that the relay offers of it.
 *
 * A process that died leaves its instance behind until the relay notices, and the relay offers old and new in any order.
 * All are accepted; the one that brings something live is the one that counts.
 */
import type { PublishOffer } from '../moqt/client/client-api.ts';
import type { Epoch, Millis } from '../units.ts';
import {
  MemberTrack,
  type MemberTrackContext,
  type MemberTrackKind,
  type MemberTrackOwner,
  type OpenedObject,
} from './member-track.ts';

/** Who follows the track. */
export interface TrackInstancesOwner {
  /** An object that counts. @param begins - the first of an instance: nothing of another one goes before it. */
  opened(object: OpenedObject, begins: boolean): void;
  /** An instance has ended. */
  ended(): void;
  /** Whether the name of an instance is known for the member's own, though nothing of it was opened yet. */
  vouchesFor(track: MemberTrack): boolean;
}

/** An instance that brought something this lately is not replaced by another. */
const TAKE_OVER_AFTER_MS = 1_000;
/**
 * Of those that are the member's own for all we know, and of those that anybody may have offered: who comes late is offered
 * all of them at once, the true one at any place.
 */
const MOST = { own: 4, anybodys: 64 } as const;

/** The instances. */
export class TrackInstances implements MemberTrackOwner {
  readonly #kind: MemberTrackKind;
  readonly #context: MemberTrackContext;
  readonly #owner: TrackInstancesOwner;
  /** Oldest offer first. */
  readonly #tracks = new Set<MemberTrack>();
  #counting: MemberTrack | undefined;
  #unreadableBefore = 0;

  constructor(kind: MemberTrackKind, context: MemberTrackContext, owner: TrackInstancesOwner) {
    this.#kind = kind;
    this.#context = context;
    this.#owner = owner;
  }

  /** The instance that counts; before anything was opened, the one that was offered last. */
  get current(): MemberTrack | undefined {
    return this.#counting ?? [...this.#tracks].at(-1);
  }

  /** Objects that could not be opened. */
  get unreadable(): number {
    let count = this.#unreadableBefore;
    for (const track of this.#tracks) count += track.unreadable;
    return count;
  }

  /** Accepts an instance that the relay offers. */
  offered(offer: PublishOffer, forward: boolean): MemberTrack {
    const track = new MemberTrack(offer, this.#kind, forward, this.#context, this);
    this.#tracks.add(track);
    this.#bound('anybodys');
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
    for (const track of [...this.#tracks]) this.#drop(track);
  }

  /** Lets all go, for another join of ours to take. */
  handOver(): PublishOffer[] {
    const offers = [...this.#tracks].flatMap((track) => track.handOver() ?? []);
    this.close();
    return offers;
  }

  opened(track: MemberTrack, object: OpenedObject, live: boolean): void {
    if (!this.#tracks.has(track)) return;
    const begins = track !== this.#counting;
    if (begins && this.#counting !== undefined) {
      const talks = isWithin(this.#counting.openedAt, TAKE_OVER_AFTER_MS, this.#context.core.tasks.now);
      if (talks || !live) {
        this.#bound('own');
        return;
      }
    }
    this.#counting = track;
    this.#owner.opened(object, begins);
    this.#bound('own');
  }

  ended(track: MemberTrack): void {
    this.#drop(track);
    this.#owner.ended();
  }

  /**
   * Drops the oldest of those that are too many, first of those that never brought anything. The member's own and all others are counted for themselves: anybody can
   * offer a name, and only who has the keys can push out one that was heard or vouched for.
   */
  #bound(whose: keyof typeof MOST): void {
    const counted = [...this.#tracks].filter((track) => this.#isOwn(track) === (whose === 'own'));
    const others = counted.filter((candidate) => candidate !== this.#counting);
    const oldest = others.find((candidate) => candidate.openedAt === undefined) ?? others[0];
    if (counted.length > MOST[whose] && oldest !== undefined) this.#drop(oldest);
  }

  #isOwn(track: MemberTrack): boolean {
    return track.openedAt !== undefined || this.#owner.vouchesFor(track);
  }

  #drop(track: MemberTrack): void {
    if (!this.#tracks.delete(track)) return;
    this.#unreadableBefore += track.unreadable;
    if (this.#counting === track) this.#counting = undefined;
    track.close();
  }
}

/** Whether a time lies within `span` ms before `now`. */
export function isWithin(time: Millis | undefined, span: number, now: Millis): boolean {
  return time !== undefined && now - time <= span;
}

/**
 * One of a member's tracks, in all the instances that the relay offers of it.
 *
 * A process that died leaves its instance behind until the relay notices, and the relay offers old and new in any order.
 * All are accepted; the one that brings something live is the one that counts. Once the member has signed for one of them,
 * only those count that it has signed for, and of these the one that it went over to last.
 */
import type { PublishOffer } from '../moqt/client/client-api.ts';
import type { Epoch, Millis } from '../units.ts';
import type { Judgement } from './confirmation.ts';
import { HeldBack } from './held-back.ts';
import {
  MemberTrack,
  type MemberTrackContext,
  type MemberTrackOwner,
  type OpenedObject,
} from './member-track.ts';
import type { MemberTrackKind } from './track-instance.ts';

/** Who follows the track. */
export interface TrackInstancesOwner {
  /** An object that counts. @param begins - the first of an instance: nothing of another one goes before it. */
  opened(object: OpenedObject, begins: boolean): void;
  /** Something of an instance is sealed in an epoch whose key is not here. */
  ahead(track: MemberTrack, epoch: Epoch): void;
  /** What is to become of an object, by what the member has signed for. */
  judge(track: MemberTrack, object: OpenedObject, live: boolean): Judgement;
  /** Whether the member has signed for both instances and went over to the first from the other, or for the first alone. */
  supersedes(track: MemberTrack, other: MemberTrack): boolean;
  /** An instance has ended. @param isSaid - the relay has said so. */
  ended(track: MemberTrack, isSaid: boolean): void;
  /** Whether the name of an instance is the member's, by what it has signed. */
  knows(track: MemberTrack): boolean;
  /** Whether the name of an instance seems to be the member's, though nothing of it was opened yet. */
  vouchesFor(track: MemberTrack): boolean;
}

/** An instance that brought something this lately is not replaced by another. */
const TAKE_OVER_AFTER_MS = 1_000;
/**
 * Of those that are known to be the member's, of those that somebody with the keys may have made up, and of those that
 * anybody may have offered: who comes late is offered all of them at once, the true one at any place.
 */
const MOST = { known: 4, members: 4, anybodys: 64 } as const;
const FEWEST = Math.min(...Object.values(MOST));

/** The instances. */
export class TrackInstances implements MemberTrackOwner {
  readonly #kind: MemberTrackKind;
  readonly #context: MemberTrackContext;
  readonly #owner: TrackInstancesOwner;
  /** Oldest offer first. */
  readonly #tracks = new Set<MemberTrack>();
  #counting: MemberTrack | undefined;
  /** What came of instances that the member has not signed for yet. */
  readonly #heldBack = { known: new HeldBack(), others: new HeldBack() };
  #unreadableBefore = 0;

  constructor(kind: MemberTrackKind, context: MemberTrackContext, owner: TrackInstancesOwner) {
    this.#kind = kind;
    this.#context = context;
    this.#owner = owner;
  }

  /** The instance that counts, once anything of one has. */
  get counting(): MemberTrack | undefined {
    return this.#counting;
  }

  /** The instance that counts; before anything was opened, the one that was offered last. */
  get current(): MemberTrack | undefined {
    if (this.#counting !== undefined) return this.#counting;
    let newest: MemberTrack | undefined;
    for (const track of this.#tracks) newest = track;
    return newest;
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
    this.#bound(track);
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
    const { now } = this.#context.core.tasks;
    this.#heldBack.known.expire(now);
    this.#heldBack.others.expire(now);
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
    const judgement = this.#owner.judge(track, object, live);
    if (judgement === 'held') this.#hold(track, object, live);
    else if (judgement === 'taken') this.#take(track, object, live);
    this.#bound(track);
  }

  ahead(track: MemberTrack, epoch: Epoch): void {
    this.#owner.ahead(track, epoch);
  }

  /** The member has signed for the instance: what was held back of it counts. */
  release(time: string): void {
    for (const held of Object.values(this.#heldBack))
      for (const { track, object, live } of held.take(time))
        if (this.#tracks.has(track)) this.#take(track, object, live);
  }

  ended(track: MemberTrack, isSaid: boolean): void {
    this.#drop(track);
    this.#owner.ended(track, isSaid);
  }

  /** What is the member's by its name waits apart: nobody else's pushes it out. */
  #hold(track: MemberTrack, object: OpenedObject, live: boolean): void {
    const held = this.#owner.knows(track) ? this.#heldBack.known : this.#heldBack.others;
    held.hold({ track, object, live }, this.#context.core.tasks.now);
  }

  #take(track: MemberTrack, object: OpenedObject, live: boolean): void {
    const counting = this.#counting;
    if (counting !== undefined && counting !== track && !this.#takesOver(track, counting, live)) return;
    this.#counting = track;
    this.#owner.opened(object, track !== counting);
  }

  #takesOver(track: MemberTrack, counting: MemberTrack, live: boolean): boolean {
    if (this.#owner.supersedes(counting, track)) return false;
    if (this.#owner.supersedes(track, counting)) return true;
    return live && !isWithin(counting.openedAt, TAKE_OVER_AFTER_MS, this.#context.core.tasks.now);
  }

  /**
   * Drops the oldest of those that are too many beside a track, first of those that never brought anything. Each sort is counted
   * for itself: anybody can offer a name, only who has the keys can push out one that was heard or vouched for, and nobody one
   * that is known.
   */
  #bound(track: MemberTrack): void {
    // Each object comes by here, and nearly always there are one or two.
    if (this.#tracks.size <= FEWEST) return;
    const whose = this.#whose(track);
    const counted = [...this.#tracks].filter((each) => this.#whose(each) === whose);
    const others = counted.filter((candidate) => candidate !== this.#counting);
    const oldest = others.find((candidate) => candidate.openedAt === undefined) ?? others[0];
    if (counted.length > MOST[whose] && oldest !== undefined) this.#drop(oldest);
  }

  #whose(track: MemberTrack): keyof typeof MOST {
    if (this.#owner.knows(track)) return 'known';
    return track.openedAt !== undefined || this.#owner.vouchesFor(track) ? 'members' : 'anybodys';
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

/** One session of the relay: the requests it holds and what waits to be sent on it. */
import { millis } from '../units.ts';
import type { Millis } from '../units.ts';
import { SessionCode } from '../moqt/codes.ts';
import type { Location, RequestId } from '../moqt/model.ts';
import type { MoqtSession } from '../moqt/session-api.ts';
import type { RelayLimits } from './limits.ts';
import type { SessionAccess } from './policy.ts';
import { SendQueue } from './send-queue.ts';
import type { SendSource } from './send-queue.ts';
import type { TrackNameKey } from '../moqt/names.ts';

/** What the relay uses of a session. */
export type RelaySession = Omit<
  MoqtSession,
  'handle' | 'poll' | 'deadline' | 'expire' | 'publishNamespace' | 'subscribeNamespace' | 'subscribeTracks'
>;

/** A session and the state of its transport. */
export interface RelayPeer {
  readonly session: RelaySession;
  /** Bytes that the transport has taken and not sent yet. */
  queuedBytes(): number;
}

/** What waits in one subscription of a session. */
export interface Backlog {
  /** Nothing of it may be dropped. */
  readonly reliable: boolean;
  /** Bytes that wait. */
  readonly backlog: number;
  /** The lowest priority that has something waiting; see `sendLevel`. */
  readonly lowestLevel: number;
  /** Gives up what is too late. @param backlogAge - the most that media may wait. */
  expire(now: Millis, backlogAge: Millis): void;
  dropOldestGroup(): void;
  /** Whether something waits here since before `time`. */
  waitsSince(time: number): boolean;
}

/** Something that waits until FETCH may be served again. */
export interface Parked {
  resume(): void;
}

/** What a peer tells its relay. */
export interface PeerOwner {
  readonly limits: RelayLimits;
  /** Calls were made on the session: its effects are to be carried out. */
  touched(peer: Peer): void;
  /** Something is to be sent, now or (with `at`) later. */
  wake(peer: Peer, at?: Millis): void;
  droppedGroup(): void;
  /** A request of this session is over. */
  released(peer: Peer, id: RequestId): void;
  /** The session cannot go on. */
  fail(peer: Peer, code: number, reason: string): void;
}

/** How often a session that lags is looked at. */
const TICK = 10;

/** A session that the relay serves. */
export class Peer {
  readonly id: number;
  /** Name of its scope. */
  readonly scope: string;
  readonly access: SessionAccess;
  /** Subscriptions that this session holds, by track. */
  readonly subscriptions = new Map<TrackNameKey, Backlog>();
  /** Tracks that came malformed from this session; it may not publish them again. */
  readonly malformed = new Set<TrackNameKey>();
  /** The peer sent GOAWAY: no new requests to it. */
  goingAway = false;
  closed = false;
  readonly #owner: PeerOwner;
  readonly #peer: RelayPeer;
  readonly #queue = new SendQueue();
  #mediaBacklog = 0;
  #reliableBacklog = 0;
  #behind = false;
  #fetchTokens: number;
  #fetchTokensAt = millis(0);
  readonly #parked = new Set<Parked>();

  constructor(id: number, scope: string, access: SessionAccess, peer: RelayPeer, owner: PeerOwner) {
    this.id = id;
    this.scope = scope;
    this.access = access;
    this.#peer = peer;
    this.#owner = owner;
    this.#fetchTokens = owner.limits.fetchBytesPerSecond;
  }

  /** The session, for a call that has effects: they are carried out when the events at hand have been handled. */
  useSession(): RelaySession {
    this.#owner.touched(this);
    return this.#peer.session;
  }

  /** It could not take what was sent to it last. */
  get congested(): boolean {
    return this.#behind;
  }

  /** Bytes that wait for it here. */
  get backlog(): number {
    return this.#mediaBacklog + this.#reliableBacklog;
  }

  /** A request is over. */
  release(id: RequestId): void {
    this.#owner.released(this, id);
  }

  enqueue(source: SendSource): void {
    this.#queue.add(source);
    this.#owner.wake(this);
  }

  dequeue(source: SendSource): void {
    this.#queue.remove(source);
  }

  /** Counts bytes that wait, or no longer wait. */
  account(reliable: boolean, bytes: number): void {
    if (reliable) this.#reliableBacklog += bytes;
    else this.#mediaBacklog += bytes;
  }

  /** An object came that a subscription of Forward State 0 does not get. Nothing is to be carried out for it. */
  noteLargest(id: RequestId, largest: Location): void {
    this.#peer.session.setLargest(id, largest);
  }

  noteDroppedGroup(): void {
    this.#owner.droppedGroup();
  }

  /** Whether FETCH may send more now. */
  mayFetch(now: Millis): boolean {
    const rate = this.#owner.limits.fetchBytesPerSecond;
    this.#fetchTokens = Math.min(rate, this.#fetchTokens + ((now - this.#fetchTokensAt) * rate) / 1_000);
    this.#fetchTokensAt = now;
    return this.#fetchTokens > 0;
  }

  /** A FETCH waits until {@link mayFetch} says yes again. */
  park(job: Parked): void {
    this.#parked.add(job);
  }

  spendFetch(bytes: number): void {
    this.#fetchTokens -= bytes;
  }

  /** Sends what the transport has room for, by priority, and gives up what is late. */
  send(now: Millis): void {
    if (this.closed) return;
    const { limits } = this.#owner;
    if (this.#behind)
      for (const subscription of this.subscriptions.values())
        subscription.expire(now, limits.mediaBacklogAge);
    if (this.#parked.size > 0 && this.mayFetch(now)) {
      const parked = [...this.#parked];
      this.#parked.clear();
      for (const job of parked) job.resume();
    }
    const room = limits.transportWindow - this.#peer.queuedBytes();
    if (room > 0) this.#queue.send(room, now);
    if (this.#parked.size > 0) this.#owner.wake(this, millis(now + TICK));
    this.#behind = !this.#queue.empty;
    if (!this.#behind) return;
    while (this.#mediaBacklog > limits.mediaBacklogBytes && this.#dropMedia());
    if (this.#reliableBacklog > limits.reliableBacklogBytes || this.#isStuck(now)) {
      this.#owner.fail(
        this,
        SessionCode.INTERNAL_ERROR,
        'EXCESSIVE_LOAD: too slow for objects that must not be lost',
      );
      return;
    }
    this.#owner.wake(this, millis(now + TICK));
  }

  /** The session is over: nothing waits any more. */
  clear(): void {
    this.closed = true;
    this.subscriptions.clear();
    this.#parked.clear();
  }

  /** Drops the oldest group of the least urgent media, and of that with the longest queue. */
  #dropMedia(): boolean {
    let victim: { subscription: Backlog; level: number; backlog: number } | undefined;
    for (const subscription of this.subscriptions.values()) {
      if (subscription.reliable) continue;
      const { lowestLevel: level, backlog } = subscription;
      if (backlog === 0 || level < (victim?.level ?? 0)) continue;
      if (level === victim?.level && backlog <= victim.backlog) continue;
      victim = { subscription, level, backlog };
    }
    victim?.subscription.dropOldestGroup();
    return victim !== undefined;
  }

  #isStuck(now: Millis): boolean {
    if (this.#reliableBacklog === 0) return false;
    const since = now - this.#owner.limits.reliableBacklogAge;
    for (const subscription of this.subscriptions.values()) {
      if (subscription.reliable && subscription.waitsSince(since)) return true;
    }
    return false;
  }
}

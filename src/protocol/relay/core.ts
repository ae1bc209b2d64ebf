/** What all parts of the relay share: sessions, scopes, tracks, budgets, timers and the time. */
import { millis } from '../units.ts';
import type { Millis } from '../units.ts';
import { RequestErrorCode } from '../moqt/codes.ts';
import type { FullTrackName, RequestId, TrackNamespace } from '../moqt/model.ts';
import type { RequestRefusal } from '../moqt/session-api.ts';
import { CacheBudget } from './cache-budget.ts';
import type { RelayLimits } from './limits.ts';
import { isReserved } from '../moqt/names.ts';
import { trackNameKey } from '../moqt/names.ts';
import { OpenRequests } from './open-requests.ts';
import type { OpenRequest } from './open-requests.ts';
import type { Peer, PeerOwner } from './peer.ts';
import type { TrackPolicy } from './policy.ts';
import { Scope } from './scope.ts';
import { TimerQueue } from './timer-queue.ts';
import { Track } from './track.ts';
import type { TrackBudgets } from './track.ts';

/** Counts since the relay began. */
export interface RelayCounters {
  objectsReceived: number;
  objectsDuplicate: number;
  objectsIgnored: number;
  bytesReceived: number;
  tracksMalformed: number;
  groupsDropped: number;
  requests: number;
  requestsRefused: number;
  fetchesFromCache: number;
  fetchesFromPublisher: number;
  sessionsTooSlow: number;
}

/** When to ask again after a refusal about load, or of a track that another session publishes. */
export const RETRY_AFTER = millis(1_000);

/** Shared by all parts of one relay. */
export class RelayCore implements PeerOwner {
  readonly limits: RelayLimits;
  readonly timers = new TimerQueue();
  readonly peers = new Map<number, Peer>();
  readonly scopes = new Map<string, Scope>();
  readonly requests = new OpenRequests();
  readonly budgets: TrackBudgets;
  readonly counters: RelayCounters = {
    objectsReceived: 0,
    objectsDuplicate: 0,
    objectsIgnored: 0,
    bytesReceived: 0,
    tracksMalformed: 0,
    groupsDropped: 0,
    requests: 0,
    requestsRefused: 0,
    fetchesFromCache: 0,
    fetchesFromPublisher: 0,
    sessionsTooSlow: 0,
  };
  now = millis(0);
  /** When a relay that is closing closes the sessions that are left. */
  closesAt: Millis | undefined;
  readonly #touched = new Set<Peer>();
  readonly #ready = new Set<Peer>();
  readonly #woken = new Set<Peer>();
  readonly #policy: TrackPolicy;
  readonly #lost: (peer: Peer) => void;

  /** @param lost - called when a session cannot go on, after it was closed. */
  constructor(policy: TrackPolicy, limits: RelayLimits, lost: (peer: Peer) => void) {
    this.#policy = policy;
    this.limits = limits;
    this.budgets = { media: new CacheBudget(limits.cacheBytes), kept: new CacheBudget(limits.keptBytes) };
    this.#lost = lost;
  }

  touched(peer: Peer): void {
    this.#touched.add(peer);
  }

  wake(peer: Peer, at?: Millis): void {
    if (at === undefined) {
      this.#ready.add(peer);
    } else if (!this.#woken.has(peer)) {
      this.#woken.add(peer);
      this.timers.schedule(at, () => {
        this.#woken.delete(peer);
        if (!peer.closed) this.#ready.add(peer);
      });
    }
  }

  droppedGroup(): void {
    this.counters.groupsDropped += 1;
  }

  released(peer: Peer, id: RequestId): void {
    this.requests.release(peer, id);
  }

  fail(peer: Peer, code: number, reason: string): void {
    this.counters.sessionsTooSlow += 1;
    peer.useSession().close(code, reason);
    this.#lost(peer);
  }

  /** Sessions that may have something to send, since the last time. */
  takeReady(): Peer[] {
    const ready = [...this.#ready];
    this.#ready.clear();
    return ready;
  }

  /** Sessions that calls were made on since the last time. */
  takeTouched(): number[] {
    const ids = Array.from(this.#touched, ({ id }) => id);
    this.#touched.clear();
    return ids;
  }

  /** The scope that a session or track is in. */
  scopeOf({ scope: name }: { readonly scope: string }): Scope {
    let scope = this.scopes.get(name);
    if (scope === undefined) {
      scope = new Scope();
      this.scopes.set(name, scope);
    }
    return scope;
  }

  /** The track of that name in a session's scope, new when there is none. */
  track(peer: Peer, name: FullTrackName): Track {
    const { tracks } = this.scopeOf(peer);
    const key = trackNameKey(name);
    let track = tracks.get(key);
    if (track === undefined) {
      const treatment = this.#policy.treatmentOf(name);
      track = new Track(peer.scope, name, treatment, this.now, this.limits, this.budgets);
      tracks.set(key, track);
    }
    return track;
  }

  /** Forgets a track that nobody has anything to do with. */
  reap(track: Track): void {
    const { tracks } = this.scopeOf(track);
    if (!track.idle || tracks.get(track.key) !== track) return;
    track.cache.clear();
    tracks.delete(track.key);
  }

  /**
   * Why a request about `name` cannot even be looked at, if so.
   * @param kind - what it would become; `limit` of them a session may have.
   */
  refusal(
    peer: Peer,
    name: TrackNamespace,
    kind: OpenRequest['kind'],
    limit: number,
  ): RequestRefusal | undefined {
    if (this.closesAt !== undefined)
      return { code: RequestErrorCode.GOING_AWAY, reason: 'this relay is closing' };
    if (isReserved(name))
      return { code: RequestErrorCode.DOES_NOT_EXIST, reason: 'no such session-level name' };
    if (this.requests.count(peer, kind) >= limit || !this.mayRequest(peer)) {
      return { code: RequestErrorCode.EXCESSIVE_LOAD, reason: 'too many requests', retryAfter: RETRY_AFTER };
    }
    return undefined;
  }

  /** Whether a session may have one more request open. */
  mayRequest(peer: Peer): boolean {
    return this.requests.count(peer) < this.limits.requestsPerSession;
  }

  after(duration: number): Millis {
    return millis(this.now + duration);
  }
}

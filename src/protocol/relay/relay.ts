/**
 * A MOQT relay without I/O and clock: sessions are attached, their events are handled, and what the relay answers are
 * calls on the sessions.
 *
 * After every batch of events call {@link Relay.send}, then carry out the effects of the sessions that
 * {@link Relay.takeTouched} names. {@link Relay.deadline} says when {@link Relay.expire} wants to be called.
 *
 * @see moqt-18 #relays-moq
 */
import { millis, type Millis } from '../units.ts';
import { PublishDoneCode, RequestErrorCode, SessionCode } from '../moqt/codes.ts';
import type { TrackNamespace } from '../moqt/model.ts';
import type {
  AuthorizationToken,
  IncomingRequest,
  RequestRefusal,
  SessionEvent,
} from '../moqt/session-api.ts';
import { RelayCore } from './core.ts';
import type { RelayCounters } from './core.ts';
import { Discovery } from './discovery.ts';
import { Fetching } from './fetching.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import type { RelayLimits } from './limits.ts';
import type { OpenRequest } from './open-requests.ts';
import { Peer } from './peer.ts';
import type { RelayPeer } from './peer.ts';
import type { AccessPolicy, RelayPolicy } from './policy.ts';
import { Publishing } from './publishing.ts';
import { Subscribing } from './subscribing.ts';

/** What a relay has and did. */
export interface RelayStatistics extends Readonly<RelayCounters> {
  readonly sessions: number;
  readonly tracks: number;
  readonly subscriptions: number;
  readonly cachedBytes: number;
  readonly keptBytes: number;
  readonly backlogBytes: number;
}

const GONE: RequestRefusal = { code: RequestErrorCode.DOES_NOT_EXIST, reason: 'the publisher is gone' };
/** How often old objects are looked for. */
const SWEEP = 5_000;

/** One relay, of any number of sessions. */
export class Relay {
  readonly #core: RelayCore;
  readonly #policy: AccessPolicy;
  readonly #subscribing: Subscribing;
  readonly #publishing: Publishing;
  readonly #discovery: Discovery;
  readonly #fetching: Fetching;

  /** @param policy - says how tracks are treated, and who may do what. */
  constructor(policy: RelayPolicy, limits: Partial<RelayLimits> = {}) {
    const core = new RelayCore(policy, { ...DEFAULT_LIMITS, ...limits }, (peer) => this.#forget(peer));
    this.#core = core;
    this.#policy = policy;
    this.#fetching = new Fetching(core);
    const backfill = this.#fetching.backfill.bind(this.#fetching);
    this.#subscribing = new Subscribing(core, backfill);
    this.#discovery = new Discovery(core, this.#subscribing);
    this.#publishing = new Publishing(core, this.#subscribing, this.#discovery, backfill);
    this.#scheduleSweep();
  }

  /** Whether no further session may be taken in. @param sessions - how many there are, those that say no SETUP yet too. */
  isFull(sessions: number): boolean {
    return this.#core.closesAt !== undefined || sessions >= this.#core.limits.sessions;
  }

  /**
   * Takes a session in. One whose SETUP came after {@link Relay.goaway} is asked to leave as the others were.
   * @param id - chosen by the caller, never used again.
   * @param scope - sessions of different scopes share no track; the path of the connection's URI.
   * @param tokens - those of its SETUP.
   */
  attach(
    id: number,
    relayPeer: RelayPeer,
    scope: string,
    tokens: readonly AuthorizationToken[],
    now: Millis,
  ): void {
    const peer = new Peer(id, scope, this.#policy.accessOf(tokens), relayPeer, this.#core);
    this.#core.peers.set(id, peer);
    const { closesAt } = this.#core;
    if (closesAt !== undefined) peer.useSession().goaway('', millis(Math.max(1, closesAt - now)));
  }

  /** Handles an event of a session. Events of sessions that are gone are ignored. */
  handle(id: number, event: SessionEvent, now: Millis): void {
    this.#core.now = now;
    const peer = this.#core.peers.get(id);
    if (peer === undefined) return;
    switch (event.kind) {
      case 'request':
        this.#core.counters.requests += 1;
        this.#request(peer, event.request);
        break;
      case 'goaway':
        peer.goingAway = true;
        break;
      case 'closed':
        this.#forget(peer);
        break;
      case 'ready':
      case 'namespace':
      case 'namespace-done':
      case 'publish-blocked':
        break;
      default:
        this.#answer(peer, event);
    }
  }

  /**
   * Sends what the handled events made ready, as far as each session's transport has room.
   * @param guarded - runs what is done for one session, so that a fault of our own there keeps nothing from the others.
   */
  send(now: Millis, guarded: (id: number, run: () => void) => void): void {
    this.#core.now = now;
    for (const peer of this.#core.takeReady())
      guarded(peer.id, () => {
        peer.send(now);
      });
  }

  /** Sessions whose effects are to be carried out. */
  takeTouched(): number[] {
    return this.#core.takeTouched();
  }

  deadline(): Millis | undefined {
    return this.#core.timers.deadline();
  }

  expire(now: Millis): void {
    this.#core.now = now;
    this.#core.timers.expire(now);
  }

  /**
   * Asks all sessions to leave, to come back to the same address later; those that have not left after `timeout` are
   * closed. New requests are refused.
   */
  goaway(timeout: Millis, now: Millis): void {
    this.#core.now = now;
    const closesAt = this.#core.after(timeout);
    this.#core.closesAt = closesAt;
    for (const peer of this.#core.peers.values()) peer.useSession().goaway('', timeout);
    this.#core.timers.schedule(closesAt, () => {
      const busy = new Set(
        [...this.#core.peers.values()].filter((peer) => this.#core.requests.count(peer) > 0),
      );
      for (const peer of [...this.#core.peers.values()]) {
        const code = busy.has(peer) ? SessionCode.GOAWAY_TIMEOUT : SessionCode.NO_ERROR;
        peer.useSession().close(code, 'this relay is closing');
        this.#forget(peer);
      }
    });
  }

  statistics(): RelayStatistics {
    let tracks = 0;
    let subscriptions = 0;
    let backlogBytes = 0;
    for (const scope of this.#core.scopes.values()) tracks += scope.tracks.size;
    for (const peer of this.#core.peers.values()) {
      subscriptions += peer.subscriptions.size;
      backlogBytes += peer.backlog;
    }
    return {
      ...this.#core.counters,
      sessions: this.#core.peers.size,
      tracks,
      subscriptions,
      cachedBytes: this.#core.budgets.media.bytes,
      keptBytes: this.#core.budgets.kept.bytes,
      backlogBytes,
    };
  }

  #request(peer: Peer, request: IncomingRequest): void {
    const refusal = peer.access.refusal(namespaceOf(request), tokensOf(request));
    if (refusal !== undefined) {
      this.#core.counters.requestsRefused += 1;
      peer.useSession().reject(request.id, refusal);
      return;
    }
    switch (request.kind) {
      case 'subscribe':
        this.#subscribing.subscribe(peer, request);
        break;
      case 'publish':
        this.#publishing.publish(peer, request);
        break;
      case 'fetch':
        this.#fetching.fetch(peer, request);
        break;
      case 'track-status':
        this.#fetching.trackStatus(peer, request);
        break;
      case 'publish-namespace':
        this.#discovery.announce(peer, request);
        break;
      case 'subscribe-namespace':
        this.#discovery.followNamespaces(peer, request);
        break;
      case 'subscribe-tracks':
        this.#discovery.followTracks(peer, request);
        break;
    }
  }

  /** Events of one open request; those of requests that are over are ignored. */
  #answer(
    peer: Peer,
    event: Exclude<SessionEvent, { kind: 'request' | 'closed' | 'goaway' | 'ready' }>,
  ): void {
    const open = this.#core.requests.get(peer, event.id);
    switch (event.kind) {
      case 'object':
        if (open?.kind === 'upstream') this.#publishing.object(open.upstream, event);
        break;
      case 'subgroup-end':
        if (open?.kind === 'upstream') this.#publishing.subgroupEnd(open.upstream, event);
        break;
      case 'subgroup-drained':
      case 'fetch-drained':
        this.#core.wake(peer);
        break;
      case 'subscribe-ok':
        if (open?.kind === 'upstream') this.#subscribing.answered(open.upstream, event.description);
        break;
      case 'publish-ok':
        if (open?.kind === 'downstream') this.#subscribing.offerAccepted(open.downstream, event.parameters);
        break;
      case 'subscription-updated':
        if (open?.kind === 'downstream') this.#subscribing.update(open.downstream, event.parameters);
        break;
      case 'publish-done':
        if (open?.kind === 'upstream') this.#publishing.ended(open.upstream);
        break;
      case 'track-status-ok':
        if (open?.kind !== 'upstream-status') break;
        peer.release(event.id);
        if (!open.answer.peer.closed)
          open.answer.peer.useSession().acceptTrackStatus(open.answer.id, event.description);
        break;
      case 'fetch-ok':
        if (open?.kind === 'upstream-fetch') open.sink.accepted(event.end, event.endOfTrack);
        break;
      case 'fetch-object':
        if (open?.kind === 'upstream-fetch') open.sink.object(event.object, this.#core.now);
        break;
      case 'fetch-gap':
        if (open?.kind === 'upstream-fetch') open.sink.gap(event.end, event.known);
        break;
      case 'fetch-end':
        if (open?.kind === 'upstream-fetch') open.sink.ended(event.complete, event.code);
        break;
      case 'request-error':
        this.#over(peer, open, event.refusal);
        break;
      case 'request-cancelled':
        this.#over(peer, open, GONE);
        break;
      case 'request-ok':
      case 'request-goaway':
      case 'namespace':
      case 'namespace-done':
      case 'publish-blocked':
        break;
    }
    if (event.kind === 'request-error' || event.kind === 'request-cancelled') peer.release(event.id);
  }

  /** A request was refused or cancelled by the peer, or its session is gone. */
  #over(peer: Peer, open: OpenRequest | undefined, refusal: RequestRefusal): void {
    switch (open?.kind) {
      case undefined:
        break;
      case 'upstream':
        if (open.upstream.state === 'asked') this.#subscribing.refused(open.upstream, refusal);
        else this.#publishing.ended(open.upstream);
        break;
      case 'downstream':
        this.#subscribing.cancelled(open.downstream);
        break;
      case 'fetch':
        open.job.drop();
        break;
      case 'upstream-fetch':
        open.sink.refused(refusal);
        break;
      case 'announcement':
        this.#discovery.withdraw(open.announcement);
        break;
      case 'namespace-subscription':
        this.#discovery.stopFollowingNamespaces(open.subscription);
        break;
      case 'tracks-subscription':
        this.#discovery.stopFollowingTracks(open.subscription);
        break;
      case 'upstream-status':
        if (open.answer.peer !== peer && !open.answer.peer.closed) {
          open.answer.peer.useSession().reject(open.answer.id, refusal);
        }
        break;
    }
  }

  /** A session is gone, with all that it held. */
  #forget(peer: Peer): void {
    if (peer.closed) return;
    const open = this.#core.requests.of(peer);
    this.#core.peers.delete(peer.id);
    peer.clear();
    for (const request of open) this.#over(peer, request, GONE);
    this.#core.requests.forget(peer);
  }

  #scheduleSweep(): void {
    this.#core.timers.schedule(this.#core.after(SWEEP), () => {
      for (const scope of this.#core.scopes.values()) {
        for (const track of [...scope.tracks.values()]) {
          track.expire(this.#core.now);
          if (!track.available) {
            this.#subscribing.end(track, PublishDoneCode.TRACK_ENDED, 'its objects have expired');
          }
          this.#core.reap(track);
        }
      }
      for (const [name, scope] of this.#core.scopes) if (scope.empty) this.#core.scopes.delete(name);
      this.#scheduleSweep();
    });
  }
}

/** The namespace that a request is about: a track's own, one that is announced, or a prefix. */
function namespaceOf(request: IncomingRequest): TrackNamespace {
  if ('track' in request) return request.track.namespace;
  return 'prefix' in request ? request.prefix : request.namespace;
}

function tokensOf(request: IncomingRequest): readonly AuthorizationToken[] {
  return (request.kind === 'subscribe' ? request.parameters.tokens : request.tokens) ?? [];
}

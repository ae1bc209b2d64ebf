/** SUBSCRIBE: downstream subscriptions and the one upstream subscription that serves them. @see moqt-18 #subscriptions */
import { millis } from '../units.ts';
import { RequestErrorCode, PublishDoneCode } from '../moqt/codes.ts';
import type { Location, RequestId } from '../moqt/model.ts';
import type {
  IncomingRequest,
  RequestRefusal,
  SubscribeParameters,
  TrackDescription,
} from '../moqt/session-api.ts';
import type { RelayCore } from './core.ts';
import { Downstream } from './downstream.ts';
import { trackNameKey } from '../moqt/names.ts';
import type { Peer } from './peer.ts';
import type { Timer } from './timer-queue.ts';
import type { Track, Upstream } from './track.ts';

/** A SUBSCRIBE that waits for a publisher. */
interface Waiting {
  readonly parameters: SubscribeParameters;
  /** Runs while the subscriber is willing to wait though nobody publishes. */
  rendezvous: Timer | undefined;
}

/**
 * What becomes of an established upstream that had objects before.
 * @param largest - of what it says to have published.
 */
export type Backfill = (upstream: Upstream, largest: Location | undefined) => void;

const NOBODY: RequestRefusal = {
  code: RequestErrorCode.DOES_NOT_EXIST,
  reason: 'nobody publishes this track',
};

/** Serves subscriptions. */
export class Subscribing {
  readonly #core: RelayCore;
  readonly #backfill: Backfill;
  readonly #waiting = new WeakMap<Downstream<Track>, Waiting>();

  constructor(core: RelayCore, backfill: Backfill) {
    this.#core = core;
    this.#backfill = backfill;
  }

  /** A SUBSCRIBE came. */
  subscribe(peer: Peer, request: IncomingRequest & { kind: 'subscribe' }): void {
    const { id, track: name, parameters } = request;
    const refusal = this.#refusal(peer, request);
    if (refusal !== undefined) {
      this.#core.counters.requestsRefused += 1;
      peer.useSession().reject(id, refusal);
      return;
    }
    const track = this.#core.track(peer, name);
    const downstream = this.hold(peer, id, track, 'waiting');
    downstream.apply(parameters, track.largest);
    this.#waiting.set(downstream, { parameters, rendezvous: this.#rendezvous(downstream, parameters) });
    if (track.available) this.#accept(downstream);
    if (!track.published) {
      this.askPublishers(this.#core.scopeOf(peer).publishersOf(name), track, parameters.newGroupRequest);
      this.#refuseIfNobody(track, NOBODY);
    } else if (parameters.newGroupRequest !== undefined) {
      this.#requestNewGroup(track, parameters.newGroupRequest);
    }
  }

  /** Notes a subscription that a session holds. */
  hold(peer: Peer, id: RequestId, track: Track, state: 'waiting' | 'offered'): Downstream<Track> {
    const downstream = new Downstream(peer, id, track, state);
    this.#core.requests.hold(peer, id, { kind: 'downstream', downstream });
    peer.subscriptions.set(track.key, downstream);
    track.downstreams.add(downstream);
    return downstream;
  }

  /** SUBSCRIBE_OK, for a subscription that was waiting. */
  #accept(downstream: Downstream<Track>): void {
    const { track } = downstream;
    const waiting = this.#waiting.get(downstream);
    if (waiting === undefined || downstream.state !== 'waiting') return;
    this.#waiting.delete(downstream);
    waiting.rendezvous?.cancel();
    downstream.peer.useSession().acceptSubscribe(downstream.id, track.description);
    downstream.apply(waiting.parameters, track.largest);
    downstream.establish(this.#core.now);
    this.steer(track);
  }

  /** PUBLISH_OK came for a track that we offered. */
  offerAccepted(downstream: Downstream<Track>, parameters: SubscribeParameters): void {
    const { track } = downstream;
    if (downstream.state !== 'offered') return;
    downstream.apply(parameters, track.largest);
    downstream.establish(this.#core.now);
    this.steer(track);
  }

  /** The subscriber changed its subscription. */
  update(downstream: Downstream<Track>, parameters: SubscribeParameters): void {
    const { track } = downstream;
    downstream.apply(parameters, track.largest);
    if (parameters.newGroupRequest !== undefined) this.#requestNewGroup(track, parameters.newGroupRequest);
    this.steer(track);
  }

  /** The subscriber is gone. */
  cancelled(downstream: Downstream<Track>): void {
    const { track } = downstream;
    this.#waiting.get(downstream)?.rendezvous?.cancel();
    downstream.drop();
    this.#forget(downstream);
    this.steer(track);
    this.#core.reap(track);
  }

  /** SUBSCRIBE to each of these sessions that does not publish the track yet. @returns how many were asked. */
  askPublishers(publishers: readonly Peer[], track: Track, newGroupRequest?: bigint): number {
    let asked = 0;
    for (const peer of publishers) {
      const known = [...track.upstreams].some((upstream) => upstream.peer === peer);
      if (known || peer.closed || peer.malformed.has(track.key)) continue;
      if (!this.#core.mayRequest(peer)) continue;
      const id = peer.useSession().subscribe(track.name, {
        forward: true,
        ...(newGroupRequest === undefined ? {} : { newGroupRequest }),
      });
      const upstream: Upstream = {
        peer,
        id,
        track,
        origin: 'subscribe',
        state: 'asked',
        forward: true,
        steered: false,
        open: new Set(),
        timer: undefined,
      };
      upstream.timer = this.#core.timers.schedule(this.#core.after(this.#core.limits.upstreamAnswer), () => {
        peer.useSession().cancel(id);
        this.refused(upstream, { code: RequestErrorCode.TIMEOUT, reason: 'the publisher does not answer' });
      });
      this.#core.requests.hold(peer, id, { kind: 'upstream', upstream });
      track.upstreams.add(upstream);
      asked += 1;
    }
    return asked;
  }

  /** SUBSCRIBE_OK came from a publisher. */
  answered(upstream: Upstream, description: TrackDescription): void {
    const { track } = upstream;
    upstream.timer?.cancel();
    upstream.timer = undefined;
    if (track.isTakenFrom(upstream.peer)) {
      upstream.peer.useSession().cancel(upstream.id);
      upstream.peer.release(upstream.id);
      track.removeUpstream(upstream);
      return;
    }
    upstream.state = 'established';
    track.describe(description);
    track.startsHere(description.largest);
    this.published(track);
    this.#backfill(upstream, description.largest);
    this.steer(track);
  }

  /** A publisher refused our SUBSCRIBE or did not answer it. */
  refused(upstream: Upstream, refusal: RequestRefusal): void {
    const { track, peer } = upstream;
    peer.release(upstream.id);
    track.removeUpstream(upstream);
    this.#refuseIfNobody(track, refusal);
    this.#core.reap(track);
  }

  /** Somebody publishes the track: those who waited are served. */
  published(track: Track): void {
    for (const downstream of [...track.downstreams]) this.#accept(downstream);
  }

  /**
   * A publisher is gone. Others that announced the namespace are asked; when there is none, the subscriptions end,
   * but for those of kept tracks.
   */
  lost(upstream: Upstream, code: number, reason: string): void {
    const { track, peer } = upstream;
    peer.release(upstream.id);
    track.removeUpstream(upstream);
    if (track.upstreams.size === 0 && track.downstreams.size > 0) {
      const others = this.#core
        .scopeOf(peer)
        .publishersOf(track.name)
        .filter((other) => other !== peer);
      const asked = this.askPublishers(others, track);
      if (asked === 0 && !track.available) this.end(track, code, reason);
    }
    this.#core.reap(track);
  }

  /** Ends all subscriptions of a track. */
  end(track: Track, code: number, reason: string): void {
    for (const downstream of [...track.downstreams]) {
      if (downstream.state === 'waiting') continue;
      this.#forget(downstream);
      downstream.end(code, reason);
    }
  }

  /**
   * Lets publishers send when somebody listens: SUBSCRIBEs of ours live as long as that, and PUBLISHes of Forward State 0
   * are turned on and off. A PUBLISH of Forward State 1 is taken at its word, since there are publishers that do not
   * survive a REQUEST_UPDATE.
   * @see moqt-18 #publisher-interactions
   */
  steer(track: Track): void {
    const { wanted } = track;
    for (const upstream of [...track.upstreams]) {
      if (upstream.state !== 'established' || upstream.forward === wanted) continue;
      if (!wanted && upstream.origin === 'subscribe') {
        if (track.downstreams.size > 0) continue;
        upstream.peer.useSession().cancel(upstream.id);
        upstream.peer.release(upstream.id);
        track.removeUpstream(upstream);
        continue;
      }
      if (!upstream.steered) continue;
      upstream.forward = wanted;
      upstream.peer.useSession().updateSubscription(upstream.id, { forward: wanted });
    }
    const isSending = [...track.upstreams].some(
      (upstream) => upstream.state === 'established' && upstream.forward,
    );
    if (!isSending) track.stopsHere();
    this.#core.reap(track);
  }

  #refusal(peer: Peer, request: IncomingRequest & { kind: 'subscribe' }): RequestRefusal | undefined {
    const { track: name, parameters } = request;
    const limit = this.#core.limits.subscriptionsPerSession;
    const refusal = this.#core.refusal(peer, name.namespace, 'downstream', limit);
    if (refusal !== undefined) return refusal;
    if (peer.subscriptions.has(trackNameKey(name))) {
      return {
        code: RequestErrorCode.DUPLICATE_SUBSCRIPTION,
        reason: 'this session has a subscription to the track',
      };
    }
    const track = this.#core.scopeOf(peer).tracks.get(trackNameKey(name));
    const { filter } = parameters;
    // Where several write, one that is far ahead does not mean that the others are.
    const largest = track?.treatment.firstWins === true ? undefined : track?.largest;
    if (filter?.kind === 'absolute-range' && largest !== undefined && filter.endGroup < largest.group) {
      return { code: RequestErrorCode.INVALID_RANGE, reason: 'all of the range has been published' };
    }
    return undefined;
  }

  #rendezvous(downstream: Downstream<Track>, parameters: SubscribeParameters): Timer | undefined {
    const patience = Math.min(parameters.rendezvousTimeout ?? 0, this.#core.limits.rendezvous);
    if (patience <= 0) return undefined;
    return this.#core.timers.schedule(millis(this.#core.now + patience), () => {
      this.#refuse(downstream, {
        code: RequestErrorCode.TIMEOUT,
        reason: 'nobody published this track in time',
      });
      this.#core.reap(downstream.track);
    });
  }

  /** Nobody is left to wait for: those without patience are refused, established ones end. */
  #refuseIfNobody(track: Track, refusal: RequestRefusal): void {
    if (track.upstreams.size > 0 || track.available) return;
    for (const downstream of [...track.downstreams]) {
      if (downstream.state !== 'waiting') continue;
      if (this.#waiting.get(downstream)?.rendezvous === undefined) this.#refuse(downstream, refusal);
    }
    this.end(track, PublishDoneCode.TRACK_ENDED, 'nobody publishes this track any more');
    this.#core.reap(track);
  }

  #refuse(downstream: Downstream<Track>, refusal: RequestRefusal): void {
    if (downstream.state !== 'waiting') return;
    this.#core.counters.requestsRefused += 1;
    downstream.state = 'ended';
    this.#forget(downstream);
    downstream.peer.release(downstream.id);
    downstream.peer.useSession().reject(downstream.id, refusal);
  }

  #forget(downstream: Downstream<Track>): void {
    const { track } = downstream;
    track.downstreams.delete(downstream);
    if (downstream.peer.subscriptions.get(track.key) === downstream)
      downstream.peer.subscriptions.delete(track.key);
  }

  #requestNewGroup(track: Track, request: bigint): void {
    if (!track.takeNewGroupRequest(request)) return;
    for (const { state, peer, id } of track.upstreams) {
      if (state === 'established') peer.useSession().updateSubscription(id, { newGroupRequest: request });
    }
  }
}

/** PUBLISH: tracks that come in, their objects and their end. @see moqt-18 #publisher-interactions */
import { PublishDoneCode, RequestErrorCode } from '../moqt/codes.ts';
import type { IncomingRequest, RequestRefusal, SessionEvent } from '../moqt/session-api.ts';
import { RETRY_AFTER } from './core.ts';
import type { RelayCore } from './core.ts';
import type { Discovery } from './discovery.ts';
import { trackNameKey } from '../moqt/names.ts';
import { objectSize } from './object-cache.ts';
import type { Peer } from './peer.ts';
import type { Backfill, Subscribing } from './subscribing.ts';
import type { Upstream } from './track.ts';

const BROKEN: RequestRefusal = {
  code: RequestErrorCode.MALFORMED_TRACK,
  reason: 'this session sent two contents of one object',
};
const PUBLISHED: RequestRefusal = {
  code: RequestErrorCode.DUPLICATE_SUBSCRIPTION,
  reason: 'this session publishes the track already',
};
/** @see moqt-18 #multiple-publishers */
const TAKEN: RequestRefusal = {
  code: RequestErrorCode.UNINTERESTED,
  reason: 'another session publishes this track',
  retryAfter: RETRY_AFTER,
};

/** Takes tracks in. */
export class Publishing {
  readonly #core: RelayCore;
  readonly #subscribing: Subscribing;
  readonly #discovery: Discovery;
  readonly #backfill: Backfill;

  constructor(core: RelayCore, subscribing: Subscribing, discovery: Discovery, backfill: Backfill) {
    this.#core = core;
    this.#subscribing = subscribing;
    this.#discovery = discovery;
    this.#backfill = backfill;
  }

  /** A PUBLISH came. Any number of sessions may publish a track that is not exclusive. */
  publish(peer: Peer, request: IncomingRequest & { kind: 'publish' }): void {
    const { id, track: name, description } = request;
    const refuse = (refusal: RequestRefusal): void => {
      this.#core.counters.requestsRefused += 1;
      peer.useSession().reject(id, refusal);
    };
    const refusal = this.#core.refusal(peer, name.namespace, 'upstream', this.#core.limits.tracksPerSession);
    if (refusal !== undefined) {
      refuse(refusal);
      return;
    }
    if (peer.malformed.has(trackNameKey(name))) {
      refuse(BROKEN);
      return;
    }
    const track = this.#core.track(peer, name);
    const own = [...track.upstreams].find((upstream) => upstream.peer === peer);
    if (own?.state === 'established') {
      refuse(PUBLISHED);
      return;
    }
    if (track.isTakenFrom(peer)) {
      refuse(TAKEN);
      return;
    }
    if (own !== undefined) {
      // Our SUBSCRIBE and its PUBLISH crossed: the PUBLISH counts. @see moqt-18 #subscriptions
      peer.useSession().cancel(own.id);
      peer.release(own.id);
      track.removeUpstream(own);
    }
    const upstream: Upstream = {
      peer,
      id,
      track,
      origin: 'publish',
      state: 'established',
      forward: true,
      steered: !request.forward,
      open: new Set(),
      timer: undefined,
    };
    this.#core.requests.hold(peer, id, { kind: 'upstream', upstream });
    track.upstreams.add(upstream);
    track.describe(description);
    this.#discovery.offerToAll(track);
    upstream.forward = request.forward || track.wanted;
    peer.useSession().acceptPublish(id, { forward: upstream.forward });
    if (upstream.forward && request.forward) track.startsHere(description.largest);
    this.#subscribing.published(track);
    this.#backfill(upstream, description.largest);
  }

  /** An object came from a publisher. */
  object(upstream: Upstream, event: SessionEvent & { kind: 'object' }): void {
    const { counters, now } = this.#core;
    counters.objectsReceived += 1;
    counters.bytesReceived += objectSize(event.object);
    const reception = upstream.track.receive(upstream, event, now);
    if (reception.kind === 'duplicate') counters.objectsDuplicate += 1;
    if (reception.kind === 'ignored') counters.objectsIgnored += 1;
    if (reception.kind === 'malformed') this.#malformed(upstream, reception.reason);
  }

  /** A subgroup stream of a publisher ended. */
  subgroupEnd(upstream: Upstream, event: SessionEvent & { kind: 'subgroup-end' }): void {
    upstream.track.endSubgroup(upstream, event, this.#core.now);
  }

  /** PUBLISH_DONE and all that was sent before it came, the publisher cancelled, or its session is gone. */
  ended(upstream: Upstream): void {
    if (upstream.state === 'ended') return;
    this.#subscribing.lost(upstream, PublishDoneCode.TRACK_ENDED, 'its publisher is gone');
  }

  /**
   * The publisher broke the track: it is cut off and what came first stays. Where nobody else publishes the track the
   * subscriptions end too.
   * @see moqt-18 #malformed-tracks
   */
  #malformed(upstream: Upstream, reason: string): void {
    const { peer, track } = upstream;
    this.#core.counters.tracksMalformed += 1;
    peer.malformed.add(track.key);
    peer.useSession().cancel(upstream.id);
    this.#subscribing.lost(upstream, PublishDoneCode.MALFORMED_TRACK, reason);
  }
}

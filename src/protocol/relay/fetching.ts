/** FETCH and TRACK_STATUS: answered from what the relay has, or by a publisher. @see moqt-18 #fetch-handling */
import { RequestErrorCode } from '../moqt/codes.ts';
import { endAfter, fetchEnd, lastIncluded, ORIGIN } from '../moqt/locations.ts';
import { compareLocations } from '../moqt/model.ts';
import type { Location, RequestId } from '../moqt/model.ts';
import type { IncomingRequest, RequestRefusal } from '../moqt/session-api.ts';
import type { RelayCore } from './core.ts';
import { FetchJob, cachedItems } from './fetch-job.ts';
import type { FetchSink } from './fetch-job.ts';
import { trackNameKey } from '../moqt/names.ts';
import type { Peer } from './peer.ts';
import type { Track, Upstream } from './track.ts';

type FetchRequest = IncomingRequest & { kind: 'fetch' };

const NOT_PUBLISHED: RequestRefusal = {
  code: RequestErrorCode.DOES_NOT_EXIST,
  reason: 'nobody publishes this track',
};
const NOTHING_THERE: RequestRefusal = {
  code: RequestErrorCode.INVALID_RANGE,
  reason: 'nothing published there',
};

/** Answers FETCH and TRACK_STATUS. */
export class Fetching {
  readonly #core: RelayCore;

  constructor(core: RelayCore) {
    this.#core = core;
  }

  /** A FETCH came, a joining one with its range resolved. */
  fetch(peer: Peer, request: FetchRequest): void {
    const { id, track: name } = request;
    const refusal = this.#core.refusal(peer, name.namespace, 'fetch', this.#core.limits.fetchesPerSession);
    if (refusal !== undefined) {
      this.#core.counters.requestsRefused += 1;
      peer.useSession().reject(id, refusal);
      return;
    }
    const job = new FetchJob(peer, id, request.subscriberPriority);
    this.#core.requests.hold(peer, id, { kind: 'fetch', job });
    const track = this.#core.scopeOf(peer).tracks.get(trackNameKey(name));
    if (track !== undefined && track.backfills.size > 0) {
      track.afterBackfill.push(() => this.#answer(job, request, track));
    } else {
      this.#answer(job, request, track);
    }
  }

  /** A TRACK_STATUS came. @see moqt-18 #message-track-status */
  trackStatus(peer: Peer, request: IncomingRequest & { kind: 'track-status' }): void {
    const { id, track: name } = request;
    const refusal = this.#core.refusal(
      peer,
      name.namespace,
      'upstream-status',
      this.#core.limits.fetchesPerSession,
    );
    const track = this.#core.scopeOf(peer).tracks.get(trackNameKey(name));
    if (refusal === undefined && track?.available === true) {
      peer.useSession().acceptTrackStatus(id, track.description);
      return;
    }
    const [publisher] = this.#core.scopeOf(peer).publishersOf(name);
    if (refusal !== undefined || publisher === undefined || !this.#core.mayRequest(publisher)) {
      this.#core.counters.requestsRefused += 1;
      peer.useSession().reject(id, refusal ?? NOT_PUBLISHED);
      return;
    }
    this.#core.requests.hold(publisher, publisher.useSession().trackStatus(name), {
      kind: 'upstream-status',
      answer: { peer, id },
    });
  }

  /**
   * Fetches what a publisher of a kept track had published before it came here, so that late arrivals find it here
   * though the relay was not there, or was restarted.
   */
  backfill(upstream: Upstream): void {
    const { track, peer } = upstream;
    const { largest } = track;
    if (!track.treatment.kept || largest === undefined || track.covers(ORIGIN, largest)) return;
    if (!this.#core.mayRequest(peer)) return;
    const sink: FetchSink = {
      accepted: () => undefined,
      object: (object, now) => {
        track.cache.add(object, `${peer.id}`, now);
      },
      gap: () => undefined,
      ended: () => this.#backfilled(track, sink),
      refused: () => this.#backfilled(track, sink),
    };
    track.backfills.add(sink);
    this.#ask(peer, { track: track.name, start: ORIGIN, end: endAfter(largest) }, sink);
  }

  #backfilled(track: Track, sink: FetchSink): void {
    track.backfills.delete(sink);
    if (track.backfills.size > 0) return;
    track.startsAt(ORIGIN);
    const waiting = track.afterBackfill;
    track.afterBackfill = [];
    for (const answer of waiting) answer();
    this.#core.reap(track);
  }

  #answer(job: FetchJob, request: FetchRequest, track: Track | undefined): void {
    if (job.over) return;
    const last = lastIncluded(request.end);
    const publishers = this.#publishers(job.peer, request, track);
    if (track?.largest !== undefined) {
      const { largest } = track;
      const beyond = compareLocations(last, largest) > 0;
      const covered = track.covers(request.start, beyond ? largest : last);
      if (
        covered ||
        (track.treatment.kept && !track.cache.empty) ||
        (publishers.length === 0 && track.available)
      ) {
        this.#serve(job, request, track, largest, beyond ? largest : last);
        return;
      }
    }
    if (publishers.length > 0) {
      this.#core.counters.fetchesFromPublisher += 1;
      this.#relay(job, request, publishers, NOT_PUBLISHED);
    } else {
      this.#core.counters.requestsRefused += 1;
      job.reject(track?.available === true ? NOTHING_THERE : NOT_PUBLISHED);
    }
  }

  #serve(job: FetchJob, request: FetchRequest, track: Track, largest: Location, last: Location): void {
    if (compareLocations(request.start, largest) > 0) {
      this.#core.counters.requestsRefused += 1;
      job.reject(NOTHING_THERE);
      return;
    }
    this.#core.counters.fetchesFromCache += 1;
    const { endOfTrack } = track.cache;
    job.accept(
      fetchEnd(request.end, largest),
      endOfTrack !== undefined && compareLocations(last, endOfTrack) >= 0,
    );
    job.serve(cachedItems(track.cache, request.start, last, request.groupOrder));
  }

  /** Asks one publisher after the other until one accepts. */
  #relay(job: FetchJob, request: FetchRequest, publishers: readonly Peer[], refusal: RequestRefusal): void {
    const [publisher, ...others] = publishers;
    if (publisher === undefined) {
      this.#core.counters.requestsRefused += 1;
      job.reject(refusal);
      return;
    }
    const { fetchBacklogBytes } = this.#core.limits;
    const cancel = this.#ask(publisher, request, {
      accepted: (end, endOfTrack) => {
        job.accept(end, endOfTrack);
      },
      object: (object) => {
        job.push({ kind: 'object', object });
        if (job.queuedBytes > fetchBacklogBytes) job.fallBehind();
      },
      gap: (end, known) => {
        job.push({ kind: 'gap', end, known });
      },
      ended: (complete, code) => {
        job.cancelUpstream = undefined;
        job.push(complete ? { kind: 'end' } : { kind: 'reset', code });
      },
      refused: (reason) => {
        job.cancelUpstream = undefined;
        if (!job.over) this.#relay(job, request, others, reason);
      },
    });
    job.cancelUpstream = cancel;
  }

  /** Sends a FETCH. @returns how to cancel it. */
  #ask(
    peer: Peer,
    range: Pick<FetchRequest, 'track' | 'start' | 'end'> & Partial<Pick<FetchRequest, 'groupOrder'>>,
    sink: FetchSink,
  ): () => void {
    const { track, start, end, groupOrder } = range;
    const id: RequestId = peer
      .useSession()
      .fetch({ kind: 'standalone', track, start, end }, groupOrder === undefined ? {} : { groupOrder });
    const release = (): void => {
      patience.cancel();
      peer.release(id);
    };
    const patience = this.#core.timers.schedule(this.#core.after(this.#core.limits.upstreamAnswer), () => {
      if (peer.closed) return;
      peer.useSession().cancel(id);
      release();
      sink.refused({ code: RequestErrorCode.TIMEOUT, reason: 'the publisher does not answer' });
    });
    this.#core.requests.hold(peer, id, {
      kind: 'upstream-fetch',
      sink: {
        accepted: (...answer) => {
          patience.cancel();
          sink.accepted(...answer);
        },
        object: sink.object.bind(sink),
        gap: sink.gap.bind(sink),
        ended: (...how) => {
          release();
          sink.ended(...how);
        },
        refused: (why) => {
          release();
          sink.refused(why);
        },
      },
    });
    return () => {
      release();
      if (!peer.closed) peer.useSession().cancel(id);
    };
  }

  /** Sessions to fetch a track from: those that publish it, then those that announced its namespace; the asker last. */
  #publishers(asker: Peer, request: FetchRequest, track: Track | undefined): Peer[] {
    const peers = new Set<Peer>();
    for (const { peer, state } of track?.upstreams ?? []) if (state === 'established') peers.add(peer);
    for (const peer of this.#core.scopeOf(asker).publishersOf(request.track)) peers.add(peer);
    const able = [...peers].filter((peer) => !peer.closed && this.#core.mayRequest(peer));
    return able.sort((a, b) => Number(a === asker) - Number(b === asker));
  }
}

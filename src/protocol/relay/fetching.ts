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
    if (track !== undefined && this.#awaitsBackfill(track)) this.#answerLater(job, request, track);
    else this.#answer(job, request, track);
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
   * @param largest - up to where, as it says.
   */
  backfill(upstream: Upstream, largest: Location | undefined): void {
    const { track, peer } = upstream;
    if (!track.treatment.kept || largest === undefined || track.covers(ORIGIN, largest)) return;
    if (track.backfills.has(peer) || !this.#core.mayRequest(peer)) return;
    const ended = (complete: boolean): void => {
      deadline.cancel();
      if (!track.backfills.delete(peer)) return;
      if (complete) track.backfilled();
      if (track.backfills.size === 0) for (const answer of [...track.afterBackfill]) answer();
      this.#core.reap(track);
    };
    const sink: FetchSink = {
      accepted: () => undefined,
      object: (object, now) => {
        if (compareLocations(object.location, largest) <= 0) track.refill(upstream, object, now);
      },
      gap: () => undefined,
      ended,
      refused: () => {
        ended(false);
      },
    };
    track.backfills.add(peer);
    const cancel = this.#ask(peer, { track: track.name, start: ORIGIN, end: endAfter(largest) }, sink);
    // For all of it: a publisher that begins to answer need not come to an end.
    const deadline = this.#core.timers.schedule(this.#core.after(this.#core.limits.backfill), () => {
      cancel();
      ended(false);
    });
  }

  /** Whether more may come: where several write, only while the relay may have been there for less long than they. */
  #awaitsBackfill(track: Track): boolean {
    if (track.backfills.size === 0) return false;
    return !track.treatment.firstWins || this.#core.now < track.since + this.#core.limits.backfill;
  }

  /** Answers when publishers have given what they had, but does not wait for them for long. */
  #answerLater(job: FetchJob, request: FetchRequest, track: Track): void {
    const { backfillPatience, waitingFetchesPerTrack } = this.#core.limits;
    const forget = (): void => {
      patience.cancel();
      track.afterBackfill.delete(answer);
    };
    const answer = (): void => {
      forget();
      job.whenDropped = undefined;
      this.#answer(job, request, track);
    };
    const patience = this.#core.timers.schedule(this.#core.after(backfillPatience), answer);
    if (track.afterBackfill.size >= waitingFetchesPerTrack) {
      answer();
      return;
    }
    track.afterBackfill.add(answer);
    job.whenDropped = forget;
  }

  #answer(job: FetchJob, request: FetchRequest, track: Track | undefined): void {
    if (job.over) return;
    const asked = lastIncluded(request.end);
    // Where several write no publisher answers for the others: what each of them had was fetched when it came.
    const isShared = track?.treatment.firstWins === true;
    const publishers = isShared ? [] : this.#publishers(job.peer, request, track);
    if (track?.largest !== undefined) {
      const { largest } = track;
      const last = compareLocations(asked, largest) > 0 ? largest : asked;
      const isKept = track.treatment.kept && !track.cache.empty;
      const isAlone = publishers.length === 0 && track.available;
      if (isKept || isAlone || track.covers(request.start, last)) {
        this.#serve(job, request, track, largest, last);
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
        job.whenDropped = undefined;
        job.push(complete ? { kind: 'end' } : { kind: 'reset', code });
      },
      refused: (reason) => {
        job.whenDropped = undefined;
        if (!job.over) this.#relay(job, request, others, reason);
      },
    });
    job.whenDropped = cancel;
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

/** The requests that are open on the relay's sessions, of either side. */
import type { RequestId } from '../moqt/model.ts';
import type { Downstream } from './downstream.ts';
import type { FetchJob, FetchSink } from './fetch-job.ts';
import type { Peer } from './peer.ts';
import type { Announcement, NamespaceSubscription, TracksSubscription } from './scope.ts';
import type { Track, Upstream } from './track.ts';

/** An open request and who deals with it. */
export type OpenRequest =
  | { readonly kind: 'upstream'; readonly upstream: Upstream }
  | { readonly kind: 'downstream'; readonly downstream: Downstream<Track> }
  | { readonly kind: 'fetch'; readonly job: FetchJob }
  | { readonly kind: 'upstream-fetch'; readonly sink: FetchSink }
  | { readonly kind: 'announcement'; readonly announcement: Announcement }
  | { readonly kind: 'namespace-subscription'; readonly subscription: NamespaceSubscription }
  | { readonly kind: 'tracks-subscription'; readonly subscription: TracksSubscription }
  | { readonly kind: 'upstream-status'; readonly answer: StatusAnswer };

/** Whoever waits for a TRACK_STATUS that the relay sent on. */
export interface StatusAnswer {
  readonly peer: Peer;
  readonly id: RequestId;
}

/** Finds requests by session and Request ID. */
export class OpenRequests {
  readonly #byPeer = new Map<
    Peer,
    { readonly requests: Map<RequestId, OpenRequest>; readonly counts: Map<OpenRequest['kind'], number> }
  >();

  hold(peer: Peer, id: RequestId, request: OpenRequest): void {
    let open = this.#byPeer.get(peer);
    if (open === undefined) {
      open = { requests: new Map(), counts: new Map() };
      this.#byPeer.set(peer, open);
    }
    open.requests.set(id, request);
    open.counts.set(request.kind, (open.counts.get(request.kind) ?? 0) + 1);
  }

  get(peer: Peer, id: RequestId): OpenRequest | undefined {
    return this.#byPeer.get(peer)?.requests.get(id);
  }

  /** How many are open on a session, of one kind or of all. */
  count(peer: Peer, kind?: OpenRequest['kind']): number {
    const open = this.#byPeer.get(peer);
    if (open === undefined) return 0;
    return kind === undefined ? open.requests.size : (open.counts.get(kind) ?? 0);
  }

  /** Forgets a request that is over; not an error when it is forgotten already. */
  release(peer: Peer, id: RequestId): void {
    const open = this.#byPeer.get(peer);
    const request = open?.requests.get(id);
    if (open === undefined || request === undefined) return;
    open.requests.delete(id);
    open.counts.set(request.kind, (open.counts.get(request.kind) ?? 0) - 1);
    if (open.requests.size === 0) this.#byPeer.delete(peer);
  }

  /** All that are open on a session. */
  of(peer: Peer): OpenRequest[] {
    return [...(this.#byPeer.get(peer)?.requests.values() ?? [])];
  }

  forget(peer: Peer): void {
    this.#byPeer.delete(peer);
  }
}

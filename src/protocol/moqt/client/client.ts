/** A MOQT client over a session: requests with their answers, subscriptions, publications, and our own tracks' origin. */
import { unreachable } from '../../errors.ts';
import { Pending } from '../../tasks.ts';
import { PublishDoneCode, RequestErrorCode } from '../codes.ts';
import { endAfter } from '../locations.ts';
import type { FullTrackName, Location, RequestId, TrackNamespace } from '../model.ts';
import { hasPrefix } from '../names.ts';
import type {
  IncomingRequest,
  MoqtSession,
  RequestRefusal,
  SessionEvent,
  SubscribeParameters,
  TrackDescription,
} from '../session-api.ts';
import type {
  Fetch,
  Gone,
  Lasting,
  MoqtClient,
  Owned,
  PublicationOwner,
  PublishOffer,
  PublishOutcome,
  Refused,
  SubscribeOutcome,
  SubscriptionOwner,
  TrackOrigin,
} from './client-api.ts';
import { RunningFetch } from './fetching.ts';
import { HeldSubscriptions } from './held-subscriptions.ts';
import { answerByOrigin } from './origin-answers.ts';
import { SentPublication } from './sent-publication.ts';

/** Events that accept a request. */
type Accepted = Extract<
  SessionEvent,
  { kind: 'subscribe-ok' | 'publish-ok' | 'request-ok' | 'track-status-ok' }
>;
/** Takes the answer to a request. */
type Answered = (answer: { readonly kind: 'accepted'; readonly event: Accepted } | Refused | Gone) => void;

interface NamespaceOwner {
  namespace(suffix: TrackNamespace): void;
  namespaceDone(suffix: TrackNamespace): void;
}

/** A client of one session. Whoever owns the session feeds it the session's events. */
export class SessionClient implements MoqtClient {
  readonly #session: MoqtSession;
  readonly #origin: TrackOrigin | undefined;
  #peerImplementation: string | undefined;
  #over = false;
  readonly #answers: Owned<Answered> = new Map();
  readonly #subscriptions: HeldSubscriptions;
  readonly #publications: Owned<SentPublication> = new Map();
  readonly #fetches: Owned<RunningFetch> = new Map();
  readonly #offers: Owned<{ prefix: TrackNamespace; offered: (offer: PublishOffer) => void }> = new Map();
  readonly #namespaces: Owned<NamespaceOwner> = new Map();

  /** @param origin - answers the peer's SUBSCRIBE, FETCH and TRACK_STATUS; without it they are refused. */
  constructor(session: MoqtSession, origin: TrackOrigin | undefined) {
    this.#session = session;
    this.#origin = origin;
    this.#subscriptions = new HeldSubscriptions(session);
  }

  get peerImplementation(): string | undefined {
    return this.#peerImplementation;
  }

  subscribe(
    track: FullTrackName,
    parameters: SubscribeParameters,
    owner: SubscriptionOwner,
  ): Pending<SubscribeOutcome> {
    if (this.#over) return Pending.of<SubscribeOutcome>({ kind: 'gone' });
    const id = this.#session.subscribe(track, parameters);
    this.#subscriptions.follow(id, owner);
    return this.#outcome(id, ({ event }): SubscribeOutcome => {
      const description = event.kind === 'subscribe-ok' ? event.description : {};
      return { kind: 'subscribed', subscription: this.#subscriptions.subscription(id, track, description) };
    });
  }

  subscribeTracks(
    prefix: TrackNamespace,
    options: { readonly forward: boolean },
    offered: (offer: PublishOffer) => void,
  ): Pending<Lasting<'subscribed'> | Refused | Gone> {
    if (this.#over) return Pending.of<Lasting<'subscribed'> | Refused | Gone>({ kind: 'gone' });
    const id = this.#session.subscribeTracks(prefix, options);
    // Offers may overtake the answer.
    this.#offers.set(id, { prefix, offered });
    return this.#lasting(id, 'subscribed');
  }

  subscribeNamespace(
    prefix: TrackNamespace,
    owner: NamespaceOwner,
  ): Pending<Lasting<'subscribed'> | Refused | Gone> {
    if (this.#over) return Pending.of<Lasting<'subscribed'> | Refused | Gone>({ kind: 'gone' });
    const id = this.#session.subscribeNamespace(prefix);
    this.#namespaces.set(id, owner);
    return this.#lasting(id, 'subscribed');
  }

  publishNamespace(namespace: TrackNamespace): Pending<Lasting<'published'> | Refused | Gone> {
    if (this.#over) return Pending.of<Lasting<'published'> | Refused | Gone>({ kind: 'gone' });
    return this.#lasting(this.#session.publishNamespace(namespace), 'published');
  }

  publish(
    track: FullTrackName,
    options: { readonly forward: boolean; readonly description: TrackDescription },
    owner: PublicationOwner,
  ): Pending<PublishOutcome> {
    if (this.#over) return Pending.of<PublishOutcome>({ kind: 'gone' });
    const id = this.#session.publish(track, options);
    const publication = this.#publication(id, track, options.forward);
    publication.follow(owner);
    return this.#outcome(id, ({ event }): PublishOutcome => {
      if (event.kind === 'publish-ok') publication.accepted(event.parameters);
      this.#publications.set(id, publication);
      return { kind: 'published', publication };
    });
  }

  fetch(track: FullTrackName, start: Location, end: Location, maxBytes: number): Fetch {
    const running = new RunningFetch(maxBytes);
    if (this.#over) {
      running.fail({ kind: 'gone' });
      return { outcome: running.outcome, giveUp: () => undefined };
    }
    const id = this.#session.fetch({
      kind: 'standalone',
      track,
      start,
      end: end.object === 0n ? end : endAfter(end),
    });
    this.#fetches.set(id, running);
    return {
      outcome: running.outcome,
      giveUp: () => {
        this.#giveUpFetch(id);
      },
    };
  }

  /** Takes an event of the session. */
  receive(event: SessionEvent): void {
    switch (event.kind) {
      case 'ready':
        this.#peerImplementation = event.peerImplementation;
        return;
      case 'request':
        this.#request(event.request);
        return;
      case 'subscribe-ok':
      case 'publish-ok':
      case 'request-ok':
      case 'track-status-ok':
        this.#settle(event.id, { kind: 'accepted', event });
        return;
      case 'request-error':
        this.#refused(event.id, event.refusal);
        return;
      case 'request-cancelled':
        this.#ended(event.id, 'cancelled by the peer');
        return;
      case 'publish-done':
        this.#subscriptions.done(event.id, event.code, event.reason);
        return;
      case 'subscription-updated':
        this.#publications.get(event.id)?.update(event.parameters);
        return;
      case 'object':
        this.#subscriptions.ownerOf(event.id)?.object(event.object);
        return;
      case 'subgroup-end':
        this.#subscriptions.ownerOf(event.id)?.subgroupEnd?.(event.group, event.subgroup, event.complete);
        return;
      case 'namespace':
        this.#namespaces.get(event.id)?.namespace(event.suffix);
        return;
      case 'namespace-done':
        this.#namespaces.get(event.id)?.namespaceDone(event.suffix);
        return;
      case 'fetch-ok':
      case 'fetch-object':
      case 'fetch-gap':
      case 'fetch-end':
        if (this.#fetches.get(event.id)?.receive(event) === false) this.#giveUpFetch(event.id);
        if (event.kind === 'fetch-end') this.#fetches.delete(event.id);
        return;
      case 'closed':
        this.#close(event.reason === '' ? `closed by ${event.by}` : event.reason);
        return;
      // The owner of the session follows GOAWAY; the rest is for whoever sends much more than a client does.
      case 'goaway':
      case 'publish-blocked':
      case 'request-goaway':
      case 'subgroup-drained':
      case 'fetch-drained':
        return;
      default:
        unreachable(event);
    }
  }

  /**
   * Tells the owners of subscriptions that were accepted too late of their end; to be called after the session's events.
   * @returns whether there was any.
   */
  drain(): boolean {
    return this.#subscriptions.drain();
  }

  /** The outcome of a request; `accepted` runs before any later event is looked at. */
  #outcome<Outcome>(
    id: RequestId,
    accepted: (answer: { readonly event: Accepted }) => Outcome,
  ): Pending<Outcome | Refused | Gone> {
    const outcome = new Pending<Outcome | Refused | Gone>();
    this.#answers.set(id, (answer) => {
      if (answer.kind !== 'accepted') this.#forget(id);
      outcome.settle(answer.kind === 'accepted' ? accepted(answer) : answer);
    });
    return outcome;
  }

  #lasting<Kind extends string>(id: RequestId, kind: Kind): Pending<Lasting<Kind> | Refused | Gone> {
    return this.#outcome(id, (): Lasting<Kind> => ({ kind, cancel: this.#canceller(id) }));
  }

  /** Gives the answer to a request. @returns false when nobody waited. */
  #settle(id: RequestId, answer: Parameters<Answered>[0]): boolean {
    const answered = this.#answers.get(id);
    this.#answers.delete(id);
    answered?.(answer);
    return answered !== undefined;
  }

  #refused(id: RequestId, refusal: RequestRefusal): void {
    const refused = { kind: 'refused', refusal } as const;
    if (this.#settle(id, refused)) return;
    this.#fetches.get(id)?.fail(refused);
    this.#fetches.delete(id);
  }

  /** A request of ours or a subscription to us has ended without a word of why that its owner could go by. */
  #ended(id: RequestId, reason: string): void {
    const refusal = { code: RequestErrorCode.INTERNAL_ERROR, reason };
    // Where nobody has been given a handle yet, the answer says it all.
    if (this.#settle(id, { kind: 'refused', refusal })) return;
    this.#fetches.get(id)?.breakOff();
    this.#fetches.delete(id);
    const publication = this.#publications.get(id);
    this.#subscriptions.done(id, PublishDoneCode.INTERNAL_ERROR, reason);
    this.#forget(id);
    publication?.end(reason);
  }

  #giveUpFetch(id: RequestId): void {
    const fetch = this.#fetches.get(id);
    if (fetch === undefined) return;
    this.#fetches.delete(id);
    this.#session.cancel(id);
    fetch.breakOff();
  }

  #forget(id: RequestId): void {
    this.#subscriptions.forget(id);
    this.#publications.delete(id);
    this.#namespaces.delete(id);
    this.#offers.delete(id);
  }

  #canceller(id: RequestId): () => void {
    return () => {
      this.#forget(id);
      if (!this.#over) this.#session.cancel(id);
    };
  }

  #publication(id: RequestId, track: FullTrackName, forwarding: boolean): SentPublication {
    return new SentPublication(this.#session, id, track, forwarding, () => this.#publications.delete(id));
  }

  #request(request: IncomingRequest): void {
    if (request.kind === 'publish') {
      this.#offer(request);
      return;
    }
    const origin = this.#origin;
    if (origin === undefined) {
      const refusal = { code: RequestErrorCode.NOT_SUPPORTED, reason: 'this client publishes nothing' };
      this.#session.reject(request.id, refusal);
      return;
    }
    const publication = answerByOrigin(this.#session, origin, request, (id, track, forwarding) =>
      this.#publication(id, track, forwarding),
    );
    if (publication === undefined) return;
    this.#publications.set(request.id, publication);
    publication.follow(origin.subscribed(publication));
  }

  /** Hands a PUBLISH to whoever asked for tracks of its namespace. */
  #offer(request: Extract<IncomingRequest, { kind: 'publish' }>): void {
    for (const { prefix, offered } of this.#offers.values()) {
      if (!hasPrefix(request.track.namespace, prefix)) continue;
      offered(this.#subscriptions.offer(request));
      return;
    }
    const refusal = { code: RequestErrorCode.UNINTERESTED, reason: 'nobody asked for this track' };
    this.#session.reject(request.id, refusal);
  }

  /** The session is gone: every owner is told. */
  #close(reason: string): void {
    this.#over = true;
    for (const id of [...this.#answers.keys()]) this.#settle(id, { kind: 'gone' });
    for (const fetch of this.#fetches.values()) fetch.fail({ kind: 'gone' });
    this.#fetches.clear();
    this.#subscriptions.close(reason);
    const publications = [...this.#publications.values()];
    this.#publications.clear();
    for (const publication of publications) publication.end(reason);
    this.#namespaces.clear();
    this.#offers.clear();
  }
}

import { fetchRequest } from './client-fetch.ts';
import type { FetchState } from './client-fetch.ts';
import { unreachable } from '../../protocol/errors.ts';
import { PublishDoneCode, RequestErrorCode, StreamCode } from '../../protocol/moqt/codes.ts';
import type { FullTrackName, Location, RequestId, TrackNamespace } from '../../protocol/moqt/model.ts';
import { hasPrefix } from '../../protocol/moqt/names.ts';
import type {
  IncomingRequest,
  MoqtSession,
  RequestRefusal,
  SessionEvent,
  SubscribeParameters,
  TrackDescription,
} from '../../protocol/moqt/session-api.ts';
import type { TransportSession } from '../../protocol/moqt/transport.ts';
import type {
  ConnectOutcome,
  FetchOutcome,
  Gone,
  MoqtClient,
  Publication,
  PublicationCallbacks,
  PublishOffer,
  Refused,
  Subscription,
  SubscriptionCallbacks,
  TrackOrigin,
} from './client-api.ts';
import { answerByOrigin } from './origin-answers.ts';
import { PendingAnswers } from './pending-answers.ts';
import type { Accepted, Answer } from './pending-answers.ts';
import { SentPublication } from './sent-publication.ts';
import type { Clock, SessionPump } from './session-pump.ts';

type Closed = { code: number; reason: string; by: string; clause?: string };

/** The promises and callbacks of {@link MoqtClient}, over a session and its pump. */
export class Client implements MoqtClient {
  readonly ready: Promise<ConnectOutcome>;
  readonly closed: Promise<Closed>;
  readonly #session: MoqtSession;
  readonly #transport: TransportSession;
  readonly #origin: TrackOrigin | undefined;
  readonly #clock: Clock;
  #pump: SessionPump | undefined;
  #peerImplementation: string | undefined;
  #settleReady: (outcome: ConnectOutcome) => void = () => undefined;
  #settleClosed: (closed: Closed) => void = () => undefined;
  #over = false;

  readonly #answers = new PendingAnswers();
  readonly #subscriptions = new Map<RequestId, SubscriptionCallbacks>();
  readonly #publications = new Map<RequestId, SentPublication>();
  readonly #fetches = new Map<RequestId, FetchState>();
  readonly #offers = new Map<RequestId, { prefix: TrackNamespace; offered: (offer: PublishOffer) => void }>();
  readonly #namespaces = new Map<
    RequestId,
    { namespace(suffix: TrackNamespace): void; namespaceDone(suffix: TrackNamespace): void }
  >();
  /** PUBLISH_NAMESPACEs, with who is told of their end. */
  readonly #published = new Map<RequestId, (reason: string) => void>();
  readonly #goaway: ((uri: string) => void)[] = [];

  constructor(
    session: MoqtSession,
    transport: TransportSession,
    origin: TrackOrigin | undefined,
    clock: Clock,
  ) {
    this.#session = session;
    this.#transport = transport;
    this.#origin = origin;
    this.#clock = clock;
    this.ready = new Promise((resolve) => (this.#settleReady = resolve));
    this.closed = new Promise((resolve) => (this.#settleClosed = resolve));
  }

  get peerImplementation(): string | undefined {
    return this.#peerImplementation;
  }

  /** Tells which pump carries out what calls from outside want done. */
  attach(pump: SessionPump): void {
    this.#pump = pump;
  }

  async subscribe(
    track: FullTrackName,
    parameters: SubscribeParameters,
    callbacks: SubscriptionCallbacks,
  ): Promise<{ kind: 'subscribed'; subscription: Subscription } | Refused | Gone> {
    if (this.#over) return { kind: 'gone' };
    const id = this.#session.subscribe(track, parameters);
    this.#subscriptions.set(id, callbacks);
    const answer = await this.#answer(id);
    if (answer.kind !== 'accepted') {
      this.#subscriptions.delete(id);
      return answer;
    }
    const description = answer.event.kind === 'subscribe-ok' ? answer.event.description : {};
    return { kind: 'subscribed', subscription: this.#subscription(id, track, description) };
  }

  async subscribeTracks(
    prefix: TrackNamespace,
    options: { forward: boolean },
    offered: (offer: PublishOffer) => void,
  ): Promise<{ kind: 'subscribed'; cancel(): void } | Refused | Gone> {
    if (this.#over) return { kind: 'gone' };
    const id = this.#session.subscribeTracks(prefix, options);
    // Offers may overtake the answer.
    this.#offers.set(id, { prefix, offered });
    const answer = await this.#answer(id);
    if (answer.kind === 'accepted') return { kind: 'subscribed', cancel: this.#canceller(id) };
    this.#offers.delete(id);
    return answer;
  }

  async subscribeNamespace(
    prefix: TrackNamespace,
    callbacks: { namespace(suffix: TrackNamespace): void; namespaceDone(suffix: TrackNamespace): void },
  ): Promise<{ kind: 'subscribed'; cancel(): void } | Refused | Gone> {
    if (this.#over) return { kind: 'gone' };
    const id = this.#session.subscribeNamespace(prefix);
    this.#namespaces.set(id, callbacks);
    const answer = await this.#answer(id);
    if (answer.kind === 'accepted') return { kind: 'subscribed', cancel: this.#canceller(id) };
    this.#namespaces.delete(id);
    return answer;
  }

  async publishNamespace(
    namespace: TrackNamespace,
    cancelled: (reason: string) => void,
  ): Promise<{ kind: 'published'; cancel(): void } | Refused | Gone> {
    if (this.#over) return { kind: 'gone' };
    const id = this.#session.publishNamespace(namespace);
    const answer = await this.#answer(id, () => this.#published.set(id, cancelled));
    return answer.kind === 'accepted' ? { kind: 'published', cancel: this.#canceller(id) } : answer;
  }

  async publish(
    track: FullTrackName,
    options: { forward: boolean; description: TrackDescription },
    callbacks: PublicationCallbacks,
  ): Promise<{ kind: 'published'; publication: Publication } | Refused | Gone> {
    if (this.#over) return { kind: 'gone' };
    const id = this.#session.publish(track, options);
    const publication = this.#sentPublication(id, track, options.forward);
    publication.follow(callbacks);
    const answer = await this.#answer(id, (event) => {
      if (event.kind === 'publish-ok') publication.forwarding = event.parameters.forward ?? true;
      this.#publications.set(id, publication);
    });
    return answer.kind === 'accepted' ? { kind: 'published', publication } : answer;
  }

  fetch(
    track: FullTrackName,
    start: Location,
    end: Location,
    options: { timeoutMs: number; maxBytes: number },
  ): Promise<FetchOutcome> {
    if (this.#over) return Promise.resolve({ kind: 'gone' });
    const { id, state, outcome } = fetchRequest(
      this.#session,
      this.#clock,
      { track, start, end },
      options,
      () => {
        this.#fetches.delete(id);
        this.#flush();
      },
    );
    this.#fetches.set(id, state);
    this.#flush();
    return outcome;
  }

  queuedBytes(): number {
    return this.#transport.queuedBytes();
  }

  onGoaway(callback: (uri: string) => void): void {
    this.#goaway.push(callback);
  }

  close(code: number, reason: string): void {
    this.#session.close(code, reason);
    this.#flush();
  }

  /** Takes an event of the session. */
  receive(event: SessionEvent): void {
    switch (event.kind) {
      case 'ready':
        this.#peerImplementation = event.peerImplementation;
        this.#settleReady({ kind: 'connected', client: this });
        return;
      case 'request':
        this.#request(event.request);
        return;
      case 'subscribe-ok':
      case 'publish-ok':
      case 'request-ok':
      case 'track-status-ok':
        this.#answers.settle(event.id, { kind: 'accepted', event });
        return;
      case 'request-error':
        this.#refused(event.id, event.refusal);
        return;
      case 'request-cancelled':
        this.#ended(event.id, 'cancelled by the peer');
        return;
      case 'publish-done':
        this.#subscriptions.get(event.id)?.done(event.code, event.reason);
        this.#subscriptions.delete(event.id);
        return;
      case 'subscription-updated':
        this.#publications.get(event.id)?.update(event.parameters);
        return;
      case 'object':
        this.#subscriptions.get(event.id)?.object(event.object);
        return;
      case 'subgroup-end':
        this.#subscriptions.get(event.id)?.subgroupEnd?.(event.group, event.subgroup, event.complete);
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
        this.#fetches.get(event.id)?.receive(event);
        return;
      case 'goaway':
        for (const callback of this.#goaway) callback(event.uri);
        return;
      case 'closed':
        this.#close(event);
        return;
      case 'publish-blocked':
      case 'request-goaway':
      case 'subgroup-drained':
      case 'fetch-drained':
        return;
      default:
        unreachable(event);
    }
  }

  #flush(): void {
    this.#pump?.flush();
  }

  /**
   * Waits for the answer to a request.
   * @param accepted - runs when it is accepted, before any later event is looked at.
   */
  #answer(id: RequestId, accepted?: (event: Accepted) => void): Promise<Answer> {
    const answer = this.#answers.wait(id, accepted);
    this.#flush();
    return answer;
  }

  #refused(id: RequestId, refusal: RequestRefusal): void {
    const refused = { kind: 'refused', refusal } as const;
    if (!this.#answers.settle(id, refused)) this.#fetches.get(id)?.stop(refused);
  }

  /** A request of ours or a subscription to us has ended without a word of why that its owner could go by. */
  #ended(id: RequestId, reason: string): void {
    const refusal = { code: RequestErrorCode.INTERNAL_ERROR, reason };
    if (this.#answers.settle(id, { kind: 'refused', refusal })) {
      // Nobody has been given a handle yet: the answer says it all.
      this.#forget(id);
      return;
    }
    const code = StreamCode.CANCELLED;
    this.#fetches.get(id)?.receive({ kind: 'fetch-end', id, complete: false, code });
    const subscription = this.#subscriptions.get(id);
    const publication = this.#publications.get(id);
    const published = this.#published.get(id);
    this.#forget(id);
    subscription?.done(PublishDoneCode.INTERNAL_ERROR, reason);
    publication?.end(reason);
    published?.(reason);
  }

  #forget(id: RequestId): void {
    this.#subscriptions.delete(id);
    this.#publications.delete(id);
    this.#published.delete(id);
    this.#namespaces.delete(id);
    this.#offers.delete(id);
  }

  #canceller(id: RequestId): () => void {
    return () => {
      this.#forget(id);
      this.#session.cancel(id);
      this.#flush();
    };
  }

  #subscription(id: RequestId, track: FullTrackName, description: TrackDescription): Subscription {
    return {
      track,
      description,
      update: (parameters) => {
        this.#session.updateSubscription(id, parameters);
        this.#flush();
      },
      cancel: this.#canceller(id),
    };
  }

  #sentPublication(id: RequestId, track: FullTrackName, forwarding: boolean): SentPublication {
    return new SentPublication(this.#session, id, track, forwarding, {
      flush: () => {
        this.#flush();
      },
      done: () => this.#publications.delete(id),
    });
  }

  #request(request: IncomingRequest): void {
    if (request.kind === 'publish') {
      this.#offer(request);
      return;
    }
    const origin = this.#origin;
    if (origin === undefined) {
      const refusal = {
        code: RequestErrorCode.NOT_SUPPORTED,
        reason: 'this client publishes by PUBLISH only',
      };
      this.#session.reject(request.id, refusal);
      return;
    }
    const publication = answerByOrigin(this.#session, origin, request, (id, track, forwarding) =>
      this.#sentPublication(id, track, forwarding),
    );
    if (publication === undefined) return;
    this.#publications.set(request.id, publication);
    publication.follow(origin.subscribed(publication));
  }

  /** Hands a PUBLISH to whoever asked for tracks of its namespace. */
  #offer(request: Extract<IncomingRequest, { kind: 'publish' }>): void {
    const { id, track, description } = request;
    for (const { prefix, offered } of this.#offers.values()) {
      if (!hasPrefix(track.namespace, prefix)) continue;
      offered({
        track,
        description,
        accept: (parameters, callbacks) => {
          this.#subscriptions.set(id, callbacks);
          this.#session.acceptPublish(id, parameters);
          // What came before the answer, the end included, is told when the caller has its handle.
          queueMicrotask(() => {
            this.#flush();
          });
          return this.#subscription(id, track, description);
        },
        reject: (refusal) => {
          this.#session.reject(id, refusal);
          this.#flush();
        },
      });
      return;
    }
    this.#session.reject(id, { code: RequestErrorCode.UNINTERESTED, reason: 'nobody asked for this track' });
  }

  #close(event: Extract<SessionEvent, { kind: 'closed' }>): void {
    this.#over = true;
    const { code, by, clause } = event;
    const reason = event.reason === '' ? `closed by ${by}` : event.reason;
    this.#settleReady({ kind: 'failed', reason });
    for (const id of this.#answers.ids()) {
      this.#answers.settle(id, { kind: 'gone' });
      this.#forget(id);
    }
    for (const fetch of [...this.#fetches.values()]) fetch.stop({ kind: 'gone' });
    const ids = new Set([
      ...this.#subscriptions.keys(),
      ...this.#publications.keys(),
      ...this.#published.keys(),
      ...this.#namespaces.keys(),
      ...this.#offers.keys(),
    ]);
    this.#settleClosed({ code, reason, by, ...(clause === undefined ? {} : { clause }) });
    for (const id of ids) this.#ended(id, reason);
  }
}

import { InvariantError, PeerViolation } from '../errors.ts';
import { millis } from '../units.ts';
import type { Millis } from '../units.ts';
import { SessionCode, StreamCode } from './codes.ts';
import { ControlStreams } from './control-streams.ts';
import type { Draft } from './draft.ts';
import { FetchAnswers } from './fetch-answers.ts';
import { FetchRequests } from './fetch-requests.ts';
import { IncomingStreams } from './incoming-streams.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import type { SessionLimits } from './limits.ts';
import type { RequestKind } from './messages.ts';
import type {
  FullTrackName,
  GroupId,
  GroupOrder,
  Location,
  MoqtObject,
  RequestId,
  SubgroupId,
  TrackNamespace,
} from './model.ts';
import { NamespaceRequests } from './namespace-requests.ts';
import { Publications } from './publications.ts';
import { Requests } from './requests.ts';
import type { PeerRequestOwner, Request } from './requests.ts';
import type {
  AuthorizationToken,
  FetchRange,
  MoqtSession,
  RequestRefusal,
  SessionEffect,
  SubgroupHeader,
  SubscribeParameters,
  TrackDescription,
} from './session-api.ts';
import { SessionCore } from './session-core.ts';
import { Subscriptions } from './subscriptions.ts';
import { TrackStatuses } from './track-statuses.ts';
import type { StreamHandle, TransportEvent } from './transport.ts';

/** What a session is told when it begins. */
export interface SessionOptions {
  readonly role: 'client' | 'server';
  /** The draft that ALPN or WebTransport negotiated. */
  readonly draft: Draft;
  readonly transport: 'quic' | 'webtransport';
  /** For a client on native QUIC: path with query, and authority, of the URI. */
  readonly path?: string;
  readonly authority?: string;
  /** Name and version of our implementation, told to the peer. */
  readonly implementation?: string;
  readonly tokens?: readonly AuthorizationToken[];
  readonly limits?: Partial<SessionLimits>;
  readonly now: Millis;
}

/**
 * One MOQT session over one transport session, without I/O.
 *
 * It hands every call and every input to the one part that owns what it is about: {@link Requests} the request streams,
 * and for what the requests ask, {@link Subscriptions}, {@link Publications}, {@link FetchRequests},
 * {@link FetchAnswers}, {@link NamespaceRequests} and {@link TrackStatuses}; {@link IncomingStreams} the peer's data
 * streams; {@link ControlStreams} SETUP and GOAWAY. What comes of it leaves through {@link SessionCore}.
 */
export class Session implements MoqtSession {
  readonly #core: SessionCore;
  readonly #control: ControlStreams;
  readonly #requests: Requests;
  readonly #subscriptions: Subscriptions;
  readonly #publications: Publications;
  readonly #fetchRequests: FetchRequests;
  readonly #fetchAnswers: FetchAnswers;
  readonly #namespaces: NamespaceRequests;
  readonly #trackStatuses: TrackStatuses;
  readonly #streams: IncomingStreams;

  constructor(options: SessionOptions) {
    const { role, draft, transport, path, authority, implementation, tokens, now } = options;
    const core = new SessionCore(role, draft, { ...DEFAULT_LIMITS, ...options.limits }, now);
    const requests = new Requests(core, (kind) => this.#ownerOf(kind));
    this.#core = core;
    this.#requests = requests;
    this.#subscriptions = new Subscriptions(core, requests, {
      stop: (streams, code) => this.#streams.stop(streams, code),
      refuseWaiting: () => this.#streams.refuseWaiting(),
      resume: () => this.#streams.resume(),
    });
    this.#publications = new Publications(core, requests);
    this.#fetchRequests = new FetchRequests(core, requests, (streams, code) =>
      this.#streams.stop(streams, code),
    );
    this.#fetchAnswers = new FetchAnswers(core, requests, this.#publications);
    this.#namespaces = new NamespaceRequests(core, requests);
    this.#trackStatuses = new TrackStatuses(core, requests);
    this.#streams = new IncomingStreams(core, this.#subscriptions, this.#fetchRequests, {
      controlMessage: (stream, frame) => this.#control.receive(stream, frame),
      controlEnded: () => {
        throw draft.violation('session-init', 'the control stream was closed');
      },
      malformed: (id) => this.#malformed(id),
    });
    const setup = { path, authority, implementation, tokens };
    this.#control = new ControlStreams(core, requests, transport, setup, () => {
      this.#requests.begin();
      this.#streams.resume();
    });
  }

  handle(event: TransportEvent, now: Millis): void {
    if (this.#core.closed) return;
    this.#core.advance(now);
    if (event.kind === 'closed') {
      this.#core.close({ kind: 'closed', code: event.code, reason: event.reason, by: event.by });
      return;
    }
    this.#guard(() => this.#dispatch(event));
  }

  poll(): SessionEffect | undefined {
    return this.#core.poll();
  }

  deadline(): Millis | undefined {
    if (this.#core.closed) return undefined;
    const earliest = Math.min(
      this.#control.deadline(),
      this.#streams.deadline(),
      this.#subscriptions.deadline(),
    );
    return earliest === Infinity ? undefined : millis(earliest);
  }

  expire(now: Millis): void {
    if (this.#core.closed) return;
    this.#core.advance(now);
    this.#guard(() => {
      const reason = this.#control.expire(now);
      if (reason !== undefined) {
        this.close(reason.code, reason.reason);
        return;
      }
      this.#streams.expire(now);
      this.#subscriptions.expire(now);
    });
  }

  noteQueued(stream: StreamHandle, queued: number): void {
    this.#publications.queued(stream, queued, false);
    this.#fetchAnswers.queued(stream, queued, false);
  }

  present(tokens: readonly AuthorizationToken[]): void {
    this.#requests.present(tokens);
  }

  subscribe(track: FullTrackName, parameters: SubscribeParameters): RequestId {
    return this.#subscriptions.subscribe(track, parameters);
  }

  publish(track: FullTrackName, options: { forward: boolean; description: TrackDescription }): RequestId {
    return this.#publications.publish(track, options);
  }

  publishNamespace(namespace: TrackNamespace): RequestId {
    return this.#namespaces.request('publish-namespace', namespace, {});
  }

  subscribeNamespace(prefix: TrackNamespace): RequestId {
    return this.#namespaces.request('subscribe-namespace', prefix, {});
  }

  subscribeTracks(prefix: TrackNamespace, options: { forward: boolean }): RequestId {
    return this.#namespaces.request('subscribe-tracks', prefix, options);
  }

  fetch(range: FetchRange, options?: { subscriberPriority?: number; groupOrder?: GroupOrder }): RequestId {
    return this.#fetchRequests.fetch(range, options);
  }

  trackStatus(track: FullTrackName): RequestId {
    return this.#trackStatuses.request(track);
  }

  updateSubscription(id: RequestId, parameters: SubscribeParameters): void {
    if (!this.#core.closed) this.#subscriptions.update(id, parameters);
  }

  cancel(id: RequestId): void {
    if (this.#core.closed) return;
    const request = this.#find(id);
    if (request !== undefined) this.#requests.cancel(request, StreamCode.CANCELLED);
    else this.#requests.expectKnown(id);
  }

  acceptSubscribe(id: RequestId, description: TrackDescription): void {
    if (!this.#core.closed) this.#publications.accept(id, description);
  }

  acceptPublish(id: RequestId, parameters: SubscribeParameters): void {
    if (this.#core.closed) return;
    // Reads streams on that waited for the answer.
    this.#guard(() => this.#subscriptions.accept(id, parameters));
  }

  acceptFetch(id: RequestId, end: Location, endOfTrack: boolean, properties = new Uint8Array(0)): void {
    if (!this.#core.closed) this.#fetchAnswers.accept(id, end, endOfTrack, properties);
  }

  acceptTrackStatus(id: RequestId, description: TrackDescription): void {
    if (!this.#core.closed) this.#trackStatuses.accept(id, description);
  }

  acceptRequest(id: RequestId): void {
    if (!this.#core.closed) this.#namespaces.accept(id);
  }

  reject(id: RequestId, refusal: RequestRefusal): void {
    if (this.#core.closed) return;
    const request = this.#requests.toAnswer(id);
    if (request !== undefined) this.#requests.refuse(request, refusal);
  }

  sendNamespace(id: RequestId, suffix: TrackNamespace): void {
    if (!this.#core.closed) this.#namespaces.send(id, 'subscribe-namespace', { kind: 'namespace', suffix });
  }

  sendNamespaceDone(id: RequestId, suffix: TrackNamespace): void {
    if (!this.#core.closed)
      this.#namespaces.send(id, 'subscribe-namespace', { kind: 'namespace-done', suffix });
  }

  sendPublishBlocked(id: RequestId, suffix: TrackNamespace, name: Uint8Array): void {
    if (!this.#core.closed)
      this.#namespaces.send(id, 'subscribe-tracks', { kind: 'publish-blocked', suffix, name });
  }

  openSubgroup(id: RequestId, header: SubgroupHeader): void {
    if (!this.#core.closed) this.#publications.openSubgroup(id, header);
  }

  writeObject(id: RequestId, object: MoqtObject): number {
    return this.#core.closed ? 0 : this.#publications.writeObject(id, object);
  }

  closeSubgroup(id: RequestId, group: GroupId, subgroup: SubgroupId): void {
    if (!this.#core.closed) this.#publications.closeSubgroup(id, group, subgroup);
  }

  resetSubgroup(id: RequestId, group: GroupId, subgroup: SubgroupId, code: number): void {
    if (!this.#core.closed) this.#publications.resetSubgroup(id, group, subgroup, code);
  }

  sendSingleObject(id: RequestId, object: MoqtObject, endOfGroup: boolean): void {
    if (!this.#core.closed) this.#publications.sendSingleObject(id, object, endOfGroup);
  }

  sendDatagram(id: RequestId, object: MoqtObject, endOfGroup = false): void {
    if (!this.#core.closed) this.#publications.sendDatagram(id, object, endOfGroup);
  }

  setLargest(id: RequestId, largest: Location): void {
    this.#publications.setLargest(id, largest);
  }

  publishDone(id: RequestId, code: number, reason: string): void {
    if (!this.#core.closed) this.#publications.done(id, code, reason);
  }

  sendFetchObject(id: RequestId, object: MoqtObject): number {
    return this.#core.closed ? 0 : this.#fetchAnswers.object(id, object);
  }

  sendFetchGap(id: RequestId, end: Location, known: 'non-existent' | 'unknown'): void {
    if (!this.#core.closed) this.#fetchAnswers.gap(id, end, known);
  }

  endFetch(id: RequestId): void {
    if (!this.#core.closed) this.#fetchAnswers.finish(id);
  }

  resetFetch(id: RequestId, code: number): void {
    if (!this.#core.closed) this.#fetchAnswers.reset(id, code);
  }

  goaway(uri: string, timeout: Millis): void {
    if (this.#core.closed) return;
    this.#requests.refuseNew();
    this.#control.goaway(uri, timeout);
  }

  close(code: number, reason: string): void {
    this.#close(code, reason);
  }

  #close(code: number, reason: string, clause?: string): void {
    if (this.#core.closed) return;
    const because = clause === undefined ? {} : { clause };
    const command = { kind: 'close', code, reason } as const;
    this.#core.close({ kind: 'closed', code, reason, by: 'local', ...because }, command);
  }

  /** The peer's faults close the session; ours go on to whoever called. */
  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (error instanceof PeerViolation) {
        this.#close(error.code, error.message, error.clause);
        return;
      }
      this.#close(SessionCode.INTERNAL_ERROR, 'internal error');
      if (error instanceof Error) throw error;
      throw new InvariantError('something that is no error was thrown');
    }
  }

  #dispatch(event: Exclude<TransportEvent, { kind: 'closed' }>): void {
    switch (event.kind) {
      case 'stream-opened':
        if (event.direction === 'uni') this.#streams.opened(event.stream);
        else this.#requests.opened(event.stream);
        return;
      case 'data':
        if (this.#streams.has(event.stream)) this.#streams.data(event.stream, event.bytes, event.fin);
        else this.#requests.receive(event);
        return;
      case 'reset':
        if (this.#streams.has(event.stream)) this.#streams.reset(event.stream, event.code);
        else this.#requests.receive(event);
        return;
      case 'stop-sending':
        this.#stopped(event.stream, event.code);
        return;
      case 'datagram': {
        const datagram = this.#core.draft.decodeDatagram(event.bytes);
        if (datagram !== undefined) this.#subscriptions.receiveDatagram(datagram);
        return;
      }
      case 'drained':
        this.#publications.queued(event.stream, event.queued, true);
        this.#fetchAnswers.queued(event.stream, event.queued, true);
        return;
      case 'sent':
    }
  }

  #stopped(stream: StreamHandle, code: number): void {
    if (this.#control.isOurs(stream)) {
      throw this.#core.draft.violation('session-init', 'the control stream was stopped');
    }
    if (this.#publications.stopped(stream)) return;
    const fetch = this.#fetchAnswers.stopped(stream);
    if (fetch !== undefined) this.#requests.cancelledByPeer(fetch, code);
    else this.#requests.receive({ kind: 'stop-sending', stream, code });
  }

  #malformed(id: RequestId): void {
    const request = this.#find(id);
    if (request !== undefined) this.#requests.cancelMalformed(request);
  }

  /** A request that is open, or whose streams are still awaited after PUBLISH_DONE. */
  #find(id: RequestId): Request | undefined {
    return this.#requests.get(id) ?? this.#subscriptions.requestOf(id);
  }

  /** Who keeps the state of a request that the peer makes. */
  #ownerOf(kind: RequestKind): PeerRequestOwner {
    switch (kind) {
      case 'subscribe':
        return this.#publications;
      case 'publish':
        return this.#subscriptions;
      case 'fetch':
        return this.#fetchAnswers;
      case 'track-status':
        return this.#trackStatuses;
      case 'publish-namespace':
      case 'subscribe-namespace':
      case 'subscribe-tracks':
        return this.#namespaces;
    }
  }
}

import { InvariantError, invariant, PeerViolation } from '../errors.ts';
import { millis } from '../units.ts';
import type { Millis } from '../units.ts';
import { SessionCode, StreamCode } from './codes.ts';
import { ControlStreams } from './control-streams.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import { largerOf } from './locations.ts';
import type { Message } from './messages.ts';
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
import { OwnRequests } from './own-requests.ts';
import { PeerRequests } from './peer-requests.ts';
import { RequestStreams } from './request-streams.ts';
import type { RequestStream } from './request-stream.ts';
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
import type { SessionOptions } from './session-options.ts';
import { SessionParts } from './session-parts.ts';
import type { StreamHandle, TransportEvent } from './transport.ts';

/**
 * One MOQT session over one transport session, without I/O.
 *
 * Feed it by {@link Session.receive} and {@link Session.expire}, call requests, answers and publishing as the
 * application wants, and drain {@link Session.poll} after every call. Once it is closed it ignores everything.
 */
export class Session implements MoqtSession {
  readonly #core: SessionCore;
  readonly #parts: SessionParts;
  readonly #own: OwnRequests;
  readonly #peer: PeerRequests;
  readonly #control: ControlStreams;
  readonly #requests: RequestStreams;
  #closed = false;

  constructor(options: SessionOptions) {
    const { role, draft, now } = options;
    this.#core = new SessionCore(role, draft, { ...DEFAULT_LIMITS, ...options.limits }, now);
    this.#parts = new SessionParts(this.#core, {
      controlMessage: (stream, frame) => {
        this.#control.receive(stream, frame);
      },
      controlEnded: () => {
        throw draft.violation('session-init', 'the control stream was closed');
      },
      malformed: (id) => {
        this.#malformed(id);
      },
    });
    this.#own = new OwnRequests(this.#parts);
    this.#peer = new PeerRequests(this.#parts);
    this.#requests = new RequestStreams(this.#parts, this.#own, this.#peer);
    this.#control = new ControlStreams(this.#core, options, () => {
      this.#requests.begin();
      this.#parts.streams.resume();
    });
  }

  receive(event: TransportEvent, now: Millis): void {
    if (this.#closed) return;
    this.#core.now = now;
    if (event.kind === 'closed') {
      this.#closed = true;
      this.#core.effects.event({ kind: 'closed', code: event.code, reason: event.reason, by: event.by });
      this.#core.close();
      return;
    }
    this.#guard(() => {
      this.#dispatch(event);
    });
  }

  poll(): SessionEffect | undefined {
    return this.#core.effects.poll();
  }

  deadline(): Millis | undefined {
    if (this.#closed) return undefined;
    const { streams, subscriptions } = this.#parts;
    const earliest = Math.min(this.#control.deadline(), streams.deadline(), subscriptions.deadline());
    return earliest === Infinity ? undefined : millis(earliest);
  }

  expire(now: Millis): void {
    if (this.#closed) return;
    this.#core.now = now;
    const { streams, subscriptions } = this.#parts;
    this.#guard(() => {
      const reason = this.#control.expire(now);
      if (reason !== undefined) {
        this.close(reason.code, reason.reason);
        return;
      }
      streams.expire(now);
      streams.stopAll(subscriptions.expire(now), StreamCode.CANCELLED);
    });
  }

  noteQueued(stream: StreamHandle, queued: number): void {
    this.#parts.publications.queued(stream, queued, false);
    this.#parts.fetchAnswers.queued(stream, queued, false);
  }

  subscribe(track: FullTrackName, parameters: SubscribeParameters): RequestId {
    return this.#own.subscribe(track, parameters);
  }

  publish(track: FullTrackName, options: { forward: boolean; description: TrackDescription }): RequestId {
    return this.#own.publish(track, options);
  }

  publishNamespace(namespace: TrackNamespace, tokens?: readonly AuthorizationToken[]): RequestId {
    return this.#own.namespaceRequest('publish-namespace', namespace, { tokens });
  }

  subscribeNamespace(prefix: TrackNamespace, tokens?: readonly AuthorizationToken[]): RequestId {
    return this.#own.namespaceRequest('subscribe-namespace', prefix, { tokens });
  }

  subscribeTracks(
    prefix: TrackNamespace,
    options: { forward: boolean; tokens?: readonly AuthorizationToken[] },
  ): RequestId {
    return this.#own.namespaceRequest('subscribe-tracks', prefix, options);
  }

  fetch(range: FetchRange, options?: { subscriberPriority?: number; groupOrder?: GroupOrder }): RequestId {
    return this.#own.fetch(range, options);
  }

  trackStatus(track: FullTrackName): RequestId {
    return this.#own.trackStatus(track);
  }

  updateSubscription(id: RequestId, parameters: SubscribeParameters): void {
    if (!this.#closed) this.#own.update(id, parameters);
  }

  cancel(id: RequestId): void {
    if (this.#closed) return;
    const code = StreamCode.CANCELLED;
    const request = this.#core.requests.get(id) ?? this.#parts.subscriptions.get(id)?.request;
    invariant(request !== undefined || this.#core.ids.isKnown(id), 'the request exists or existed');
    if (request !== undefined) this.#parts.cancel(request, code);
  }

  acceptSubscribe(id: RequestId, description: TrackDescription): void {
    if (!this.#closed) this.#peer.acceptSubscribe(id, description);
  }

  acceptPublish(id: RequestId, parameters: SubscribeParameters): void {
    if (this.#closed) return;
    this.#guard(() => {
      this.#peer.acceptPublish(id, parameters);
    });
  }

  acceptFetch(id: RequestId, end: Location, endOfTrack: boolean, properties = new Uint8Array(0)): void {
    if (!this.#closed) this.#parts.fetchAnswers.accept(id, end, endOfTrack, properties);
  }

  acceptTrackStatus(id: RequestId, description: TrackDescription): void {
    if (!this.#closed) this.#peer.acceptTrackStatus(id, description);
  }

  acceptRequest(id: RequestId): void {
    if (!this.#closed) this.#peer.acceptRequest(id);
  }

  reject(id: RequestId, refusal: RequestRefusal): void {
    if (!this.#closed) this.#peer.reject(id, refusal);
  }

  sendNamespace(id: RequestId, suffix: TrackNamespace): void {
    this.#sendOn(id, 'subscribe-namespace', { kind: 'namespace', suffix });
  }

  sendNamespaceDone(id: RequestId, suffix: TrackNamespace): void {
    this.#sendOn(id, 'subscribe-namespace', { kind: 'namespace-done', suffix });
  }

  sendPublishBlocked(id: RequestId, suffix: TrackNamespace, name: Uint8Array): void {
    this.#sendOn(id, 'subscribe-tracks', { kind: 'publish-blocked', suffix, name });
  }

  openSubgroup(id: RequestId, header: SubgroupHeader): void {
    if (!this.#closed) this.#parts.publications.openSubgroup(id, header);
  }

  writeObject(id: RequestId, object: MoqtObject): number {
    return this.#closed ? 0 : this.#parts.publications.writeObject(id, object);
  }

  closeSubgroup(id: RequestId, group: GroupId, subgroup: SubgroupId): void {
    if (!this.#closed) this.#parts.publications.closeSubgroup(id, group, subgroup);
  }

  resetSubgroup(id: RequestId, group: GroupId, subgroup: SubgroupId, code: number): void {
    if (!this.#closed) this.#parts.publications.resetSubgroup(id, group, subgroup, code);
  }

  sendSingleObject(id: RequestId, object: MoqtObject, endOfGroup: boolean): void {
    if (!this.#closed) this.#parts.publications.sendSingleObject(id, object, endOfGroup);
  }

  sendDatagram(id: RequestId, object: MoqtObject, endOfGroup = false): void {
    if (!this.#closed) this.#parts.publications.sendDatagram(id, object, endOfGroup);
  }

  setLargest(id: RequestId, largest: Location): void {
    const publication = this.#parts.publications.get(id);
    if (publication !== undefined) publication.largest = largerOf(publication.largest, largest);
  }

  publishDone(id: RequestId, code: number, reason: string): void {
    if (this.#closed) return;
    const publication = this.#parts.publications.get(id);
    invariant(publication !== undefined || this.#core.ids.isKnown(id), 'the subscription exists or existed');
    if (publication === undefined) return;
    const { request } = publication;
    const streamCount = this.#parts.publications.end(id, StreamCode.CANCELLED);
    this.#core.send(request, { kind: 'publish-done', code, streamCount, reason }, true);
    this.#parts.release(request, StreamCode.CANCELLED);
  }

  sendFetchObject(id: RequestId, object: MoqtObject): number {
    return this.#closed ? 0 : this.#parts.fetchAnswers.object(id, object);
  }

  sendFetchGap(id: RequestId, end: Location, known: 'non-existent' | 'unknown'): void {
    if (!this.#closed) this.#parts.fetchAnswers.gap(id, end, known);
  }

  endFetch(id: RequestId): void {
    if (!this.#closed) this.#parts.fetchAnswers.end(id);
  }

  resetFetch(id: RequestId, code: number): void {
    if (!this.#closed) this.#parts.fetchAnswers.reset(id, code);
  }

  goaway(uri: string, timeout: Millis): void {
    if (this.#closed) return;
    this.#peer.goingAway = true;
    this.#control.goaway(uri, timeout);
  }

  close(code: number, reason: string): void {
    this.#close(code, reason, undefined);
  }

  #close(code: number, reason: string, clause: string | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#core.effects.command({ kind: 'close', code, reason });
    const because = clause === undefined ? {} : { clause };
    this.#core.effects.event({ kind: 'closed', code, reason, by: 'local', ...because });
    this.#core.close();
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
      this.#close(SessionCode.INTERNAL_ERROR, 'internal error', undefined);
      if (error instanceof Error) throw error;
      throw new InvariantError('something that is no error was thrown');
    }
  }

  #dispatch(event: Exclude<TransportEvent, { kind: 'closed' }>): void {
    const { streams, publications, fetchAnswers } = this.#parts;
    switch (event.kind) {
      case 'stream-opened':
        if (event.direction === 'uni') streams.opened(event.stream);
        else this.#requests.opened(event.stream);
        return;
      case 'data':
        if (streams.has(event.stream)) streams.data(event.stream, event.bytes, event.fin);
        else this.#requests.receive(event);
        return;
      case 'reset':
        if (streams.has(event.stream)) streams.reset(event.stream, event.code);
        else this.#requests.receive(event);
        return;
      case 'stop-sending':
        this.#stopped(event.stream, event.code);
        return;
      case 'datagram': {
        const datagram = this.#core.draft.decodeDatagram(event.bytes, this.#core.limits);
        if (datagram !== undefined) this.#parts.subscriptions.receiveDatagram(datagram);
        return;
      }
      case 'drained':
        publications.queued(event.stream, event.queued, true);
        fetchAnswers.queued(event.stream, event.queued, true);
        return;
      case 'sent':
    }
  }

  #stopped(stream: StreamHandle, code: number): void {
    if (this.#control.isOurs(stream)) {
      throw this.#core.draft.violation('session-init', 'the control stream was stopped');
    }
    if (this.#parts.publications.stopped(stream)) return;
    const fetch = this.#parts.fetchAnswers.stopped(stream);
    if (fetch !== undefined) this.#requests.cancelled(fetch, code);
    else this.#requests.receive({ kind: 'stop-sending', stream, code });
  }

  /** @see moqt-18 #malformed-tracks */
  #malformed(id: RequestId): void {
    const code = StreamCode.MALFORMED_TRACK;
    const request = this.#core.requests.get(id) ?? this.#parts.subscriptions.get(id)?.request;
    if (request === undefined) return;
    this.#parts.cancel(request, code);
    this.#core.event({ kind: 'request-cancelled', id, code });
  }

  #sendOn(id: RequestId, kind: RequestStream['kind'], message: Message): void {
    if (this.#closed) return;
    const request = this.#core.requests.get(id);
    invariant(request !== undefined || this.#core.ids.isKnown(id), 'the request exists or existed');
    if (request === undefined) return;
    invariant(!request.ours && request.answered && request.kind === kind, 'the message suits the request');
    this.#core.send(request, message);
  }
}

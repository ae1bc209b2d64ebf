import { invariant } from '../errors.ts';
import { RequestErrorCode, StreamCode } from './codes.ts';
import type { MessageStream } from './draft.ts';
import type { Message, RequestMessage } from './messages.ts';
import { groupId, objectId } from './model.ts';
import type { Location, RequestId } from './model.ts';
import { definedOnly, publishOkParameters, subscribeParameters } from './subscribe-parameters.ts';
import { isReserved, prefixesOverlap } from './names.ts';
import { endAfter } from './locations.ts';
import { DEFAULT_SUBSCRIBER_PRIORITY } from './priorities.ts';
import type { Publication } from './publications.ts';
import type { RequestStream } from './request-stream.ts';
import type {
  IncomingRequest,
  RequestRefusal,
  SubscribeParameters,
  TrackDescription,
} from './session-api.ts';
import type { SessionParts } from './session-parts.ts';
import type { StreamHandle } from './transport.ts';

type Of<Kind extends RequestMessage['kind']> = Extract<RequestMessage, { kind: Kind }>;
type RequestUpdate = Extract<Message, { kind: 'request-update' }>;

const NO_BYTES: Uint8Array = new Uint8Array(0);

/** The peer's requests: which it may make, and our answers. */
export class PeerRequests {
  readonly #parts: SessionParts;
  /** Joining FETCHes that wait for the subscription they join, by its ID. */
  readonly #joining = new Map<RequestId, RequestStream[]>();
  /** Set once we sent GOAWAY: requests from then on are refused. */
  goingAway = false;

  constructor(parts: SessionParts) {
    this.#parts = parts;
  }

  /** The first message of a stream that the peer opened. */
  begin(stream: StreamHandle, frames: MessageStream, message: Message): RequestStream {
    const { core } = this.#parts;
    invariant(isRequest(message), 'the codec lets only requests begin a request stream');
    core.ids.receive(message.id);
    const request: RequestStream = {
      id: message.id,
      kind: message.kind,
      ours: false,
      stream,
      message,
      frames,
      answered: false,
      updates: 0,
      sending: true,
      receiving: true,
      goaway: false,
    };
    core.add(request);
    const refusal = this.#objection(request, message);
    if (refusal === undefined) this.#offer(request, message);
    else this.#refuse(request, refusal.code, refusal.reason);
    return request;
  }

  /** REQUEST_UPDATE by the peer, who is subscriber or requester as its place said. */
  update(request: RequestStream, message: RequestUpdate): void {
    const { core, publications, fetchAnswers } = this.#parts;
    core.ids.receive(message.id);
    const { parameters } = message;
    const publication = publications.get(request.id);
    if (message.updates === 'prefix' && parameters.prefix !== undefined) {
      this.#updatePrefix(request, parameters.prefix);
      return;
    }
    if (message.updates === 'fetch' && parameters.subscriberPriority !== undefined) {
      fetchAnswers.prioritize(request.id, parameters.subscriberPriority);
    }
    const answer = message.updates === 'subscription' ? { largest: publication?.largest } : {};
    if (publication !== undefined) publications.update(publication, parameters);
    core.send(request, {
      kind: 'request-ok',
      answers: 'request-update',
      parameters: definedOnly(answer),
      properties: NO_BYTES,
    });
    if (message.updates !== 'subscription') return;
    core.event({ kind: 'subscription-updated', id: request.id, parameters: subscribeParameters(parameters) });
  }

  acceptSubscribe(id: RequestId, description: TrackDescription): void {
    const request = this.#open(id, 'subscribe');
    if (request?.message.kind !== 'subscribe') return;
    const { core, publications } = this.#parts;
    const { track, parameters } = request.message;
    const properties = description.properties ?? NO_BYTES;
    request.answered = true;
    const { groupOrder } = core.draft.readTrackProperties(properties);
    const alias = publications.takeAlias();
    const publication = publications.start(request, track, alias, {
      parameters,
      largest: description.largest,
      groupOrder,
    });
    core.send(request, {
      kind: 'subscribe-ok',
      alias,
      parameters: definedOnly({ largest: description.largest, expires: description.expires }),
      properties,
    });
    const waiting = this.#joining.get(id) ?? [];
    this.#joining.delete(id);
    for (const fetch of waiting) if (core.requests.has(fetch.id)) this.#join(fetch, publication);
  }

  acceptPublish(id: RequestId, parameters: SubscribeParameters): void {
    const request = this.#open(id, 'publish');
    const subscription = this.#parts.subscriptions.get(id);
    if (request === undefined || subscription === undefined) return;
    const { core, subscriptions, streams } = this.#parts;
    const duplicate = RequestErrorCode.DUPLICATE_SUBSCRIPTION;
    const { replaces } = subscription;
    if (replaces?.established === true && replaces.done === undefined) {
      this.#refuse(request, duplicate, 'the track is subscribed to');
      core.event({ kind: 'request-cancelled', id, code: duplicate });
      return;
    }
    if (replaces !== undefined && core.requests.has(replaces.request.id)) {
      this.#parts.cancel(replaces.request, StreamCode.CANCELLED);
      const refusal = { code: duplicate, reason: 'the publisher offered the track' };
      core.event({ kind: 'request-error', id: replaces.request.id, refusal });
    }
    request.answered = true;
    core.send(request, {
      kind: 'request-ok',
      answers: 'publish',
      parameters: publishOkParameters(parameters),
      properties: NO_BYTES,
    });
    subscriptions.establish(subscription);
    streams.resume();
    // PUBLISH_DONE may have come before our answer.
    subscriptions.settle(subscription);
  }

  acceptTrackStatus(id: RequestId, description: TrackDescription): void {
    const request = this.#open(id, 'track-status');
    if (request === undefined) return;
    const parameters = definedOnly({ largest: description.largest });
    const properties = description.properties ?? NO_BYTES;
    const ok = { kind: 'request-ok', answers: 'track-status', parameters, properties } as const;
    this.#parts.core.send(request, ok, true);
    this.#parts.core.remove(request);
  }

  acceptRequest(id: RequestId): void {
    const request = this.#open(id);
    if (request === undefined) return;
    request.answered = true;
    const { kind } = request;
    this.#parts.core.send(request, {
      kind: 'request-ok',
      answers: kind,
      parameters: {},
      properties: NO_BYTES,
    });
  }

  reject(id: RequestId, refusal: RequestRefusal): void {
    const request = this.#open(id);
    if (request !== undefined) this.#refuse(request, refusal.code, refusal.reason, refusal);
  }

  /** The peer ended one of its requests before its time. */
  cancelled(request: RequestStream, code: number): void {
    this.#parts.cancelledByPeer(request, code);
    this.#refuseJoining(request.id, 'the subscription was cancelled');
  }

  /** What the application is told of a request, or undefined when it waits or was refused. */
  #offer(request: RequestStream, message: RequestMessage): void {
    const { id } = message;
    const tokens = definedOnly({ tokens: message.parameters.tokens });
    switch (message.kind) {
      case 'subscribe':
        this.#tell({
          kind: 'subscribe',
          id,
          track: message.track,
          parameters: subscribeParameters(message.parameters),
        });
        return;
      case 'publish':
        this.#offerPublish(request, message);
        return;
      case 'fetch':
        this.#offerFetch(request, message);
        return;
      case 'track-status':
        this.#tell({ kind: 'track-status', id, track: message.track, ...tokens });
        return;
      case 'publish-namespace':
        this.#tell({ kind: 'publish-namespace', id, namespace: message.namespace, ...tokens });
        return;
      case 'subscribe-namespace':
        this.#tell({ kind: 'subscribe-namespace', id, prefix: message.namespace, ...tokens });
        return;
      case 'subscribe-tracks': {
        const forward = message.parameters.forward ?? true;
        this.#tell({ kind: 'subscribe-tracks', id, prefix: message.namespace, forward, ...tokens });
      }
    }
  }

  #offerPublish(request: RequestStream, message: Of<'publish'>): void {
    const { core, subscriptions } = this.#parts;
    const { parameters, properties, alias } = message;
    const subscription = subscriptions.add(request, message.track);
    subscriptions.bind(subscription, alias, core.draft.readTrackProperties(properties).publisherPriority);
    this.#tell({
      kind: 'publish',
      id: message.id,
      track: message.track,
      alias,
      forward: parameters.forward ?? true,
      description: {
        properties,
        ...definedOnly({ largest: parameters.largest, expires: parameters.expires }),
      },
      ...definedOnly({ tokens: parameters.tokens }),
    });
  }

  #offerFetch(request: RequestStream, message: Of<'fetch'>): void {
    const { range } = message;
    if (range.kind === 'standalone') {
      this.#tellFetch(request, range.track, range.start, range.end);
      return;
    }
    const { core, publications } = this.#parts;
    const publication = publications.get(range.joins);
    const joined = core.requests.get(range.joins);
    if (
      publication !== undefined &&
      (publication.request.answered || publication.request.kind === 'subscribe')
    ) {
      this.#join(request, publication);
    } else if (joined?.kind === 'subscribe' && !joined.ours && !joined.answered) {
      this.#joining.set(range.joins, [...(this.#joining.get(range.joins) ?? []), request]);
    } else {
      const code = RequestErrorCode.INVALID_JOINING_REQUEST_ID;
      this.#refuse(request, code, 'the FETCH joins no subscription');
    }
  }

  /** @see moqt-18 #joining-fetch-range-calculation */
  #join(request: RequestStream, publication: Publication): void {
    invariant(request.message.kind === 'fetch', 'only FETCH joins');
    const { range } = request.message;
    invariant(range.kind !== 'standalone', 'a standalone FETCH joins nothing');
    const { joining, forward, track } = publication;
    if (!forward || joining === undefined) {
      this.#refuse(
        request,
        RequestErrorCode.INVALID_RANGE,
        forward ? 'the track has no objects' : 'the Forward State is 0',
      );
      return;
    }
    const first = range.kind === 'absolute-joining' ? range.startGroup : joining.group - range.groups;
    if (first > joining.group) {
      this.#refuse(request, RequestErrorCode.INVALID_RANGE, 'the FETCH starts behind the largest group');
      return;
    }
    const start: Location = { group: groupId(first < 0n ? 0n : first), object: objectId(0n) };
    this.#tellFetch(request, track, start, endAfter(joining));
  }

  #tellFetch(request: RequestStream, track: Publication['track'], start: Location, end: Location): void {
    invariant(request.message.kind === 'fetch', 'only a FETCH is told as one');
    const { range, parameters, id } = request.message;
    const groupOrder = parameters.groupOrder ?? 'ascending';
    const subscriberPriority = parameters.subscriberPriority ?? DEFAULT_SUBSCRIBER_PRIORITY;
    this.#parts.fetchAnswers.add(request, groupOrder, subscriberPriority);
    const tokens = definedOnly({ tokens: parameters.tokens });
    this.#tell({ kind: 'fetch', id, range, track, start, end, subscriberPriority, groupOrder, ...tokens });
  }

  #tell(request: IncomingRequest): void {
    this.#parts.core.event({ kind: 'request', request });
  }

  /** Why the session itself refuses a request. */
  #objection(request: RequestStream, message: RequestMessage): RequestRefusal | undefined {
    const { core, publications, subscriptions } = this.#parts;
    if (this.goingAway) return { code: RequestErrorCode.GOING_AWAY, reason: 'the session is going away' };
    if (core.requests.size > core.limits.requests) {
      return { code: RequestErrorCode.EXCESSIVE_LOAD, reason: 'too many requests are open' };
    }
    const namespace = 'namespace' in message ? message.namespace : undefined;
    const track = 'track' in message ? message.track : undefined;
    const named = namespace ?? track?.namespace;
    if (named !== undefined && isReserved(named)) {
      return { code: RequestErrorCode.DOES_NOT_EXIST, reason: 'the namespace is reserved' };
    }
    if (message.kind === 'subscribe' && !publications.reserve(message.track, message.id)) {
      return { code: RequestErrorCode.DUPLICATE_SUBSCRIPTION, reason: 'the track has a subscription' };
    }
    if (message.kind === 'publish') {
      const { unknownMandatory } = core.draft.readTrackProperties(message.properties);
      if (unknownMandatory !== undefined) {
        return {
          code: RequestErrorCode.UNSUPPORTED_EXTENSION,
          reason: `property ${String(unknownMandatory)} is unknown`,
        };
      }
      const present = subscriptions.ofTrack(message.track);
      if (present !== undefined && (present.established || !present.request.ours)) {
        return { code: RequestErrorCode.DUPLICATE_SUBSCRIPTION, reason: 'the track has a subscription' };
      }
    }
    if (message.kind === 'subscribe-namespace' || message.kind === 'subscribe-tracks') {
      if (this.#overlaps(request, message.namespace)) {
        return { code: RequestErrorCode.PREFIX_OVERLAP, reason: 'the prefix overlaps another' };
      }
    }
    return undefined;
  }

  #overlaps(request: RequestStream, prefix: readonly Uint8Array[]): boolean {
    for (const other of this.#parts.core.requests.values()) {
      if (other === request || other.ours || other.kind !== request.kind) continue;
      if ('namespace' in other.message && prefixesOverlap(other.message.namespace, prefix)) return true;
    }
    return false;
  }

  /** Updating a prefix is optional to offer: we refuse, and the stream closes as the draft says. */
  #updatePrefix(request: RequestStream, prefix: readonly Uint8Array[]): void {
    const { core } = this.#parts;
    const overlaps = this.#overlaps(request, prefix);
    const code = overlaps ? RequestErrorCode.PREFIX_OVERLAP : RequestErrorCode.NOT_SUPPORTED;
    this.#refuse(request, code, overlaps ? 'the prefix overlaps another' : 'prefixes are not updated here');
    core.event({ kind: 'request-cancelled', id: request.id, code: StreamCode.CANCELLED });
  }

  #refuse(request: RequestStream, code: number, reason: string, refusal?: RequestRefusal): void {
    const { core } = this.#parts;
    const details = definedOnly({ retryAfter: refusal?.retryAfter, redirect: refusal?.redirect });
    core.send(request, { kind: 'request-error', code, reason, ...details }, true);
    this.#parts.release(request, StreamCode.CANCELLED);
    this.#refuseJoining(request.id, 'the subscription was refused');
  }

  #refuseJoining(joins: RequestId, reason: string): void {
    const { core } = this.#parts;
    const waiting = this.#joining.get(joins) ?? [];
    this.#joining.delete(joins);
    for (const fetch of waiting) {
      const code = RequestErrorCode.INVALID_JOINING_REQUEST_ID;
      if (core.requests.has(fetch.id)) this.#refuse(fetch, code, reason);
    }
  }

  /** A request of the peer that awaits our answer; undefined when it ended meanwhile. */
  #open(id: RequestId, kind?: RequestStream['kind']): RequestStream | undefined {
    const { core } = this.#parts;
    const request = core.requests.get(id);
    invariant(request !== undefined || core.ids.isKnown(id), 'the request exists or existed');
    if (request === undefined) return undefined;
    invariant(!request.ours && !request.answered, 'a request of the peer is answered once');
    invariant(kind === undefined || request.kind === kind, 'the answer suits the request');
    return request;
  }
}

function isRequest(message: Message): message is RequestMessage {
  return 'id' in message && message.kind !== 'request-update';
}

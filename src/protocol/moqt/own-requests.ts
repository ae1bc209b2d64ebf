import { invariant } from '../errors.ts';
import { RequestErrorCode, StreamCode } from './codes.ts';
import type { Message, MessageParameters } from './messages.ts';
import type { FullTrackName, GroupOrder, RequestId, TrackNamespace } from './model.ts';
import type { RequestStream } from './request-stream.ts';
import type {
  AuthorizationToken,
  FetchRange,
  RequestRefusal,
  SubscribeParameters,
  TrackDescription,
} from './session-api.ts';
import type { SessionParts } from './session-parts.ts';

type Answer<Kind extends Message['kind']> = Extract<Message, { kind: Kind }>;

const NO_BYTES: Uint8Array = new Uint8Array(0);

/** Our requests and what the peer answers to them. */
export class OwnRequests {
  readonly #parts: SessionParts;

  constructor(parts: SessionParts) {
    this.#parts = parts;
  }

  subscribe(track: FullTrackName, parameters: SubscribeParameters): RequestId {
    const { core, subscriptions } = this.#parts;
    const id = core.ids.take();
    if (subscriptions.ofTrack(track) !== undefined) return this.#duplicate(id);
    const request = core.open({ kind: 'subscribe', id, track, parameters });
    subscriptions.add(request, track);
    return id;
  }

  publish(track: FullTrackName, options: { forward: boolean; description: TrackDescription }): RequestId {
    const { core, publications } = this.#parts;
    const id = core.ids.take();
    if (!publications.reserve(track, id)) return this.#duplicate(id);
    const { largest, expires, properties = NO_BYTES } = options.description;
    const { groupOrder } = core.draft.readTrackProperties(properties);
    const alias = publications.takeAlias();
    // FORWARD is left out where it has its default.
    const forward = options.forward ? {} : { forward: false };
    const parameters: MessageParameters = { largest, expires, ...forward };
    const request = core.open({ kind: 'publish', id, track, alias, parameters, properties });
    publications.start(request, track, alias, { parameters, largest, groupOrder });
    return id;
  }

  fetch(
    range: FetchRange,
    options: { subscriberPriority?: number; groupOrder?: GroupOrder } = {},
  ): RequestId {
    const { core, fetchRequests } = this.#parts;
    const id = core.ids.take();
    const { subscriberPriority, groupOrder } = options;
    const request = core.open({ kind: 'fetch', id, range, parameters: { subscriberPriority, groupOrder } });
    fetchRequests.add(request, range, groupOrder ?? 'ascending');
    return id;
  }

  trackStatus(track: FullTrackName): RequestId {
    const id = this.#parts.core.ids.take();
    this.#parts.core.open({ kind: 'track-status', id, track, parameters: {} });
    return id;
  }

  /** PUBLISH_NAMESPACE, SUBSCRIBE_NAMESPACE or SUBSCRIBE_TRACKS. */
  namespaceRequest(
    kind: 'publish-namespace' | 'subscribe-namespace' | 'subscribe-tracks',
    namespace: TrackNamespace,
    options: { forward?: boolean; tokens?: readonly AuthorizationToken[] },
  ): RequestId {
    const id = this.#parts.core.ids.take();
    const parameters = { tokens: options.tokens, forward: options.forward === false ? false : undefined };
    this.#parts.core.open({ kind, id, namespace, parameters });
    return id;
  }

  /** REQUEST_UPDATE of a subscription in which we are the subscriber. */
  update(id: RequestId, parameters: SubscribeParameters): void {
    const { core, subscriptions } = this.#parts;
    const request = subscriptions.get(id)?.request;
    invariant(request !== undefined || core.ids.isKnown(id), 'the subscription exists or existed');
    if (request === undefined) return;
    invariant(request.ours || request.answered, 'the PUBLISH was accepted before it is updated');
    request.updates += 1;
    const message = {
      kind: 'request-update',
      id: core.ids.take(),
      updates: 'subscription',
      parameters: { ...parameters, groupOrder: undefined, rendezvousTimeout: undefined },
    } as const;
    core.send(request, message);
  }

  /** @see moqt-18 #message-subscribe-ok */
  subscribeOk(request: RequestStream, message: Answer<'subscribe-ok'>): void {
    const { core, subscriptions, streams } = this.#parts;
    const subscription = subscriptions.get(request.id);
    invariant(subscription !== undefined, 'a SUBSCRIBE of ours has a subscription');
    request.answered = true;
    const { publisherPriority, unknownMandatory } = core.draft.readTrackProperties(message.properties);
    if (unknownMandatory !== undefined) {
      this.#unsupported(request, unknownMandatory);
      return;
    }
    subscriptions.bind(subscription, message.alias, publisherPriority);
    const { alias, parameters, properties } = message;
    const { largest, expires } = parameters;
    core.event({
      kind: 'subscribe-ok',
      id: request.id,
      alias,
      description: { largest, expires, properties },
    });
    subscriptions.establish(subscription);
    streams.resume();
  }

  /** @see moqt-18 #message-request-ok */
  requestOk(request: RequestStream, message: Answer<'request-ok'>): void {
    const { core, publications } = this.#parts;
    const { id } = request;
    const { largest, expires } = message.parameters;
    if (message.answers === 'request-update') {
      request.updates -= 1;
      core.event({ kind: 'request-ok', id, ...(largest === undefined ? {} : { largest }) });
      return;
    }
    request.answered = true;
    if (message.answers === 'publish') {
      const publication = publications.get(id);
      const parameters = { ...message.parameters };
      // FORWARD left out of PUBLISH_OK says 1, whatever PUBLISH said.
      if (publication !== undefined) publications.update(publication, { forward: true, ...parameters });
      core.event({ kind: 'publish-ok', id, parameters: { forward: true, ...parameters } });
    } else if (message.answers === 'track-status') {
      core.event({
        kind: 'track-status-ok',
        id,
        description: { largest, expires, properties: message.properties },
      });
      core.finish(request);
      core.remove(request);
    } else {
      core.event({ kind: 'request-ok', id });
    }
  }

  /** @see moqt-18 #message-request-error */
  requestError(request: RequestStream, message: Answer<'request-error'>): void {
    const { core } = this.#parts;
    if (request.answered || !request.ours) {
      // An update failed: PUBLISH_DONE or the end of the stream follows and says the rest.
      request.updates -= 1;
      return;
    }
    request.answered = true;
    const { code, reason, retryAfter, redirect } = message;
    const refusal: RequestRefusal = {
      code,
      reason,
      ...(retryAfter === undefined ? {} : { retryAfter }),
      ...(redirect === undefined ? {} : { redirect }),
    };
    this.#parts.release(request, StreamCode.CANCELLED);
    core.finish(request);
    core.event({ kind: 'request-error', id: request.id, refusal });
  }

  fetchOk(request: RequestStream, message: Answer<'fetch-ok'>): void {
    const { core, fetchRequests } = this.#parts;
    request.answered = true;
    const { unknownMandatory } = core.draft.readTrackProperties(message.properties);
    if (unknownMandatory !== undefined) this.#unsupported(request, unknownMandatory);
    else fetchRequests.accept(request.id, message);
  }

  /** PUBLISH_DONE by the publisher of a subscription, be it the SUBSCRIBE's receiver or the PUBLISH's sender. */
  publishDone(request: RequestStream, message: Answer<'publish-done'>): void {
    const { core, subscriptions } = this.#parts;
    const subscription = subscriptions.get(request.id);
    invariant(subscription !== undefined, 'PUBLISH_DONE ends a subscription');
    if (!subscription.established && request.ours) {
      throw core.draft.violation('message-publish-done', 'it comes before SUBSCRIBE_OK');
    }
    if (request.answered) core.finish(request);
    core.requestOfStream.delete(request.stream);
    if (subscription.established) core.requests.delete(request.id);
    subscriptions.linger(subscription, message);
  }

  /** A track that needs what we do not know. @see moqt-18 #mandatory-track-properties */
  #unsupported(request: RequestStream, property: bigint): void {
    const { core } = this.#parts;
    this.#parts.cancel(request, StreamCode.CANCELLED);
    const code = RequestErrorCode.UNSUPPORTED_EXTENSION;
    const refusal = { code, reason: `property ${String(property)} is unknown` };
    core.event({ kind: 'request-error', id: request.id, refusal });
  }

  /** Refuses a second subscription to a track ourselves, as the peer would have to. */
  #duplicate(id: RequestId): RequestId {
    const { core } = this.#parts;
    const refusal = {
      code: RequestErrorCode.DUPLICATE_SUBSCRIPTION,
      reason: 'the track has a subscription in this session',
    };
    core.event({ kind: 'request-error', id, refusal });
    return id;
  }
}

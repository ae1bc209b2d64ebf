import { InvariantError, invariant } from '../errors.ts';
import { RequestErrorCode, StreamCode } from './codes.ts';
import type { MessageStream } from './draft.ts';
import type { Message, MessageParameters, MessagePlace, RequestKind, RequestMessage } from './messages.ts';
import type { RequestId } from './model.ts';
import { isReserved } from './names.ts';
import { REQUEST_PRIORITY } from './priorities.ts';
import { RequestIds } from './request-ids.ts';
import type { AuthorizationToken, IncomingRequest, RequestRefusal } from './session-api.ts';
import type { SessionCore } from './session-core.ts';
import { definedOnly } from './subscribe-parameters.ts';
import type { StreamHandle, TransportEvent } from './transport.ts';

type StreamEvent = Extract<TransportEvent, { kind: 'data' | 'reset' | 'stop-sending' }>;
type RequestError = Extract<Message, { kind: 'request-error' }>;
/** What a request's owner is handed: the rest is alike for all requests. */
export type OwnerMessage = Exclude<
  Message,
  RequestMessage | { kind: 'setup' } | { kind: 'goaway' } | RequestError
>;

/** One request on its bidirectional stream, ours or the peer's. @see moqt-18 #session-init */
export interface Request {
  readonly id: RequestId;
  readonly kind: RequestKind;
  readonly owner: RequestOwner;
  /** We made the request. */
  readonly ours: boolean;
  readonly stream: StreamHandle;
  readonly message: RequestMessage;
  readonly frames: MessageStream;
  /** The request itself was accepted or refused. */
  answered: boolean;
  /** REQUEST_UPDATEs of ours whose answer is due. */
  updates: number;
  /** Our direction is open. */
  sending: boolean;
  /** The peer's direction is open. */
  receiving: boolean;
  /** A GOAWAY came on this stream. */
  goaway: boolean;
}

/** Keeps the state of some kinds of requests. A request has one owner, from its first message to its end. */
export interface RequestOwner {
  /** A message of the peer for a request: an answer, what follows it, or the peer's REQUEST_UPDATE. */
  receive(request: Request, message: OwnerMessage): void;
  /**
   * The request is over: forgets it. Nothing more is sent or delivered for it; its own stream is not the owner's.
   * @param code - for its data streams that are open.
   * @param by - who ended it.
   */
  end(request: Request, code: number, by: 'us' | 'peer'): void;
}

/** An owner of requests that the peer makes. */
export interface PeerRequestOwner extends RequestOwner {
  /**
   * Tells the application of a new request.
   * @returns why the session refuses it by itself, if it does.
   */
  offer(request: Request): RequestRefusal | undefined;
}

const NO_BYTES: Uint8Array = new Uint8Array(0);

/**
 * The requests that are open in both directions, each on a bidirectional stream of its own: how they begin, are
 * answered, are cancelled and end, whatever they ask for.
 * @see moqt-18 #session-init
 */
export class Requests {
  readonly #core: SessionCore;
  readonly #ids: RequestIds;
  readonly #ownerOf: (kind: RequestKind) => PeerRequestOwner;
  readonly #byId = new Map<RequestId, Request>();
  readonly #byStream = new Map<StreamHandle, Request>();
  /** Streams of the peer whose first message is not complete. */
  readonly #unbegun = new Map<StreamHandle, MessageStream>();
  /** What came before the peer's SETUP. */
  #early: StreamEvent[] = [];
  #earlyBytes = 0;
  #refusesNew = false;
  #tokens: readonly AuthorizationToken[] = [];

  /** @param ownerOf - owner of requests that the peer makes. */
  constructor(core: SessionCore, ownerOf: (kind: RequestKind) => PeerRequestOwner) {
    this.#core = core;
    this.#ids = new RequestIds(core.draft, core.role);
    this.#ownerOf = ownerOf;
  }

  get size(): number {
    return this.#byId.size;
  }

  /** The smallest Request ID of the peer that was not seen, nor any above it. */
  get nextPeerId(): RequestId {
    return this.#ids.nextPeer;
  }

  get(id: RequestId): Request | undefined {
    return this.#byId.get(id);
  }

  isOpen(request: Request): boolean {
    return this.#byId.get(request.id) === request;
  }

  /**
   * Holds an ID against those that were given out or seen: that a request has ended meanwhile is nobody's fault, that
   * it never was is ours.
   */
  expectKnown(id: RequestId): void {
    invariant(this.#ids.isKnown(id), 'the request exists or existed');
  }

  /** Whether we made a request of this ID, or an update. */
  wasOurs(id: RequestId): boolean {
    return this.#ids.wasTaken(id);
  }

  /** From now on the peer's new requests are refused: we sent GOAWAY. */
  refuseNew(): void {
    this.#refusesNew = true;
  }

  takeId(): RequestId {
    return this.#ids.take();
  }

  /** What every request of ours shows from now on. */
  present(tokens: readonly AuthorizationToken[]): void {
    this.#tokens = tokens;
  }

  /** Makes a request of ours, which shows the tokens that there are. */
  open(owner: RequestOwner, asked: RequestMessage): Request {
    const tokens = this.#tokens;
    const message = tokens.length === 0 ? asked : { ...asked, parameters: { ...asked.parameters, tokens } };
    const stream = this.#core.takeStream();
    const request = this.#add(owner, message, true, stream, this.#core.draft.messageStream());
    this.#core.command({ kind: 'open', stream, direction: 'bidi', priority: REQUEST_PRIORITY });
    this.send(request, message);
    return request;
  }

  /** Refuses a second subscription to a track of ours at once, as the peer would have to. */
  refuseDuplicate(id: RequestId): RequestId {
    const refusal = {
      code: RequestErrorCode.DUPLICATE_SUBSCRIPTION,
      reason: 'the track has a subscription in this session',
    };
    this.#core.event({ kind: 'request-error', id, refusal });
    return id;
  }

  /** A request of the peer that awaits our answer; undefined when it ended meanwhile. */
  toAnswer(id: RequestId, kind?: RequestKind): Request | undefined {
    const request = this.#byId.get(id);
    if (request === undefined) {
      this.expectKnown(id);
      return undefined;
    }
    invariant(!request.ours && !request.answered, 'a request of the peer is answered once');
    invariant(kind === undefined || request.kind === kind, 'the answer suits the request');
    return request;
  }

  /** Tells the application of a request that the peer made. */
  tell(request: IncomingRequest): void {
    this.#core.event({ kind: 'request', request });
  }

  /** REQUEST_OK, to the request itself or to its REQUEST_UPDATE. */
  acknowledge(
    request: Request,
    answers: RequestKind | 'request-update',
    more: { parameters?: MessageParameters; properties?: Uint8Array; fin?: boolean } = {},
  ): void {
    const { parameters = {}, properties = NO_BYTES, fin } = more;
    if (answers !== 'request-update') request.answered = true;
    this.send(request, { kind: 'request-ok', answers, parameters, properties }, fin);
  }

  /** REQUEST_ERROR, after which the request is over. */
  refuse(request: Request, { code, reason, retryAfter, redirect }: RequestRefusal): void {
    const details = definedOnly({ retryAfter, redirect });
    this.send(request, { kind: 'request-error', code, reason, ...details }, true);
    this.end(request, StreamCode.CANCELLED);
  }

  send(request: Request, message: Message, fin = false): void {
    if (!request.sending) return;
    if (fin) request.sending = false;
    const bytes = this.#core.draft.encodeMessage(message);
    this.#core.command({ kind: 'write', stream: request.stream, bytes, fin });
  }

  /** Ends our direction of a request stream in good order. */
  finish(request: Request): void {
    if (!request.sending) return;
    request.sending = false;
    this.#core.command({ kind: 'write', stream: request.stream, bytes: NO_BYTES, fin: true });
  }

  /** Abandons both directions of a request stream. @see moqt-18 #request-cancellation */
  abort(request: Request, code: number): void {
    if (request.receiving) this.#core.command({ kind: 'stop-sending', stream: request.stream, code });
    if (request.sending) this.#core.command({ kind: 'reset', stream: request.stream, code });
    request.receiving = false;
    request.sending = false;
  }

  /** Ignores what the stream of a request still brings. */
  ignoreStream(request: Request): void {
    this.#byStream.delete(request.stream);
  }

  /** Forgets a request whose owner has done so. */
  forget(request: Request): void {
    this.#byId.delete(request.id);
    this.#byStream.delete(request.stream);
  }

  /** Takes a request from its owner. Its own stream is left to the caller. @param code - for its data streams. */
  end(request: Request, code: number, by: 'us' | 'peer' = 'us'): void {
    request.owner.end(request, code, by);
    this.forget(request);
  }

  /** Gives a request up: both directions of its stream and all that belongs to it. */
  cancel(request: Request, code: number): void {
    this.end(request, code);
    this.abort(request, code);
  }

  /** Gives up a request of ours as if the peer had refused it. */
  fail(request: Request, refusal: RequestRefusal): void {
    this.cancel(request, StreamCode.CANCELLED);
    this.#core.event({ kind: 'request-error', id: request.id, refusal });
  }

  /** Gives up a request of ours whose track is malformed, and says so. @see moqt-18 #malformed-tracks */
  cancelMalformed(request: Request): void {
    const code = StreamCode.MALFORMED_TRACK;
    this.cancel(request, code);
    this.#core.event({ kind: 'request-cancelled', id: request.id, code });
  }

  /** The peer ended a request before its time. */
  cancelledByPeer(request: Request, code: number): void {
    this.end(request, StreamCode.CANCELLED, 'peer');
    this.abort(request, StreamCode.CANCELLED);
    this.#core.event({ kind: 'request-cancelled', id: request.id, code });
  }

  /** SETUP came: what waited for it goes on. */
  begin(): void {
    const early = this.#early;
    this.#early = [];
    for (const event of early) this.receive(event);
  }

  /** The peer opened a bidirectional stream. */
  opened(stream: StreamHandle): void {
    const { limits, draft } = this.#core;
    if (this.#unbegun.size < limits.requests) {
      this.#unbegun.set(stream, draft.messageStream());
      return;
    }
    const code = StreamCode.EXCESSIVE_LOAD;
    this.#core.command({ kind: 'stop-sending', stream, code });
    this.#core.command({ kind: 'reset', stream, code });
  }

  /** Something came on a bidirectional stream. */
  receive(event: StreamEvent): void {
    if (!this.#core.ready) {
      this.#keepEarly(event);
      return;
    }
    const request = this.#byStream.get(event.stream);
    if (event.kind === 'data') {
      this.#data(event.stream, request, event.bytes, event.fin);
    } else if (request !== undefined) {
      if (event.kind === 'reset') request.receiving = false;
      this.cancelledByPeer(request, event.code);
    } else if (this.#unbegun.delete(event.stream)) {
      this.#core.command({ kind: 'reset', stream: event.stream, code: StreamCode.CANCELLED });
    }
  }

  #keepEarly(event: StreamEvent): void {
    const { limits, draft } = this.#core;
    this.#earlyBytes += event.kind === 'data' ? event.bytes.length : 0;
    if (this.#earlyBytes > limits.bufferedBytes || this.#early.length > limits.requests * 4) {
      throw draft.violation('session-init', 'too much comes before SETUP');
    }
    this.#early.push(event);
  }

  #data(stream: StreamHandle, known: Request | undefined, bytes: Uint8Array, fin: boolean): void {
    const { draft } = this.#core;
    const frames = known?.frames ?? this.#unbegun.get(stream);
    if (frames === undefined) return;
    frames.push(bytes);
    let request = known;
    for (let frame = frames.next(); frame !== undefined; frame = frames.next()) {
      if (request === undefined) {
        this.#unbegun.delete(stream);
        const message = draft.decodeMessage(frame, { stream: 'new-request' });
        request = this.#take(stream, frames, this.#withTokens(message));
      } else {
        this.#message(request, this.#withTokens(draft.decodeMessage(frame, this.#placeOf(request))));
      }
      // A request that ended reads no further.
      if (this.#byStream.get(stream) !== request) return;
    }
    if (!fin) return;
    if (frames.buffered > 0) throw draft.violation('message', 'the stream ends inside a message');
    this.#unbegun.delete(stream);
    if (request === undefined) throw draft.violation('session-init', 'a request stream has no request');
    request.receiving = false;
    if (finEnds(request)) this.cancelledByPeer(request, 0);
  }

  /** A message with the tokens that it shows by aliases, which are registered even if it is refused. */
  #withTokens(message: Message): Message {
    if (!('parameters' in message) || message.parameters.tokenOperations === undefined) return message;
    const { tokenOperations, tokens = [], ...parameters } = message.parameters;
    const shown = [...tokens, ...this.#core.tokens.apply(tokenOperations)];
    return { ...message, parameters: { ...parameters, tokens: shown } };
  }

  /** The first message of a stream that the peer opened. */
  #take(stream: StreamHandle, frames: MessageStream, message: Message): Request {
    invariant(isRequest(message), 'the codec lets only requests begin a request stream');
    this.#ids.receive(message.id);
    const owner = this.#ownerOf(message.kind);
    const request = this.#add(owner, message, false, stream, frames);
    const refusal = this.#objection(message) ?? owner.offer(request);
    if (refusal !== undefined) this.refuse(request, refusal);
    return request;
  }

  /** Why a request of any kind is refused. */
  #objection(message: RequestMessage): RequestRefusal | undefined {
    if (this.#refusesNew) {
      return { code: RequestErrorCode.GOING_AWAY, reason: 'the session is going away' };
    }
    if (this.size > this.#core.limits.requests) {
      return { code: RequestErrorCode.EXCESSIVE_LOAD, reason: 'too many requests are open' };
    }
    const named =
      'namespace' in message ? message.namespace : 'track' in message ? message.track.namespace : undefined;
    if (named !== undefined && isReserved(named)) {
      return { code: RequestErrorCode.DOES_NOT_EXIST, reason: 'the namespace is reserved' };
    }
    return undefined;
  }

  /** A message of the peer that is not the first of its stream. */
  #message(request: Request, message: Message): void {
    switch (message.kind) {
      case 'request-ok':
        if (message.answers !== 'request-update') {
          request.answered = true;
          break;
        }
        request.updates -= 1;
        this.#core.event({
          kind: 'request-ok',
          id: request.id,
          ...definedOnly({ largest: message.parameters.largest }),
        });
        return;
      case 'subscribe-ok':
      case 'fetch-ok':
        request.answered = true;
        break;
      case 'request-error':
        this.#refused(request, message);
        return;
      case 'request-update':
        this.#ids.receive(message.id);
        break;
      case 'goaway':
        if (request.goaway)
          throw this.#core.draft.violation('message-goaway', 'a request stream has two of them');
        request.goaway = true;
        this.#core.event({
          kind: 'request-goaway',
          id: request.id,
          uri: message.uri,
          timeout: message.timeout,
        });
        return;
      case 'publish-done':
      case 'namespace':
      case 'namespace-done':
      case 'publish-blocked':
        break;
      default:
        throw new InvariantError(`the codec let ${message.kind} through`);
    }
    request.owner.receive(request, message);
  }

  /** @see moqt-18 #message-request-error */
  #refused(request: Request, { code, reason, retryAfter, redirect }: RequestError): void {
    if (request.answered || !request.ours) {
      // An update failed: PUBLISH_DONE or the end of the stream follows and says the rest.
      request.updates -= 1;
      return;
    }
    request.answered = true;
    this.end(request, StreamCode.CANCELLED);
    this.finish(request);
    const refusal: RequestRefusal = { code, reason, ...definedOnly({ retryAfter, redirect }) };
    this.#core.event({ kind: 'request-error', id: request.id, refusal });
  }

  #add(
    owner: RequestOwner,
    message: RequestMessage,
    ours: boolean,
    stream: StreamHandle,
    frames: MessageStream,
  ): Request {
    const request: Request = {
      id: message.id,
      kind: message.kind,
      owner,
      ours,
      stream,
      message,
      frames,
      answered: false,
      updates: 0,
      sending: true,
      receiving: true,
      goaway: false,
    };
    this.#byId.set(request.id, request);
    this.#byStream.set(stream, request);
    return request;
  }

  /** Where the next message that the peer sends on a request stream stands. */
  #placeOf(request: Request): MessagePlace {
    const update = request.updates > 0 ? 'request-update' : undefined;
    return {
      stream: 'request',
      request: request.kind,
      from: request.ours ? 'responder' : 'requester',
      answers: request.ours && !request.answered ? request.kind : update,
      receiver: this.#core.role,
    };
  }
}

/** For the owner of a request: a message that the codec should not have let through for it. */
export function unexpected(message: OwnerMessage): never {
  throw new InvariantError(`the codec let ${message.kind} through`);
}

/** The refusal of a track that needs what we do not know. @see moqt-18 #mandatory-track-properties */
export function unsupported(property: bigint): RequestRefusal {
  return {
    code: RequestErrorCode.UNSUPPORTED_EXTENSION,
    reason: `property ${String(property)} is unknown`,
  };
}

/**
 * Whether FIN from the peer ends the request. A subscriber ends subscriptions and fetches by STOP_SENDING, so its FIN
 * says only that no update follows. @see moqt-18 #subscriptions
 */
function finEnds(request: Request): boolean {
  if (request.ours && !request.answered) return true;
  switch (request.kind) {
    case 'subscribe':
      return request.ours;
    case 'publish':
      return !request.ours;
    case 'fetch':
    case 'track-status':
      return false;
    case 'publish-namespace':
    case 'subscribe-namespace':
    case 'subscribe-tracks':
      return true;
  }
}

function isRequest(message: Message): message is RequestMessage {
  return 'id' in message && message.kind !== 'request-update';
}

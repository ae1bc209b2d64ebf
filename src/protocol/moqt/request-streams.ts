import { InvariantError, invariant } from '../errors.ts';
import { StreamCode } from './codes.ts';
import type { MessageStream } from './draft.ts';
import type { Message } from './messages.ts';
import type { OwnRequests } from './own-requests.ts';
import type { PeerRequests } from './peer-requests.ts';
import type { RequestStream } from './request-stream.ts';
import type { SessionCore } from './session-core.ts';
import type { SessionParts } from './session-parts.ts';
import type { StreamHandle, TransportEvent } from './transport.ts';

type StreamEvent = Extract<TransportEvent, { kind: 'data' | 'reset' | 'stop-sending' }>;

/** Reads the bidirectional streams, each of which carries one request. @see moqt-18 #session-init */
export class RequestStreams {
  readonly #core: SessionCore;
  readonly #parts: SessionParts;
  readonly #own: OwnRequests;
  readonly #peer: PeerRequests;
  /** Streams of the peer whose first message is not complete. */
  readonly #unbegun = new Map<StreamHandle, MessageStream>();
  /** What came before the peer's SETUP. */
  #early: StreamEvent[] = [];
  #earlyBytes = 0;

  constructor(parts: SessionParts, own: OwnRequests, peer: PeerRequests) {
    this.#core = parts.core;
    this.#parts = parts;
    this.#own = own;
    this.#peer = peer;
  }

  /** SETUP came: what waited for it goes on. */
  begin(): void {
    const early = this.#early;
    this.#early = [];
    for (const event of early) this.receive(event);
  }

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

  receive(event: Extract<TransportEvent, { kind: 'data' | 'reset' | 'stop-sending' }>): void {
    if (!this.#core.ready) {
      this.#earlyBytes += event.kind === 'data' ? event.bytes.length : 0;
      if (
        this.#earlyBytes > this.#core.limits.bufferedBytes ||
        this.#early.length > this.#core.limits.requests * 4
      ) {
        throw this.#core.draft.violation('session-init', 'too much comes before SETUP');
      }
      this.#early.push(event);
      return;
    }
    const request = this.#core.requestOfStream.get(event.stream);
    if (event.kind === 'data') {
      this.#requestData(event.stream, request, event.bytes, event.fin);
    } else if (request !== undefined) {
      if (event.kind === 'reset') request.receiving = false;
      this.cancelled(request, event.code);
    } else if (this.#unbegun.delete(event.stream)) {
      const code = StreamCode.CANCELLED;
      this.#core.command({ kind: 'reset', stream: event.stream, code });
    }
  }

  #requestData(
    stream: StreamHandle,
    known: RequestStream | undefined,
    bytes: Uint8Array,
    fin: boolean,
  ): void {
    const core = this.#core;
    const frames = known?.frames ?? this.#unbegun.get(stream);
    if (frames === undefined) return;
    frames.push(bytes);
    let request = known;
    for (let frame = frames.next(); frame !== undefined; frame = frames.next()) {
      if (request === undefined) {
        this.#unbegun.delete(stream);
        request = this.#peer.begin(
          stream,
          frames,
          core.draft.decodeMessage(frame, { stream: 'new-request' }),
        );
      } else {
        this.#requestMessage(request, core.draft.decodeMessage(frame, core.placeOf(request)));
      }
      // A request that ended reads no further.
      if (core.requestOfStream.get(stream) !== request) return;
    }
    if (!fin) return;
    if (frames.buffered > 0) throw core.draft.violation('message', 'the stream ends inside a message');
    this.#unbegun.delete(stream);
    if (request === undefined) throw core.draft.violation('session-init', 'a request stream has no request');
    request.receiving = false;
    if (this.#finEnds(request)) this.cancelled(request, 0);
  }

  /**
   * Whether FIN from the peer ends the request. A subscriber ends subscriptions and fetches by STOP_SENDING, so its
   * FIN says only that no update follows. @see moqt-18 #subscriptions
   */
  #finEnds(request: RequestStream): boolean {
    if (request.ours && !request.answered) return true;
    switch (request.kind) {
      case 'subscribe':
        return request.ours;
      case 'publish':
        return !request.ours;
      case 'fetch':
      case 'track-status':
        return false;
      default:
        return true;
    }
  }

  #requestMessage(request: RequestStream, message: Message): void {
    const { namespaces } = this.#parts;
    switch (message.kind) {
      case 'subscribe-ok':
        this.#own.subscribeOk(request, message);
        return;
      case 'fetch-ok':
        this.#own.fetchOk(request, message);
        return;
      case 'request-ok':
        this.#own.requestOk(request, message);
        return;
      case 'request-error':
        this.#own.requestError(request, message);
        return;
      case 'request-update':
        this.#peer.update(request, message);
        return;
      case 'publish-done':
        this.#own.publishDone(request, message);
        return;
      case 'namespace':
      case 'namespace-done':
        if (!namespaces.receive(request.id, message)) {
          this.cancelled(request, StreamCode.EXCESSIVE_LOAD);
        }
        return;
      case 'publish-blocked': {
        invariant('namespace' in request.message, 'PUBLISH_BLOCKED answers SUBSCRIBE_TRACKS');
        const namespace = [...request.message.namespace, ...message.suffix];
        this.#core.event({
          kind: 'publish-blocked',
          id: request.id,
          track: { namespace, name: message.name },
        });
        return;
      }
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
      default:
        throw new InvariantError(`the codec let ${message.kind} through`);
    }
  }

  /** The peer ended a request before its time. */
  cancelled(request: RequestStream, code: number): void {
    if (request.ours) this.#parts.cancelledByPeer(request, code);
    else this.#peer.cancelled(request, code);
  }
}

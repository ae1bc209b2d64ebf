import type { Draft } from './draft.ts';
import { EffectQueue } from './effect-queue.ts';
import type { SessionLimits } from './limits.ts';
import type { Message, MessagePlace } from './messages.ts';
import type { RequestId } from './model.ts';
import { CONTROL_PRIORITY, REQUEST_PRIORITY } from './priorities.ts';
import { RequestIds } from './request-ids.ts';
import type { RequestStream } from './request-stream.ts';
import type { SessionEvent } from './session-api.ts';
import type { StreamHandle, TransportCommand } from './transport.ts';
import type { Millis } from '../units.ts';

/** What all parts of one session share: who we are, the time, streams, and the way out. */
export class SessionCore {
  readonly role: 'client' | 'server';
  readonly draft: Draft;
  readonly limits: SessionLimits;
  readonly effects = new EffectQueue();
  readonly ids: RequestIds;
  /** Requests that are open, in both directions. */
  readonly requests = new Map<RequestId, RequestStream>();
  readonly requestOfStream = new Map<StreamHandle, RequestStream>();
  now: Millis;
  #closed = false;
  #nextStream = 0;
  /** Commands that wait for the peer's SETUP; undefined once it came. */
  #held: TransportCommand[] | undefined = [];

  constructor(role: 'client' | 'server', draft: Draft, limits: SessionLimits, now: Millis) {
    this.role = role;
    this.draft = draft;
    this.limits = limits;
    this.now = now;
    this.ids = new RequestIds(draft, role);
  }

  /** SETUP went both ways. */
  get ready(): boolean {
    return this.#held === undefined;
  }

  /** Nothing is let out any more. */
  close(): void {
    this.#closed = true;
  }

  event(event: SessionEvent): void {
    if (!this.#closed) this.effects.event(event);
  }

  command(command: TransportCommand): void {
    if (this.#closed) return;
    if (this.#held === undefined) this.effects.command(command);
    else this.#held.push(command);
  }

  /** Lets out what waited for the peer's SETUP. */
  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const command of held) this.effects.command(command);
  }

  takeStream(): StreamHandle {
    const stream = this.#nextStream;
    this.#nextStream += 2;
    return stream as StreamHandle;
  }

  /** Opens our control stream, which waits for nobody. */
  openControl(): StreamHandle {
    const stream = this.takeStream();
    this.effects.command({ kind: 'open', stream, direction: 'uni', priority: CONTROL_PRIORITY });
    return stream;
  }

  /** Writes on our control stream. */
  sendControl(stream: StreamHandle, message: Message): void {
    this.effects.command({ kind: 'write', stream, bytes: this.draft.encodeMessage(message), fin: false });
  }

  /** Makes a request of ours. */
  open(message: RequestStream['message']): RequestStream {
    const stream = this.takeStream();
    const request: RequestStream = {
      id: message.id,
      kind: message.kind,
      ours: true,
      stream,
      message,
      frames: this.draft.messageStream(),
      answered: false,
      updates: 0,
      sending: true,
      receiving: true,
      goaway: false,
    };
    this.add(request);
    this.command({ kind: 'open', stream, direction: 'bidi', priority: REQUEST_PRIORITY });
    this.send(request, message);
    return request;
  }

  add(request: RequestStream): void {
    this.requests.set(request.id, request);
    this.requestOfStream.set(request.stream, request);
  }

  /** Forgets a request; what its streams still bring is ignored. */
  remove(request: RequestStream): void {
    this.requests.delete(request.id);
    this.requestOfStream.delete(request.stream);
  }

  send(request: RequestStream, message: Message, fin = false): void {
    if (!request.sending) return;
    if (fin) request.sending = false;
    this.command({ kind: 'write', stream: request.stream, bytes: this.draft.encodeMessage(message), fin });
  }

  /** Ends our direction of a request stream in good order. */
  finish(request: RequestStream): void {
    if (!request.sending) return;
    request.sending = false;
    this.command({ kind: 'write', stream: request.stream, bytes: new Uint8Array(0), fin: true });
  }

  /** Abandons both directions of a request stream. @see moqt-18 #request-cancellation */
  abort(request: RequestStream, code: number): void {
    if (request.receiving) this.command({ kind: 'stop-sending', stream: request.stream, code });
    if (request.sending) this.command({ kind: 'reset', stream: request.stream, code });
    request.receiving = false;
    request.sending = false;
  }

  /** Where the next message that the peer sends on a request stream stands. */
  placeOf(request: RequestStream): MessagePlace {
    const update = request.updates > 0 ? 'request-update' : undefined;
    return {
      stream: 'request',
      request: request.kind,
      from: request.ours ? 'responder' : 'requester',
      answers: request.ours && !request.answered ? request.kind : update,
      receiver: this.role,
    };
  }
}

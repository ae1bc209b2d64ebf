import { invariant } from '../errors.ts';
import type { FetchWriter } from './draft.ts';
import type { GroupOrder, Location, MoqtObject, RequestId } from './model.ts';
import { fetchPriority } from './priorities.ts';
import type { RequestStream } from './request-stream.ts';
import type { SessionCore } from './session-core.ts';
import type { StreamHandle } from './transport.ts';

interface FetchAnswer {
  readonly request: RequestStream;
  readonly writer: FetchWriter;
  subscriberPriority: number;
  stream: StreamHandle | undefined;
  /** The data stream was finished. */
  finished: boolean;
  queued: number;
}

/** Answers the peer's FETCHes. @see moqt-18 #fetch-handling */
export class FetchAnswers {
  readonly #core: SessionCore;
  readonly #byId = new Map<RequestId, FetchAnswer>();
  readonly #byStream = new Map<StreamHandle, FetchAnswer>();

  constructor(core: SessionCore) {
    this.#core = core;
  }

  /** A FETCH was handed to the application. */
  add(request: RequestStream, order: GroupOrder, subscriberPriority: number): void {
    this.#byId.set(request.id, {
      request,
      writer: this.#core.draft.fetchWriter(request.id, order),
      subscriberPriority,
      stream: undefined,
      finished: false,
      queued: 0,
    });
  }

  /** FETCH_OK; objects may come before and after it. */
  accept(id: RequestId, end: Location, endOfTrack: boolean, properties: Uint8Array): void {
    const answer = this.#live(id);
    if (answer === undefined) return;
    invariant(!answer.request.answered, 'a FETCH is answered once');
    answer.request.answered = true;
    this.#core.send(answer.request, { kind: 'fetch-ok', end, endOfTrack, parameters: {}, properties });
    if (answer.finished) this.#close(answer);
    else this.#open(answer);
  }

  /** @returns bytes that are queued on the stream. */
  object(id: RequestId, object: MoqtObject): number {
    const answer = this.#live(id);
    // A status has no place in a FETCH: gaps say what does not exist.
    if (answer === undefined || object.content.kind === 'status') return answer?.queued ?? 0;
    return this.#write(answer, answer.writer.object(object));
  }

  gap(id: RequestId, end: Location, known: 'non-existent' | 'unknown'): void {
    const answer = this.#live(id);
    if (answer !== undefined) this.#write(answer, answer.writer.gap(end, known));
  }

  /** Finishes the data stream. */
  end(id: RequestId): void {
    const answer = this.#live(id);
    if (answer === undefined) return;
    const stream = this.#open(answer);
    this.#byStream.delete(stream);
    answer.finished = true;
    this.#core.command({ kind: 'write', stream, bytes: new Uint8Array(0), fin: true });
    if (answer.request.answered) this.#close(answer);
  }

  /** Resets the data stream; the request ends with it. */
  reset(id: RequestId, code: number): void {
    const answer = this.#live(id);
    if (answer === undefined) return;
    this.drop(id, code);
    this.#core.abort(answer.request, code);
    this.#core.remove(answer.request);
  }

  /** Forgets an answer whose request has ended, and resets its stream. */
  drop(id: RequestId, code: number): void {
    const answer = this.#byId.get(id);
    if (answer === undefined) return;
    this.#byId.delete(id);
    if (answer.stream === undefined || answer.finished) return;
    this.#byStream.delete(answer.stream);
    this.#core.command({ kind: 'reset', stream: answer.stream, code });
  }

  prioritize(id: RequestId, subscriberPriority: number): void {
    const answer = this.#byId.get(id);
    if (answer === undefined) return;
    answer.subscriberPriority = subscriberPriority;
    if (answer.stream === undefined) return;
    this.#core.command({
      kind: 'set-priority',
      stream: answer.stream,
      priority: fetchPriority(subscriberPriority),
    });
  }

  /** The subscriber stopped reading the data stream: the FETCH is cancelled. */
  stopped(stream: StreamHandle): RequestStream | undefined {
    return this.#byStream.get(stream)?.request;
  }

  queued(stream: StreamHandle, bytes: number, drained: boolean): void {
    const answer = this.#byStream.get(stream);
    if (answer === undefined) return;
    answer.queued = bytes;
    if (drained) this.#core.event({ kind: 'fetch-drained', id: answer.request.id });
  }

  #live(id: RequestId): FetchAnswer | undefined {
    const answer = this.#byId.get(id);
    invariant(answer !== undefined || this.#core.ids.isKnown(id), 'the FETCH exists or existed');
    return answer;
  }

  #open(answer: FetchAnswer): StreamHandle {
    if (answer.stream !== undefined) return answer.stream;
    const stream = this.#core.takeStream();
    answer.stream = stream;
    this.#byStream.set(stream, answer);
    const priority = fetchPriority(answer.subscriberPriority);
    this.#core.command({ kind: 'open', stream, direction: 'uni', priority });
    this.#core.command({ kind: 'write', stream, bytes: answer.writer.header(), fin: false });
    return stream;
  }

  #write(answer: FetchAnswer, bytes: Uint8Array): number {
    const stream = this.#open(answer);
    answer.queued += bytes.length;
    this.#core.command({ kind: 'write', stream, bytes, fin: false });
    return answer.queued;
  }

  #close(answer: FetchAnswer): void {
    this.#byId.delete(answer.request.id);
    this.#core.finish(answer.request);
    this.#core.remove(answer.request);
  }
}

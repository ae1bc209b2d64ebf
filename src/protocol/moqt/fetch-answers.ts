import { invariant } from '../errors.ts';
import { RequestErrorCode } from './codes.ts';
import type { FetchWriter } from './draft.ts';
import { endAfter } from './locations.ts';
import type { RequestMessage } from './messages.ts';
import { groupId, objectId } from './model.ts';
import type { FullTrackName, Location, MoqtObject, RequestId } from './model.ts';
import { DEFAULT_SUBSCRIBER_PRIORITY, fetchPriority } from './priorities.ts';
import type { Publication, Publications } from './publications.ts';
import { unexpected } from './requests.ts';
import type { OwnerMessage, PeerRequestOwner, Request, Requests } from './requests.ts';
import type { FetchRange, RequestRefusal } from './session-api.ts';
import type { SessionCore } from './session-core.ts';
import { definedOnly } from './subscribe-parameters.ts';
import type { StreamHandle } from './transport.ts';

interface FetchAnswer {
  readonly request: Request;
  readonly writer: FetchWriter;
  subscriberPriority: number;
  stream: StreamHandle | undefined;
  /** The data stream was finished. */
  finished: boolean;
  queued: number;
}

const JOINS_NOTHING: RequestRefusal = {
  code: RequestErrorCode.INVALID_JOINING_REQUEST_ID,
  reason: 'the FETCH joins no subscription',
};

/** The peer's FETCHes. @see moqt-18 #fetch-handling */
export class FetchAnswers implements PeerRequestOwner {
  readonly #core: SessionCore;
  readonly #requests: Requests;
  readonly #publications: Publications;
  readonly #byId = new Map<RequestId, FetchAnswer>();
  readonly #byStream = new Map<StreamHandle, FetchAnswer>();
  /** What takes back that a FETCH waits for the subscription that it joins. */
  readonly #joining = new Map<RequestId, () => void>();

  /** @param publications - which joining FETCHes join. */
  constructor(core: SessionCore, requests: Requests, publications: Publications) {
    this.#core = core;
    this.#requests = requests;
    this.#publications = publications;
  }

  offer(request: Request): RequestRefusal | undefined {
    const { range } = fetchMessage(request);
    if (range.kind === 'standalone') {
      this.#tell(request, range.track, range.start, range.end);
      return undefined;
    }
    const publication = this.#publications.begun(range.joins);
    if (publication !== undefined) return this.#join(request, range, publication);
    const takeBack = this.#publications.whenBegun(range.joins, (begun) => {
      this.#joining.delete(request.id);
      const refusal = begun === undefined ? JOINS_NOTHING : this.#join(request, range, begun);
      if (refusal !== undefined) this.#requests.refuse(request, refusal);
    });
    if (takeBack === undefined) return JOINS_NOTHING;
    this.#joining.set(request.id, takeBack);
    return undefined;
  }

  /** REQUEST_UPDATE, which may change the priority. */
  receive(request: Request, message: OwnerMessage): void {
    if (message.kind !== 'request-update') unexpected(message);
    const { subscriberPriority } = message.parameters;
    const answer = this.#byId.get(request.id);
    if (subscriberPriority !== undefined && answer !== undefined) {
      answer.subscriberPriority = subscriberPriority;
      if (answer.stream !== undefined) {
        const priority = fetchPriority(subscriberPriority);
        this.#core.command({ kind: 'set-priority', stream: answer.stream, priority });
      }
    }
    this.#requests.acknowledge(request, 'request-update');
  }

  /** Resets the data stream if it is open. */
  end({ id }: Request, code: number): void {
    this.#joining.get(id)?.();
    this.#joining.delete(id);
    const answer = this.#byId.get(id);
    if (answer === undefined) return;
    this.#byId.delete(id);
    if (answer.stream === undefined || answer.finished) return;
    this.#byStream.delete(answer.stream);
    this.#core.command({ kind: 'reset', stream: answer.stream, code });
  }

  /** FETCH_OK; objects may come before and after it. */
  accept(id: RequestId, end: Location, endOfTrack: boolean, properties: Uint8Array): void {
    const answer = this.#live(id);
    if (answer === undefined) return;
    invariant(!answer.request.answered, 'a FETCH is answered once');
    answer.request.answered = true;
    this.#requests.send(answer.request, { kind: 'fetch-ok', end, endOfTrack, parameters: {}, properties });
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
  finish(id: RequestId): void {
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
    if (answer !== undefined) this.#requests.cancel(answer.request, code);
  }

  /** The subscriber stopped reading the data stream: the FETCH is cancelled. */
  stopped(stream: StreamHandle): Request | undefined {
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
    if (answer === undefined) this.#requests.expectKnown(id);
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
    this.#requests.finish(answer.request);
    this.#requests.forget(answer.request);
  }

  /** @see moqt-18 #joining-fetch-range-calculation */
  #join(
    request: Request,
    range: Exclude<FetchRange, { kind: 'standalone' }>,
    { joining, forward, track }: Publication,
  ): RequestRefusal | undefined {
    const invalid = (reason: string): RequestRefusal => ({ code: RequestErrorCode.INVALID_RANGE, reason });
    if (!forward) return invalid('the Forward State is 0');
    if (joining === undefined) return invalid('the track has no objects');
    const first = range.kind === 'absolute-joining' ? range.startGroup : joining.group - range.groups;
    if (first > joining.group) return invalid('the FETCH starts behind the largest group');
    const start: Location = { group: groupId(first < 0n ? 0n : first), object: objectId(0n) };
    this.#tell(request, track, start, endAfter(joining));
    return undefined;
  }

  /** Hands a FETCH to the application; objects may be sent for it from now on. */
  #tell(request: Request, track: FullTrackName, start: Location, end: Location): void {
    const { id, range, parameters } = fetchMessage(request);
    const { groupOrder = 'ascending', subscriberPriority = DEFAULT_SUBSCRIBER_PRIORITY } = parameters;
    this.#byId.set(id, {
      request,
      writer: this.#core.draft.fetchWriter(id, groupOrder),
      subscriberPriority,
      stream: undefined,
      finished: false,
      queued: 0,
    });
    const tokens = definedOnly({ tokens: parameters.tokens });
    this.#requests.tell({
      kind: 'fetch',
      id,
      range,
      track,
      start,
      end,
      subscriberPriority,
      groupOrder,
      ...tokens,
    });
  }
}

function fetchMessage({ message }: Request): Extract<RequestMessage, { kind: 'fetch' }> {
  invariant(message.kind === 'fetch', 'the request is a FETCH');
  return message;
}

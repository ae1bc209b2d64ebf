import { StreamCode } from './codes.ts';
import { endsBefore } from './locations.ts';
import type { Message } from './messages.ts';
import { groupId, objectId } from './model.ts';
import type { GroupOrder, Location, RequestId } from './model.ts';
import type { RequestStream } from './request-stream.ts';
import type { FetchRange } from './session-api.ts';
import type { SessionCore } from './session-core.ts';
import type { StreamHandle } from './transport.ts';

type FetchOk = Extract<Message, { kind: 'fetch-ok' }>;

interface FetchRequest {
  readonly request: RequestStream;
  readonly order: GroupOrder;
  readonly range: FetchRange;
  stream: StreamHandle | undefined;
  accepted: boolean;
  /** How the data stream ended. */
  ended: { readonly complete: boolean; readonly code: number } | undefined;
}

/** Our FETCHes. @see moqt-18 #fetch-state-management */
export class FetchRequests {
  readonly #core: SessionCore;
  readonly #byId = new Map<RequestId, FetchRequest>();

  constructor(core: SessionCore) {
    this.#core = core;
  }

  get size(): number {
    return this.#byId.size;
  }

  add(request: RequestStream, range: FetchRange, order: GroupOrder): void {
    this.#byId.set(request.id, {
      request,
      order,
      range,
      stream: undefined,
      accepted: false,
      ended: undefined,
    });
  }

  /** FETCH_OK came. */
  accept(id: RequestId, message: FetchOk): void {
    const fetch = this.#byId.get(id);
    if (fetch === undefined) return;
    const start = knownStart(fetch.range);
    if (start !== undefined && endsBefore(message.end, start)) {
      throw this.#core.draft.violation('message-fetch-ok', 'it ends before the FETCH starts');
    }
    fetch.accepted = true;
    this.#core.event({ kind: 'fetch-ok', id, end: message.end, endOfTrack: message.endOfTrack });
    this.#settle(fetch);
  }

  /**
   * The data stream of a FETCH begins.
   * @returns order of its groups; undefined when the FETCH has ended.
   * @throws {PeerViolation} when there was no such FETCH, or it has a stream.
   */
  begin(id: RequestId, stream: StreamHandle): GroupOrder | undefined {
    const fetch = this.#byId.get(id);
    if (fetch === undefined) {
      const ours = (id & 1n) === (this.#core.role === 'client' ? 0n : 1n);
      if (ours && this.#core.ids.isKnown(id)) return undefined;
      throw this.#core.draft.violation('fetch-header', 'we made no such request');
    }
    if (fetch.stream !== undefined)
      throw this.#core.draft.violation('fetch-handling', 'a FETCH has two streams');
    fetch.stream = stream;
    return fetch.order;
  }

  dataEnded(id: RequestId, complete: boolean, code: number): void {
    const fetch = this.#byId.get(id);
    if (fetch === undefined) return;
    fetch.ended = { complete, code };
    this.#settle(fetch);
  }

  /** Forgets a FETCH. @returns its data stream. */
  drop(id: RequestId): StreamHandle[] {
    const fetch = this.#byId.get(id);
    this.#byId.delete(id);
    return fetch?.stream === undefined || fetch.ended !== undefined ? [] : [fetch.stream];
  }

  /** A FETCH has ended when its stream has and, if that was whole, when FETCH_OK came too. */
  #settle(fetch: FetchRequest): void {
    const { ended, request } = fetch;
    if (ended === undefined || (ended.complete && !fetch.accepted)) return;
    this.#byId.delete(request.id);
    if (ended.complete) this.#core.finish(request);
    else this.#core.abort(request, StreamCode.CANCELLED);
    this.#core.remove(request);
    this.#core.event({ kind: 'fetch-end', id: request.id, complete: ended.complete, code: ended.code });
  }
}

function knownStart(range: FetchRange): Location | undefined {
  if (range.kind === 'standalone') return range.start;
  if (range.kind === 'relative-joining') return undefined;
  return { group: groupId(range.startGroup), object: objectId(0n) };
}

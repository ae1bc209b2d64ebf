import { StreamCode } from './codes.ts';
import { endsBefore } from './locations.ts';
import { groupId, objectId } from './model.ts';
import type { GroupOrder, Location, RequestId } from './model.ts';
import { unexpected, unsupported } from './requests.ts';
import type { OwnerMessage, Request, RequestOwner, Requests } from './requests.ts';
import type { FetchRange } from './session-api.ts';
import type { SessionCore } from './session-core.ts';
import type { StreamHandle } from './transport.ts';

interface FetchRequest {
  readonly request: Request;
  readonly order: GroupOrder;
  readonly range: FetchRange;
  stream: StreamHandle | undefined;
  accepted: boolean;
  /** How the data stream ended. */
  ended: { readonly complete: boolean; readonly code: number } | undefined;
}

/** Our FETCHes. @see moqt-18 #fetch-state-management */
export class FetchRequests implements RequestOwner {
  readonly #core: SessionCore;
  readonly #requests: Requests;
  readonly #stop: (streams: readonly StreamHandle[], code: number) => void;
  readonly #byId = new Map<RequestId, FetchRequest>();

  /** @param stop - gives up data streams. */
  constructor(
    core: SessionCore,
    requests: Requests,
    stop: (streams: readonly StreamHandle[], code: number) => void,
  ) {
    this.#core = core;
    this.#requests = requests;
    this.#stop = stop;
  }

  fetch(
    range: FetchRange,
    options: { subscriberPriority?: number; groupOrder?: GroupOrder } = {},
  ): RequestId {
    const id = this.#requests.takeId();
    const { subscriberPriority, groupOrder } = options;
    const parameters = { subscriberPriority, groupOrder };
    const request = this.#requests.open(this, { kind: 'fetch', id, range, parameters });
    this.#byId.set(id, {
      request,
      order: groupOrder ?? 'ascending',
      range,
      stream: undefined,
      accepted: false,
      ended: undefined,
    });
    return id;
  }

  /** FETCH_OK came. */
  receive(request: Request, message: OwnerMessage): void {
    if (message.kind !== 'fetch-ok') unexpected(message);
    const { id } = request;
    const { unknownMandatory } = this.#core.draft.readTrackProperties(message.properties);
    if (unknownMandatory !== undefined) {
      this.#requests.fail(request, unsupported(unknownMandatory));
      return;
    }
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

  end({ id }: Request, code: number): void {
    const fetch = this.#byId.get(id);
    this.#byId.delete(id);
    if (fetch?.stream !== undefined && fetch.ended === undefined) this.#stop([fetch.stream], code);
  }

  /**
   * The data stream of a FETCH begins.
   * @returns order of its groups; undefined when the FETCH has ended.
   * @throws {PeerViolation} when there was no such FETCH, or it has a stream.
   */
  begin(id: RequestId, stream: StreamHandle): GroupOrder | undefined {
    const fetch = this.#byId.get(id);
    if (fetch === undefined) {
      if (this.#requests.wasOurs(id)) return undefined;
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

  /** A FETCH has ended when its stream has and, if that was whole, when FETCH_OK came too. */
  #settle(fetch: FetchRequest): void {
    const { ended, request } = fetch;
    if (ended === undefined || (ended.complete && !fetch.accepted)) return;
    this.#byId.delete(request.id);
    if (ended.complete) this.#requests.finish(request);
    else this.#requests.abort(request, StreamCode.CANCELLED);
    this.#requests.forget(request);
    this.#core.event({ kind: 'fetch-end', id: request.id, complete: ended.complete, code: ended.code });
  }
}

function knownStart(range: FetchRange): Location | undefined {
  if (range.kind === 'standalone') return range.start;
  if (range.kind === 'relative-joining') return undefined;
  return { group: groupId(range.startGroup), object: objectId(0n) };
}

/** A FETCH that is being answered: from the cache, or with what a publisher answers. @see moqt-18 #message-fetch */
import type { Millis } from '../units.ts';
import { RequestErrorCode, StreamCode } from '../moqt/codes.ts';
import { compareLocations, objectId } from '../moqt/model.ts';
import type { GroupOrder, Location, MoqtObject, RequestId } from '../moqt/model.ts';
import type { RequestRefusal } from '../moqt/session-api.ts';
import type { Group } from './group.ts';
import { backlogSize, objectSize } from './object-cache.ts';
import type { ObjectCache } from './object-cache.ts';
import type { Peer } from './peer.ts';
import { sendLevel } from './send-queue.ts';
import type { SendSource } from './send-queue.ts';

/** Whoever takes the answer to a FETCH that the relay sent. */
export interface FetchSink {
  accepted(end: Location, endOfTrack: boolean): void;
  object(object: MoqtObject, now: Millis): void;
  gap(end: Location, known: 'non-existent' | 'unknown'): void;
  ended(complete: boolean, code: number): void;
  /** Refused, or the session is gone. */
  refused(refusal: RequestRefusal): void;
}

/** One step of an answer. */
export type FetchItem =
  | { readonly kind: 'object'; readonly object: MoqtObject }
  | { readonly kind: 'gap'; readonly end: Location; readonly known: 'non-existent' | 'unknown' }
  | { readonly kind: 'end' }
  | { readonly kind: 'reset'; readonly code: number };

/** Publishers' priority of an answer, which may hold objects of several. */
const MIDDLE = 128;

/** One answer: what waits of it, and how far it is. */
export class FetchJob implements SendSource {
  readonly peer: Peer;
  readonly id: RequestId;
  readonly level: number;
  /** Ends what is done for it: the FETCH that the relay sent, or its wait. */
  whenDropped: (() => void) | undefined;
  #cached: Iterator<FetchItem, undefined> | undefined;
  readonly #queue: FetchItem[] = [];
  #queuedBytes = 0;
  #accepted = false;
  #over = false;
  /** It waits until its session may be served again. */
  #parked = false;

  constructor(peer: Peer, id: RequestId, subscriberPriority: number) {
    this.peer = peer;
    this.id = id;
    this.level = sendLevel(subscriberPriority, MIDDLE);
  }

  get pending(): boolean {
    if (this.#parked) return false;
    return this.#accepted && !this.#over && (this.#cached !== undefined || this.#queue.length > 0);
  }

  /** Answered to its end, refused or cancelled. */
  get over(): boolean {
    return this.#over;
  }

  /** Bytes that wait here. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** FETCH_OK. */
  accept(end: Location, endOfTrack: boolean): void {
    if (this.#accepted || this.#over) return;
    this.#accepted = true;
    this.peer.useSession().acceptFetch(this.id, end, endOfTrack);
    if (this.pending) this.peer.enqueue(this);
  }

  /** Answers with what a cache yields, read as it is sent. */
  serve(items: Iterator<FetchItem, undefined>): void {
    this.#cached = items;
    this.peer.enqueue(this);
  }

  /** Answers with one more item. */
  push(item: FetchItem): void {
    if (this.#over) return;
    if (item.kind === 'object') this.#queuedBytes += backlogSize(item.object);
    this.#queue.push(item);
    if (this.#accepted) this.peer.enqueue(this);
  }

  reject(refusal: RequestRefusal): void {
    if (this.#over) return;
    if (this.#accepted) {
      this.push({ kind: 'reset', code: StreamCode.UNKNOWN_OBJECT_STATUS });
      return;
    }
    this.#over = true;
    this.peer.useSession().reject(this.id, refusal);
    this.peer.release(this.id);
  }

  /** Gives up at once: more waits for whoever asked than we keep. */
  fallBehind(): void {
    if (this.#over) return;
    this.#over = true;
    const session = this.peer.useSession();
    if (this.#accepted) session.resetFetch(this.id, StreamCode.TOO_FAR_BEHIND);
    else session.reject(this.id, { code: RequestErrorCode.EXCESSIVE_LOAD, reason: 'too much waits for it' });
    this.drop();
    this.peer.release(this.id);
  }

  /** Whoever asked is gone. */
  drop(): void {
    this.#over = true;
    this.#queue.length = 0;
    this.#queuedBytes = 0;
    this.#cached = undefined;
    this.peer.dequeue(this);
    this.whenDropped?.();
    this.whenDropped = undefined;
  }

  sendNext(now: Millis): number {
    if (!this.peer.mayFetch(now)) {
      this.#parked = true;
      this.peer.park(this);
      return 0;
    }
    const item = this.#next();
    const session = this.peer.useSession();
    switch (item.kind) {
      case 'object': {
        const bytes = objectSize(item.object);
        session.sendFetchObject(this.id, item.object);
        this.peer.spendFetch(bytes);
        return bytes;
      }
      case 'gap':
        session.sendFetchGap(this.id, item.end, item.known);
        return 0;
      case 'end':
        session.endFetch(this.id);
        break;
      case 'reset':
        session.resetFetch(this.id, item.code);
        break;
    }
    this.#over = true;
    this.#cached = undefined;
    this.peer.release(this.id);
    return 0;
  }

  /** The session may be served again. */
  resume(): void {
    this.#parked = false;
    if (this.pending) this.peer.enqueue(this);
  }

  #next(): FetchItem {
    if (this.#cached === undefined) {
      const item = this.#queue.shift() ?? { kind: 'end' };
      if (item.kind === 'object') this.#queuedBytes -= backlogSize(item.object);
      return item;
    }
    return this.#cached.next().value ?? { kind: 'end' };
  }
}

/**
 * The objects of a cache from `start` to `last`, both included, in the order of a FETCH. Objects that were given up
 * meanwhile make an unknown range.
 */
export function* cachedItems(
  cache: ObjectCache,
  start: Location,
  last: Location,
  order: GroupOrder,
): Generator<FetchItem, undefined> {
  const groups = cache.ascending().filter(({ id }) => id >= start.group && id <= last.group);
  if (order === 'descending') groups.reverse();
  for (const group of groups) {
    // Objects that are gone: a range can be marked where locations ascend.
    const marks = group.evicted && order === 'ascending';
    let expected = group.id === start.group ? start.object : objectId(0n);
    for (const object of [...group.objects.values()].sort((a, b) =>
      compareLocations(a.location, b.location),
    )) {
      if (compareLocations(object.location, start) < 0 || compareLocations(object.location, last) > 0)
        continue;
      // An answer to FETCH has no statuses: gaps say the same.
      if (object.content.kind === 'payload') {
        const { object: id } = object.location;
        if (marks && id > expected) yield unknownUpTo(group, id - 1n);
        yield { kind: 'object', object };
        expected = objectId(id + 1n);
      }
    }
    const end = group.seen.last ?? 0n;
    const within = group.id < last.group ? end : end < last.object ? end : last.object;
    if (marks && within >= expected) yield unknownUpTo(group, within);
  }
  return undefined;
}

function unknownUpTo({ id }: Group, object: bigint): FetchItem {
  return { kind: 'gap', end: { group: id, object: objectId(object) }, known: 'unknown' };
}

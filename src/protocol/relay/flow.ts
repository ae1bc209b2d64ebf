/** One subgroup on its way to one subscriber. */
import type { Millis } from '../units.ts';
import type { MoqtObject, RequestId } from '../moqt/model.ts';
import type { Subgroup } from './group.ts';
import { backlogSize, objectSize } from './object-cache.ts';
import type { RelaySession } from './peer.ts';

interface Waiting {
  readonly object: MoqtObject;
  readonly first: boolean;
  /** It is not the next object after the one before it, so a stream of its own begins. */
  readonly restart: boolean;
  readonly arrivedAt: Millis;
}

/** The objects of the subgroup that wait, and its stream. */
export class Flow {
  readonly subgroup: Subgroup;
  readonly #queue: Waiting[] = [];
  #streamOpen = false;
  #over = false;
  /** Object ID put last into the queue. */
  #lastQueued: bigint | undefined;
  #ending: 'finish' | 'reset' | undefined;
  /** When the last object of the subgroup was known to be there. */
  finishedAt: Millis | undefined;
  /** What waits here costs this much. */
  bytes = 0;

  constructor(subgroup: Subgroup) {
    this.subgroup = subgroup;
  }

  get pending(): boolean {
    return !this.#over && (this.#queue.length > 0 || this.#ending !== undefined);
  }

  /** When the object that waits longest came. */
  get waitingSince(): Millis | undefined {
    return this.#queue[0]?.arrivedAt;
  }

  /**
   * Queues an object.
   * @param previous - object ID that the same source sent before it on its stream of this subgroup.
   * @see moqt-18 #closing-subgroup-streams
   */
  push(object: MoqtObject, first: boolean, previous: bigint | undefined, now: Millis): void {
    const id = object.location.object;
    const last = this.#lastQueued;
    const isNext = last === undefined || id === last + 1n || (previous === last && id > last);
    this.#queue.push({ object, first, restart: !isNext, arrivedAt: now });
    this.#lastQueued = id;
    this.bytes += backlogSize(object);
  }

  /** All objects of the subgroup are in the queue. */
  finish(now: Millis): void {
    this.#ending ??= 'finish';
    this.finishedAt ??= now;
  }

  /** No more objects will come, though there may be some. */
  cut(): void {
    this.#ending ??= 'reset';
  }

  /**
   * Hands the next object, or the end of the stream, to the session.
   * @returns its bytes, and whether the flow is over.
   */
  send(
    session: RelaySession,
    id: RequestId,
    cutCode: number,
  ): { readonly bytes: number; readonly over: boolean } {
    const next = this.#queue.shift();
    if (next === undefined) {
      this.#end(session, id, cutCode);
      return { bytes: 0, over: true };
    }
    const bytes = objectSize(next.object);
    this.bytes -= backlogSize(next.object);
    const isLast = this.#ending !== undefined && this.#queue.length === 0;
    if (isLast && next.first && !this.#streamOpen && this.#ending === 'finish') {
      session.sendSingleObject(id, next.object, this.subgroup.endOfGroup);
      this.#over = true;
      return { bytes, over: true };
    }
    if (next.restart) this.#reset(session, id, cutCode);
    if (!this.#streamOpen) {
      session.openSubgroup(id, {
        group: this.subgroup.group,
        subgroup: this.subgroup.id,
        publisherPriority: this.subgroup.publisherPriority,
        endOfGroup: this.subgroup.endOfGroup,
        firstObject: next.first,
      });
      this.#streamOpen = true;
    }
    session.writeObject(id, next.object);
    if (isLast) this.#end(session, id, cutCode);
    return { bytes, over: isLast };
  }

  /** Forgets what waits and resets the stream. */
  abandon(session: RelaySession, id: RequestId, code: number): void {
    this.#queue.length = 0;
    this.bytes = 0;
    this.#over = true;
    this.#reset(session, id, code);
  }

  #end(session: RelaySession, id: RequestId, cutCode: number): void {
    this.#over = true;
    if (this.#ending !== 'finish') {
      this.#reset(session, id, cutCode);
      return;
    }
    if (!this.#streamOpen) return;
    session.closeSubgroup(id, this.subgroup.group, this.subgroup.id);
    this.#streamOpen = false;
  }

  #reset(session: RelaySession, id: RequestId, code: number): void {
    if (!this.#streamOpen) return;
    session.resetSubgroup(id, this.subgroup.group, this.subgroup.id, code);
    this.#streamOpen = false;
  }
}

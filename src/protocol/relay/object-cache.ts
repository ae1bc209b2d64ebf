/** The recent objects of one track. */
import type { Millis } from '../units.ts';
import { compareLocations } from '../moqt/model.ts';
import type { GroupId, Location, MoqtObject } from '../moqt/model.ts';
import type { CacheBudget } from './cache-budget.ts';
import { Group } from './group.ts';
import type { Addition } from './group.ts';

/** Bounds of one track's cache. */
export interface CacheBounds {
  readonly bytes: number;
  readonly groups: number;
  readonly age: Millis;
}

/** Groups whose objects are gone are still remembered, so that duplicates of them are known; this many. */
const REMEMBERED_GROUPS = 512;
/** What an object costs beside its bytes. */
const OBJECT_COST = 256;

/** Objects by group, bounded, the oldest groups given up first. */
export class ObjectCache {
  readonly #budget: CacheBudget;
  readonly #bounds: CacheBounds;
  /** In order of arrival. */
  readonly #groups = new Map<bigint, Group>();
  #bytes = 0;
  #withObjects = 0;
  /** Location behind the last object of the track, once known. */
  #end: Location | undefined;

  /** @param bounds - `age` may be shortened later by {@link limitAge}. */
  constructor(budget: CacheBudget, bounds: CacheBounds) {
    this.#budget = budget;
    this.#bounds = bounds;
  }

  /** Whether it has no object. */
  get empty(): boolean {
    return this.#withObjects === 0;
  }

  /** Where END_OF_TRACK was. */
  get endOfTrack(): Location | undefined {
    return this.#end;
  }

  group(id: GroupId): Group | undefined {
    return this.#groups.get(id);
  }

  /** Groups that it knows, ascending. */
  ascending(): Group[] {
    return [...this.#groups.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /**
   * Notes and stores an object.
   * @param object - kept; its byte arrays hold little more than its bytes.
   * @param owner - who pays for it in the shared budget.
   */
  add(
    object: MoqtObject,
    owner: string,
    now: Millis,
  ): { readonly group: Group; readonly addition: Addition } {
    let group = this.#groups.get(object.location.group);
    const fresh = group === undefined;
    group ??= this.#newGroup(object.location.group, owner, now);
    if (this.#end !== undefined && compareLocations(object.location, this.#end) > 0) {
      return { group, addition: { kind: 'malformed', reason: 'an object after the end of its track' } };
    }
    const addition = group.add(object);
    if (addition.kind === 'new') {
      if (object.content.kind === 'status' && object.content.status === 'end-of-track')
        this.#end = object.location;
      this.#store(group, object);
    }
    if (fresh) this.#groups.set(group.id, group);
    return { group, addition };
  }

  /** Whether everything published from `start` to `end`, both included, is here or known not to exist. */
  covers(start: Location, end: Location, knownFrom: Location | undefined): boolean {
    if (knownFrom === undefined) return false;
    for (const group of this.#groups.values()) {
      if (group.id < start.group || group.id > end.group) continue;
      const first = group.id === start.group ? start.object : 0n;
      const last = group.id === end.group ? end.object : (group.seen.last ?? 0n);
      if (last >= first && !group.covers(first, last)) return false;
    }
    if (compareLocations(start, knownFrom) >= 0) return true;
    // Before that, only what is there without a gap is known.
    const group = this.#groups.get(start.group);
    return knownFrom.group === start.group && group?.covers(start.object, knownFrom.object) === true;
  }

  /** Gives up objects that are older than the bounds allow, or than `age` where that is less. */
  expire(now: Millis, age: Millis | undefined): void {
    const oldest = now - Math.min(this.#bounds.age, age ?? this.#bounds.age);
    for (const group of this.#groups.values()) {
      if (group.createdAt > oldest) break;
      if (group.objects.size > 0) this.#giveUp(group);
    }
  }

  /** Gives up everything. */
  clear(): void {
    for (const group of this.#groups.values()) if (group.objects.size > 0) this.#giveUp(group);
    this.#groups.clear();
  }

  #newGroup(id: GroupId, owner: string, now: Millis): Group {
    return new Group(id, owner, now, (group) => {
      this.#bytes -= group.size;
      this.#withObjects -= 1;
    });
  }

  #store(group: Group, object: MoqtObject): void {
    const size = objectSize(object) + OBJECT_COST;
    if (group.objects.size === 0) this.#withObjects += 1;
    group.objects.set(object.location.object, object);
    group.size += size;
    this.#bytes += size;
    this.#budget.grow(group, size);
    for (const oldest of this.#groups.values()) {
      const tooMany = this.#withObjects > this.#bounds.groups || this.#bytes > this.#bounds.bytes;
      if (!tooMany && this.#groups.size <= REMEMBERED_GROUPS + this.#bounds.groups) break;
      if (oldest === group) break;
      if (oldest.objects.size > 0) this.#giveUp(oldest);
      if (this.#groups.size > REMEMBERED_GROUPS + this.#bounds.groups) this.#groups.delete(oldest.id);
    }
    if (this.#bytes > this.#bounds.bytes) this.#giveUp(group);
  }

  #giveUp(group: Group): void {
    this.#budget.release(group);
    group.evict();
  }
}

/** Bytes of an object's payload and properties. */
export function objectSize(object: MoqtObject): number {
  return object.properties.length + (object.content.kind === 'payload' ? object.content.payload.length : 0);
}

/**
 * The object with byte arrays of its own where its bytes are a small part of a large buffer, so that keeping it does
 * not keep the buffer.
 */
export function compactObject(object: MoqtObject): MoqtObject {
  const { content, properties } = object;
  const payload = content.kind === 'payload' ? content.payload : undefined;
  if (!wasteful(properties) && (payload === undefined || !wasteful(payload))) return object;
  return {
    ...object,
    properties: properties.slice(),
    content: payload === undefined ? content : { kind: 'payload', payload: payload.slice() },
  };
}

function wasteful(bytes: Uint8Array): boolean {
  return bytes.buffer.byteLength > 2 * bytes.length + OBJECT_COST;
}

/** The recent objects of one track. */
import type { Millis } from '../units.ts';
import { compareLocations } from '../moqt/model.ts';
import type { GroupId, Location, MoqtObject } from '../moqt/model.ts';
import { CacheBudget } from './cache-budget.ts';
import { Group } from './group.ts';
import type { Addition } from './group.ts';
import { Share } from './share.ts';

/** Bounds of one track's cache. */
export interface CacheBounds {
  readonly bytes: number;
  /** Groups that have objects. Of a track whose first content counts as many as there is room for. */
  readonly groups: number;
  readonly age: Millis;
}

/** Groups whose objects are gone are still remembered, so that duplicates of them are known; this many. */
const REMEMBERED_GROUPS = 512;
/** What an object costs beside its bytes. */
const OBJECT_COST = 256;
/** What it costs to have something of one session in one group. */
const SHARE_COST = 1_024;

/**
 * Objects by group, bounded. The oldest groups are given up first; on a track whose first content counts, the oldest of
 * whoever has most there, so that who floods it pushes out nobody else.
 */
export class ObjectCache {
  readonly #budget: CacheBudget;
  /** Of this track alone, where its publishers must not push out each other. */
  readonly #fair: CacheBudget | undefined;
  readonly #bounds: CacheBounds;
  readonly #groups = new Map<bigint, Group>();
  /** By group and owner, in order of arrival. */
  readonly #shares = new Map<string, Share>();
  /** Groups whose objects are gone, in the order in which they went. */
  readonly #emptied = new Set<Group>();
  #bytes = 0;
  #withObjects = 0;
  /** Location behind the last object of the track, once known. */
  #end: Location | undefined;

  /** @param firstWins - see {@link TrackTreatment}. */
  constructor(budget: CacheBudget, bounds: CacheBounds, firstWins: boolean) {
    this.#budget = budget;
    this.#bounds = bounds;
    this.#fair = firstWins ? new CacheBudget(bounds.bytes) : undefined;
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
    const { group: id } = object.location;
    const group = this.#groups.get(id) ?? new Group(id, this.#fair !== undefined);
    if (this.#end !== undefined && compareLocations(object.location, this.#end) > 0) {
      return { group, addition: { kind: 'malformed', reason: 'an object after the end of its track' } };
    }
    const addition = group.add(object);
    if (addition.kind === 'new') {
      if (object.content.kind === 'status' && object.content.status === 'end-of-track')
        this.#end = object.location;
      this.#groups.set(id, group);
      this.#store(group, object, owner, now);
    }
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
    for (const share of this.#shares.values()) {
      if (share.createdAt > oldest) break;
      this.#giveUp(share);
    }
  }

  /** Gives up everything. */
  clear(): void {
    for (const share of this.#shares.values()) this.#giveUp(share);
    this.#groups.clear();
    this.#emptied.clear();
  }

  #store(group: Group, object: MoqtObject, owner: string, now: Millis): void {
    const key = shareKey(group, owner);
    let share = this.#shares.get(key);
    let size = objectSize(object) + OBJECT_COST;
    if (share === undefined) {
      share = new Share(
        group,
        owner,
        now,
        (gone) => {
          this.#forget(gone);
        },
        (gone) => {
          this.#giveUp(gone);
        },
      );
      this.#shares.set(key, share);
      size += SHARE_COST;
    }
    if (group.objects.size === 0) this.#withObjects += 1;
    this.#emptied.delete(group);
    const { object: id } = object.location;
    group.objects.set(id, object);
    share.objects.add(id);
    share.size += size;
    this.#bytes += size;
    this.#budget.grow(share, size);
    // It may have been the one that had to go.
    if (this.#shares.get(key) !== share) return;
    if (this.#fair === undefined) this.#makeRoom(group);
    else this.#fair.grow(share.ofTrack, size);
  }

  /** Gives up the oldest groups but the one that was added to, and that one only when it alone is too large. */
  #makeRoom(added: Group): void {
    for (const { group } of this.#shares.values()) {
      if (this.#withObjects <= this.#bounds.groups && this.#bytes <= this.#bounds.bytes) return;
      if (group === added) break;
      this.#giveUpGroup(group);
    }
    if (this.#bytes > this.#bounds.bytes) this.#giveUpGroup(added);
  }

  #giveUpGroup(group: Group): void {
    for (const share of this.#shares.values()) if (share.group === group) this.#giveUp(share);
  }

  #giveUp(share: Share): void {
    this.#budget.release(share);
    this.#forget(share);
  }

  /** Its objects are gone. */
  #forget(share: Share): void {
    const { group } = share;
    this.#fair?.release(share.ofTrack);
    this.#shares.delete(shareKey(group, share.owner));
    this.#bytes -= share.size;
    for (const id of share.objects) group.objects.delete(id);
    group.evicted = true;
    if (group.objects.size > 0) return;
    this.#withObjects -= 1;
    this.#emptied.add(group);
    const [oldest] = this.#emptied;
    if (this.#emptied.size <= REMEMBERED_GROUPS || oldest === undefined) return;
    this.#emptied.delete(oldest);
    this.#groups.delete(oldest.id);
  }
}

function shareKey(group: Group, owner: string): string {
  return `${String(group.id)}/${owner}`;
}

/** Bytes of an object's payload and properties. */
export function objectSize(object: MoqtObject): number {
  return object.properties.length + (object.content.kind === 'payload' ? object.content.payload.length : 0);
}

/** What an object costs while it waits to be sent, whatever its size. */
export function backlogSize(object: MoqtObject): number {
  return objectSize(object) + OBJECT_COST;
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

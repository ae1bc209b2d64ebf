/** What the relay knows of one group of a track: which objects came, in which subgroups, and those it still has. */
import { equal } from '../bytes/equal.ts';
import type { GroupId, MoqtObject, SubgroupId } from '../moqt/model.ts';
import { RangeSet } from './range-set.ts';
import { immutableProperties } from './track-properties.ts';

/** Subgroups of a group that are remembered, beside those that are open. */
const MOST_SUBGROUPS = 1_024;

/** A source of objects; only its identity matters here. */
export type SourceId = object;

/** One subgroup as it arrives, maybe from several publishers, or one object of it that travels alone. */
export interface Subgroup {
  /** Tells it from all others of its track. */
  readonly key: string;
  readonly group: GroupId;
  readonly id: SubgroupId;
  readonly publisherPriority: number;
  /** Sources whose stream of this subgroup is open, with the last object ID that each sent. */
  readonly open: Map<SourceId, bigint>;
  /** It holds the last object of its group. */
  endOfGroup: boolean;
  /** All of it arrived: its stream ended with FIN. */
  complete: boolean;
  /** Largest object ID seen. */
  last: bigint;
}

/** Outcome of {@link Group.add}. */
export type Addition =
  | { readonly kind: 'new' }
  | { readonly kind: 'duplicate' }
  /** It counts for nothing, and stands in nobody's way: of a track whose first content counts. */
  | { readonly kind: 'ignored' }
  /** The track is malformed: the object must be neither kept nor forwarded. @see moqt-18 #malformed-tracks */
  | { readonly kind: 'malformed'; readonly reason: string };

/** One group. */
export class Group {
  readonly id: GroupId;
  readonly objects = new Map<bigint, MoqtObject>();
  readonly subgroups = new Map<bigint, Subgroup>();
  readonly seen = new RangeSet();
  /** First object ID that is known not to exist. */
  end: bigint | undefined;
  /** Objects that came are gone. */
  evicted = false;
  /** Objects may have been lost on the way: a stream was reset, or datagrams are used. */
  lossy = false;
  readonly #firstWins: boolean;

  /** @param firstWins - whether several write it who need not agree; see {@link TrackTreatment}. */
  constructor(id: GroupId, firstWins: boolean) {
    this.id = id;
    this.#firstWins = firstWins;
  }

  /** Notes an object; does not store it. */
  add(object: MoqtObject): Addition {
    const id = object.location.object;
    const known = this.objects.get(id);
    if (this.#firstWins) {
      // One object says nothing of others, nor of what does not exist.
      if (object.content.kind === 'status') return { kind: 'ignored' };
      if (known === undefined ? this.seen.has(id) : sameObject(known, object)) return { kind: 'duplicate' };
      if (known !== undefined) return { kind: 'ignored' };
      this.seen.add(id);
      return { kind: 'new' };
    }
    if (known !== undefined) {
      return sameObject(known, object) ? { kind: 'duplicate' } : malformed('two contents of one object');
    }
    if (this.seen.has(id)) return { kind: 'duplicate' };
    if (this.end !== undefined && id >= this.end) return malformed('an object after the end of its group');
    const isEnd = object.content.kind === 'status' && object.content.status === 'end-of-group';
    if (isEnd && (this.seen.last ?? -1n) >= id) return malformed('an end of group before one of its objects');
    const subgroup = object.subgroup === undefined ? undefined : this.subgroups.get(object.subgroup);
    if (subgroup !== undefined) {
      if (subgroup.publisherPriority !== object.publisherPriority)
        return malformed('two priorities in a subgroup');
      if (subgroup.complete && id > subgroup.last)
        return malformed('an object after the end of its subgroup');
    }
    this.seen.add(id);
    if (object.forwarding === 'datagram') this.lossy = true;
    // The status object itself exists; what follows it does not.
    if (isEnd) this.end = id + 1n;
    return { kind: 'new' };
  }

  /** The subgroup of an object that travels in one. */
  subgroup(id: SubgroupId, publisherPriority: number): Subgroup {
    let subgroup = this.subgroups.get(id);
    if (subgroup === undefined) {
      subgroup = {
        key: `${String(this.id)}/${String(id)}`,
        group: this.id,
        id,
        publisherPriority,
        open: new Map(),
        endOfGroup: false,
        complete: false,
        last: -1n,
      };
      this.subgroups.set(id, subgroup);
      if (this.subgroups.size > MOST_SUBGROUPS) this.#forgetSubgroup();
    }
    return subgroup;
  }

  /** The oldest that nobody feeds any more; one that was cut has made the group lossy. */
  #forgetSubgroup(): void {
    for (const [id, { open, last }] of this.subgroups) {
      if (open.size > 0 || last < 0n) continue;
      this.subgroups.delete(id);
      return;
    }
  }

  /** Whether all objects that exist in [first, last] are here and no other can be missing. */
  covers(first: bigint, last: bigint): boolean {
    if (this.evicted) return false;
    if (this.seen.covers(first, last)) return true;
    if (this.lossy) return false;
    for (const subgroup of this.subgroups.values()) if (!subgroup.complete) return false;
    return true;
  }
}

/** An object as a subgroup that has no other, in whichever subgroup it came. */
export function alone({ location, publisherPriority }: MoqtObject, id: SubgroupId): Subgroup {
  return {
    key: `${String(location.group)}/${String(id)}/${String(location.object)}`,
    group: location.group,
    id,
    publisherPriority,
    open: new Map(),
    endOfGroup: false,
    complete: true,
    last: location.object,
  };
}

function malformed(reason: string): Addition {
  return { kind: 'malformed', reason };
}

/** Whether two objects at one location are the same in all that may not change. @see moqt-18 #caching-relays */
function sameObject(a: MoqtObject, b: MoqtObject): boolean {
  if (a.forwarding !== b.forwarding || a.subgroup !== b.subgroup) return false;
  if (a.publisherPriority !== b.publisherPriority) return false;
  if (a.content.kind === 'status' || b.content.kind === 'status') {
    return a.content.kind === b.content.kind && 'status' in b.content && 'status' in a.content
      ? a.content.status === b.content.status
      : false;
  }
  if (!equal(a.content.payload, b.content.payload)) return false;
  if (equal(a.properties, b.properties)) return true;
  const left = immutableProperties(a.properties);
  const right = immutableProperties(b.properties);
  return left === undefined || right === undefined ? left === right : equal(left, right);
}

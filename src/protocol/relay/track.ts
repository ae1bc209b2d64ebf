/** One track at the relay: who publishes it, who subscribes, and what is kept of it. */
import type { Millis } from '../units.ts';
import { nextGroup, nextInGroup, ORIGIN } from '../moqt/locations.ts';
import { compareLocations, objectId } from '../moqt/model.ts';
import type { FullTrackName, GroupId, Location, MoqtObject, RequestId, SubgroupId } from '../moqt/model.ts';
import type { TrackDescription } from '../moqt/session-api.ts';
import type { CacheBudget } from './cache-budget.ts';
import type { Downstream, HeldBack } from './downstream.ts';
import { alone } from './group.ts';
import type { Subgroup } from './group.ts';
import type { RelayLimits } from './limits.ts';
import { namespaceKey, trackNameKey } from '../moqt/names.ts';
import type { NamespaceKey, TrackNameKey } from '../moqt/names.ts';
import { ObjectCache, compactObject } from './object-cache.ts';
import type { Peer } from './peer.ts';
import type { TrackTreatment } from './policy.ts';
import type { Timer } from './timer-queue.ts';
import { readRelayedProperties } from './track-properties.ts';
import type { RelayedProperties } from './track-properties.ts';

/** A publisher of a track: a PUBLISH that came, or a SUBSCRIBE that the relay sent. */
export interface Upstream {
  readonly peer: Peer;
  readonly id: RequestId;
  readonly track: Track;
  readonly origin: 'publish' | 'subscribe';
  state: 'asked' | 'established' | 'ended';
  /** Forward State that we asked for. */
  forward: boolean;
  /** Its PUBLISH had Forward State 0: it sends when it is asked to. */
  readonly steered: boolean;
  /** Subgroups whose stream from this publisher is open. */
  readonly open: Set<Subgroup>;
  /** Runs while its answer is awaited. */
  timer: Timer | undefined;
}

/** Bounds that all tracks of a relay share. */
export interface TrackBudgets {
  readonly media: CacheBudget;
  readonly kept: CacheBudget;
}

/** An object as a session tells of it. */
export interface ReceivedObject {
  readonly object: MoqtObject;
  /** It is the first of its subgroup. */
  readonly firstInSubgroup: boolean;
  /** Its subgroup holds the last object of the group. */
  readonly endOfGroup: boolean;
}

/** What came of an object. */
export type Reception =
  | { readonly kind: 'forwarded' }
  | { readonly kind: 'duplicate' }
  | { readonly kind: 'ignored' }
  | { readonly kind: 'malformed'; readonly reason: string };

/** Its publishers, its subscribers and its recent objects. */
export class Track {
  readonly key: TrackNameKey;
  readonly namespaceKey: NamespaceKey;
  /** Name of its scope. */
  readonly scope: string;
  readonly name: FullTrackName;
  readonly treatment: TrackTreatment;
  /** When the relay first heard of it. */
  readonly since: Millis;
  readonly upstreams = new Set<Upstream>();
  readonly downstreams = new Set<Downstream<Track>>();
  readonly cache: ObjectCache;
  /** Sessions that are asked for what they had before they came here. */
  readonly backfills = new Set<Peer>();
  /** Answers FETCHes that wait for that. */
  readonly afterBackfill = new Set<() => void>();
  #properties: Uint8Array | undefined;
  #relayed: RelayedProperties = readRelayedProperties(undefined);
  #largest: Location | undefined;
  #newGroupAsked: bigint | undefined;
  /** From here on all that was published has come in, but for what was lost on the way. */
  #knownFrom: Location | undefined;

  constructor(
    scope: string,
    name: FullTrackName,
    treatment: TrackTreatment,
    since: Millis,
    limits: RelayLimits,
    budgets: TrackBudgets,
  ) {
    this.scope = scope;
    this.name = name;
    this.key = trackNameKey(name);
    this.namespaceKey = namespaceKey(name.namespace);
    this.treatment = treatment;
    this.since = since;
    const bounds = treatment.kept
      ? { bytes: limits.keptBytesPerTrack, groups: limits.keptGroupsPerTrack, age: limits.keepFor }
      : { bytes: limits.cacheBytesPerTrack, groups: limits.cacheGroupsPerTrack, age: limits.cacheFor };
    this.cache = new ObjectCache(treatment.kept ? budgets.kept : budgets.media, bounds, treatment.firstWins);
  }

  get reliable(): boolean {
    return this.treatment.reliable;
  }

  get timeouts(): RelayedProperties['timeouts'] {
    return this.#relayed.timeouts;
  }

  get groupOrder(): RelayedProperties['groupOrder'] {
    return this.#relayed.groupOrder;
  }

  /**
   * Whether a NEW_GROUP_REQUEST is to be sent on; if so it is outstanding until the largest group increases.
   * @see moqt-18 #new-group-request
   */
  takeNewGroupRequest(request: bigint): boolean {
    if (!this.#relayed.dynamicGroups) return false;
    if (request !== 0n && this.#largest !== undefined && request <= this.#largest.group) return false;
    if (this.#newGroupAsked !== undefined && this.#newGroupAsked >= request) return false;
    this.#newGroupAsked = request;
    return true;
  }

  /** Largest location published, as far as known here. @see moqt-18 #largest-param */
  get largest(): Location | undefined {
    return this.#largest;
  }

  /** A publisher sends it to us. */
  get published(): boolean {
    for (const { state } of this.upstreams) if (state === 'established') return true;
    return false;
  }

  /** Somebody publishes it, or its objects are kept. */
  get available(): boolean {
    return this.published || this.#isKept;
  }

  get description(): TrackDescription {
    return {
      ...(this.#largest === undefined ? {} : { largest: this.#largest }),
      ...(this.#properties === undefined ? {} : { properties: this.#properties }),
    };
  }

  /** Whether publishers are to send objects: somebody listens, or the objects are kept. */
  get wanted(): boolean {
    if (this.treatment.kept) return true;
    for (const downstream of this.downstreams) if (downstream.wantsObjects) return true;
    return false;
  }

  /** Nobody has anything to do with it any more. */
  get idle(): boolean {
    return (
      this.upstreams.size === 0 && this.downstreams.size === 0 && this.backfills.size === 0 && !this.#isKept
    );
  }

  /** The session is the only one that publishes it. */
  isPublishedOnlyBy(peer: Peer): boolean {
    let publishes = false;
    for (const upstream of this.upstreams) {
      if (upstream.state !== 'established') continue;
      if (upstream.peer !== peer) return false;
      publishes = true;
    }
    return publishes;
  }

  /** It is exclusive, and a session other than `peer` publishes it. */
  isTakenFrom(peer: Peer): boolean {
    if (!this.treatment.exclusive) return false;
    for (const { peer: other, state } of this.upstreams) {
      if (state === 'established' && other !== peer) return true;
    }
    return false;
  }

  /** Takes over what a publisher says of the track, where it may speak for the others. */
  describe(description: TrackDescription): void {
    if (this.treatment.firstWins) return;
    if (description.properties !== undefined) {
      this.#properties = description.properties.slice();
      this.#relayed = readRelayedProperties(this.#properties);
    }
    if (description.largest !== undefined) this.#advance(description.largest);
  }

  /** A publisher sends from now on, behind the largest location that it named. */
  startsHere(largest: Location | undefined): void {
    if (this.treatment.firstWins) return;
    this.#knownFrom ??= largest === undefined ? ORIGIN : nextInGroup(largest);
  }

  /** A publisher has given all that it had. */
  backfilled(): void {
    if (this.published && !this.treatment.firstWins) this.#knownFrom = ORIGIN;
  }

  /** Nothing more comes: what is published meanwhile is not known here. */
  stopsHere(): void {
    this.#knownFrom = undefined;
  }

  /** @see {@link SubscribedTrack} */
  replay(): readonly HeldBack[] | undefined {
    if (!this.treatment.firstWins) return undefined;
    return this.cache.ascending().flatMap(({ objects }) =>
      Array.from(objects.values(), (object) => ({
        object,
        subgroup: object.subgroup === undefined ? undefined : alone(object, object.subgroup),
        first: true,
        previous: undefined,
      })),
    );
  }

  /** Whether a FETCH of [start, last] can be answered from here alone. */
  covers(start: Location, last: Location): boolean {
    return this.cache.covers(start, last, this.#knownFrom);
  }

  /**
   * An object came from a publisher: it is kept and handed on, unless it is known.
   */
  receive(upstream: Upstream, received: ReceivedObject, now: Millis): Reception {
    const object = compactObject(received.object);
    const { group, addition } = this.cache.add(object, `${upstream.peer.id}`, now);
    if (addition.kind === 'malformed' || addition.kind === 'ignored') return addition;
    if (this.treatment.firstWins) {
      if (addition.kind === 'new') this.#handOnAlone(object, received.firstInSubgroup, now);
      return addition.kind === 'new' ? { kind: 'forwarded' } : addition;
    }
    let subgroup: Subgroup | undefined;
    let previous: bigint | undefined;
    if (object.subgroup !== undefined) {
      subgroup = group.subgroup(object.subgroup, object.publisherPriority);
      previous = subgroup.open.get(upstream);
      if (received.endOfGroup) subgroup.endOfGroup = true;
      subgroup.open.set(upstream, object.location.object);
      upstream.open.add(subgroup);
      if (object.location.object > subgroup.last) subgroup.last = object.location.object;
    }
    if (addition.kind === 'duplicate') return addition;
    this.#advance(object.location);
    // Whatever was sent before the first object that came is not known.
    this.#knownFrom ??=
      object.location.object === 0n
        ? { group: object.location.group, object: objectId(0n) }
        : nextGroup(object.location);
    for (const downstream of this.downstreams) {
      downstream.deliver(object, subgroup, received.firstInSubgroup, previous, now);
    }
    return { kind: 'forwarded' };
  }

  /** An object came that a publisher had before it came here. Where several write, the others may not know it yet. */
  refill(upstream: Upstream, object: MoqtObject, now: Millis): void {
    if (this.treatment.firstWins)
      this.receive(upstream, { object, firstInSubgroup: true, endOfGroup: false }, now);
    else this.cache.add(compactObject(object), `${upstream.peer.id}`, now);
  }

  /**
   * Hands on an object of a track that several write: on a stream of its own, since the end of a subgroup, its priority
   * and what else one publisher says of it binds no other.
   */
  #handOnAlone(object: MoqtObject, first: boolean, now: Millis): void {
    this.#advance(object.location);
    const subgroup = object.subgroup === undefined ? undefined : alone(object, object.subgroup);
    for (const downstream of this.downstreams) {
      downstream.deliver(object, subgroup, first, undefined, now);
      if (subgroup !== undefined) downstream.finishSubgroup(subgroup, now);
    }
  }

  /** A publisher's subgroup stream ended: complete (FIN) or not (reset). */
  endSubgroup(
    upstream: Upstream,
    end: { readonly group: GroupId; readonly subgroup: SubgroupId; readonly complete: boolean },
    now: Millis,
  ): void {
    const group = this.cache.group(end.group);
    const subgroup = group?.subgroups.get(end.subgroup);
    // Who brought nothing to a subgroup does not end it either: what it sent there was ignored.
    if (group === undefined || subgroup?.open.delete(upstream) !== true) return;
    upstream.open.delete(subgroup);
    if (!end.complete) {
      if (!subgroup.complete && subgroup.open.size === 0) this.#cut(subgroup);
      return;
    }
    if (subgroup.complete) return;
    subgroup.complete = true;
    if (subgroup.endOfGroup) group.end ??= subgroup.last + 1n;
    for (const downstream of this.downstreams) downstream.finishSubgroup(subgroup, now);
  }

  /** A publisher is gone; the streams that only it fed end. */
  removeUpstream(upstream: Upstream): void {
    upstream.state = 'ended';
    upstream.timer?.cancel();
    this.upstreams.delete(upstream);
    for (const subgroup of upstream.open) {
      subgroup.open.delete(upstream);
      if (!subgroup.complete && subgroup.open.size === 0) this.#cut(subgroup);
    }
    upstream.open.clear();
    if (this.upstreams.size > 0) return;
    this.stopsHere();
    if (!this.treatment.kept) this.cache.clear();
  }

  /** Gives up objects that are too old. */
  expire(now: Millis): void {
    this.cache.expire(now, this.#relayed.maxCacheDuration);
  }

  get #isKept(): boolean {
    return this.treatment.kept && !this.cache.empty;
  }

  #cut(subgroup: Subgroup): void {
    const group = this.cache.group(subgroup.group);
    if (group !== undefined) group.lossy = true;
    for (const downstream of this.downstreams) downstream.cutSubgroup(subgroup);
  }

  #advance(location: Location): void {
    if (this.#largest === undefined || location.group > this.#largest.group) this.#newGroupAsked = undefined;
    if (this.#largest === undefined || compareLocations(location, this.#largest) > 0)
      this.#largest = location;
  }
}

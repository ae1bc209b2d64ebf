/** A subscription that somebody holds at the relay, made by SUBSCRIBE or by our PUBLISH. */
import type { Millis } from '../units.ts';
import { StreamCode } from '../moqt/codes.ts';
import { covers, resolveFilter, UNFILTERED } from '../moqt/filters.ts';
import type { GroupId, GroupOrder, Location, MoqtObject, RequestId } from '../moqt/model.ts';
import type { SubscribeParameters } from '../moqt/session-api.ts';
import { Flow } from './flow.ts';
import type { Subgroup } from './group.ts';
import type { Backlog, Peer } from './peer.ts';
import { sendLevel } from './send-queue.ts';
import type { SendSource } from './send-queue.ts';
import { smallerTimeout } from './track-properties.ts';
import type { DeliveryTimeouts } from './track-properties.ts';

/** What a subscription needs of its track. */
export interface SubscribedTrack {
  /** Never dropped on the way. */
  readonly reliable: boolean;
  readonly timeouts: DeliveryTimeouts;
  readonly groupOrder: GroupOrder;
  /** All that is kept of a track that several write; undefined: it is not one. */
  replay(): readonly HeldBack[] | undefined;
}

/**
 * - `waiting`: a SUBSCRIBE for which there is no publisher yet;
 * - `offered`: our PUBLISH, not answered yet; objects are held back;
 * - `ending`: what is queued is sent, then PUBLISH_DONE.
 */
export type DownstreamState = 'waiting' | 'offered' | 'established' | 'ending' | 'ended';

/** An object that waits for its subscription. */
export interface HeldBack {
  readonly object: MoqtObject;
  readonly subgroup: Subgroup | undefined;
  readonly first: boolean;
  readonly previous: bigint | undefined;
}

/** Objects kept for an offered subscription until its answer comes. */
const MOST_HELD_BACK = 256;

/** What it asks for, and what waits to be sent on it. */
export class Downstream<T extends SubscribedTrack = SubscribedTrack> implements Backlog {
  readonly peer: Peer;
  readonly id: RequestId;
  readonly track: T;
  state: DownstreamState;
  forward = true;
  #subscriberPriority = 128;
  #groupOrder: GroupOrder;
  #coverage = UNFILTERED;
  #objectTimeout: Millis;
  #subgroupTimeout: Millis;
  /** Groups below were given up. */
  #floor = 0n;
  /** By the keys of their subgroups. */
  readonly #flows = new Map<string, Flow>();
  readonly #lanes = new Map<number, Lane>();
  #heldBack: HeldBack[] = [];
  /** More came than is held back. */
  #overflowed = false;
  #done: { readonly code: number; readonly reason: string } | undefined;

  constructor(peer: Peer, id: RequestId, track: T, state: 'waiting' | 'offered') {
    this.peer = peer;
    this.id = id;
    this.track = track;
    this.state = state;
    this.#groupOrder = track.groupOrder;
    this.#objectTimeout = track.timeouts.object;
    this.#subgroupTimeout = track.timeouts.subgroup;
  }

  /** Wants objects, now or once it is accepted. */
  get wantsObjects(): boolean {
    return (
      this.forward && (this.state === 'established' || this.state === 'offered' || this.state === 'waiting')
    );
  }

  get reliable(): boolean {
    return this.track.reliable;
  }

  get backlog(): number {
    let bytes = 0;
    for (const flow of this.#flows.values()) bytes += flow.bytes;
    return bytes;
  }

  get lowestLevel(): number {
    let lowest = -1;
    for (const lane of this.#lanes.values()) if (lane.pending && lane.level > lowest) lowest = lane.level;
    return lowest;
  }

  /**
   * Takes over what the subscriber asks for.
   * @param largest - largest location of the track, to which filters are relative. @see moqt-18 #subscription-filters
   */
  apply(parameters: SubscribeParameters, largest: Location | undefined): void {
    const { filter } = parameters;
    const { timeouts } = this.track;
    if (parameters.forward !== undefined) this.#setForward(parameters.forward);
    if (parameters.subscriberPriority !== undefined) this.#subscriberPriority = parameters.subscriberPriority;
    if (parameters.groupOrder !== undefined) this.#groupOrder = parameters.groupOrder;
    this.#objectTimeout = smallerTimeout(timeouts.object, parameters.objectDeliveryTimeout);
    this.#subgroupTimeout = smallerTimeout(timeouts.subgroup, parameters.subgroupDeliveryTimeout);
    if (filter !== undefined) this.#coverage = resolveFilter(filter, largest);
  }

  /** The subscription stands: objects flow from now on. */
  establish(now: Millis): void {
    this.state = 'established';
    // Whoever floods what all write must not push out what others sent meanwhile.
    const heldBack = (this.#overflowed ? this.track.replay() : undefined) ?? this.#heldBack;
    this.#heldBack = [];
    for (const { object, subgroup, first, previous } of heldBack) {
      this.deliver(object, subgroup, first, previous, now);
      if (subgroup?.complete === true) this.finishSubgroup(subgroup, now);
      else if (subgroup?.open.size === 0) this.cutSubgroup(subgroup);
    }
  }

  /**
   * Queues an object of the track.
   * @param first - it is the first of its subgroup.
   * @param previous - object ID before it on the stream that it came on.
   */
  deliver(
    object: MoqtObject,
    subgroup: Subgroup | undefined,
    first: boolean,
    previous: bigint | undefined,
    now: Millis,
  ): void {
    if (this.state === 'offered') {
      this.#heldBack.push({ object, subgroup, first, previous });
      if (this.#heldBack.length > MOST_HELD_BACK) {
        this.#heldBack.shift();
        this.#overflowed = true;
      }
      return;
    }
    if (this.state !== 'established') return;
    if (!this.forward) {
      this.peer.noteLargest(this.id, object.location);
      return;
    }
    if (object.location.group < this.#floor || !covers(this.#coverage, object.location)) return;
    if (subgroup === undefined) {
      if (!this.peer.congested) this.peer.useSession().sendDatagram(this.id, object);
      return;
    }
    // Of a group that was forgotten meanwhile there may be one that waits: a session has one stream of a subgroup.
    let flow = this.#flows.get(subgroup.key);
    if (flow === undefined) {
      flow = new Flow(subgroup);
      this.#flows.set(subgroup.key, flow);
    }
    const before = flow.bytes;
    flow.push(object, first, previous, now);
    this.peer.account(this.track.reliable, flow.bytes - before);
    this.#queue(flow);
  }

  /** All objects of a subgroup came. */
  finishSubgroup(subgroup: Subgroup, now: Millis): void {
    const flow = this.#flows.get(subgroup.key);
    if (flow === undefined) return;
    flow.finish(now);
    this.#queue(flow);
  }

  /** No more objects of a subgroup will come, though there may be more. */
  cutSubgroup(subgroup: Subgroup): void {
    const flow = this.#flows.get(subgroup.key);
    if (flow === undefined) return;
    flow.cut();
    this.#queue(flow);
  }

  /** Sends what is queued, then PUBLISH_DONE. @see moqt-18 #message-publish-done */
  end(code: number, reason: string): void {
    if (this.state === 'ended' || this.state === 'ending') return;
    this.state = 'ending';
    this.#heldBack = [];
    this.#done = { code, reason };
    for (const flow of this.#flows.values()) {
      flow.cut();
      this.#queue(flow);
    }
    this.#finishIfDone();
  }

  /** The subscriber is gone and its session has reset the streams: what waits is forgotten. */
  drop(): void {
    this.state = 'ended';
    this.#heldBack = [];
    for (const flow of this.#flows.values()) this.peer.account(this.track.reliable, -flow.bytes);
    this.#flows.clear();
    for (const lane of this.#lanes.values()) this.peer.dequeue(lane);
    this.#lanes.clear();
  }

  expire(now: Millis, backlogAge: Millis): void {
    for (const flow of this.#flows.values()) {
      if (this.#isLate(flow, now)) this.#abandon(flow, StreamCode.DELIVERY_TIMEOUT);
      else if (!this.track.reliable && now - (flow.waitingSince ?? now) > backlogAge)
        this.#dropThrough(flow.subgroup.group);
    }
  }

  waitsSince(time: number): boolean {
    for (const flow of this.#flows.values()) if ((flow.waitingSince ?? Infinity) < time) return true;
    return false;
  }

  /** Gives up the oldest group that waits: the newest goes on, or the next one when there is no newer. */
  dropOldestGroup(): void {
    let oldest: GroupId | undefined;
    for (const { subgroup, bytes } of this.#flows.values()) {
      if (bytes > 0 && (oldest === undefined || subgroup.group < oldest)) oldest = subgroup.group;
    }
    if (oldest !== undefined) this.#dropThrough(oldest);
  }

  /** Sends the next object of a flow. @returns its bytes. */
  sendFrom(flow: Flow, now: Millis): number {
    if (this.#isLate(flow, now)) {
      this.#abandon(flow, StreamCode.DELIVERY_TIMEOUT);
      return 0;
    }
    const before = flow.bytes;
    const code = this.#done === undefined ? StreamCode.INTERNAL_ERROR : StreamCode.CANCELLED;
    const { bytes, over } = flow.send(this.peer.useSession(), this.id, code);
    this.peer.account(this.track.reliable, flow.bytes - before);
    if (over) this.#flows.delete(flow.subgroup.key);
    this.#finishIfDone();
    return bytes;
  }

  /** Which of two flows of one priority goes first. @see moqt-18 #scheduling-algorithm */
  goesBefore(a: Flow, b: Flow): boolean {
    if (a.subgroup.group !== b.subgroup.group) {
      return a.subgroup.group < b.subgroup.group === (this.#groupOrder === 'ascending');
    }
    return a.subgroup.id < b.subgroup.id;
  }

  /** @see moqt-18 #delivery-timeouts */
  #isLate(flow: Flow, now: Millis): boolean {
    const waiting = this.#objectTimeout > 0 && now - (flow.waitingSince ?? now) > this.#objectTimeout;
    return waiting || (this.#subgroupTimeout > 0 && now - (flow.finishedAt ?? now) > this.#subgroupTimeout);
  }

  #setForward(forward: boolean): void {
    if (this.forward && !forward) {
      for (const flow of this.#flows.values()) this.#abandon(flow, StreamCode.CANCELLED);
    }
    this.forward = forward;
  }

  #dropThrough(group: GroupId): void {
    this.#floor = group + 1n;
    this.peer.noteDroppedGroup();
    for (const flow of this.#flows.values()) {
      if (flow.subgroup.group <= group) this.#abandon(flow, StreamCode.DELIVERY_TIMEOUT);
    }
  }

  #abandon(flow: Flow, code: number): void {
    this.peer.account(this.track.reliable, -flow.bytes);
    flow.abandon(this.peer.useSession(), this.id, code);
    this.#flows.delete(flow.subgroup.key);
    for (const lane of this.#lanes.values()) lane.remove(flow);
    this.#finishIfDone();
  }

  #queue(flow: Flow): void {
    const level = sendLevel(this.#subscriberPriority, flow.subgroup.publisherPriority);
    let lane = this.#lanes.get(level);
    if (lane === undefined) {
      lane = new Lane(this, level);
      this.#lanes.set(level, lane);
    }
    lane.add(flow);
    this.peer.enqueue(lane);
  }

  #finishIfDone(): void {
    if (this.state !== 'ending' || this.#done === undefined) return;
    for (const flow of this.#flows.values()) if (flow.pending) return;
    this.state = 'ended';
    this.peer.useSession().publishDone(this.id, this.#done.code, this.#done.reason);
    this.peer.release(this.id);
  }
}

/** The flows of one subscription that have the same priority, in the order in which they are sent. */
class Lane implements SendSource {
  readonly level: number;
  readonly #downstream: Downstream;
  readonly #flows: Flow[] = [];

  constructor(downstream: Downstream, level: number) {
    this.#downstream = downstream;
    this.level = level;
  }

  get pending(): boolean {
    return this.#flows.length > 0;
  }

  add(flow: Flow): void {
    if (this.#flows.includes(flow)) return;
    let at = this.#flows.length;
    for (let before = this.#flows[at - 1]; before !== undefined; before = this.#flows[at - 1]) {
      if (!this.#downstream.goesBefore(flow, before)) break;
      at -= 1;
    }
    this.#flows.splice(at, 0, flow);
  }

  remove(flow: Flow): void {
    const at = this.#flows.indexOf(flow);
    if (at >= 0) this.#flows.splice(at, 1);
  }

  sendNext(now: Millis): number {
    const [flow] = this.#flows;
    if (flow === undefined) return 0;
    const bytes = this.#downstream.sendFrom(flow, now);
    if (!flow.pending) this.remove(flow);
    return bytes;
  }
}

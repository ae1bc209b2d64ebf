import { StreamCode } from './codes.ts';
import type { Frame, IncomingStream, StreamItem } from './draft.ts';
import type { FetchRequests } from './fetch-requests.ts';
import { LimitExceeded } from './limits.ts';
import { MalformedTrack } from './malformed-track.ts';
import type { RequestId, SubgroupId } from './model.ts';
import type { SessionCore } from './session-core.ts';
import type { Subscription, Subscriptions } from './subscriptions.ts';
import type { StreamHandle } from './transport.ts';
import type { Millis } from '../units.ts';
import { millis } from '../units.ts';

type SubgroupItem = Extract<StreamItem, { kind: 'subgroup' }>;

/** A unidirectional stream of the peer. */
interface PeerStream {
  readonly handle: StreamHandle;
  readonly reader: IncomingStream;
  state:
    | { readonly kind: 'new' | 'control' | 'padding' }
    /** A subgroup whose alias names no established subscription yet. */
    | { readonly kind: 'waiting'; readonly header: SubgroupItem; readonly until: Millis }
    | { readonly kind: 'early-fetch'; readonly request: RequestId }
    | {
        readonly kind: 'subgroup';
        readonly header: SubgroupItem;
        readonly subscription: Subscription;
        subgroup: SubgroupId | undefined;
        first: boolean;
      }
    | { readonly kind: 'fetch'; readonly request: RequestId };
}

/** What happens to streams that belong to no part of this module. */
export interface StreamOwner {
  controlMessage(stream: StreamHandle, frame: Frame): void;
  controlEnded(): never;
  /** A track broke its own rules: give up the subscription or fetch. */
  malformed(request: RequestId): void;
}

/** Reads the peer's unidirectional streams. @see moqt-18 #stream-types */
export class IncomingStreams {
  readonly #core: SessionCore;
  readonly #subscriptions: Subscriptions;
  readonly #fetches: FetchRequests;
  readonly #owner: StreamOwner;
  readonly #streams = new Map<StreamHandle, PeerStream>();
  /** In the order in which they began to wait. */
  readonly #waiting = new Set<PeerStream>();
  #buffered = 0;

  constructor(core: SessionCore, subscriptions: Subscriptions, fetches: FetchRequests, owner: StreamOwner) {
    this.#core = core;
    this.#subscriptions = subscriptions;
    this.#fetches = fetches;
    this.#owner = owner;
  }

  has(handle: StreamHandle): boolean {
    return this.#streams.has(handle);
  }

  opened(handle: StreamHandle): void {
    if (this.#streams.size >= this.#core.limits.dataStreams) {
      this.#stop(handle, StreamCode.EXCESSIVE_LOAD);
      return;
    }
    const reader = this.#core.draft.incomingStream(this.#core.limits);
    this.#streams.set(handle, { handle, reader, state: { kind: 'new' } });
  }

  data(handle: StreamHandle, bytes: Uint8Array, fin: boolean): void {
    const stream = this.#streams.get(handle);
    if (stream === undefined) return;
    const before = stream.reader.buffered;
    stream.reader.push(bytes, fin);
    this.#buffered += stream.reader.buffered - before;
    this.#read(stream);
    if (this.#buffered <= this.#core.limits.bufferedBytes || !this.#streams.has(handle)) return;
    this.#giveUp(stream, StreamCode.EXCESSIVE_LOAD);
  }

  reset(handle: StreamHandle, code: number): void {
    const stream = this.#streams.get(handle);
    if (stream === undefined) return;
    if (stream.state.kind === 'control') this.#owner.controlEnded();
    this.#close(stream, false, code);
  }

  /** Reads on after SETUP, or after a subscription was established. */
  resume(): void {
    for (const stream of [...this.#streams.values()]) {
      const { state } = stream;
      if (state.kind === 'early-fetch') this.#beginFetch(stream, state.request);
      else if (state.kind === 'waiting') this.#route(stream, state.header);
      else continue;
      this.#read(stream);
    }
  }

  /** Stops reading streams that nobody wants. */
  stop(handles: readonly StreamHandle[], code: number): void {
    for (const handle of handles) {
      const stream = this.#streams.get(handle);
      if (stream === undefined) continue;
      this.#forget(stream);
      this.#stop(handle, code);
    }
  }

  /** Stops streams that wait for an alias which will not be established. */
  refuseWaiting(): void {
    for (const stream of [...this.#waiting]) {
      if (stream.state.kind === 'waiting' && this.#subscriptions.hasEnded(stream.state.header.alias)) {
        this.#giveUp(stream, StreamCode.CANCELLED);
      }
    }
  }

  deadline(): number {
    for (const { state } of this.#waiting) return state.kind === 'waiting' ? state.until : Infinity;
    return Infinity;
  }

  expire(now: Millis): void {
    for (const stream of this.#waiting) {
      if (stream.state.kind === 'waiting' && stream.state.until > now) return;
      this.#giveUp(stream, StreamCode.CANCELLED);
    }
  }

  #read(stream: PeerStream): void {
    const { reader } = stream;
    try {
      while (this.#streams.has(stream.handle)) {
        if (stream.state.kind === 'waiting' || stream.state.kind === 'early-fetch') return;
        const before = reader.buffered;
        const item = reader.next();
        this.#buffered += reader.buffered - before;
        if (item === undefined) return;
        this.#take(stream, item);
      }
    } catch (error) {
      if (error instanceof LimitExceeded) this.#giveUp(stream, StreamCode.EXCESSIVE_LOAD);
      else if (error instanceof MalformedTrack) this.#malformed(stream);
      else throw error;
    }
  }

  #take(stream: PeerStream, item: StreamItem): void {
    switch (item.kind) {
      case 'message':
        stream.state = { kind: 'control' };
        this.#owner.controlMessage(stream.handle, item.frame);
        return;
      case 'padding':
        stream.state = { kind: 'padding' };
        return;
      case 'subgroup':
        this.#route(stream, item);
        return;
      case 'fetch':
        if (this.#core.ready) this.#beginFetch(stream, item.request);
        else stream.state = { kind: 'early-fetch', request: item.request };
        return;
      case 'object':
        this.#object(stream, item);
        return;
      case 'gap':
        if (stream.state.kind === 'fetch') {
          this.#core.event({ kind: 'fetch-gap', id: stream.state.request, end: item.end, known: item.known });
        }
        return;
      case 'end':
        if (stream.state.kind === 'control') this.#owner.controlEnded();
        this.#close(stream, true, 0);
    }
  }

  /** Finds the subscription of a subgroup, or lets it wait for one. */
  #route(stream: PeerStream, header: SubgroupItem): void {
    const subscription = this.#core.ready ? this.#subscriptions.ofAlias(header.alias) : undefined;
    if (subscription?.established === true) {
      this.#waiting.delete(stream);
      stream.reader.inherit(subscription.publisherPriority);
      stream.state = { kind: 'subgroup', header, subscription, subgroup: header.subgroup, first: true };
      subscription.open.add(stream.handle);
      subscription.seen += 1n;
      this.#subscriptions.touch(subscription);
      return;
    }
    if (stream.state.kind === 'waiting') return;
    const { limits, now } = this.#core;
    if (subscription === undefined && this.#subscriptions.hasEnded(header.alias)) {
      this.#giveUp(stream, StreamCode.CANCELLED);
    } else if (this.#waiting.size >= limits.waitingStreams) {
      this.#giveUp(stream, StreamCode.EXCESSIVE_LOAD);
    } else {
      stream.state = { kind: 'waiting', header, until: millis(now + limits.aliasTimeout) };
      this.#waiting.add(stream);
    }
  }

  #beginFetch(stream: PeerStream, request: RequestId): void {
    const order = this.#fetches.begin(request, stream.handle);
    if (order === undefined) {
      this.#giveUp(stream, StreamCode.CANCELLED);
      return;
    }
    stream.state = { kind: 'fetch', request };
    stream.reader.order(order);
  }

  #object(stream: PeerStream, { object }: Extract<StreamItem, { kind: 'object' }>): void {
    const { state } = stream;
    if (state.kind === 'fetch') {
      this.#core.event({ kind: 'fetch-object', id: state.request, object });
      return;
    }
    if (state.kind !== 'subgroup') return;
    const { header, subscription } = state;
    this.#core.event({
      kind: 'object',
      id: subscription.request.id,
      object,
      firstInSubgroup: state.first && header.firstObject,
      stream: stream.handle,
      endOfGroup: header.endOfGroup,
    });
    state.first = false;
    state.subgroup = object.subgroup;
    this.#subscriptions.touch(subscription);
  }

  /** The stream ended: with FIN (`complete`) or by a reset. */
  #close(stream: PeerStream, complete: boolean, code: number): void {
    this.#forget(stream);
    const { state } = stream;
    if (state.kind === 'fetch') this.#fetches.dataEnded(state.request, complete, code);
    if (state.kind !== 'subgroup') return;
    const { subscription, header, subgroup } = state;
    // A subgroup without an object and without an ID of its own cannot be named.
    if (subgroup !== undefined) {
      this.#core.event({
        kind: 'subgroup-end',
        id: subscription.request.id,
        group: header.group,
        subgroup,
        complete,
        endOfGroup: complete && header.endOfGroup,
        stream: stream.handle,
      });
    }
    this.#subscriptions.settle(subscription);
  }

  /** We do not take the rest: for the application it is as if the peer had reset it. */
  #giveUp(stream: PeerStream, code: number): void {
    this.#stop(stream.handle, code);
    this.#close(stream, false, code);
  }

  #malformed(stream: PeerStream): void {
    const { state } = stream;
    this.#forget(stream);
    this.#stop(stream.handle, StreamCode.MALFORMED_TRACK);
    if (state.kind === 'subgroup') this.#owner.malformed(state.subscription.request.id);
    else if (state.kind === 'fetch') this.#owner.malformed(state.request);
  }

  #forget(stream: PeerStream): void {
    this.#streams.delete(stream.handle);
    this.#waiting.delete(stream);
    this.#buffered -= stream.reader.buffered;
    if (stream.state.kind === 'subgroup') stream.state.subscription.open.delete(stream.handle);
  }

  #stop(handle: StreamHandle, code: number): void {
    this.#core.command({ kind: 'stop-sending', stream: handle, code });
  }
}

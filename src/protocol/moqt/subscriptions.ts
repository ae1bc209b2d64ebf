import { SessionCode } from './codes.ts';
import type { IncomingDatagram } from './draft.ts';
import type { FullTrackName, MoqtObject, RequestId, TrackAlias } from './model.ts';
import { trackNameKey } from './names.ts';
import type { TrackNameKey } from './names.ts';
import type { RequestStream } from './request-stream.ts';
import type { SessionCore } from './session-core.ts';
import type { StreamHandle } from './transport.ts';
import type { Millis } from '../units.ts';
import { millis } from '../units.ts';

/** How many Track Aliases of ended subscriptions are remembered, to drop what still comes for them. */
const ENDED_ALIASES = 1024;

/** A subscription in which we are the subscriber. */
export interface Subscription {
  readonly request: RequestStream;
  readonly track: FullTrackName;
  /** Objects may be handed to the application. */
  established: boolean;
  alias: TrackAlias | undefined;
  /** Priority of subgroups and datagrams that name none. */
  publisherPriority: number;
  /** Data streams of it that are open. */
  readonly open: Set<StreamHandle>;
  /** Data streams of it that were seen. */
  seen: bigint;
  /** A pending SUBSCRIBE of ours that a PUBLISH of the same track replaces when it is accepted. */
  replaces: Subscription | undefined;
  /** PUBLISH_DONE, once it came. */
  done:
    { readonly code: number; readonly streamCount: bigint; readonly reason: string; at: Millis } | undefined;
}

/** Keeps the subscriptions in which we are the subscriber, by request, by track and by Track Alias. */
export class Subscriptions {
  readonly #core: SessionCore;
  readonly #byId = new Map<RequestId, Subscription>();
  readonly #byTrack = new Map<TrackNameKey, Subscription>();
  readonly #byAlias = new Map<TrackAlias, Subscription>();
  readonly #endedAliases = new Set<TrackAlias>();
  /** Those with PUBLISH_DONE whose streams are awaited. */
  readonly #lingering = new Set<Subscription>();
  readonly #waitingDatagrams: { datagram: IncomingDatagram; until: Millis }[] = [];

  constructor(core: SessionCore) {
    this.#core = core;
  }

  get(id: RequestId): Subscription | undefined {
    return this.#byId.get(id);
  }

  /** The one subscription to a track that has not ended, PUBLISH_DONE included. */
  ofTrack(track: FullTrackName): Subscription | undefined {
    return this.#byTrack.get(trackNameKey(track));
  }

  ofAlias(alias: TrackAlias): Subscription | undefined {
    return this.#byAlias.get(alias);
  }

  hasEnded(alias: TrackAlias): boolean {
    return this.#endedAliases.has(alias);
  }

  get size(): number {
    return this.#byId.size;
  }

  /** A SUBSCRIBE of ours or a PUBLISH of the peer. */
  add(request: RequestStream, track: FullTrackName): Subscription {
    const subscription: Subscription = {
      request,
      track,
      established: false,
      alias: undefined,
      publisherPriority: 0,
      replaces: this.ofTrack(track),
      open: new Set(),
      seen: 0n,
      done: undefined,
    };
    this.#byId.set(request.id, subscription);
    this.#byTrack.set(trackNameKey(track), subscription);
    return subscription;
  }

  /**
   * The publisher chose an alias.
   * @throws {PeerViolation} when another track has it.
   */
  bind(subscription: Subscription, alias: TrackAlias, publisherPriority: number): void {
    const other = this.#byAlias.get(alias);
    if (
      other !== undefined &&
      other.done === undefined &&
      trackNameKey(other.track) !== trackNameKey(subscription.track)
    ) {
      const { draft } = this.#core;
      throw draft.violation(
        'track-alias',
        'the alias names another track',
        SessionCode.DUPLICATE_TRACK_ALIAS,
      );
    }
    subscription.alias = alias;
    subscription.publisherPriority = publisherPriority;
    this.#byAlias.set(alias, subscription);
    this.#endedAliases.delete(alias);
  }

  /** Objects may be handed out from now on. */
  establish(subscription: Subscription): void {
    subscription.established = true;
    const waiting = this.#waitingDatagrams.splice(0);
    for (const entry of waiting) {
      if (entry.datagram.alias === subscription.alias) this.#deliver(subscription, entry.datagram);
      else this.#waitingDatagrams.push(entry);
    }
  }

  receiveDatagram(datagram: IncomingDatagram): void {
    const subscription = this.#byAlias.get(datagram.alias);
    if (subscription?.established === true) this.#deliver(subscription, datagram);
    else if (!this.hasEnded(datagram.alias)) this.#keepDatagram(datagram);
  }

  /** PUBLISH_DONE: what was sent before may still be on its way. @see moqt-18 #message-publish-done */
  linger(subscription: Subscription, done: { code: number; streamCount: bigint; reason: string }): void {
    // A new subscription to the track may follow at once.
    const key = trackNameKey(subscription.track);
    if (this.#byTrack.get(key) === subscription) this.#byTrack.delete(key);
    subscription.done = { ...done, at: millis(this.#core.now + this.#core.limits.lateStreamTimeout) };
    this.#lingering.add(subscription);
    this.settle(subscription);
  }

  /** Streams of an ended subscription brought something: wait on. */
  touch(subscription: Subscription): void {
    if (subscription.done === undefined) return;
    subscription.done.at = millis(this.#core.now + this.#core.limits.lateStreamTimeout);
  }

  /** Tells the application of PUBLISH_DONE once all streams that were announced have ended. */
  settle(subscription: Subscription): void {
    const { done } = subscription;
    if (done === undefined || subscription.open.size > 0 || subscription.seen < done.streamCount) return;
    this.#finish(subscription);
  }

  /** Forgets a subscription without a word. @returns streams of it that are open. */
  end(subscription: Subscription): StreamHandle[] {
    const { alias, track, request } = subscription;
    this.#byId.delete(request.id);
    this.#lingering.delete(subscription);
    const key = trackNameKey(track);
    if (this.#byTrack.get(key) === subscription) this.#byTrack.delete(key);
    if (alias !== undefined && this.#byAlias.get(alias) === subscription) {
      this.#byAlias.delete(alias);
      this.#endedAliases.add(alias);
      if (this.#endedAliases.size > ENDED_ALIASES) {
        for (const oldest of this.#endedAliases) {
          this.#endedAliases.delete(oldest);
          break;
        }
      }
    }
    return [...subscription.open];
  }

  deadline(): number {
    let earliest = this.#waitingDatagrams[0]?.until ?? Infinity;
    for (const { done } of this.#lingering) earliest = Math.min(earliest, done?.at ?? Infinity);
    return earliest;
  }

  /** @returns streams that are waited for no longer. */
  expire(now: Millis): StreamHandle[] {
    while ((this.#waitingDatagrams[0]?.until ?? Infinity) <= now) this.#waitingDatagrams.shift();
    const late: StreamHandle[] = [];
    for (const subscription of this.#lingering) {
      if ((subscription.done?.at ?? Infinity) > now) continue;
      late.push(...subscription.open);
      this.#finish(subscription);
    }
    return late;
  }

  #finish(subscription: Subscription): void {
    const { done, request } = subscription;
    this.end(subscription);
    if (done === undefined) return;
    const { code, streamCount, reason } = done;
    this.#core.event({ kind: 'publish-done', id: request.id, code, streamCount, reason });
  }

  #deliver(subscription: Subscription, datagram: IncomingDatagram): void {
    this.touch(subscription);
    const object: MoqtObject = datagram.object(subscription.publisherPriority);
    this.#core.event({
      kind: 'object',
      id: subscription.request.id,
      object,
      firstInSubgroup: false,
      stream: undefined,
      endOfGroup: datagram.endOfGroup,
    });
  }

  #keepDatagram(datagram: IncomingDatagram): void {
    if (this.#waitingDatagrams.length >= this.#core.limits.waitingStreams) this.#waitingDatagrams.shift();
    this.#waitingDatagrams.push({ datagram, until: millis(this.#core.now + this.#core.limits.aliasTimeout) });
  }
}

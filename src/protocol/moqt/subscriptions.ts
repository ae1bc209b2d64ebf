import { invariant } from '../errors.ts';
import { RequestErrorCode, SessionCode, StreamCode } from './codes.ts';
import type { IncomingDatagram } from './draft.ts';
import { MalformedTrack } from './malformed-track.ts';
import type { Message } from './messages.ts';
import type { FullTrackName, MoqtObject, RequestId, TrackAlias } from './model.ts';
import { trackNameKey } from './names.ts';
import type { TrackNameKey } from './names.ts';
import { unexpected, unsupported } from './requests.ts';
import type { OwnerMessage, PeerRequestOwner, Request, Requests } from './requests.ts';
import type { RequestRefusal, SubscribeParameters } from './session-api.ts';
import type { SessionCore } from './session-core.ts';
import { definedOnly, publishOkParameters } from './subscribe-parameters.ts';
import type { StreamHandle } from './transport.ts';
import type { Millis } from '../units.ts';
import { millis } from '../units.ts';

type SubscribeOk = Extract<Message, { kind: 'subscribe-ok' }>;
type PublishDone = Extract<Message, { kind: 'publish-done' }>;

/** How many Track Aliases of ended subscriptions are remembered, to drop what still comes for them. */
const ENDED_ALIASES = 1024;

const DUPLICATE: RequestRefusal = {
  code: RequestErrorCode.DUPLICATE_SUBSCRIPTION,
  reason: 'the track has a subscription',
};

/** A subscription in which we are the subscriber. */
export interface Subscription {
  readonly request: Request;
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

/** What becomes of the data streams of subscriptions. */
export interface DataStreams {
  /** Gives streams up. */
  stop(streams: readonly StreamHandle[], code: number): void;
  /** Gives up streams that wait for an alias which will not be established. */
  refuseWaiting(): void;
  /** Reads on where a subscription was waited for. */
  resume(): void;
}

/**
 * Subscriptions in which we are the subscriber: our SUBSCRIBEs and the peer's PUBLISHes, found by request, by track and by
 * Track Alias.
 */
export class Subscriptions implements PeerRequestOwner {
  readonly #core: SessionCore;
  readonly #requests: Requests;
  readonly #streams: DataStreams;
  readonly #byId = new Map<RequestId, Subscription>();
  readonly #byTrack = new Map<TrackNameKey, Subscription>();
  readonly #byAlias = new Map<TrackAlias, Subscription>();
  readonly #endedAliases = new Set<TrackAlias>();
  /** Those with PUBLISH_DONE whose streams are awaited. */
  readonly #lingering = new Set<Subscription>();
  readonly #waitingDatagrams: { datagram: IncomingDatagram; until: Millis }[] = [];

  constructor(core: SessionCore, requests: Requests, streams: DataStreams) {
    this.#core = core;
    this.#requests = requests;
    this.#streams = streams;
  }

  /** The request of a subscription that has not ended, though its PUBLISH_DONE may have come. */
  requestOf(id: RequestId): Request | undefined {
    return this.#byId.get(id)?.request;
  }

  ofAlias(alias: TrackAlias): Subscription | undefined {
    return this.#byAlias.get(alias);
  }

  hasEnded(alias: TrackAlias): boolean {
    return this.#endedAliases.has(alias);
  }

  /** SUBSCRIBE. */
  subscribe(track: FullTrackName, parameters: SubscribeParameters): RequestId {
    const id = this.#requests.takeId();
    if (this.#byTrack.has(trackNameKey(track))) return this.#requests.refuseDuplicate(id);
    const request = this.#requests.open(this, { kind: 'subscribe', id, track, parameters });
    this.#add(request, track);
    return id;
  }

  /** REQUEST_UPDATE. */
  update(id: RequestId, parameters: SubscribeParameters): void {
    const request = this.requestOf(id);
    if (request === undefined) {
      this.#requests.expectKnown(id);
      return;
    }
    invariant(request.ours || request.answered, 'the PUBLISH was accepted before it is updated');
    request.updates += 1;
    this.#requests.send(request, {
      kind: 'request-update',
      id: this.#requests.takeId(),
      updates: 'subscription',
      parameters: { ...parameters, groupOrder: undefined, rendezvousTimeout: undefined },
    });
  }

  /** PUBLISH_OK. */
  accept(id: RequestId, parameters: SubscribeParameters): void {
    const request = this.#requests.toAnswer(id, 'publish');
    const subscription = this.#byId.get(id);
    if (request === undefined || subscription === undefined) return;
    const { replaces, done } = subscription;
    if (replaces?.established === true && replaces.done === undefined) {
      this.#requests.refuse(request, DUPLICATE);
      this.#core.event({ kind: 'request-cancelled', id, code: DUPLICATE.code });
      return;
    }
    if (replaces !== undefined && this.#requests.isOpen(replaces.request)) {
      const refusal = { code: DUPLICATE.code, reason: 'the publisher offered the track' };
      this.#requests.fail(replaces.request, refusal);
    }
    this.#requests.acknowledge(request, 'publish', { parameters: publishOkParameters(parameters) });
    this.#establish(subscription);
    if (done === undefined) return;
    // PUBLISH_DONE came before our answer, which is then the last word.
    this.#requests.finish(request);
    this.#linger(subscription);
  }

  offer(request: Request): RequestRefusal | undefined {
    const { message } = request;
    invariant(message.kind === 'publish', 'the peer publishes by PUBLISH');
    const { id, track, alias, parameters, properties } = message;
    const { unknownMandatory, publisherPriority } = this.#core.draft.readTrackProperties(properties);
    if (unknownMandatory !== undefined) return unsupported(unknownMandatory);
    const present = this.#byTrack.get(trackNameKey(track));
    if (present !== undefined && (present.established || !present.request.ours)) return DUPLICATE;
    this.#bind(this.#add(request, track), alias, publisherPriority);
    const { largest, expires, tokens, forward = true } = parameters;
    this.#requests.tell({
      kind: 'publish',
      id,
      track,
      alias,
      forward,
      description: { properties, ...definedOnly({ largest, expires }) },
      ...definedOnly({ tokens }),
    });
    return undefined;
  }

  /** SUBSCRIBE_OK or PUBLISH_DONE. */
  receive(request: Request, message: OwnerMessage): void {
    const subscription = this.#byId.get(request.id);
    invariant(subscription !== undefined, 'a request for a subscription has one');
    if (message.kind === 'subscribe-ok') this.#accepted(subscription, message);
    else if (message.kind === 'publish-done') this.#done(subscription, message);
    else unexpected(message);
  }

  end({ id }: Request, code: number): void {
    const subscription = this.#byId.get(id);
    if (subscription === undefined) return;
    this.#forget(subscription);
    this.#streams.stop([...subscription.open], code);
    this.#streams.refuseWaiting();
  }

  receiveDatagram(datagram: IncomingDatagram): void {
    const subscription = this.#byAlias.get(datagram.alias);
    if (subscription?.established === true) this.#deliver(subscription, datagram);
    else if (!this.hasEnded(datagram.alias)) this.#keepDatagram(datagram);
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

  deadline(): number {
    let earliest = this.#waitingDatagrams[0]?.until ?? Infinity;
    for (const { done } of this.#lingering) earliest = Math.min(earliest, done?.at ?? Infinity);
    return earliest;
  }

  /** Waits no longer for datagrams' subscriptions and for streams of ended ones. */
  expire(now: Millis): void {
    while ((this.#waitingDatagrams[0]?.until ?? Infinity) <= now) this.#waitingDatagrams.shift();
    for (const subscription of this.#lingering) {
      if ((subscription.done?.at ?? Infinity) > now) continue;
      this.#finish(subscription);
      this.#streams.stop([...subscription.open], StreamCode.CANCELLED);
    }
  }

  #add(request: Request, track: FullTrackName): Subscription {
    const key = trackNameKey(track);
    const subscription: Subscription = {
      request,
      track,
      established: false,
      alias: undefined,
      publisherPriority: 0,
      replaces: this.#byTrack.get(key),
      open: new Set(),
      seen: 0n,
      done: undefined,
    };
    this.#byId.set(request.id, subscription);
    this.#byTrack.set(key, subscription);
    return subscription;
  }

  /** @see moqt-18 #message-subscribe-ok */
  #accepted(subscription: Subscription, { alias, parameters, properties }: SubscribeOk): void {
    const { request } = subscription;
    const { publisherPriority, unknownMandatory } = this.#core.draft.readTrackProperties(properties);
    if (unknownMandatory !== undefined) {
      this.#requests.fail(request, unsupported(unknownMandatory));
      return;
    }
    this.#bind(subscription, alias, publisherPriority);
    const { largest, expires } = parameters;
    const description = { largest, expires, properties };
    this.#core.event({ kind: 'subscribe-ok', id: request.id, alias, description });
    this.#establish(subscription);
  }

  /**
   * The publisher chose an alias.
   * @throws {PeerViolation} when another track has it.
   */
  #bind(subscription: Subscription, alias: TrackAlias, publisherPriority: number): void {
    const other = this.#byAlias.get(alias);
    if (
      other !== undefined &&
      other.done === undefined &&
      trackNameKey(other.track) !== trackNameKey(subscription.track)
    ) {
      const code = SessionCode.DUPLICATE_TRACK_ALIAS;
      throw this.#core.draft.violation('track-alias', 'the alias names another track', code);
    }
    subscription.alias = alias;
    subscription.publisherPriority = publisherPriority;
    this.#byAlias.set(alias, subscription);
    this.#endedAliases.delete(alias);
  }

  /** Objects are handed out from now on. */
  #establish(subscription: Subscription): void {
    subscription.established = true;
    const waiting = this.#waitingDatagrams.splice(0);
    for (const entry of waiting) {
      if (entry.datagram.alias !== subscription.alias) this.#waitingDatagrams.push(entry);
      else if (this.#byId.get(subscription.request.id) === subscription)
        this.#deliver(subscription, entry.datagram);
    }
    this.#streams.resume();
  }

  /** @see moqt-18 #message-publish-done */
  #done(subscription: Subscription, { code, streamCount, reason }: PublishDone): void {
    const { request, established, track } = subscription;
    if (!established && request.ours) {
      throw this.#core.draft.violation('message-publish-done', 'it comes before SUBSCRIBE_OK');
    }
    // A new subscription to the track may follow at once.
    const key = trackNameKey(track);
    if (this.#byTrack.get(key) === subscription) this.#byTrack.delete(key);
    subscription.done = { code, streamCount, reason, at: this.#core.now };
    if (established) {
      this.#requests.finish(request);
      this.#linger(subscription);
    } else {
      // The PUBLISH is still ours to answer.
      this.#requests.ignoreStream(request);
    }
  }

  /** The request has ended, but what was sent before may still be on its way. */
  #linger(subscription: Subscription): void {
    this.#requests.forget(subscription.request);
    this.#lingering.add(subscription);
    this.touch(subscription);
    this.settle(subscription);
  }

  #forget(subscription: Subscription): void {
    const { alias, track, request } = subscription;
    this.#byId.delete(request.id);
    this.#lingering.delete(subscription);
    const key = trackNameKey(track);
    if (this.#byTrack.get(key) === subscription) this.#byTrack.delete(key);
    if (alias === undefined || this.#byAlias.get(alias) !== subscription) return;
    this.#byAlias.delete(alias);
    this.#endedAliases.add(alias);
    if (this.#endedAliases.size <= ENDED_ALIASES) return;
    const [oldest] = this.#endedAliases;
    if (oldest !== undefined) this.#endedAliases.delete(oldest);
  }

  #finish(subscription: Subscription): void {
    const { done, request } = subscription;
    this.#forget(subscription);
    if (done === undefined) return;
    const { code, streamCount, reason } = done;
    this.#core.event({ kind: 'publish-done', id: request.id, code, streamCount, reason });
  }

  #deliver(subscription: Subscription, datagram: IncomingDatagram): void {
    this.touch(subscription);
    let object: MoqtObject;
    try {
      object = datagram.object(subscription.publisherPriority);
    } catch (error) {
      if (!(error instanceof MalformedTrack)) throw error;
      this.#requests.cancelMalformed(subscription.request);
      return;
    }
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

/**
 * What one MOQT session offers to the code above it, the same for client and relay and for every draft.
 *
 * A session is deterministic: it is fed transport events and the time, and is drained of effects, which are commands for
 * the transport and events for the application. Nothing in it waits. Whoever drives one keeps these rules:
 *
 * - **Drain.** After every call of any method, {@link MoqtSession.poll} is called until it returns undefined, and the
 *   effects are carried out in that order. For a `write` command {@link MoqtSession.noteQueued} tells what the transport
 *   has queued. Calls made while an event is being handled need no draining of their own: their effects come after
 *   those that are there.
 * - **Time.** Then {@link MoqtSession.deadline} is asked, whose answer any call may change, and
 *   {@link MoqtSession.expire} is called when that time has come. `now` never decreases. Methods without it happen at
 *   the time of the last `receive` or `expire`.
 * - **Order.** Requests may be made before `ready`, and are sent once SETUP went both ways. A request of the peer is
 *   answered once. Objects of a subgroup are written between `openSubgroup` and `closeSubgroup` or `resetSubgroup`,
 *   with ascending Object IDs. Breaking this is a fault of our own and throws {@link InvariantError}, as does an ID
 *   that never was; calls for a request that has ended are ignored, since the peer may have ended it meanwhile.
 * - **The end.** Violations of the peer and faults inside the session close it; the event `closed` is the last effect.
 *   Calls after that do nothing. A request made then gets an ID, and nothing follows.
 * - **Bytes.** Those in events belong to the application. Payloads and properties of objects that are handed in are
 *   borrowed for the call; names, tokens and track properties of requests are kept, and not to be changed.
 */
import type {
  FullTrackName,
  GroupId,
  GroupOrder,
  Location,
  MoqtObject,
  RequestId,
  SubgroupId,
  SubscriptionFilter,
  TrackAlias,
  TrackNamespace,
} from './model.ts';
import type { Machine } from '../machine.ts';
import type { StreamHandle, TransportCommand, TransportEvent } from './transport.ts';
import type { Millis } from '../units.ts';

/** An authorization token as carried in parameters. @see moqt-18 #authorization-token */
export interface AuthorizationToken {
  readonly type: bigint;
  readonly value: Uint8Array;
}

/** Parameters of a subscription that its subscriber chooses. Absent: the draft's default. */
export interface SubscribeParameters {
  readonly filter?: SubscriptionFilter;
  readonly forward?: boolean;
  /** 0 (most urgent) to 255. */
  readonly subscriberPriority?: number;
  readonly groupOrder?: GroupOrder;
  readonly objectDeliveryTimeout?: Millis;
  readonly subgroupDeliveryTimeout?: Millis;
  /** How long the publisher may hold the request while nobody publishes the track. */
  readonly rendezvousTimeout?: Millis;
  readonly newGroupRequest?: bigint;
  readonly tokens?: readonly AuthorizationToken[];
}

/** What a publisher says of a track in SUBSCRIBE_OK and PUBLISH. */
export interface TrackDescription {
  /** Largest location published so far; absent when nothing was. */
  readonly largest?: Location;
  readonly expires?: Millis;
  /** Track properties, as a block of Key-Value-Pairs. */
  readonly properties?: Uint8Array;
}

/**
 * What FETCH asks for. `end` is one past the last object wanted; `end.object === 0` means the whole of `end.group`.
 * @see moqt-18 #message-fetch
 */
export type FetchRange =
  | {
      readonly kind: 'standalone';
      readonly track: FullTrackName;
      readonly start: Location;
      readonly end: Location;
    }
  | { readonly kind: 'relative-joining'; readonly joins: RequestId; readonly groups: bigint }
  | { readonly kind: 'absolute-joining'; readonly joins: RequestId; readonly startGroup: GroupId };

/** A request of the peer, to be answered once by `accept…` or `reject`. */
export type IncomingRequest =
  | {
      readonly kind: 'subscribe';
      readonly id: RequestId;
      readonly track: FullTrackName;
      readonly parameters: SubscribeParameters;
    }
  | {
      readonly kind: 'publish';
      readonly id: RequestId;
      readonly track: FullTrackName;
      readonly alias: TrackAlias;
      readonly forward: boolean;
      readonly description: TrackDescription;
      readonly tokens?: readonly AuthorizationToken[];
    }
  | {
      readonly kind: 'fetch';
      readonly id: RequestId;
      readonly range: FetchRange;
      /** The range in absolute terms, joining fetches resolved by the session; `end` as in {@link FetchRange}. */
      readonly track: FullTrackName;
      readonly start: Location;
      readonly end: Location;
      readonly subscriberPriority: number;
      readonly groupOrder: GroupOrder;
      readonly tokens?: readonly AuthorizationToken[];
    }
  | {
      readonly kind: 'track-status';
      readonly id: RequestId;
      readonly track: FullTrackName;
      readonly tokens?: readonly AuthorizationToken[];
    }
  | {
      readonly kind: 'publish-namespace';
      readonly id: RequestId;
      readonly namespace: TrackNamespace;
      readonly tokens?: readonly AuthorizationToken[];
    }
  | {
      readonly kind: 'subscribe-namespace';
      readonly id: RequestId;
      readonly prefix: TrackNamespace;
      readonly tokens?: readonly AuthorizationToken[];
    }
  | {
      readonly kind: 'subscribe-tracks';
      readonly id: RequestId;
      readonly prefix: TrackNamespace;
      readonly forward: boolean;
      readonly tokens?: readonly AuthorizationToken[];
    };

/** Why a request was refused. @see moqt-18 #message-request-error */
export interface RequestRefusal {
  /** Of `RequestErrorCode`. */
  readonly code: number;
  readonly reason: string;
  /** How long to wait before asking again; absent: asking again is pointless. */
  readonly retryAfter?: Millis;
  /** Where the request may succeed. @see moqt-18 #redirect-structure */
  readonly redirect?: { readonly uri: string; readonly track: FullTrackName };
}

/** What the session tells the application. */
export type SessionEvent =
  /** SETUP went both ways: requests that were made before are sent now. */
  | {
      readonly kind: 'ready';
      readonly peerImplementation: string | undefined;
      /** PATH and AUTHORITY of a client on native QUIC. */
      readonly path?: string;
      readonly authority?: string;
      readonly tokens?: readonly AuthorizationToken[];
    }
  | { readonly kind: 'request'; readonly request: IncomingRequest }
  /** Answers to our own requests. */
  | {
      readonly kind: 'subscribe-ok';
      readonly id: RequestId;
      readonly alias: TrackAlias;
      readonly description: TrackDescription;
    }
  | { readonly kind: 'publish-ok'; readonly id: RequestId; readonly parameters: SubscribeParameters }
  | {
      readonly kind: 'fetch-ok';
      readonly id: RequestId;
      readonly end: Location;
      readonly endOfTrack: boolean;
    }
  | {
      readonly kind: 'track-status-ok';
      readonly id: RequestId;
      readonly description: TrackDescription;
    }
  /** REQUEST_OK to PUBLISH_NAMESPACE, SUBSCRIBE_NAMESPACE, SUBSCRIBE_TRACKS or a REQUEST_UPDATE. */
  | { readonly kind: 'request-ok'; readonly id: RequestId; readonly largest?: Location }
  | { readonly kind: 'request-error'; readonly id: RequestId; readonly refusal: RequestRefusal }
  /**
   * The peer cancelled or ended a request, ours or its own: nothing more follows for it. `code` is of `StreamCode`, or 0
   * when the peer's stream just ended.
   */
  | { readonly kind: 'request-cancelled'; readonly id: RequestId; readonly code: number }
  /** The peer changed its subscription by REQUEST_UPDATE, which the session has applied and answered. */
  | {
      readonly kind: 'subscription-updated';
      readonly id: RequestId;
      readonly parameters: SubscribeParameters;
    }
  /**
   * PUBLISH_DONE came, and so did the streams that it counts, or they were waited for in vain. Nothing follows for the
   * subscription.
   */
  | {
      readonly kind: 'publish-done';
      readonly id: RequestId;
      readonly code: number;
      readonly streamCount: bigint;
      readonly reason: string;
    }
  | { readonly kind: 'namespace'; readonly id: RequestId; readonly suffix: TrackNamespace }
  | { readonly kind: 'namespace-done'; readonly id: RequestId; readonly suffix: TrackNamespace }
  | { readonly kind: 'publish-blocked'; readonly id: RequestId; readonly track: FullTrackName }
  /** An object of a subscription; `id` is the SUBSCRIBE we sent or the PUBLISH we received. */
  | {
      readonly kind: 'object';
      readonly id: RequestId;
      readonly object: MoqtObject;
      /** The object begins its subgroup: the first of a stream whose header says so. */
      readonly firstInSubgroup: boolean;
      /** The stream that brought it, to tell which objects follow each other; undefined for datagrams. */
      readonly stream: StreamHandle | undefined;
      /** Its subgroup (or the datagram) holds the last object of the group. */
      readonly endOfGroup: boolean;
    }
  /** A subgroup stream ended: all of it arrived (`complete`), or it was reset. */
  | {
      readonly kind: 'subgroup-end';
      readonly id: RequestId;
      readonly group: GroupId;
      readonly subgroup: SubgroupId;
      readonly complete: boolean;
      readonly endOfGroup: boolean;
      readonly stream: StreamHandle;
    }
  | { readonly kind: 'fetch-object'; readonly id: RequestId; readonly object: MoqtObject }
  /**
   * From behind the last object up to `end`, included, nothing exists, or the publisher does not know what does.
   * @see moqt-18 #end-of-range
   */
  | {
      readonly kind: 'fetch-gap';
      readonly id: RequestId;
      readonly end: Location;
      readonly known: 'non-existent' | 'unknown';
    }
  /** The FETCH stream ended. `complete` false: it was reset with `code`. */
  | { readonly kind: 'fetch-end'; readonly id: RequestId; readonly complete: boolean; readonly code: number }
  | { readonly kind: 'goaway'; readonly uri: string; readonly timeout: Millis }
  /** GOAWAY for one request of ours: it is to be made again at `uri` and cancelled here. */
  | {
      readonly kind: 'request-goaway';
      readonly id: RequestId;
      readonly uri: string;
      readonly timeout: Millis;
    }
  /**
   * The transport's queue for a subgroup's stream had grown long, as {@link MoqtSession.writeObject} showed, and is
   * short again: the time to write more. What is long is the transport's to say (256 KiB, and short below 64 KiB).
   */
  | {
      readonly kind: 'subgroup-drained';
      readonly id: RequestId;
      readonly group: GroupId;
      readonly subgroup: SubgroupId;
    }
  /** The same for the stream that answers a FETCH. */
  | { readonly kind: 'fetch-drained'; readonly id: RequestId }
  | {
      readonly kind: 'closed';
      readonly code: number;
      readonly reason: string;
      readonly by: 'peer' | 'local' | 'timeout' | 'transport';
      /** The clause that was broken, when a protocol violation was the cause. */
      readonly clause?: string;
    };

/** What a session wants done, in one order for both: commands for the transport, events for the application. */
export type SessionEffect =
  | { readonly kind: 'transport'; readonly command: TransportCommand }
  | { readonly kind: 'event'; readonly event: SessionEvent };

/** What the stream of a subgroup says before its objects. @see moqt-18 #subgroup-header */
export interface SubgroupHeader {
  readonly group: GroupId;
  readonly subgroup: SubgroupId;
  readonly publisherPriority: number;
  /** The subgroup holds the last object of its group. */
  readonly endOfGroup: boolean;
  /** The first object written is the first of the subgroup (false: its beginning is missing). */
  readonly firstObject: boolean;
}

/** One MOQT session over one transport session; the rules for calling it stand above. */
export interface MoqtSession extends Machine<TransportEvent, SessionEffect> {
  /** Tells how many bytes the transport has queued on a stream, after a write on it. */
  noteQueued(stream: StreamHandle, queued: number): void;

  /**
   * What every request that is made from now on shows the peer, in place of what was shown before.
   * @see moqt-18 #authorization-token
   */
  present(tokens: readonly AuthorizationToken[]): void;

  // Requests. Each returns its Request ID at once; the answer comes as an event. A second subscription to a track is
  // refused without asking the peer.
  subscribe(track: FullTrackName, parameters: SubscribeParameters): RequestId;
  publish(track: FullTrackName, options: { forward: boolean; description: TrackDescription }): RequestId;
  publishNamespace(namespace: TrackNamespace): RequestId;
  subscribeNamespace(prefix: TrackNamespace): RequestId;
  subscribeTracks(prefix: TrackNamespace, options: { forward: boolean }): RequestId;
  fetch(range: FetchRange, options?: { subscriberPriority?: number; groupOrder?: GroupOrder }): RequestId;
  trackStatus(track: FullTrackName): RequestId;
  /**
   * REQUEST_UPDATE of a subscription in which we are the subscriber: our SUBSCRIBE, or the peer's PUBLISH once accepted.
   */
  updateSubscription(id: RequestId, parameters: SubscribeParameters): void;
  /**
   * Ends a request of ours, or a request of the peer that was accepted: its streams are reset and stopped. No event tells
   * of it.
   */
  cancel(id: RequestId): void;

  // Answers to the peer's requests.
  acceptSubscribe(id: RequestId, description: TrackDescription): void;
  acceptPublish(id: RequestId, parameters: SubscribeParameters): void;
  /**
   * FETCH_OK; objects may be sent before and after it.
   * @param end - as in {@link FetchRange}: where the answer ends.
   */
  acceptFetch(id: RequestId, end: Location, endOfTrack: boolean, properties?: Uint8Array): void;
  acceptTrackStatus(id: RequestId, description: TrackDescription): void;
  /** REQUEST_OK for PUBLISH_NAMESPACE, SUBSCRIBE_NAMESPACE and SUBSCRIBE_TRACKS. */
  acceptRequest(id: RequestId): void;
  reject(id: RequestId, refusal: RequestRefusal): void;
  // What follows the acceptance of SUBSCRIBE_NAMESPACE and SUBSCRIBE_TRACKS. Suffixes are behind the prefix asked for.
  sendNamespace(id: RequestId, suffix: TrackNamespace): void;
  sendNamespaceDone(id: RequestId, suffix: TrackNamespace): void;
  sendPublishBlocked(id: RequestId, suffix: TrackNamespace, name: Uint8Array): void;

  // Objects that we publish: `id` is the SUBSCRIBE we accepted or the PUBLISH we sent. Objects that the subscription's
  // filter or Forward State leaves out may be handed in all the same: they are not sent, but count as published.
  /** Begins a subgroup; its stream opens with the first object that is sent. */
  openSubgroup(id: RequestId, header: SubgroupHeader): void;
  /**
   * Writes the next object of an open subgroup.
   * @returns bytes queued on the subgroup's stream: what the transport told last and what was written since.
   */
  writeObject(id: RequestId, object: MoqtObject): number;
  /** Finishes a subgroup stream (FIN). */
  closeSubgroup(id: RequestId, group: GroupId, subgroup: SubgroupId): void;
  /** Abandons a subgroup stream. @param code - of `StreamCode`. */
  resetSubgroup(id: RequestId, group: GroupId, subgroup: SubgroupId, code: number): void;
  /** Sends an object as the whole of its subgroup: one stream, one transport command. */
  sendSingleObject(id: RequestId, object: MoqtObject, endOfGroup: boolean): void;
  sendDatagram(id: RequestId, object: MoqtObject, endOfGroup?: boolean): void;
  /**
   * Says what the largest location of a track is by now, in place of handing in objects while the Forward State is 0. The
   * answers to a later REQUEST_UPDATE and to joining FETCHes depend on it.
   */
  setLargest(id: RequestId, largest: Location): void;
  /** PUBLISH_DONE: resets the subgroups that are open. @param code - of `PublishDoneCode`. */
  publishDone(id: RequestId, code: number, reason: string): void;

  // Objects that answer the peer's FETCH, in the order that it asked for.
  /** @returns bytes queued on the stream of the answer, as {@link writeObject} does. */
  sendFetchObject(id: RequestId, object: MoqtObject): number;
  sendFetchGap(id: RequestId, end: Location, known: 'non-existent' | 'unknown'): void;
  endFetch(id: RequestId): void;
  /** Ends the FETCH unfinished. @param code - of `StreamCode`. */
  resetFetch(id: RequestId, code: number): void;

  /**
   * Asks the peer to leave. Its new requests are refused from now on.
   * @param uri - where to go instead; empty: the same place.
   * @param timeout - closes the session when requests are open after it; 0: never.
   */
  goaway(uri: string, timeout: Millis): void;
  /** Ends the session. @param code - of `SessionCode`. */
  close(code: number, reason: string): void;
}

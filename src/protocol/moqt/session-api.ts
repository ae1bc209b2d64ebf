/**
 * What one MOQT session offers to the code above it, the same for client and relay and for every draft.
 *
 * A session is deterministic: it is fed transport events and the time, and is drained of effects: commands for the
 * transport and events for the application. Nothing in it waits.
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

/** A request that the peer made and that is to be answered once by `accept…` or `reject`. */
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
  readonly code: number;
  readonly reason: string;
  /** How long to wait before asking again; absent: asking again is pointless. */
  readonly retryAfter?: Millis;
  /** Where the request may succeed. @see moqt-18 #redirect-structure */
  readonly redirect?: { readonly uri: string; readonly track: FullTrackName };
}

/** What the session tells the application. */
export type SessionEvent =
  /** SETUP went both ways; requests may be made (they may also be made before, and are sent then). */
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
  /** The peer cancelled or ended a request (either side's): nothing more follows for it. */
  | { readonly kind: 'request-cancelled'; readonly id: RequestId; readonly code: number }
  /** The peer changed its subscription (REQUEST_UPDATE), already applied and answered by the session. */
  | {
      readonly kind: 'subscription-updated';
      readonly id: RequestId;
      readonly parameters: SubscribeParameters;
    }
  /** Nothing follows: streams that PUBLISH_DONE announced were awaited. */
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
  /** A range that the publisher knows not to exist, or does not know. @see moqt-18 #end-of-range */
  | {
      readonly kind: 'fetch-gap';
      readonly id: RequestId;
      readonly end: Location;
      readonly known: 'non-existent' | 'unknown';
    }
  /** The FETCH stream ended. `complete` false: it was reset with `code`. */
  | { readonly kind: 'fetch-end'; readonly id: RequestId; readonly complete: boolean; readonly code: number }
  | { readonly kind: 'goaway'; readonly uri: string; readonly timeout: Millis }
  /** GOAWAY for one request of ours: to be made again elsewhere, and cancelled here. */
  | {
      readonly kind: 'request-goaway';
      readonly id: RequestId;
      readonly uri: string;
      readonly timeout: Millis;
    }
  /** Our send queue of one subscription's subgroup is short again after `congested`. */
  | {
      readonly kind: 'subgroup-drained';
      readonly id: RequestId;
      readonly group: GroupId;
      readonly subgroup: SubgroupId;
    }
  | { readonly kind: 'fetch-drained'; readonly id: RequestId }
  | {
      readonly kind: 'closed';
      readonly code: number;
      readonly reason: string;
      readonly by: 'peer' | 'local' | 'timeout' | 'transport';
      /** The clause that was broken, when a protocol violation was the cause. */
      readonly clause?: string;
    };

/** What a session wants done: transport commands in order, events for the application in order. */
export type SessionEffect =
  | { readonly kind: 'transport'; readonly command: TransportCommand }
  | { readonly kind: 'event'; readonly event: SessionEvent };

/** Header of a subgroup that is about to be written. */
export interface SubgroupHeader {
  readonly group: GroupId;
  readonly subgroup: SubgroupId;
  readonly publisherPriority: number;
  /** The subgroup holds the last object of its group. */
  readonly endOfGroup: boolean;
  /** The first object written is the first of the subgroup (false: its beginning is missing). */
  readonly firstObject: boolean;
}

/** One MOQT session over one transport session. */
export interface MoqtSession {
  /** Feeds one transport event. Violations of the peer close the session and never throw. */
  receive(event: TransportEvent, now: Millis): void;
  /** The next effect, or undefined when there is none: drain after every call of any method. */
  poll(): SessionEffect | undefined;
  /** When {@link expire} wants to be called. */
  deadline(): Millis | undefined;
  expire(now: Millis): void;
  /** Bytes that the transport has queued on a stream after a write: the pump tells, `writeObject` returns. */
  noteQueued(stream: StreamHandle, queued: number): void;

  // Requests. Each returns its Request ID at once; the answer comes as an event.
  subscribe(track: FullTrackName, parameters: SubscribeParameters): RequestId;
  publish(track: FullTrackName, options: { forward: boolean; description: TrackDescription }): RequestId;
  publishNamespace(namespace: TrackNamespace, tokens?: readonly AuthorizationToken[]): RequestId;
  subscribeNamespace(prefix: TrackNamespace, tokens?: readonly AuthorizationToken[]): RequestId;
  subscribeTracks(
    prefix: TrackNamespace,
    options: { forward: boolean; tokens?: readonly AuthorizationToken[] },
  ): RequestId;
  fetch(range: FetchRange, options?: { subscriberPriority?: number; groupOrder?: GroupOrder }): RequestId;
  trackStatus(track: FullTrackName): RequestId;
  /** REQUEST_UPDATE of a subscription that we hold as subscriber (our SUBSCRIBE or the peer's PUBLISH). */
  updateSubscription(id: RequestId, parameters: SubscribeParameters): void;
  /** Ends a request of ours (or our side of the peer's PUBLISH): STOP_SENDING, RESET or FIN as the draft says. */
  cancel(id: RequestId): void;

  // Answers to the peer's requests.
  acceptSubscribe(id: RequestId, description: TrackDescription): void;
  acceptPublish(id: RequestId, parameters: SubscribeParameters): void;
  acceptFetch(id: RequestId, end: Location, endOfTrack: boolean, properties?: Uint8Array): void;
  acceptTrackStatus(id: RequestId, description: TrackDescription): void;
  /** REQUEST_OK for PUBLISH_NAMESPACE, SUBSCRIBE_NAMESPACE and SUBSCRIBE_TRACKS. */
  acceptRequest(id: RequestId): void;
  reject(id: RequestId, refusal: RequestRefusal): void;
  sendNamespace(id: RequestId, suffix: TrackNamespace): void;
  sendNamespaceDone(id: RequestId, suffix: TrackNamespace): void;
  sendPublishBlocked(id: RequestId, suffix: TrackNamespace, name: Uint8Array): void;

  // Objects that we publish: `id` is the SUBSCRIBE we accepted or the PUBLISH we sent.
  /** Starts a subgroup stream. */
  openSubgroup(id: RequestId, header: SubgroupHeader): void;
  /**
   * Writes the next object of an open subgroup.
   * @returns bytes now queued on that subgroup's stream, as far as the session knows.
   */
  writeObject(id: RequestId, object: MoqtObject): number;
  /** Finishes a subgroup stream (FIN). */
  closeSubgroup(id: RequestId, group: GroupId, subgroup: SubgroupId): void;
  /** Abandons a subgroup stream with a stream reset code. */
  resetSubgroup(id: RequestId, group: GroupId, subgroup: SubgroupId, code: number): void;
  /** Sends an object as the whole of its subgroup: one stream, one transport command. */
  sendSingleObject(id: RequestId, object: MoqtObject, endOfGroup: boolean): void;
  sendDatagram(id: RequestId, object: MoqtObject, endOfGroup?: boolean): void;
  /**
   * Tells the largest location of a track whose objects are not handed in, since its Forward State is 0: the answer
   * to a later REQUEST_UPDATE and joining FETCHes depend on it.
   */
  setLargest(id: RequestId, largest: Location): void;
  publishDone(id: RequestId, code: number, reason: string): void;

  // Objects that answer the peer's FETCH.
  sendFetchObject(id: RequestId, object: MoqtObject): number;
  sendFetchGap(id: RequestId, end: Location, known: 'non-existent' | 'unknown'): void;
  endFetch(id: RequestId): void;
  resetFetch(id: RequestId, code: number): void;

  goaway(uri: string, timeout: Millis): void;
  close(code: number, reason: string): void;
}

/** What messages say, without the wire format of a draft. */
import type {
  FullTrackName,
  GroupOrder,
  Location,
  RequestId,
  SubscriptionFilter,
  TrackAlias,
  TrackNamespace,
} from './model.ts';
import type { AuthorizationToken, FetchRange } from './session-api.ts';
import type { Millis } from '../units.ts';

/** What a token says of an alias instead of, or beside, its value. @see moqt-18 #authorization-token */
export type TokenOperation =
  | { readonly kind: 'register'; readonly alias: bigint; readonly token: AuthorizationToken }
  | { readonly kind: 'use' | 'delete'; readonly alias: bigint };

/** All parameters that messages may carry; a codec refuses those that do not belong into a message. */
export interface MessageParameters {
  readonly objectDeliveryTimeout?: Millis;
  readonly tokens?: readonly AuthorizationToken[];
  /** Tokens that came with aliases, in order; read only. */
  readonly tokenOperations?: readonly TokenOperation[];
  readonly rendezvousTimeout?: Millis;
  readonly subgroupDeliveryTimeout?: Millis;
  readonly expires?: Millis;
  readonly largest?: Location;
  readonly fillTimeout?: Millis;
  readonly forward?: boolean;
  readonly subscriberPriority?: number;
  readonly filter?: SubscriptionFilter;
  readonly groupOrder?: GroupOrder;
  readonly newGroupRequest?: bigint;
  readonly prefix?: TrackNamespace;
}

/** Track Properties: the block as it came and what a session has to know of it. */
export interface TrackProperties {
  /** Key-Value-Pairs byte for byte. */
  readonly block: Uint8Array;
  /** Default publisher priority. */
  readonly publisherPriority: number;
  readonly groupOrder: GroupOrder;
  readonly dynamicGroups: boolean;
  /** A property that must be understood and is not. */
  readonly unknownMandatory: bigint | undefined;
}

/** What endpoints tell each other when a session begins. */
export interface SetupOptions {
  /** Path and query of the URI; client on native QUIC only. */
  readonly path?: string;
  /** Authority of the URI; client on native QUIC only. */
  readonly authority?: string;
  readonly implementation?: string;
  readonly tokens?: readonly AuthorizationToken[];
  /** Tokens that came with aliases, in order; read only. */
  readonly tokenOperations?: readonly (TokenOperation & { readonly kind: 'register' })[];
  /** MAX_AUTH_TOKEN_CACHE_SIZE, which we write and have no use for reading. */
  readonly tokenCacheBytes?: number;
}

/** Where a refused request may succeed. @see moqt-18 #redirect-structure */
export interface Redirect {
  /** Empty: the current session's. */
  readonly uri: string;
  /** Both empty: those of the request. */
  readonly track: FullTrackName;
}

/** The messages that begin a request. */
export type RequestMessage =
  | {
      readonly kind: 'subscribe';
      readonly id: RequestId;
      readonly track: FullTrackName;
      readonly parameters: MessageParameters;
    }
  | {
      readonly kind: 'publish';
      readonly id: RequestId;
      readonly track: FullTrackName;
      readonly alias: TrackAlias;
      readonly parameters: MessageParameters;
      readonly properties: Uint8Array;
    }
  | {
      readonly kind: 'fetch';
      readonly id: RequestId;
      readonly range: FetchRange;
      readonly parameters: MessageParameters;
    }
  | {
      readonly kind: 'track-status';
      readonly id: RequestId;
      readonly track: FullTrackName;
      readonly parameters: MessageParameters;
    }
  | {
      readonly kind: 'publish-namespace' | 'subscribe-namespace' | 'subscribe-tracks';
      readonly id: RequestId;
      /** Namespace, or prefix of namespaces. */
      readonly namespace: TrackNamespace;
      readonly parameters: MessageParameters;
    };

/** Kinds of requests. */
export type RequestKind = RequestMessage['kind'];

/** What a REQUEST_OK or REQUEST_ERROR answers, or a REQUEST_UPDATE of it. */
export type Answered = RequestKind | 'request-update';

/** All messages on control and request streams. */
export type Message =
  | RequestMessage
  | { readonly kind: 'setup'; readonly options: SetupOptions }
  | {
      readonly kind: 'goaway';
      readonly uri: string;
      readonly timeout: Millis;
      /** Smallest request that was not processed; on the control stream only. */
      readonly requestId: RequestId | undefined;
    }
  | {
      readonly kind: 'subscribe-ok';
      readonly alias: TrackAlias;
      readonly parameters: MessageParameters;
      readonly properties: Uint8Array;
    }
  | {
      readonly kind: 'request-ok';
      readonly answers: Answered;
      readonly parameters: MessageParameters;
      readonly properties: Uint8Array;
    }
  | {
      readonly kind: 'request-error';
      readonly code: number;
      readonly retryAfter?: Millis;
      readonly reason: string;
      readonly redirect?: Redirect;
    }
  | {
      readonly kind: 'request-update';
      readonly id: RequestId;
      /** What is updated. */
      readonly updates: UpdatedRequest;
      readonly parameters: MessageParameters;
    }
  | {
      readonly kind: 'publish-done';
      readonly code: number;
      readonly streamCount: bigint;
      readonly reason: string;
    }
  | { readonly kind: 'namespace' | 'namespace-done'; readonly suffix: TrackNamespace }
  | { readonly kind: 'publish-blocked'; readonly suffix: TrackNamespace; readonly name: Uint8Array }
  | {
      readonly kind: 'fetch-ok';
      /** One past the last object; object 0: the whole of the group. */
      readonly end: Location;
      readonly endOfTrack: boolean;
      readonly parameters: MessageParameters;
      readonly properties: Uint8Array;
    };

/** Whose parameters a REQUEST_UPDATE carries; `subscription`: sent by a subscriber. */
export type UpdatedRequest = 'subscription' | 'fetch' | 'prefix' | 'namespace';

/** Where a message stands, which decides what it may be and how it is read. */
export type MessagePlace =
  | { readonly stream: 'control'; readonly first: boolean; readonly from: 'client' | 'server' }
  | { readonly stream: 'new-request' }
  | {
      readonly stream: 'request';
      /** What the stream was opened for. */
      readonly request: RequestKind;
      readonly from: 'requester' | 'responder';
      /** What the next answer answers, or undefined when no answer is due. */
      readonly answers: Answered | undefined;
      /** Role of the receiver in the session. */
      readonly receiver: 'client' | 'server';
    };

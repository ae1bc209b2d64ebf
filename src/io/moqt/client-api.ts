/**
 * A MOQT client for code that waits: promises and callbacks over a {@link MoqtSession} and its transport.
 * Callbacks run in order of arrival; a callback that throws is our own bug and closes the session.
 */
import type {
  FullTrackName,
  GroupId,
  Location,
  MoqtObject,
  SubgroupId,
  TrackNamespace,
} from '../../protocol/moqt/model.ts';
import type {
  RequestRefusal,
  SubgroupHeader,
  SubscribeParameters,
  TrackDescription,
} from '../../protocol/moqt/session-api.ts';

/** A request was refused, or could not be made since the session is gone. */
export type Refused = { readonly kind: 'refused'; readonly refusal: RequestRefusal };
/** The session is gone. */
export type Gone = { readonly kind: 'gone' };

/** Handles of what we receive. */
export interface Subscription {
  readonly track: FullTrackName;
  readonly description: TrackDescription;
  update(parameters: SubscribeParameters): void;
  /** Ends it; no callback follows. */
  cancel(): void;
}

/** What a subscription's owner is told. */
export interface SubscriptionCallbacks {
  object(object: MoqtObject): void;
  /** A subgroup ended; `complete` false when it was reset. */
  subgroupEnd?(group: GroupId, subgroup: SubgroupId, complete: boolean): void;
  /** PUBLISH_DONE with its `PublishDoneCode`, or INTERNAL_ERROR: the peer cancelled, or the session is lost. */
  done(code: number, reason: string): void;
}

/** A track that the peer offers by PUBLISH, to be accepted or refused once. */
export interface PublishOffer {
  readonly track: FullTrackName;
  readonly description: TrackDescription;
  /** Takes it. No callback is called before this has returned. */
  accept(parameters: SubscribeParameters, callbacks: SubscriptionCallbacks): Subscription;
  reject(refusal: RequestRefusal): void;
}

/** Where a publication's objects go: all subscribers that the peer session stands for. */
export interface Publication {
  readonly track: FullTrackName;
  /** The subscriber wants objects now (Forward State 1). */
  readonly forwarding: boolean;
  /** Sends an object as the whole of its subgroup. */
  sendSingleObject(object: MoqtObject, endOfGroup: boolean): void;
  openSubgroup(header: SubgroupHeader): void;
  /** @returns bytes queued on the subgroup's stream. */
  writeObject(object: MoqtObject): number;
  closeSubgroup(group: GroupId, subgroup: SubgroupId): void;
  /** @param code - of `StreamCode`. */
  resetSubgroup(group: GroupId, subgroup: SubgroupId, code: number): void;
  /** PUBLISH_DONE. @param code - of `PublishDoneCode`. */
  done(code: number, reason: string): void;
}

/** How a publication's owner follows it. */
export interface PublicationCallbacks {
  /** Forward State or priorities changed. */
  updated?(forwarding: boolean): void;
  /** The subscriber cancelled, or the session is gone. */
  ended(reason: string): void;
}

/** Answers FETCH and SUBSCRIBE of the peer for tracks that we publish. */
export interface TrackOrigin {
  /**
   * Objects of `track` from `start` up to and including `end` in order, or undefined when we do not have the track.
   */
  fetch(track: FullTrackName, start: Location, end: Location): readonly MoqtObject[] | undefined;
  /** Largest location of a track of ours, `null` when it exists without objects, undefined when it is not ours. */
  largest(track: FullTrackName): Location | null | undefined;
  /** The peer subscribed to a track of ours by SUBSCRIBE (not by our PUBLISH). */
  subscribed(publication: Publication): PublicationCallbacks;
}

/** What came of a FETCH. */
export type FetchOutcome =
  | { readonly kind: 'complete'; readonly objects: readonly MoqtObject[]; readonly end: Location }
  /** The stream was reset or timed out after these objects. */
  | { readonly kind: 'incomplete'; readonly objects: readonly MoqtObject[] }
  | Refused
  | Gone;

/** A client whose SETUP is done, or why there is none. */
export type ConnectOutcome =
  | { readonly kind: 'connected'; readonly client: MoqtClient }
  | { readonly kind: 'failed'; readonly reason: string };

/** A connected session. */
export interface MoqtClient {
  readonly peerImplementation: string | undefined;
  /** Resolves when the session has ended. */
  readonly closed: Promise<{ code: number; reason: string; by: string; clause?: string }>;

  subscribe(
    track: FullTrackName,
    parameters: SubscribeParameters,
    callbacks: SubscriptionCallbacks,
  ): Promise<{ kind: 'subscribed'; subscription: Subscription } | Refused | Gone>;
  /** SUBSCRIBE_TRACKS; each PUBLISH that it brings is handed to `offered`. */
  subscribeTracks(
    prefix: TrackNamespace,
    options: { forward: boolean },
    offered: (offer: PublishOffer) => void,
  ): Promise<{ kind: 'subscribed'; cancel(): void } | Refused | Gone>;
  /** SUBSCRIBE_NAMESPACE. */
  subscribeNamespace(
    prefix: TrackNamespace,
    callbacks: { namespace(suffix: TrackNamespace): void; namespaceDone(suffix: TrackNamespace): void },
  ): Promise<{ kind: 'subscribed'; cancel(): void } | Refused | Gone>;
  publishNamespace(
    namespace: TrackNamespace,
    cancelled: (reason: string) => void,
  ): Promise<{ kind: 'published'; cancel(): void } | Refused | Gone>;
  publish(
    track: FullTrackName,
    options: { forward: boolean; description: TrackDescription },
    callbacks: PublicationCallbacks,
  ): Promise<{ kind: 'published'; publication: Publication } | Refused | Gone>;
  /**
   * Standalone FETCH of `start` up to and including `end`; `end.object` 0 asks for the whole group. The outcome's `end`
   * is inclusive too.
   */
  fetch(
    track: FullTrackName,
    start: Location,
    end: Location,
    options: { timeoutMs: number; maxBytes: number },
  ): Promise<FetchOutcome>;
  /** Bytes queued for sending in the whole session. */
  queuedBytes(): number;
  /** The relay asks us to go elsewhere. */
  onGoaway(callback: (uri: string) => void): void;
  /** Ends the session. @param code - of `SessionCode`. */
  close(code: number, reason: string): void;
}

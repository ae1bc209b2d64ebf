/**
 * What a MOQT client offers to the code above it: handles in place of Request IDs, and for each request one answer.
 * Synchronous, like the session beneath: callbacks run while a session event is taken in, in order of arrival.
 */
import type { Pending } from '../../tasks.ts';
import type {
  FullTrackName,
  GroupId,
  Location,
  MoqtObject,
  RequestId,
  SubgroupId,
  TrackNamespace,
} from '../model.ts';
import type {
  RequestRefusal,
  SubgroupHeader,
  SubscribeParameters,
  TrackDescription,
} from '../session-api.ts';

/** A request was refused. */
export type Refused = { readonly kind: 'refused'; readonly refusal: RequestRefusal };
/** The session is gone, and the request with it. */
export type Gone = { readonly kind: 'gone' };

/** A subscription that we hold. */
export interface Subscription {
  readonly track: FullTrackName;
  readonly description: TrackDescription;
  /** REQUEST_UPDATE. */
  update(parameters: SubscribeParameters): void;
  /** Ends it; its owner hears nothing more. */
  cancel(): void;
  /**
   * Lets it go without ending it; its owner hears nothing more. Who accepts the offer is its next owner, from the next object on.
   * A relay offers a track once: who cancels it and asks again may find the two crossing on their way.
   */
  handOver(): PublishOffer;
}

/** Who follows a subscription. */
export interface SubscriptionOwner {
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
  /** Takes it. Its owner is told of nothing before this has returned; soon after that, if the offer has ended meanwhile. */
  accept(parameters: SubscribeParameters, owner: SubscriptionOwner): Subscription;
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
  /** @returns bytes that the transport had queued on the subgroup's stream when it last told, and those written since. */
  writeObject(object: MoqtObject): number;
  closeSubgroup(group: GroupId, subgroup: SubgroupId): void;
  /** @param code - of `StreamCode`. */
  resetSubgroup(group: GroupId, subgroup: SubgroupId, code: number): void;
  /** PUBLISH_DONE. @param code - of `PublishDoneCode`. */
  done(code: number, reason: string): void;
}

/** Who follows a publication. */
export interface PublicationOwner {
  /** Forward State or priorities changed. */
  updated?(forwarding: boolean): void;
  /** The subscriber cancelled, or the session is gone. */
  ended(reason: string): void;
}

/** Answers FETCH and SUBSCRIBE of the peer for tracks that we publish. */
export interface TrackOrigin {
  /** Objects of `track` from `start` up to and including `end` in order, or undefined when we do not have the track. */
  fetch(track: FullTrackName, start: Location, end: Location): readonly MoqtObject[] | undefined;
  /** Largest location of a track of ours, `null` when it exists without objects, undefined when it is not ours. */
  largest(track: FullTrackName): Location | null | undefined;
  /** The peer subscribed to a track of ours by SUBSCRIBE (not by our PUBLISH). */
  subscribed(publication: Publication): PublicationOwner;
}

/** What came of a FETCH. */
export type FetchOutcome =
  /** `end` is the last location that the answer covers. */
  | { readonly kind: 'complete'; readonly objects: readonly MoqtObject[]; readonly end: Location }
  /** The stream was reset, or the FETCH given up, after these objects. */
  | { readonly kind: 'incomplete'; readonly objects: readonly MoqtObject[] }
  | Refused
  | Gone;

/** A running FETCH. */
export interface Fetch {
  readonly outcome: Pending<FetchOutcome>;
  /** Cancels it; the outcome is what came so far. */
  giveUp(): void;
}

/** A request that lasts until it is cancelled. */
export type Lasting<Kind extends string> = { readonly kind: Kind; cancel(): void };

/** What came of a SUBSCRIBE. */
export type SubscribeOutcome =
  { readonly kind: 'subscribed'; readonly subscription: Subscription } | Refused | Gone;
/** What came of a PUBLISH. */
export type PublishOutcome =
  { readonly kind: 'published'; readonly publication: Publication } | Refused | Gone;

/** Whose requests a client holds, by Request ID. */
export type Owned<Value> = Map<RequestId, Value>;

/** A client of one session. */
export interface MoqtClient {
  /** What the peer's SETUP says of itself. */
  readonly peerImplementation: string | undefined;
  subscribe(
    track: FullTrackName,
    parameters: SubscribeParameters,
    owner: SubscriptionOwner,
  ): Pending<SubscribeOutcome>;
  /** SUBSCRIBE_TRACKS; each PUBLISH that it brings is handed to `offered`. */
  subscribeTracks(
    prefix: TrackNamespace,
    options: { readonly forward: boolean },
    offered: (offer: PublishOffer) => void,
  ): Pending<Lasting<'subscribed'> | Refused | Gone>;
  /** SUBSCRIBE_NAMESPACE. */
  subscribeNamespace(
    prefix: TrackNamespace,
    owner: { namespace(suffix: TrackNamespace): void; namespaceDone(suffix: TrackNamespace): void },
  ): Pending<Lasting<'subscribed'> | Refused | Gone>;
  publishNamespace(namespace: TrackNamespace): Pending<Lasting<'published'> | Refused | Gone>;
  publish(
    track: FullTrackName,
    options: { readonly forward: boolean; readonly description: TrackDescription },
    owner: PublicationOwner,
  ): Pending<PublishOutcome>;
  /**
   * Standalone FETCH of `start` up to and including `end`; `end.object` 0 asks for the whole group.
   * @param maxBytes - payloads and properties that are taken; a FETCH that brings more is given up.
   */
  fetch(track: FullTrackName, start: Location, end: Location, maxBytes: number): Fetch;
}

/**
 * The object model of MOQT that all drafts share: names, locations and objects, without any wire format.
 * @see moqt-18 #model
 */
import type { Brand } from '../units.ts';

/** A track namespace: 1 to 32 fields of bytes. @see moqt-18 #track-name */
export type TrackNamespace = readonly Uint8Array[];

/** Namespace and name, which together identify a track within a scope. @see moqt-18 #track-name */
export interface FullTrackName {
  readonly namespace: TrackNamespace;
  readonly name: Uint8Array;
}

/** Identifies a group within a track. */
export type GroupId = Brand<bigint, 'GroupId'>;
/** Identifies a subgroup within a group. */
export type SubgroupId = Brand<bigint, 'SubgroupId'>;
/** Identifies an object within a group. */
export type ObjectId = Brand<bigint, 'ObjectId'>;
/** Identifies a request within a session; even from the client, odd from the server. @see moqt-18 #request-id */
export type RequestId = Brand<bigint, 'RequestId'>;
/** Chosen by the publisher to name a track on data streams. @see moqt-18 #track-alias */
export type TrackAlias = Brand<bigint, 'TrackAlias'>;

/** Names a group ID. */
export const groupId = (value: bigint): GroupId => value as GroupId;
/** Names a subgroup ID. */
export const subgroupId = (value: bigint): SubgroupId => value as SubgroupId;
/** Names an object ID. */
export const objectId = (value: bigint): ObjectId => value as ObjectId;

/** Where an object is in its track. @see moqt-18 #location-structure */
export interface Location {
  readonly group: GroupId;
  readonly object: ObjectId;
}

/** Orders locations: by group, then by object. Negative when `a` comes first. */
export function compareLocations(a: Location, b: Location): number {
  if (a.group !== b.group) return a.group < b.group ? -1 : 1;
  if (a.object !== b.object) return a.object < b.object ? -1 : 1;
  return 0;
}

/** Status of an object that has no payload. @see moqt-18 #object-status */
export type ObjectStatus = 'end-of-group' | 'end-of-track';

/** How an object travels; part of what a relay must keep. @see moqt-18 #data-streams */
export type ForwardingPreference = 'subgroup' | 'datagram';

/**
 * One object with everything that a relay must hand on.
 * `properties` is the block of Key-Value-Pairs byte for byte as the publisher wrote it (empty: none), since
 * Immutable Properties are authenticated end to end. The bytes belong to the receiver of the value and are not
 * changed after.
 * @see moqt-18 #object-header
 */
export interface MoqtObject {
  readonly location: Location;
  /** Subgroup ID; undefined for datagrams. */
  readonly subgroup: SubgroupId | undefined;
  /** 0 (most urgent) to 255. */
  readonly publisherPriority: number;
  readonly forwarding: ForwardingPreference;
  readonly properties: Uint8Array;
  readonly content:
    | { readonly kind: 'payload'; readonly payload: Uint8Array }
    | { readonly kind: 'status'; readonly status: ObjectStatus };
}

/** Order in which groups of a subscription are delivered when both are ready. @see moqt-18 #group-order */
export type GroupOrder = 'ascending' | 'descending';

/** Which part of a track a subscription covers. @see moqt-18 #subscription-filters */
export type SubscriptionFilter =
  | { readonly kind: 'next-group-start' }
  | { readonly kind: 'largest-object' }
  | { readonly kind: 'absolute-start'; readonly start: Location }
  | { readonly kind: 'absolute-range'; readonly start: Location; readonly endGroup: GroupId };

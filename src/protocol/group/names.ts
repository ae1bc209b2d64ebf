/**
 * Names of a meeting's groups and tracks.
 * @see draft-jennings-moq-e2ee-mls #bootstrapping, #process-welcome, #process-commit
 */
import { encodeBase64Url } from '../bytes/base64url.ts';
import { concat } from '../bytes/concat.ts';
import { equal } from '../bytes/equal.ts';
import { encodeUtf8 } from '../bytes/utf8.ts';
import { decodeBase64Url } from '../bytes/base64url.ts';
import { decodeUtf8 } from '../bytes/utf8.ts';
import { invariant } from '../errors.ts';
import { groupOfRoom, ROOM_KEY_BYTES } from '../counter/room.ts';
import type { FullTrackName, TrackNamespace } from '../moqt/model.ts';
import type { Brand } from '../units.ts';
import type { GroupCrypto } from './crypto-port.ts';
import { JOIN_ID_BYTES } from './leaf-join.ts';
import type { JoinId } from './leaf-join.ts';
import type { RoomKey } from './room-keys.ts';

/** The MLS group id and counter id of one generation of a room: 16 bytes. */
export type GroupName = Brand<Uint8Array, 'GroupName'>;
/** SenderId and RecipientId: base64url, as ASCII bytes, of a member's fingerprint and its join id. */
export type SenderId = Brand<Uint8Array, 'SenderId'>;
/** SHA-256 of a signature public key: 32 bytes. */
export type Fingerprint = Brand<Uint8Array, 'Fingerprint'>;

const FINGERPRINT_BYTES = 32;
const KEY_PACKAGES = encodeUtf8('keypackages');
const WELCOME = encodeUtf8('welcome');
const COMMITS = encodeUtf8('commits');
const HEADS = encodeUtf8('heads');
const CONTROL = encodeUtf8('control');
const MEDIA = encodeUtf8('media');
const OBJECTS = encodeUtf8('o');

/** What a track under a group's namespace is. */
export type GroupTrack =
  | { readonly kind: 'key-packages'; readonly sender: SenderId }
  | { readonly kind: 'welcome'; readonly recipient: SenderId }
  | { readonly kind: 'commits' }
  | { readonly kind: 'heads'; readonly sender: SenderId; readonly instance: Uint8Array }
  | { readonly kind: 'control'; readonly sender: SenderId; readonly instance: Uint8Array }
  | { readonly kind: 'media'; readonly sender: SenderId; readonly instance: Uint8Array }
  | { readonly kind: 'foreign' };

/**
 * Name of one generation of a room, which the counter computes too: see {@link groupOfRoom}.
 * @param generation - 0 to 2^32 - 1.
 */
export function groupNameOf(
  room: RoomKey,
  generation: number,
  crypto: Pick<GroupCrypto, 'sha256'>,
): GroupName {
  invariant(room.length === ROOM_KEY_BYTES, 'a room key has 32 bytes');
  return groupOfRoom(room, generation, crypto) as GroupName;
}

/** Fingerprint of a signature public key, which is also the identity of its MLS credential. */
export function fingerprintOf(signatureKey: Uint8Array, crypto: Pick<GroupCrypto, 'sha256'>): Fingerprint {
  return crypto.sha256(signatureKey) as Fingerprint;
}

/** SenderId of one join: each join has tracks of its own, so that a crash never rewrites an old one. */
export function senderIdOf(fingerprint: Fingerprint, joinId: JoinId): SenderId {
  invariant(joinId.length === JOIN_ID_BYTES, 'a join id has 8 bytes');
  return encodeUtf8(encodeBase64Url(concat(fingerprint, joinId))) as SenderId;
}

/** What a SenderId is made of. */
export interface SenderParts {
  readonly fingerprint: Fingerprint;
  readonly joinId: JoinId;
}

/** What a SenderId is made of, as fresh bytes; undefined when the bytes are not a SenderId. */
export function partsOfSender(sender: Uint8Array): SenderParts | undefined {
  const text = decodeUtf8(sender);
  const bytes = text === undefined ? undefined : decodeBase64Url(text);
  if (bytes?.length !== FINGERPRINT_BYTES + JOIN_ID_BYTES) return undefined;
  return {
    fingerprint: bytes.slice(0, FINGERPRINT_BYTES) as Fingerprint,
    joinId: bytes.slice(FINGERPRINT_BYTES) as JoinId,
  };
}

/** The join that a SenderId is of, as a member's leaf has it. */
export function joinIdOf(sender: SenderId): JoinId {
  const parts = partsOfSender(sender);
  invariant(parts !== undefined, 'a member has a SenderId');
  return parts.joinId;
}

/** Fingerprint in a SenderId; undefined when the bytes are not a SenderId. */
export function fingerprintOfSender(sender: Uint8Array): Fingerprint | undefined {
  return partsOfSender(sender)?.fingerprint;
}

/** The namespace (`<group>`) that covers all tracks of a group. */
export function groupNamespace(group: GroupName): TrackNamespace {
  return [encodeUtf8(encodeBase64Url(group))];
}

/** The namespace shared by all joiners' KeyPackage tracks. */
export function keyPackageNamespace(group: GroupName): TrackNamespace {
  return [...groupNamespace(group), KEY_PACKAGES];
}

/** Where a joiner publishes its KeyPackages. @see draft-jennings-moq-e2ee-mls #bootstrapping */
export function keyPackageTrack(group: GroupName, sender: SenderId): FullTrackName {
  return { namespace: keyPackageNamespace(group), name: sender };
}

/** Where a joiner finds its Welcome. @see draft-jennings-moq-e2ee-mls #process-welcome */
export function welcomeTrack(group: GroupName, recipient: SenderId): FullTrackName {
  return { namespace: [...groupNamespace(group), WELCOME], name: recipient };
}

/** Where all Commits go. @see draft-jennings-moq-e2ee-mls #process-commit */
export function commitTrack(group: GroupName): FullTrackName {
  return { namespace: groupNamespace(group), name: COMMITS };
}

/** The namespace shared by all tracks of heads. */
export function headNamespace(group: GroupName): TrackNamespace {
  return [...groupNamespace(group), HEADS];
}

/**
 * Where a member says which line of the meeting it is in.
 * @param instance - of this one time, so that nobody can have taken the name before.
 */
export function headTrack(group: GroupName, sender: SenderId, instance: Uint8Array): FullTrackName {
  return { namespace: [...headNamespace(group), sender, instance], name: OBJECTS };
}

/**
 * A member's sealed control messages.
 * @param instance - names this start of the membership, so that no location is ever sealed twice (ADR 2).
 */
export function controlTrack(group: GroupName, sender: SenderId, instance: Uint8Array): FullTrackName {
  return { namespace: [...groupNamespace(group), CONTROL, sender, instance], name: OBJECTS };
}

/**
 * A member's media track, in a namespace of its own since Secure Objects scope Key IDs to the namespace.
 * @param instance - names the track and this start of the membership, so that no location is ever sealed twice.
 */
export function mediaTrack(group: GroupName, sender: SenderId, instance: Uint8Array): FullTrackName {
  return { namespace: [...groupNamespace(group), MEDIA, sender, instance], name: OBJECTS };
}

/**
 * What a track would be in the group that the first field of its namespace names: the shape of its name, which is all
 * that a relay can tell. Whether group and sender exist is not looked at.
 */
export function trackShape(track: FullTrackName): GroupTrack['kind'] {
  const [, kind] = track.namespace;
  if (kind === undefined) return equal(track.name, COMMITS) ? 'commits' : 'foreign';
  switch (track.namespace.length) {
    case 2:
      if (equal(kind, KEY_PACKAGES)) return 'key-packages';
      return equal(kind, WELCOME) ? 'welcome' : 'foreign';
    case 4:
      if (!equal(track.name, OBJECTS)) return 'foreign';
      if (equal(kind, HEADS)) return 'heads';
      if (equal(kind, CONTROL)) return 'control';
      return equal(kind, MEDIA) ? 'media' : 'foreign';
    default:
      return 'foreign';
  }
}

/** Says what a track of a group is, from its full name. */
export function classifyTrack(group: GroupName, track: FullTrackName): GroupTrack {
  const [root, , sender, instance] = track.namespace;
  const [own] = groupNamespace(group);
  if (root === undefined || own === undefined || !equal(root, own)) return { kind: 'foreign' };
  const kind = trackShape(track);
  switch (kind) {
    case 'commits':
    case 'foreign':
      return { kind };
    case 'key-packages':
      return isSenderId(track.name) ? { kind, sender: track.name } : { kind: 'foreign' };
    case 'welcome':
      return isSenderId(track.name) ? { kind, recipient: track.name } : { kind: 'foreign' };
    case 'heads':
    case 'control':
    case 'media':
      if (sender === undefined || instance === undefined || !isSenderId(sender)) return { kind: 'foreign' };
      return { kind, sender, instance };
  }
}

function isSenderId(bytes: Uint8Array): bytes is SenderId {
  return fingerprintOfSender(bytes) !== undefined;
}

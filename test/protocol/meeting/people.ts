/** Members of a group and their tracks, named by small numbers. */
import {
  controlTrack,
  mediaTrack,
  senderIdOf,
  type Fingerprint,
  type GroupName,
  type SenderId,
} from '../../../src/protocol/group/names.ts';
import { leafIndex, type Member } from '../../../src/protocol/group/roster.ts';
import {
  controlInstance,
  INSTANCE_BYTES,
  mediaInstance,
  type MediaTrackKind,
} from '../../../src/protocol/meeting/track-instance.ts';
import { epoch } from '../../../src/protocol/units.ts';
import { PublishedTrack } from './published-track.ts';
import { joinId } from '../../harness/group/membership.ts';

export const GROUP = new Uint8Array(16).fill(9) as GroupName;

/** The member at a leaf, after its first, second… join. */
export function person(leaf: number, join = 1): Member {
  const bytes = new Uint8Array(32).fill(leaf + 1);
  return {
    leaf: leafIndex(leaf),
    signatureKey: bytes,
    fingerprint: bytes as Fingerprint,
    senderId: senderIdOf(bytes as Fingerprint, joinId(join)),
    asOf: epoch(0n),
  };
}

/** Whose tracks a member's are after its first, second… join. */
export function senderOf(member: Member, join: number): SenderId {
  return senderIdOf(member.fingerprint, joinId(join));
}

/** A member's control track. @param instance - tells processes of one join apart. */
export function controlOf(member: Member, join: number, instance: number): PublishedTrack {
  const bytes = new Uint8Array(INSTANCE_BYTES).fill(instance);
  return new PublishedTrack(controlTrack(GROUP, senderOf(member, join), controlInstance(bytes)));
}

/** One of a member's media tracks. */
export function mediaOf(member: Member, kind: MediaTrackKind, join = 1, instance = 1): PublishedTrack {
  const bytes = new Uint8Array(INSTANCE_BYTES).fill(instance);
  return new PublishedTrack(mediaTrack(GROUP, senderOf(member, join), mediaInstance(kind, bytes)));
}

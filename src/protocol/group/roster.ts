/** The roster of an epoch: the members in its MLS tree, who are those with the keys; and how rosters differ. */
import { equal } from '../bytes/equal.ts';
import type { Brand, Epoch } from '../units.ts';
import type { Fingerprint, SenderId } from './names.ts';

/** Index of a leaf in the MLS tree. @see RFC 9420 §7 */
export type LeafIndex = Brand<number, 'LeafIndex'>;

/** Names a leaf index. */
export const leafIndex = (value: number): LeafIndex => value as LeafIndex;

/** One member of an epoch. */
export interface Member {
  readonly leaf: LeafIndex;
  /** Ed25519 signature public key, 32 bytes. */
  readonly signatureKey: Uint8Array;
  /** SHA-256 of the signature key: the credential's identity. */
  readonly fingerprint: Fingerprint;
  /** Of the join that brought the member in: its tracks have this name, and those of no other join do. */
  readonly senderId: SenderId;
  /** The epoch that the KeyPackage was as of with which it came in. */
  readonly asOf: Epoch;
}

/** How a Commit changed the roster. */
export interface RosterChange {
  readonly added: readonly Member[];
  readonly removed: readonly Member[];
}

/** What changed between two rosters. A member that joined again in one Commit is in both lists, with two SenderIds. */
export function compareRosters(before: readonly Member[], after: readonly Member[]): RosterChange {
  const stays = (member: Member, others: readonly Member[]): boolean =>
    others.some((other) => other.leaf === member.leaf && equal(other.senderId, member.senderId));
  return {
    added: after.filter((member) => !stays(member, before)),
    removed: before.filter((member) => !stays(member, after)),
  };
}

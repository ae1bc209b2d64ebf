/** The roster of an epoch: the members in its MLS tree, who are those with the keys; and how rosters differ. */
import { equal } from '../bytes/equal.ts';
import type { Brand } from '../units.ts';
import type { Fingerprint } from './names.ts';

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
  /** The leaf's HPKE key, which changes with each join and update of the member. */
  readonly encryptionKey: Uint8Array;
}

/** How a Commit changed the roster. */
export interface RosterChange {
  readonly added: readonly Member[];
  readonly removed: readonly Member[];
}

/**
 * What changed between two rosters. A member that joined again in one Commit is in both lists: its leaf has another
 * encryption key though it did not commit.
 * @param committer - the one leaf whose key a Commit changes without replacing it.
 */
export function compareRosters(
  before: readonly Member[],
  after: readonly Member[],
  committer: LeafIndex,
): RosterChange {
  const stays = (member: Member, others: readonly Member[]): boolean =>
    others.some(
      (other) =>
        other.leaf === member.leaf &&
        equal(other.signatureKey, member.signatureKey) &&
        (other.leaf === committer || equal(other.encryptionKey, member.encryptionKey)),
    );
  return {
    added: after.filter((member) => !stays(member, before)),
    removed: before.filter((member) => !stays(member, after)),
  };
}

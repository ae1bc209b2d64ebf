/** What MLS keeps of a membership's past for a key history: plain values, since they cross the boundary of a worker. */
import type { LeafIndex, Member } from '../../protocol/group/roster.ts';
import type { Epoch } from '../../protocol/units.ts';

/** A Commit that began an epoch. */
export interface RecordedChange {
  readonly epoch: Epoch;
  readonly code: string;
  /** AuthenticatedContent: what the Commit's PrivateMessage was about. @see RFC 9420 §6.1 */
  readonly commit: Uint8Array;
  /** Of the epoch that it began. */
  readonly treeHash: Uint8Array;
  readonly committer: LeafIndex;
  /** Those whose leaves went, also where the same person came back at once; in leaf order. */
  readonly removed: readonly Member[];
  readonly joined: readonly Member[];
}

/** The past of a group, from an epoch of ours on without a gap. */
export interface KeyRecord {
  readonly epoch: Epoch;
  readonly code: string;
  /** The encoded GroupContext. */
  readonly context: Uint8Array;
  readonly confirmationTag: Uint8Array;
  readonly members: readonly Member[];
  readonly changes: readonly RecordedChange[];
}

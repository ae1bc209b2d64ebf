/** What our membership of the MLS group tells the rest of the meeting. */
import type { Caller } from '../group/coordination/door.ts';
import type { MeetingParameters } from '../group/meeting-parameters.ts';
import type { GroupName, SenderId } from '../group/names.ts';
import type { GroupHandle, MasterKey, MlsSuite } from '../group/mls.ts';
import type { GroupStep, StopReason } from '../group/progress.ts';
import type { LeafIndex, Member } from '../group/roster.ts';
import type { Epoch, UnixMillis } from '../units.ts';

/** How an epoch came about. */
export interface EpochChange {
  readonly added: readonly Member[];
  readonly removed: readonly Member[];
  /** The committer's leaf; undefined where we created or joined. */
  readonly by: LeafIndex | undefined;
  /** When the counter signed; our own clock in plain mode. */
  readonly time: UnixMillis;
}

/** A new epoch, with all that depends on it. */
export interface EpochBegun {
  readonly kind: 'epoch';
  readonly group: GroupName;
  /** Our SenderId in this group, for the names of our tracks; changes with each join. */
  readonly senderId: SenderId;
  /** By which MLS knows the group. */
  readonly handle: GroupHandle;
  readonly epoch: Epoch;
  /** MLS master key: a copy that belongs to the receiver, who erases it. */
  readonly masterKey: MasterKey;
  readonly roster: readonly Member[];
  readonly ownLeaf: LeafIndex;
  readonly epochAuthenticator: Uint8Array;
  /** Equal for all members of the epoch. */
  readonly securityCode: string;
  readonly suite: MlsSuite;
  readonly parameters: MeetingParameters;
  readonly change: EpochChange;
  /** When the counter signed this epoch; undefined in plain mode and where no receipt is at hand. */
  readonly signedAt: UnixMillis | undefined;
  /** Our own leaf's key was made for this epoch. */
  readonly madeOwnKey: boolean;
  /** The counter's, with its signature; undefined in plain mode and where none is at hand. */
  readonly receipt: Uint8Array | undefined;
  /** Where a membership begins: its receipts of epochs before, oldest first, as far as they were saved. */
  readonly past: readonly Uint8Array[];
}

/** A line that is broken. */
export interface LineBroken {
  readonly kind: 'line-broken';
  /** Who is proven to have broken a rule. */
  readonly author: Member | undefined;
  /** Whose Commit it is, where it removes us: the others may have found that it breaks a rule, and we cannot. */
  readonly suspect: LeafIndex | undefined;
}

/** Everything that happens, in order. */
export type GroupEvent =
  | { readonly kind: 'status'; readonly step: GroupStep }
  | EpochBegun
  /** The keys of all epochs of the former group are to be erased: another generation of the room begins. */
  | { readonly kind: 'generation'; readonly generation: number }
  /** A newer generation of the room exists, while ours is healthy. */
  | { readonly kind: 'newer-generation'; readonly generation: number }
  /** The meeting goes on in another generation, which we join as a newcomer. */
  | { readonly kind: 'moved' }
  /** Who waits for an organiser to let them in, first come first: each time complete. */
  | { readonly kind: 'door'; readonly callers: readonly Caller[] }
  /** What a person here wanted is up to organisers, of whom we are none (any more): it is not done. */
  | { readonly kind: 'not-organiser' }
  /** The counter has logged a Commit that removes us, and nothing proves that others can follow it. */
  | {
      readonly kind: 'removal-doubted';
      readonly committer: LeafIndex;
      /** Who could follow it or not, besides its author. */
      readonly others: readonly Member[];
    }
  /** Others removed us since they heard nothing of us; we ask to be let in again. */
  | { readonly kind: 'removed-as-absent' }
  /** Whether somebody asks to be let in for whom the group has no room. */
  | { readonly kind: 'full'; readonly isFull: boolean }
  /** Somebody was removed whose key can come again: the list of kicked keys is full. */
  | { readonly kind: 'not-kept-out' }
  /** Somebody with a kicked key asks to be let in. */
  | { readonly kind: 'kicked-asks'; readonly signatureKey: Uint8Array }
  /** The counter signed two different Commits for one epoch: it is not trusted any more. */
  | { readonly kind: 'equivocation'; readonly epoch: Epoch }
  /** The counter has logged what we cannot follow. */
  | LineBroken
  /** The membership cannot be written; it is tried again every second, and nothing is sent meanwhile. */
  | { readonly kind: 'store-failing' }
  /** After that: the store takes what is written again. */
  | { readonly kind: 'store-working' }
  | { readonly kind: 'stopped'; readonly reason: StopReason };

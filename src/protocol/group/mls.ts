/** Types between the group core and MLS: plain values, since they cross the boundary of a worker. */
import type { Brand, Epoch } from '../units.ts';
import type { MeetingParameters, MeetingSettings } from './meeting-parameters.ts';
import type { JoinId } from './leaf-join.ts';
import type { SenderId } from './names.ts';
import type { LeafIndex, Member } from './roster.ts';

/** Names a group state that the MLS side holds. */
export type GroupHandle = Brand<number, 'GroupHandle'>;
/** Names a staged Commit of a group: made here, or received and processed, but not merged. */
export type StagedHandle = Brand<number, 'StagedHandle'>;

/** MLS cipher suites that a meeting may choose: RFC 9420 suite 1, and ts-mls's X-Wing with SHA-512. */
export type MlsSuite = 0x0001 | 0x0053;

/**
 * The secret of an epoch from which the keys of its objects come: `MLS-Exporter("SecureObject MLS Master Key", "", Nh)`.
 * There is one copy outside MLS; it belongs to whoever was given it last, who overwrites it after use.
 * @see docs/protocol.md#keys-and-sealed-objects
 */
export type MasterKey = Brand<Uint8Array, 'MasterKey'>;

/** An epoch of a group as the rest of the app sees it; nothing in it is secret. Bytes belong to the receiver. */
export interface EpochView {
  readonly groupId: Uint8Array;
  readonly epoch: Epoch;
  /** Confirmed transcript hash; empty at epoch 0. */
  readonly transcript: Uint8Array;
  /** RFC 9420 §8.7. */
  readonly epochAuthenticator: Uint8Array;
  /**
   * Public key of the epoch, Ed25519, 32 bytes; its seed is `MLS-Exporter("conclave epoch key", "", 32)`. Members alone sign
   * with it.
   * @see docs/protocol.md#epoch-keys
   */
  readonly epochKey: Uint8Array;
  readonly suite: MlsSuite;
  readonly ownLeaf: LeafIndex;
  readonly roster: readonly Member[];
  readonly parameters: MeetingParameters;
}

/** An epoch that a group has entered, with its secret. */
export interface BegunEpoch {
  readonly view: EpochView;
  readonly masterKey: MasterKey;
}

/** What a Commit is to contain. */
export interface CommitPlan {
  /** KeyPackages as MLSMessages, each of which was found acceptable. */
  readonly adds: readonly Uint8Array[];
  readonly removes: readonly LeafIndex[];
  /** Signature keys that are not to be let in again. A Commit that kicks closes the door. */
  readonly kicks: readonly Uint8Array[];
  /** It has a path even where its proposals need none, so that its author's leaf gets a fresh key. */
  readonly renews?: true;
  /** What the settings are to be; undefined: as they are. */
  readonly settings?: MeetingSettings;
}

/** A Welcome for one joiner. */
export interface JoinerWelcome {
  /** KeyPackageRef of the joiner. @see RFC 9420 §5.2 */
  readonly ref: Uint8Array;
  /** MLSMessage with a Welcome that contains the secrets of this joiner only. */
  readonly welcome: Uint8Array;
}

/** A Commit of our own that is not merged yet. */
export interface StagedCommit {
  readonly staged: StagedHandle;
  /** The epoch that it begins. */
  readonly epoch: Epoch;
  /** MLSMessage with a PrivateMessage. */
  readonly commit: Uint8Array;
  /** Confirmed transcript hash of the new epoch. */
  readonly transcript: Uint8Array;
  /** {@link EpochView.epochKey} of the new epoch. */
  readonly nextKey: Uint8Array;
  readonly welcomes: readonly JoinerWelcome[];
  /** It has a path: our leaf gets a fresh key. */
  readonly renews: boolean;
}

/** Outcome of staging. */
export type StageOutcome =
  | { readonly kind: 'staged'; readonly commit: StagedCommit }
  /** MLS refused the plan; trying it again unchanged is useless. */
  | { readonly kind: 'refused'; readonly reason: string };

/** What the proposals of a Commit do. */
export interface CommitContents {
  readonly committer: LeafIndex;
  readonly removed: readonly LeafIndex[];
  /** KeyPackageRefs of the adds. */
  readonly added: readonly Uint8Array[];
}

/** Outcome of processing somebody's Commit. Nothing is merged yet. */
export type ProcessOutcome =
  | {
      readonly kind: 'staged';
      readonly staged: StagedHandle;
      readonly epoch: Epoch;
      readonly transcript: Uint8Array;
      /** {@link EpochView.epochKey} of the new epoch. */
      readonly nextKey: Uint8Array;
      readonly contents: CommitContents;
      /** It has a path: the committer's leaf gets a fresh key. */
      readonly renews: boolean;
    }
  /** The Commit removes this member: there is no next epoch for it. `isReplaced` says whether its own key was added again. */
  | {
      readonly kind: 'removed';
      /** Confirmed transcript hash of the epoch that it begins for the others: all that can be told of that epoch from outside. */
      readonly transcript: Uint8Array;
      readonly contents: CommitContents;
      readonly isReplaced: boolean;
      readonly kicked: boolean;
    }
  /** Our own leaf has made it, and nothing of it is staged here: this state is older than what we have done. */
  | { readonly kind: 'own' }
  | {
      readonly kind: 'refused';
      readonly reason: string;
      /** Who has signed what breaks a rule; undefined where nobody is proven. */
      readonly author: LeafIndex | undefined;
    };

/** A KeyPackage that a Commit may add. */
export interface AcceptableKeyPackage {
  readonly ref: Uint8Array;
  readonly signatureKey: Uint8Array;
  /** Of the join that it is for. */
  readonly senderId: SenderId;
  /** The epoch that it is as of. */
  readonly asOf: Epoch;
  /** What its owner is called, by its own word; undefined when that cannot be read. */
  readonly displayName: string | undefined;
}

/** Outcome of checking a KeyPackage. */
export type KeyPackageVerdict =
  | ({ readonly kind: 'acceptable' } & AcceptableKeyPackage)
  /** It is as of an epoch that this group has not reached. */
  | { readonly kind: 'early'; readonly asOf: Epoch }
  /** Its join is in the tree already: its Welcome may be lost. */
  | { readonly kind: 'answered'; readonly senderId: SenderId }
  | { readonly kind: 'kicked'; readonly signatureKey: Uint8Array }
  | { readonly kind: 'refused'; readonly reason: string };

/** Outcome of joining by a Welcome. */
export type JoinOutcome =
  | ({ readonly kind: 'joined'; readonly group: GroupHandle } & BegunEpoch)
  | { readonly kind: 'refused'; readonly reason: string };

/** A group that was created, at epoch 0. */
export interface CreatedGroup extends BegunEpoch {
  readonly group: GroupHandle;
  /** The encoded GroupContext: what the counter logs for epoch 0. */
  readonly groupContext: Uint8Array;
}

/** For which join a KeyPackage of our own is made. */
export interface OwnJoin {
  /** The epoch that the counter has reached. */
  readonly asOf: Epoch;
  readonly joinId: JoinId;
}

/** A KeyPackage whose private part stays on the MLS side. */
export interface OwnKeyPackage {
  /** MLSMessage with the KeyPackage. */
  readonly keyPackage: Uint8Array;
  readonly ref: Uint8Array;
}

/** A group that was read back, with the Commit that was staged when it was written. */
export interface RestoredGroup extends BegunEpoch {
  readonly group: GroupHandle;
  readonly staged: StagedCommit | undefined;
  /** The encoded GroupContext. */
  readonly groupContext: Uint8Array;
}

/** What a move of the meeting is made of. @see docs/protocol.md#moving */
export interface MovePlan {
  /** Link of the new room, in UTF-8: secret. */
  readonly invitation: Uint8Array;
  /** Counts our moves in the group. */
  readonly number: number;
  /** The epoch in which we said it first. */
  readonly since: Epoch;
  /** Who comes along; passed over are our own leaf and those that are not there. */
  readonly recipients: readonly LeafIndex[];
  /** Who is left behind, and named so; passed over are those that are not there. */
  readonly leftBehind: readonly LeafIndex[];
}

/** Outcome of making one. */
export type SealMoveOutcome =
  | { readonly kind: 'sealed'; readonly move: Uint8Array }
  /** The group is not held any more. */
  | { readonly kind: 'refused'; readonly reason: string };

/** A move of somebody else, with its signature verified and its parts opened as far as they are ours. */
export interface OpenedMove {
  readonly mover: LeafIndex;
  /** Of one mover the move of the highest number counts. */
  readonly number: number;
  readonly since: Epoch;
  /** Equal for all who are invited to one room. */
  readonly commitment: Uint8Array;
  /** Who comes along besides the mover, in leaf order. */
  readonly recipients: readonly LeafIndex[];
  /** Whom it leaves behind, in leaf order. Whoever is in neither came when it was decided. */
  readonly leftBehind: readonly LeafIndex[];
  /** Link of the new room, in UTF-8: secret; undefined when we are not among the recipients, or our part is spoilt. */
  readonly invitation: Uint8Array | undefined;
  /** What is wrong with our part, if so: those of the others may be in order. */
  readonly fault: string | undefined;
}

/** Outcome of looking at one. */
export type OpenMoveOutcome =
  | ({ readonly kind: 'opened' } & OpenedMove)
  /** It changes nothing. */
  | { readonly kind: 'refused'; readonly reason: string };

/**
 * MLS as the group engine uses it: asynchronous, since it runs in a worker thread.
 *
 * One port holds any number of groups. Calls for one group must not overlap. A call rejects only for faults of our own:
 * whatever a peer's bytes can cause is part of the outcome.
 */
import type {
  AcceptableKeyPackage,
  BegunEpoch,
  CommitPlan,
  CreatedGroup,
  GroupHandle,
  JoinOutcome,
  KeyPackageVerdict,
  MlsSuite,
  MovePlan,
  OpenMoveOutcome,
  OwnJoin,
  OwnKeyPackage,
  ProcessOutcome,
  RestoredGroup,
  SealMoveOutcome,
  StagedHandle,
  StageOutcome,
} from '../../protocol/group/mls.ts';
import type { MeetingParameters } from '../../protocol/group/meeting-parameters.ts';
import type { UnixMillis } from '../../protocol/units.ts';
import type { JoinId } from '../../protocol/group/leaf-join.ts';
import type { KeyRecord } from './key-record.ts';

/** The signature key of a person on this machine. */
export interface SignatureIdentity {
  /** Ed25519 seed, 32 bytes: secret. */
  readonly seed: Uint8Array;
  /** Ed25519 public key, 32 bytes. */
  readonly publicKey: Uint8Array;
}

/** What MLS needs to know about a membership of this machine in a group. */
export interface MlsMembership {
  readonly identity: SignatureIdentity;
  readonly suite: MlsSuite;
  readonly groupId: Uint8Array;
  /** HMAC key by which KeyPackages prove that their owner was invited, 32 bytes: secret. */
  readonly joinProofKey: Uint8Array;
  /** The external PSK of the group, which follows from its invitation, 32 bytes: secret. */
  readonly invitationPsk: Uint8Array;
}

/** How a group is founded. */
export interface GroupFounding {
  /** Of the group; the founder is an organiser besides those who are named. */
  readonly parameters: MeetingParameters;
  /** Of the founder. */
  readonly joinId: JoinId;
  /** For the lifetime in the founder's leaf, which nobody compares with a clock. */
  readonly now: UnixMillis;
}

/** How a KeyPackage is made. */
export interface KeyPackageRequest extends OwnJoin {
  /** Display name, sealed for those who have the invitation, behind its nonce. */
  readonly sealedName: Uint8Array;
  /** For the lifetime in it, which nobody compares with a clock. */
  readonly now: UnixMillis;
}

/** A verdict on a KeyPackage; the name in it is still sealed. */
export type InspectedKeyPackage =
  | Exclude<KeyPackageVerdict, { readonly kind: 'acceptable' }>
  | ({
      readonly kind: 'acceptable';
      /** Nonce, ciphertext and tag. */
      readonly sealedName: Uint8Array;
    } & Omit<AcceptableKeyPackage, 'displayName'>);

/** The port. Byte arrays passed in are only read; byte arrays returned belong to the caller. */
export interface MlsPort {
  /** Creates a group of one, at epoch 0. */
  createGroup(membership: MlsMembership, founding: GroupFounding): Promise<CreatedGroup>;
  /** Makes a KeyPackage with its proof of the invitation; its private part stays here until {@link MlsPort.forgetKeyPackages}. */
  keyPackage(membership: MlsMembership, request: KeyPackageRequest): Promise<OwnKeyPackage>;
  /** Forgets the private parts of all KeyPackages made for a membership. */
  forgetKeyPackages(membership: MlsMembership): Promise<void>;
  /** Checks a KeyPackage without changing anything: suite, signature, lifetime, proof, epoch, kicked and unique keys. */
  inspectKeyPackage(group: GroupHandle, keyPackage: Uint8Array): Promise<InspectedKeyPackage>;
  /** Makes a Commit. The group stays in its epoch. One of our own that was staged before is discarded. */
  stageCommit(group: GroupHandle, plan: CommitPlan): Promise<StageOutcome>;
  /** Processes somebody's Commit. The group stays in its epoch. */
  processCommit(group: GroupHandle, commit: Uint8Array): Promise<ProcessOutcome>;
  /**
   * Signs with the key of the epoch that the group is in.
   * @returns 64 bytes; undefined when the group is not held here any more.
   */
  signWithEpochKey(group: GroupHandle, message: Uint8Array): Promise<Uint8Array | undefined>;
  /**
   * Seals the invitation of a new room to members of the group's epoch, and signs it with our leaf's key. It may overlap with
   * other calls for the group.
   */
  sealMove(group: GroupHandle, plan: MovePlan): Promise<SealMoveOutcome>;
  /** Looks at a move of another member: it has to be of the epoch that the group is in. May overlap with other calls, too. */
  openMove(group: GroupHandle, move: Uint8Array): Promise<OpenMoveOutcome>;
  /** Merges a staged Commit: the group is in the new epoch, everything else staged is discarded, old secrets are erased. */
  apply(group: GroupHandle, staged: StagedHandle): Promise<BegunEpoch>;
  /** Joins with whichever of the membership's KeyPackages the Welcome is for. */
  join(membership: MlsMembership, welcome: Uint8Array): Promise<JoinOutcome>;
  /** The group with its staged own Commit, in the clear: the caller seals it before it is stored anywhere. */
  serialise(group: GroupHandle): Promise<Uint8Array>;
  /** Reads a group back; undefined when the bytes are not a group of this membership. */
  restore(membership: MlsMembership, state: Uint8Array): Promise<RestoredGroup | undefined>;
  /** What the group of a membership keeps for a key history; undefined where none is held. It holds no key. */
  keyRecord(membership: MlsMembership): Promise<KeyRecord | undefined>;
  /** Erases a group's secrets. */
  forget(group: GroupHandle): Promise<void>;
  /** Ends the worker, if there is one. */
  close(): Promise<void>;
}

/** Types that all phases of the coordinator share. */
import type { Receipt } from '../../counter/receipt.ts';
import type { Millis } from '../../units.ts';
import type { GroupCrypto } from '../crypto-port.ts';
import type { JoinId } from '../leaf-join.ts';
import type { Admission, MeetingParameters } from '../meeting-parameters.ts';
import type { BegunEpoch, EpochView, GroupHandle, MasterKey, StagedCommit } from '../mls.ts';
import type { Fingerprint, GroupName, SenderId } from '../names.ts';
import type { RoomKey } from '../room-keys.ts';
import type { GroupStep, StopReason } from '../progress.ts';
import type { LeafIndex, Member, RosterChange } from '../roster.ts';
import type { Epoch } from '../../units.ts';
import type { Ask, GroupObject, Job, LogEntry, MembershipRecord, StagedRecipient } from './asks.ts';
import type { Caller } from './door.ts';
import type { KickedKeys } from './kicked-keys.ts';
import type { JoinMemory } from './past-joins.ts';
import type { Timing } from './timing.ts';

/** What stays the same for the whole life of a coordinator. */
export interface CoordinatorOptions {
  readonly room: RoomKey;
  /** With what a group of this meeting is created, and what a joiner insists on: mode, receipt key, suite, profile. */
  readonly parameters: MeetingParameters;
  readonly fingerprint: Fingerprint;
  readonly crypto: GroupCrypto;
  /** Fresh random bytes. */
  random(length: number): Uint8Array;
  /** The id of a join that begins, which no other has had. */
  joinId(): JoinId;
  readonly timing: Timing;
}

/** A membership that was read from the store at start. */
export interface RestoredMembership extends BegunEpoch {
  readonly record: MembershipRecord;
  readonly handle: GroupHandle;
  readonly staged: StagedCommit | undefined;
  /** The encoded GroupContext of `view`'s epoch. */
  readonly groupContext: Uint8Array;
}

/** What the coordinator reports. */
export type CoordinatorEvent =
  | { readonly kind: 'status'; readonly step: GroupStep }
  | {
      readonly kind: 'epoch';
      readonly group: GroupName;
      readonly senderId: SenderId;
      readonly handle: GroupHandle;
      readonly view: EpochView;
      /** Belongs to the receiver from now on. */
      readonly masterKey: MasterKey;
      readonly change: RosterChange;
      readonly by: LeafIndex | undefined;
      /** Our own leaf's key was made for this epoch. */
      readonly madeOwnKey: boolean;
      /** Undefined in plain mode and where none is at hand. */
      readonly receipt: KnownReceipt | undefined;
      /** Where a membership begins: its receipts of epochs before, oldest first, as far as they were saved. */
      readonly past: readonly Uint8Array[];
    }
  | { readonly kind: 'generation'; readonly generation: number }
  | { readonly kind: 'newer-generation'; readonly generation: number }
  /**
   * The counter has logged a Commit that removes us, and nothing proves that others can follow it. We stay in our epoch until that
   * is judged, or for a while.
   */
  | {
      readonly kind: 'removal-doubted';
      readonly committer: LeafIndex;
      /** Who could follow it or not, besides its author. */
      readonly others: readonly Member[];
    }
  /** Others removed us without barring our key; we ask to be let in again. */
  | { readonly kind: 'removed-as-absent' }
  /** Whether somebody asks to be let in for whom the group has no room. */
  | { readonly kind: 'full'; readonly isFull: boolean }
  /** Who waits for an organiser to let them in, first come first: each time complete. */
  | { readonly kind: 'door'; readonly callers: readonly Caller[] }
  /** What a person here wanted is up to organisers, of whom we are none (any more): it is not done. */
  | { readonly kind: 'not-organiser' }
  /** Somebody was removed whose key can come again: the list of kicked keys is full. */
  | { readonly kind: 'not-kept-out' }
  /** The meeting is in another generation, which we join as a newcomer. */
  | { readonly kind: 'moved' }
  | { readonly kind: 'kicked-asks'; readonly signatureKey: Uint8Array }
  | { readonly kind: 'equivocation'; readonly epoch: Epoch }
  /**
   * The counter has logged what we cannot follow; we stay in our epoch until we are told to give that up, or for some minutes.
   * `author`: who is proven to have broken a rule, if anybody. `suspect`: whose Commit it is, where it removes us: the others may
   * have found that it breaks a rule, and we cannot.
   */
  | {
      readonly kind: 'line-broken';
      readonly author: Member | undefined;
      readonly suspect: LeafIndex | undefined;
    }
  | { readonly kind: 'stopped'; readonly reason: StopReason };

/** Inputs of a membership other than answers. */
export type GroupInput =
  | { readonly kind: 'commit-object'; readonly object: GroupObject }
  | { readonly kind: 'welcome-object'; readonly object: GroupObject }
  | { readonly kind: 'key-package'; readonly sender: SenderId; readonly payload: Uint8Array }
  /** A member's sealed leave arrived. */
  | { readonly kind: 'member-left'; readonly leaf: LeafIndex }
  /** A member's transport is gone, or is there again. */
  | { readonly kind: 'member-vanished'; readonly leaf: LeafIndex }
  | { readonly kind: 'member-alive'; readonly leaf: LeafIndex }
  /** A person removes whoever has a key for good, whether it is there now or not. */
  | { readonly kind: 'kick'; readonly signatureKey: Uint8Array }
  /** A person lets somebody in who waits at the door, or does not. */
  | { readonly kind: 'admit' | 'decline'; readonly fingerprint: Fingerprint }
  /** A person opens the door, or has those who ask wait there. */
  | { readonly kind: 'admission'; readonly admission: Admission }
  /** A person makes a member an organiser, or takes that away. */
  | { readonly kind: 'organiser'; readonly fingerprint: Fingerprint; readonly isOrganiser: boolean }
  /** Fresh keys are wanted at once, since an AEAD limit is near. */
  | { readonly kind: 'update' }
  /** A person wants a fresh key for our leaf. */
  | { readonly kind: 'renew' }
  /** Something sealed in an epoch was seen. */
  | { readonly kind: 'epoch-hint'; readonly epoch: Epoch }
  /** The counter has signed another line than ours. */
  | { readonly kind: 'forked'; readonly epoch: Epoch }
  /** What became of a removal of ours that was in doubt: it counts, or the others move away from the line that it is in. */
  | { readonly kind: 'removal-judged'; readonly counts: boolean }
  /** Our place in a line that is broken is given up. `rejoins`: we seek the meeting as a newcomer; else we end. */
  | { readonly kind: 'abandon'; readonly rejoins: boolean }
  /** The relay is not reached: that nobody is heard says nothing. */
  | { readonly kind: 'disconnected' }
  /** The relay is reached (again): whatever was sent meanwhile is missing. */
  | { readonly kind: 'reconnected' };

/** The part of the coordinator that phases use. */
export interface Context {
  readonly options: CoordinatorOptions;
  readonly kicked: KickedKeys;
  readonly now: Millis;
  /** Since when the relay has been reached; undefined while it is not. */
  readonly reachedSince: Millis | undefined;
  readonly phases: Phases;
  emit(event: CoordinatorEvent): void;
  groupName(generation: number): GroupName;
}

/** A membership as it begins. */
export interface MembershipStart extends BegunEpoch {
  readonly generation: number;
  readonly group: GroupName;
  readonly senderId: SenderId;
  readonly handle: GroupHandle;
  /** The receipt of `view`'s epoch; undefined in plain mode. */
  readonly receipt: KnownReceipt | undefined;
  readonly log: readonly LogEntry[];
  readonly joins: JoinMemory;
  readonly staged: StagedCommit | undefined;
  readonly recipients: readonly StagedRecipient[];
  /** It was read from the store: the key of our leaf is of a process before this one. */
  readonly isResumed: boolean;
}

/** Creates phases, so that they need not import each other. */
export interface Phases {
  /** @param from - in plain mode: generations before this one are known to be dead. */
  seeking(from: number): Phase;
  joining(generation: number): Phase;
  /** The job saves and announces the membership; its result is the phase. */
  membership(start: MembershipStart): Job<Phase>;
  stopped(reason: StopReason): Phase;
}

/** One phase of a life in a room: seeking, joining, being a member, having stopped. */
export interface Phase {
  input(input: GroupInput): void;
  /** The next thing to do, now; its result is the next phase, or undefined to stay. */
  next(): Job<Phase | undefined> | undefined;
  /** What is to be said to the counter when we leave now, if anything; its answer is not awaited. */
  farewell?(): Ask<'close'> | undefined;
  /** When {@link Phase.next} may have something to do though nothing came in. */
  deadline(): Millis | undefined;
}

/** A receipt that was verified, with its bytes. */
export interface KnownReceipt {
  readonly receipt: Receipt;
  readonly bytes: Uint8Array;
}

/** What the window is shown of a meeting: plain values without keys, complete each time. */
import type { GroupName, SenderId } from '../group/names.ts';
import type { MlsSuite } from '../group/mls.ts';
import type { MeetingParameters } from '../group/meeting-parameters.ts';
import type { LeafIndex, Member } from '../group/roster.ts';
import type { MediaState, ParticipantId } from '../media/encoded-media.ts';
import type { Epoch, UnixMillis } from '../units.ts';
import type { GroupStep, StopReason } from '../group/progress.ts';
import type { EpochChange } from './group-events.ts';
import type { Sending } from './own-media.ts';

/** Why the meeting is over for us. */
export type MeetingEnd =
  | StopReason
  /** The meeting's media cipher is not known here. */
  | 'unknown-cipher'
  /** A fault of our own. */
  | 'fault';

/** One change of keys, as it was when it happened. */
export interface EpochRecord {
  readonly epoch: Epoch;
  readonly change: EpochChange;
  /** Equal for all members of the epoch. */
  readonly securityCode: string;
}

/** The relay's session. */
export type ConnectionView =
  | {
      readonly kind: 'connecting';
      readonly relay: string;
      readonly attempt: number;
      /** A relay has answered and let us not in, since there was a session that held. */
      readonly refused: boolean;
    }
  | { readonly kind: 'connected'; readonly relay: string };

/** Something that a person must know and that does not end the meeting. */
export type Attention =
  'equivocation' | 'newer-generation' | 'moved' | 'kicked-asks' | 'store-failing' | 'full';

/** What the others had to do without us, for example while this machine slept. */
export type Absence =
  | { readonly kind: 'none' }
  /** The machine went to sleep, and perhaps woke: nothing has been sent since, until the person wants it. */
  | { readonly kind: 'slept'; readonly at: UnixMillis }
  /** They removed us; we ask to be let in again. */
  | { readonly kind: 'rejoining' }
  /** After that they let us in again. */
  | { readonly kind: 'rejoined'; readonly at: UnixMillis };

/** The key of our own leaf, by which new keys reach us. */
export interface OwnKey {
  /** Undefined where it is of a process before this one. */
  readonly since: UnixMillis | undefined;
  /** A person wants a fresh one, which is being made or waits for its turn. */
  readonly renewing: boolean;
}

/** One leaf of the tree. */
export interface ParticipantView {
  readonly id: ParticipantId;
  readonly member: Member;
  readonly self: boolean;
  /** Undefined until the sealed name has come; our own is not here. */
  readonly displayName: string | undefined;
  /** The epoch that it joined in, or the first that we saw it in. */
  readonly joinedEpoch: Epoch;
  /** Said good-bye or fell silent, and still has the keys. */
  readonly leaving: boolean;
  readonly audio: MediaState;
  readonly video: MediaState;
}

/** The group in its newest epoch. */
export interface GroupView {
  readonly group: GroupName;
  readonly senderId: SenderId;
  readonly epoch: Epoch;
  readonly ownLeaf: LeafIndex;
  readonly securityCode: string;
  readonly suite: MlsSuite;
  readonly parameters: MeetingParameters;
  /** In leaf order. */
  readonly participants: readonly ParticipantView[];
}

/** The whole. */
export interface MeetingView {
  /** The step of joining that was reached last. */
  readonly step: GroupStep;
  readonly connection: ConnectionView;
  /** Undefined until the first epoch. */
  readonly group: GroupView | undefined;
  /** The changes of keys that we have seen, oldest first. */
  readonly history: readonly EpochRecord[];
  readonly ownKey: OwnKey;
  readonly attention: ReadonlySet<Attention>;
  readonly absence: Absence;
  readonly sending: Sending;
  /** Objects that could not be opened since the meeting began. */
  readonly unreadableObjects: number;
  /** Set once the meeting is over for us. */
  readonly end: MeetingEnd | undefined;
}

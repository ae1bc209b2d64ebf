/** What the window is shown of a meeting: plain values without keys, complete each time. */
import type { Fingerprint, GroupName, SenderId } from '../group/names.ts';
import type { Fork } from '../group/fork-watch.ts';
import type { MlsSuite } from '../group/mls.ts';
import type { Admission, MeetingParameters } from '../group/meeting-parameters.ts';
import type { Role } from '../group/roles.ts';
import type { LeafIndex, Member } from '../group/roster.ts';
import type { Doubt, MediaState, ParticipantId } from '../media/encoded-media.ts';
import type { Crowded } from '../moqt/crowded.ts';
import type { Epoch, UnixMillis } from '../units.ts';
import type { GroupStep, StopReason } from '../group/progress.ts';
import type { Decision, Refusal } from './decisions.ts';
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
  readonly group: GroupName;
  readonly epoch: Epoch;
  /** The counter's; undefined in plain mode and where none is at hand. */
  readonly receipt: Uint8Array | undefined;
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
      /** A relay has answered and had no room for us; likewise. */
      readonly crowded?: Crowded | undefined;
    }
  | { readonly kind: 'connected'; readonly relay: string };

/** Something that a person must know and that does not end the meeting. */
export type Attention =
  | 'equivocation'
  | 'newer-generation'
  | 'moved'
  | 'kicked-asks'
  | 'not-kept-out'
  | 'mls-restarted'
  | 'store-failing'
  | 'full';

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

/** Whether the changes of keys that the counter has logged can be followed. */
export type LineView =
  | { readonly kind: 'whole' }
  /** The last one cannot: no keys are changed any more. `author`: who is proven to have broken a rule; undefined: anybody may have. */
  | { readonly kind: 'line-broken'; readonly author: Member | undefined };

/** One that can. */
export const WHOLE_LINE: LineView = { kind: 'whole' };

/** One leaf of the tree. */
export interface ParticipantView {
  readonly id: ParticipantId;
  readonly member: Member;
  readonly self: boolean;
  /** What the keys let it decide. */
  readonly role: Role;
  /** Undefined until the sealed name has come; our own is not here. */
  readonly displayName: string | undefined;
  /** The epoch that it joined in, or the first that we saw it in. */
  readonly joinedEpoch: Epoch;
  /** Said good-bye or fell silent, and still has the keys. */
  readonly leaving: boolean;
  /** Something of it came in this session with the relay, and of late; of ourselves always. */
  readonly heard: boolean;
  /** A person here removes it, and it still has the keys; it is {@link ParticipantView.leaving}, too. */
  readonly removing: boolean;
  readonly audio: MediaState;
  readonly video: MediaState;
  /** Why nothing of it is played, whatever comes. */
  readonly doubt: Doubt;
}

/** Somebody who waits at the door. */
export interface CallerView {
  /** The one that it will have as a participant. */
  readonly id: ParticipantId;
  readonly fingerprint: Fingerprint;
  /** By its own word, sealed for those who have the invitation; undefined when it cannot be read. */
  readonly displayName: string | undefined;
  readonly since: UnixMillis;
}

/** What happened. */
export type News =
  | {
      /** Somebody who was there, and had not said good-bye, was removed by a member who is no organiser. */
      readonly kind: 'removed-by-member';
      readonly removed: Member;
      readonly by: Member;
    }
  /** Somebody in the meeting, who is not this member, has sent as it: nothing of it is played until that ends. */
  | { readonly kind: 'forged'; readonly member: Member }
  /** The person here has become an organiser: by another's word, or since the last one has gone. */
  | { readonly kind: 'became-organiser' }
  /** The meeting is in another room. By whom; undefined: by the person here. */
  | { readonly kind: 'moved'; readonly by: Member | undefined }
  /** It is in another room, and we were not asked along. */
  | { readonly kind: 'left-behind'; readonly by: Member }
  /** It was to move to another room, which could not be made. */
  | { readonly kind: 'move-failed' }
  /**
   * Somebody has logged what nobody can follow: `author`, or nobody who is proven. `then`: the meeting has moved without the author, or
   * nobody was there to move with, and we joined again.
   */
  | {
      readonly kind: 'line-broken';
      readonly author: Member | undefined;
      readonly then: 'moved' | 'joined-again';
    }
  /** What a person here decided is not done; which decision, where it is known. */
  | { readonly kind: 'refused'; readonly decision: Decision['kind'] | undefined; readonly refusal: Refusal };

/** Something that people should know. */
export interface Notice {
  /** Grows with each. */
  readonly id: number;
  readonly time: UnixMillis;
  readonly news: News;
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
  /** Our own. */
  readonly role: Role;
  readonly admission: Admission;
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
  readonly line: LineView;
  readonly attention: ReadonlySet<Attention>;
  /** The proof that the meeting was split, once there is one. */
  readonly fork: Fork | undefined;
  readonly absence: Absence;
  /** We have asked to be let in for some time: perhaps we stand at the door. */
  readonly isKeptWaiting: boolean;
  /** Who waits for an organiser to let them in, first come first; to be seen by all members. */
  readonly door: readonly CallerView[];
  /** The newest, oldest first. */
  readonly notices: readonly Notice[];
  /** By how many ms this machine's clock is fast, in whole minutes; negative: slow; undefined: not so that it matters. */
  readonly clockOffset: number | undefined;
  readonly sending: Sending;
  /** Objects that could not be opened since the meeting began. */
  readonly unreadableObjects: number;
  /** Set once the meeting is over for us. */
  readonly end: MeetingEnd | undefined;
}

/**
 * What the renderer is told: one immutable snapshot of the whole app, sent again on every change.
 * Nothing in it is a key or lets one derive a key.
 */

import type { Doubt, MediaState, ParticipantId } from '../protocol/media/encoded-media.ts';

export type { Doubt, MediaState, ParticipantId } from '../protocol/media/encoded-media.ts';

/** The person who uses this app. */
export type IdentityState =
  /** First start: no identity yet. */
  | { readonly kind: 'none' }
  /** The OS keychain cannot be used; `detail` is the keychain's own word. Only a guest identity is possible. */
  | { readonly kind: 'no-keychain'; readonly detail: string }
  | {
      readonly kind: 'kept' | 'guest';
      readonly displayName: string;
      /** Fingerprint of the signature key, in groups for reading aloud. */
      readonly fingerprint: readonly string[];
      /** 0–359, derived from the fingerprint: the avatar's hue. */
      readonly hue: number;
    };

/** What an invitation says, checked. */
export interface InvitationSummary {
  readonly title: string;
  readonly relays: readonly string[];
  readonly counter: string;
  /** How the servers' certificates are verified. */
  readonly verification: 'system' | 'private-ca' | 'pinned';
  readonly keyAgreement: 'classical' | 'post-quantum';
  /** Name of the media cipher suite, for example AES-128-GCM. */
  readonly mediaCipher: string;
  readonly mode: 'fenced' | 'plain';
}

/** Why a link cannot be used; `kind` for the program, `sentence` for the person. */
export interface LinkProblem {
  readonly kind: 'not-a-link' | 'damaged' | 'other-version' | 'unsupported';
  readonly sentence: string;
}

/** The steps of joining, in order; a creator skips the middle ones. */
export type JoinStep =
  'connecting' | 'asking-counter' | 'creating' | 'waiting-for-member' | 'welcome-received' | 'sealed';

/** The seal mark's three states. */
export type SealState = 'sealed' | 'changing' | 'attention';

/**
 * What somebody may decide, as the meeting's keys enforce it: an organiser admits, removes, opens and closes the door and makes
 * organisers. There is always one: whoever removes the last names another.
 */
export type Role = 'organiser' | 'member';

/** Somebody who waits at the door. */
export interface Caller {
  /** The one that it will have as a participant. */
  readonly id: ParticipantId;
  /** By its own word; undefined when it cannot be read. */
  readonly displayName: string | undefined;
  readonly fingerprint: readonly string[];
  readonly hue: number;
  /** ms since 1970. */
  readonly since: number;
}

/** Something that happened in the meeting. */
export interface Notice {
  /** Grows with each. */
  readonly id: number;
  /** ms since 1970. */
  readonly time: number;
  readonly sentence: string;
}

/** One row of the roster: a leaf of the MLS tree. */
export interface Participant {
  readonly id: ParticipantId;
  /** MLS leaf index. */
  readonly leaf: number;
  readonly self: boolean;
  readonly role: Role;
  /** Undefined until the sealed name has come. */
  readonly displayName: string | undefined;
  readonly fingerprint: readonly string[];
  readonly hue: number;
  readonly joinedEpoch: string;
  /** Has left, vanished or is being removed; holds keys until the next change. */
  readonly leaving: boolean;
  /** Is being removed by the person here. */
  readonly removing: boolean;
  readonly audio: MediaState;
  readonly video: MediaState;
  /** Why nothing of this person is played, whatever comes: it is proven to be somebody else's, or cannot be told to be theirs. */
  readonly doubt: Doubt;
}

/** One change of the meeting's keys. */
export interface KeyChange {
  readonly epoch: string;
  /** ms since 1970, by the counter's receipt. */
  readonly time: number;
  /** Names of those who joined, as people know them. */
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly by: string | undefined;
}

/** What the encryption panel shows. */
export interface EncryptionState {
  readonly seal: SealState;
  /** What a person must know or do, when `seal` is 'attention' or 'changing'. */
  readonly sentence: string | undefined;
  /** Names of those who left or were removed while nothing can change the keys. */
  readonly stillHolding: readonly string[];
  readonly epoch: string;
  /** Six groups of digits, equal for all members of the epoch. */
  readonly securityCode: readonly string[];
  readonly keyAgreement: 'classical' | 'post-quantum';
  readonly keyAgreementName: string;
  readonly mediaCipher: string;
  /** The key of this device: since when it is there (ms since 1970; undefined: unknown), and whether a fresh one is on the way. */
  readonly ownKey: { readonly since: number | undefined; readonly renewing: boolean };
  readonly history: readonly KeyChange[];
  /** Objects that could not be opened since the meeting began. */
  readonly unreadableObjects: number;
}

/** The connection to the relay. */
export type ConnectionState =
  | { readonly kind: 'connected'; readonly relay: string }
  | {
      readonly kind: 'reconnecting';
      readonly relay: string;
      readonly attempt: number;
      /** The relay answers, and does not let this app in. */
      readonly refused: boolean;
      /** The relay answers, and has no room: for anybody, or for another one from this network. */
      readonly crowded?: 'relay' | 'address' | undefined;
    };

/** One was away, for which microphone and camera were switched off; `at` in ms since 1970 tells times apart. */
export interface Away {
  readonly kind: 'slept' | 'rejoined';
  readonly at: number;
}

/** Where the meeting stands. */
export type MeetingState =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'joining';
      readonly invitation: InvitationSummary;
      readonly step: JoinStep;
      /** ms since 1970. */
      readonly since: number;
      /** What is being waited for, when it takes longer than usual. */
      readonly sentence: string | undefined;
      /** One was in the meeting, and the others went on without: devices are off when one is back. */
      readonly again: boolean;
      /** By how many ms this computer's clock is fast; negative: slow; undefined: not so that it matters. */
      readonly clockOffset: number | undefined;
    }
  | {
      readonly kind: 'in-meeting';
      readonly invitation: InvitationSummary;
      readonly link: string;
      /** ms since 1970. */
      readonly since: number;
      readonly connection: ConnectionState;
      readonly participants: readonly Participant[];
      /** Our own. */
      readonly role: Role;
      /** 'ask': those who come wait at the door; 'open': whoever has the link comes in. */
      readonly admission: 'open' | 'ask';
      /** Who waits at the door, first come first. All members see it, and organisers answer. */
      readonly door: readonly Caller[];
      /** The newest, oldest first. */
      readonly notices: readonly Notice[];
      readonly encryption: EncryptionState;
      /** The meeting was split: nothing is sent any more, and nothing can be changed. */
      readonly split: boolean;
      readonly sending: { readonly microphone: boolean; readonly camera: boolean };
      /** The meeting is on its way to another room. */
      readonly moving: boolean;
      /** Somebody who is no organiser moves the meeting, and asks whether one comes along. */
      readonly asked: { readonly by: string } | undefined;
      /** What one should know about having been away. */
      readonly away: Away | undefined;
      /** By how many ms this computer's clock is fast; negative: slow; undefined: not so that it matters. */
      readonly clockOffset: number | undefined;
    }
  | {
      readonly kind: 'ended';
      readonly invitation: InvitationSummary;
      /** 'taken': somebody is there who was removed for good. */
      readonly reason: 'left' | 'removed' | 'replaced' | 'taken' | 'failed';
      readonly sentence: string;
      /** The meeting's link, when joining again makes sense. */
      readonly link: string | undefined;
    };

/** Everything the renderer draws from. */
export interface AppState {
  readonly version: string;
  readonly identity: IdentityState;
  /** Servers are known, so that a meeting can be started here. */
  readonly canCreate: boolean;
  /** A link that the app was opened with, to be shown in the preview. */
  readonly pendingLink: string | undefined;
  readonly theme: 'system' | 'light' | 'dark';
  /** The person who started the app asked for camera and microphone on its command line: on, once. */
  readonly devicesAtStart: boolean;
  readonly recent: readonly { readonly title: string; readonly link: string; readonly time: number }[];
  readonly meeting: MeetingState;
  /**
   * The window is being closed while others are in the meeting: the page asks whether to leave, and says with
   * `window.asking` that it does. `request` grows each time.
   */
  readonly closing: { readonly request: number } | undefined;
}

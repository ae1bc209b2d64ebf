/** What goes into the machine of a meeting through all of its rooms, and what comes out. */
import type { GroupCrypto } from '../group/crypto-port.ts';
import type { MeetingSettings } from '../group/meeting-parameters.ts';
import type { Member } from '../group/roster.ts';
import type { DownlinkItem, ParticipantId } from '../media/encoded-media.ts';
import type { UnixMillis } from '../units.ts';
import type { MeetingInput } from './inputs.ts';
import type { SeenMove } from './seen-move.ts';
import type { RoomNumber } from './splice.ts';
import type { MeetingView } from './view.ts';

/** What all of it is made with. */
export interface RoomsOptions {
  /** By which one joins. */
  readonly link: string;
  readonly crypto: Pick<GroupCrypto, 'sha256'>;
  /** When time 0 of `now` was. */
  readonly timeOrigin: UnixMillis;
  /** Fresh random bytes. */
  random(length: number): Uint8Array;
}

/** With what a group is made in a room, should there be none. */
export interface Founding extends MeetingSettings {
  readonly kickedKeys: readonly Uint8Array[];
}

/** What a room tells. */
export type RoomReport =
  | { readonly kind: 'view'; readonly view: MeetingView }
  | { readonly kind: 'downlink'; readonly item: DownlinkItem }
  | { readonly kind: 'moved'; readonly move: SeenMove }
  /** Nothing of it is under way any more. */
  | { readonly kind: 'over' };

/** What a meeting's own input is to the meeting through all of its rooms. */
export type PassedInput = Extract<
  MeetingInput,
  {
    readonly kind:
      | 'uplink'
      | 'feedback'
      | 'sending'
      | 'watch'
      | 'rename'
      | 'kick'
      | 'admit'
      | 'decline'
      | 'admission'
      | 'organiser'
      | 'renew'
      | 'announce'
      | 'sleeping'
      | 'woke'
      | 'leave';
  }
>;

/** One input. */
export type RoomsInput =
  | { readonly kind: 'start' }
  | { readonly kind: 'room'; readonly room: RoomNumber; readonly report: RoomReport }
  /** An organiser moves the meeting to a new room, without these. */
  | { readonly kind: 'move'; readonly leaveBehind: readonly ParticipantId[] }
  /** The answer to {@link RoomsView.asked}. */
  | { readonly kind: 'answer-move'; readonly follows: boolean }
  | PassedInput;

/** What is to be done, in order. */
export type RoomsEffect =
  /** Begins to join a room. */
  | {
      readonly kind: 'open';
      readonly room: RoomNumber;
      readonly link: string;
      readonly founding: Founding | undefined;
    }
  | { readonly kind: 'feed'; readonly room: RoomNumber; readonly input: MeetingInput }
  | { readonly kind: 'downlink'; readonly item: DownlinkItem }
  | { readonly kind: 'show'; readonly view: RoomsView }
  /** All rooms are over. */
  | { readonly kind: 'ended' };

/** What the window shows: of the room that the meeting is in, and of moving. */
export interface RoomsView extends MeetingView {
  readonly room: RoomNumber;
  /** Invites to that room. */
  readonly link: string;
  /** We are on our way to another room. */
  readonly isMoving: boolean;
  /** Somebody who is no organiser moves the meeting: a person decides whether to go along. */
  readonly asked: { readonly by: Member } | undefined;
}

/** Whether an input is one of the many that bring media. */
export function isMedia(input: RoomsInput): boolean {
  return input.kind === 'uplink' || (input.kind === 'room' && input.report.kind === 'downlink');
}

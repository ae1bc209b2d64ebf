/** The meeting that one is in, through all of its rooms: opens what its machine wants opened, and hands on what each room tells. */
import type { Clock } from '../../io/clock.ts';
import { Driver } from '../../io/driver.ts';
import { invariant, unreachable } from '../../protocol/errors.ts';
import type {
  DownlinkFeedback,
  DownlinkItem,
  ParticipantId,
  UplinkItem,
} from '../../protocol/media/encoded-media.ts';
import type { Decision, Refusal } from '../../protocol/meeting/decisions.ts';
import type { Sending } from '../../protocol/meeting/own-media.ts';
import { moveRefusalOf, refusalOf } from '../../protocol/meeting/permissions.ts';
import type {
  Founding,
  RoomReport,
  RoomsEffect,
  RoomsInput,
  RoomsOptions,
  RoomsView,
} from '../../protocol/meeting/rooms-api.ts';
import { Rooms } from '../../protocol/meeting/rooms.ts';
import type { SeenMove } from '../../protocol/meeting/seen-move.ts';
import type { RoomNumber } from '../../protocol/meeting/splice.ts';
import type { RunningMeeting } from './running-meeting.ts';

/** Who follows a room. */
export interface RoomObserver {
  readonly downlink: (item: DownlinkItem) => void;
  readonly changed: () => void;
  readonly moved: (move: SeenMove) => void;
}

/** A room that was opened. */
export interface OpenedRoom {
  readonly meeting: RunningMeeting;
}

/** What it is made of. */
export interface MovingMeetingPorts<Opened extends OpenedRoom> {
  readonly options: RoomsOptions;
  readonly clock: Clock;
  readonly displayName: string;
  /** Begins to join a room. @param founding - with what its group is made, should there be none. */
  open(link: string, founding: Founding | undefined, displayName: string, observer: RoomObserver): Opened;
  readonly downlink: (item: DownlinkItem) => void;
  /** There is a new view. */
  readonly changed: () => void;
}

/** The shell. */
export class MovingMeeting<Opened extends OpenedRoom = OpenedRoom> {
  readonly #ports: MovingMeetingPorts<Opened>;
  readonly #driver: Driver<RoomsInput, RoomsEffect>;
  readonly #rooms = new Map<RoomNumber, Opened>();
  #displayName: string;
  #view: RoomsView | undefined;
  readonly #over: Promise<void>;
  #settleOver: () => void = () => undefined;

  constructor(ports: MovingMeetingPorts<Opened>) {
    this.#ports = ports;
    this.#displayName = ports.displayName;
    this.#over = new Promise((resolve) => (this.#settleOver = resolve));
    this.#driver = new Driver(
      new Rooms(ports.options),
      {
        perform: (effect) => {
          this.#perform(effect);
        },
        fault: (error) => {
          process.emitWarning(error instanceof Error ? error : String(error), 'MeetingFault');
          for (const { meeting } of this.#rooms.values()) void meeting.leave();
          void this.#allOver();
        },
      },
      ports.clock,
    );
    this.#driver.feed({ kind: 'start' });
    this.#driver.drain();
  }

  /** What the window is shown. */
  get view(): RoomsView {
    invariant(this.#view !== undefined, 'a meeting shows itself when it starts');
    // A fault of moving ends the rooms, and with them what is shown.
    return this.#driver.stopped ? { ...this.#view, ...this.room.meeting.view } : this.#view;
  }

  /** The room that is shown. */
  get room(): Opened {
    const room = this.#rooms.get(this.#view?.room ?? 0);
    invariant(room !== undefined, 'what is shown is a room that was opened');
    return room;
  }

  /** Resolves when all is over and nothing is under way any more. */
  get over(): Promise<void> {
    return this.#over;
  }

  /** Takes encoded media from the renderer; what is switched off is not taken. */
  uplink(item: UplinkItem): void {
    this.#driver.feed({ kind: 'uplink', item });
  }

  /** What the decoders say. */
  feedback(feedback: DownlinkFeedback): void {
    this.#driver.feed({ kind: 'feedback', feedback });
  }

  /** What we send from now on, said to everybody. */
  setSending(sending: Sending): void {
    this.#driver.feed({ kind: 'sending', sending });
  }

  /** Whose pictures are wanted. */
  watch(participants: readonly ParticipantId[]): void {
    this.#driver.feed({ kind: 'watch', participants });
  }

  /** Our name changed. */
  rename(displayName: string): void {
    this.#displayName = displayName;
    this.#driver.feed({ kind: 'rename', displayName });
  }

  /** Carries out what a person decides as an organiser. @returns why it cannot be done, where it cannot. */
  decide(decision: Decision): Refusal | undefined {
    const refusal = refusalOf(decision, this.view);
    if (refusal === undefined) this.#driver.feed(decision);
    return refusal;
  }

  /** Moves the meeting to a new room. @returns why it cannot be done, where it cannot. */
  move(leaveBehind: readonly ParticipantId[]): Refusal | undefined {
    const refusal = moveRefusalOf(this.view, leaveBehind);
    if (refusal === undefined) this.#driver.feed({ kind: 'move', leaveBehind });
    return refusal;
  }

  /** Goes along with a member that is no organiser and moves the meeting, or stays. */
  answerMove(follows: boolean): void {
    this.#driver.feed({ kind: 'answer-move', follows });
  }

  /** Gives our leaf a fresh key, when it is its turn. */
  renewKey(): void {
    this.#driver.feed({ kind: 'renew' });
  }

  /** Says to a renderer that has just begun what there is. */
  announce(): void {
    this.#driver.feed({ kind: 'announce' });
  }

  /** The machine is about to sleep: nothing is sent from now on. */
  sleeping(): void {
    this.#driver.feed({ kind: 'sleeping' });
  }

  /** The machine woke: new sessions to the relay are made at once. */
  woke(): void {
    this.#driver.feed({ kind: 'woke' });
  }

  /** Says good-bye and leaves; resolves when our state of all rooms is erased. */
  leave(): Promise<void> {
    this.#driver.feed({ kind: 'leave' });
    return this.#over;
  }

  /** Ends here without leaving: a later start resumes the membership. */
  async suspend(): Promise<void> {
    await Promise.all([...this.#rooms.values()].map(({ meeting }) => meeting.suspend()));
    await this.#over;
  }

  #perform(effect: RoomsEffect): void {
    switch (effect.kind) {
      case 'open':
        this.#open(effect.room, effect.link, effect.founding);
        return;
      case 'feed':
        this.#rooms.get(effect.room)?.meeting.feed(effect.input);
        return;
      case 'downlink':
        this.#ports.downlink(effect.item);
        return;
      case 'show':
        this.#view = effect.view;
        this.#ports.changed();
        return;
      case 'ended':
        this.#driver.stop();
        this.#settleOver();
        return;
      default:
        unreachable(effect);
    }
  }

  #open(room: RoomNumber, link: string, founding: Founding | undefined): void {
    const report = (told: RoomReport): void => {
      this.#driver.feed({ kind: 'room', room, report: told });
    };
    const opened = this.#ports.open(link, founding, this.#displayName, {
      downlink: (item) => {
        report({ kind: 'downlink', item });
      },
      changed: () => {
        const known = this.#rooms.get(room);
        if (known !== undefined) report({ kind: 'view', view: known.meeting.view });
      },
      moved: (move) => {
        report({ kind: 'moved', move });
      },
    });
    this.#rooms.set(room, opened);
    // It has shown itself before it was known here.
    report({ kind: 'view', view: opened.meeting.view });
    void opened.meeting.over.then(() => {
      report({ kind: 'over' });
    });
  }

  async #allOver(): Promise<void> {
    await Promise.all([...this.#rooms.values()].map(({ meeting }) => meeting.over));
    this.#ports.changed();
    this.#settleOver();
  }
}

/** What is known of one room of a meeting. */
import type { Member } from '../group/roster.ts';
import type { ParticipantId } from '../media/encoded-media.ts';
import { earliest } from '../group/coordination/timing.ts';
import { millis, type Millis } from '../units.ts';
import type { MeetingInput } from './inputs.ts';
import type { RoomNumber } from './splice.ts';
import type { GroupView, MeetingView } from './view.ts';

/** How long it is waited for the others before what is shown is the new room. */
export const SETTLE_MS = 3_000;
/** How long making a room may take. */
export const OPEN_MS = 30_000;
/** How long a room is not left at least: who is in the new one may not be heard there yet. */
const LEAST_OVERLAP_MS = 2_000;
/** How long media is sent in it for those who come later. */
const OVERLAP_MS = 10_000;
/** How long the mover is in it for those who were away. */
const MOVER_STAYS_MS = 120_000;
/** How much longer each next follower waits who says a move again. */
const STAND_IN_TURN_MS = 5_000;

/** Who is led on from a room, and who is not. */
export interface Led {
  readonly recipients: readonly ParticipantId[];
  readonly leftBehind: readonly ParticipantId[];
}

/** A move of our own, which led to a room. */
export interface OwnRoomMove {
  readonly from: Room;
  readonly led: Led;
  /** The room is there, and the others were told. */
  isSaid: boolean;
  /** We organise the new room only since somebody has to make it: an organiser who comes along takes over. */
  organisesForNow: boolean;
}

/** The room. */
export class Room {
  readonly number: RoomNumber;
  readonly link: string;
  readonly openedAt: Millis;
  view: MeetingView | undefined;
  /** The newest of its notices that was taken. */
  lastNotice = 0;
  /** Since when we are a member. */
  inSince: Millis | undefined;
  /** Who moved us here; undefined for ourselves, and for the first room. */
  mover: Member | undefined;
  own: OwnRoomMove | undefined;
  /** A move of somebody else, which led here. */
  followed: { readonly from: Room; readonly led: Led } | undefined;
  /** Who comes with us. */
  expected: ReadonlySet<ParticipantId> = new Set();
  readonly #admitted = new Set<ParticipantId>();
  /** We move people from here, and say so: whom, and where to. */
  leads: { readonly link: string; readonly led: Led } | undefined;
  /** We stay to say to which room we have followed somebody from here, unless all have come by then. */
  standIn: { readonly to: Room; readonly at: Millis } | undefined;
  /** When it is left at the earliest. */
  #freeAt: Millis | undefined;
  /** When it is left at the latest, and when nothing more is sent there. */
  leaveAt: Millis | undefined;
  quietAt: Millis | undefined;
  isQuiet = false;
  isLeft = false;
  isOver = false;

  constructor(number: RoomNumber, link: string, openedAt: Millis) {
    this.number = number;
    this.link = link;
    this.openedAt = openedAt;
  }

  /** Who is in it and means to stay. */
  present(): ReadonlySet<ParticipantId> {
    const participants = this.view?.group?.participants ?? [];
    return new Set(participants.flatMap(({ id, leaving }) => (leaving ? [] : [id])));
  }

  /** Whether all who are expected here, and are in the old room still, are here. */
  hasAllOf(old: Room): boolean {
    const there = this.present();
    return [...old.present()].every((id) => there.has(id) || !this.expected.has(id));
  }

  /**
   * Whether nobody looks for the way there here any more. Whoever is moved from here by us and has not come is perhaps away, and
   * looks for us when it is back; from a line that is broken nobody is removed meanwhile, so that we know who that is.
   */
  isDone(there: Room, now: Millis): boolean {
    if (this.#freeAt === undefined || this.#freeAt > now) return false;
    const led = this.leads?.led ?? this.#ledWithUs(there);
    if (led === undefined) return there.hasAllOf(this);
    const present = there.present();
    return led.recipients.every((id) => present.has(id));
  }

  /** Who was led from here by whom we followed, where the line is broken. */
  #ledWithUs(there: Room): Led | undefined {
    if (this.standIn !== undefined) return this.standIn.to.followed?.led;
    const { followed } = there;
    return this.view?.line.kind === 'line-broken' && followed?.from === this ? followed.led : undefined;
  }

  /**
   * What is decided here without a question, where we organise it: those are let in with whom the meeting moves, as they were in
   * before.
   */
  decisions(): readonly MeetingInput[] {
    if (this.view?.group?.role !== 'organiser' || this.isLeft) return [];
    const expected = this.view.door.filter(({ id }) => this.expected.has(id) && !this.#admitted.has(id));
    for (const { id } of expected) this.#admitted.add(id);
    return [
      ...expected.map(({ id }) => ({ kind: 'admit', participant: id }) as const),
      ...this.#handBack(this.view.group),
    ];
  }

  /** Where we organise it for lack of somebody else, and an organiser has come: gives that back, once. */
  #handBack({ participants }: GroupView): readonly MeetingInput[] {
    const { own } = this;
    if (own?.organisesForNow !== true) return [];
    const organisers = participants.filter(({ role }) => role === 'organiser');
    const self = organisers.find((each) => each.self);
    if (self === undefined || organisers.length < 2) return [];
    own.organisesForNow = false;
    return [{ kind: 'organiser', participant: self.id, isOrganiser: false }];
  }

  /** It is to be left, when those who come have come. */
  part(now: Millis): void {
    this.#freeAt = millis(now + LEAST_OVERLAP_MS);
    this.quietAt = millis(now + OVERLAP_MS);
    this.leaveAt = millis(now + (this.leads === undefined ? OVERLAP_MS : MOVER_STAYS_MS));
  }

  /** We stay as long as a mover does. @param turn - how many say it before us. */
  stay(to: Room, turn: number, now: Millis): void {
    this.standIn = { to, at: millis(now + turn * STAND_IN_TURN_MS) };
    this.leaveAt = millis(now + MOVER_STAYS_MS - OVERLAP_MS);
  }

  /** When something about getting there becomes due. */
  arrivalDueAt(now: Millis): Millis | undefined {
    const due = this.inSince === undefined ? this.own && this.openedAt + OPEN_MS : this.inSince + SETTLE_MS;
    // Whoever is in and has to wait for others is told when they come.
    return due !== undefined && due > now ? millis(due) : undefined;
  }

  /** When something about leaving it becomes due. */
  dueAt(now: Millis): Millis | undefined {
    const isFree = this.#freeAt !== undefined && this.#freeAt <= now;
    const sayAt = this.leads === undefined ? this.standIn?.at : undefined;
    return earliest(this.leaveAt, this.quietAt, sayAt, isFree ? undefined : this.#freeAt);
  }
}

/**
 * A meeting through all of its rooms: it is in one, and when it moves, in two for a while. The new one is entered before the old
 * one is left, and media flows in both meanwhile.
 * Deterministic: it is told what its rooms show and what people want, and says what is to be done with the rooms. Each room is a
 * {@link Meeting} of its own.
 * @see docs/protocol.md#moving
 */
import { unreachable } from '../errors.ts';
import { earliest } from '../group/coordination/timing.ts';
import { movedLink, movedLinkIn } from '../group/moved-invitation.ts';
import type { LeafIndex, Member } from '../group/roster.ts';
import type { Machine } from '../machine.ts';
import type { ParticipantId } from '../media/encoded-media.ts';
import { millis, type Millis } from '../units.ts';
import { Escapes } from './escapes.ts';
import { foundingOf } from './founding.ts';
import type { MeetingInput } from './inputs.ts';
import { expectedIn, Latecomers, ledBy, ledToWinner } from './latecomers.ts';
import { participantIdOf } from './members.ts';
import { MoveQuestions } from './move-questions.ts';
import { OPEN_MS, Room, SETTLE_MS } from './room.ts';
import { RoomNews } from './room-news.ts';
import { isMedia } from './rooms-api.ts';
import type { Founding, RoomReport, RoomsEffect, RoomsInput, RoomsOptions, RoomsView } from './rooms-api.ts';
import type { SeenMove } from './seen-move.ts';
import { Splice, type RoomNumber } from './splice.ts';
import { SILENCE, StandingInputs } from './standing-inputs.ts';
import type { MeetingView, News } from './view.ts';

/** The machine. */
export class Rooms implements Machine<RoomsInput, RoomsEffect> {
  readonly #options: RoomsOptions;
  readonly #effects: RoomsEffect[] = [];
  readonly #splice = new Splice();
  #rooms: readonly Room[] = [];
  #shown: Room;
  /** Where we are on our way to. */
  #heading: Room | undefined;
  readonly #questions = new MoveQuestions();
  #now: Millis = millis(0);
  #isLeaving = false;
  #hasEnded = false;
  readonly #standing = new StandingInputs();
  readonly #escapes: Escapes;
  readonly #latecomers = new Latecomers((room, input) => {
    this.#feed(room, input);
  });
  readonly #news: RoomNews;
  #changed = false;

  constructor(options: RoomsOptions) {
    this.#options = options;
    this.#news = new RoomNews(options.timeOrigin);
    this.#escapes = new Escapes((length) => options.random(length));
    this.#shown = new Room(0, options.link, this.#now);
  }

  handle(input: RoomsInput, now: Millis): void {
    this.#now = now;
    if (this.#hasEnded) return;
    this.#take(input);
    // Media comes hundreds of times a second, and nothing else follows from it.
    if (!isMedia(input)) this.#settle();
  }

  poll(): RoomsEffect | undefined {
    const effect = this.#effects.shift();
    if (effect !== undefined || !this.#changed) return effect;
    this.#changed = false;
    const { view, link, number } = this.#shown;
    if (view === undefined) return undefined;
    return { kind: 'show', view: { ...this.#news.merged(view), room: number, link, ...this.#moving() } };
  }

  /** Where we are, or are on our way to. */
  get #towards(): Room {
    return this.#heading ?? this.#shown;
  }

  deadline(): Millis | undefined {
    if (this.#hasEnded) return undefined;
    return earliest(this.#escapes.dueAt, ...this.#rooms.map((room) => this.#dueAt(room)));
  }

  expire(now: Millis): void {
    this.#now = now;
    if (!this.#hasEnded) this.#settle();
  }

  #take(input: RoomsInput): void {
    switch (input.kind) {
      case 'start':
        this.#enter(this.#shown, undefined);
        return;
      case 'room':
        this.#report(input.room, input.report);
        return;
      case 'move':
        this.#move(input.leaveBehind);
        return;
      case 'answer-move':
        this.#answer(input.follows);
        return;
      case 'uplink':
      case 'sending':
        this.#standing.take(input);
        this.#toAll(input, ({ isQuiet }) => !isQuiet);
        return;
      case 'sleeping':
      case 'watch':
      case 'feedback':
      case 'rename':
      case 'announce':
      case 'woke':
        this.#standing.take(input);
        this.#toAll(input);
        return;
      case 'kick':
        this.#feed(this.#shown, input);
        // Whoever has come along already is removed there, too.
        if (this.#heading?.present().has(input.participant) === true) this.#feed(this.#heading, input);
        return;
      case 'admit':
      case 'decline':
      case 'admission':
      case 'organiser':
      case 'renew':
        this.#feed(this.#shown, input);
        return;
      case 'leave':
        this.#isLeaving = true;
        this.#questions.clear();
        this.#toAll(input);
        return;
      default:
        unreachable(input);
    }
  }

  #report(number: RoomNumber, report: RoomReport): void {
    const room = this.#rooms.find((each) => each.number === number);
    if (room === undefined) return;
    switch (report.kind) {
      case 'view':
        this.#viewed(room, report.view);
        return;
      case 'downlink':
        for (const item of this.#splice.take(number, report.item)) this.#emit({ kind: 'downlink', item });
        return;
      case 'moved':
        this.#moved(room, report.move);
        return;
      case 'over':
        room.isOver = true;
        for (const item of this.#splice.close(number)) this.#emit({ kind: 'downlink', item });
        return;
    }
  }

  #viewed(room: Room, view: MeetingView): void {
    const wasAway = room.view?.absence.kind === 'rejoining';
    room.view = view;
    // The others went on without us: whoever comes back has perhaps forgotten that it is heard, in whichever room.
    if (view.absence.kind === 'rejoining' && !wasAway) {
      this.#standing.take(SILENCE);
      this.#toAll(SILENCE);
    }
    // Who decides in a room that is being left is no news any more.
    if (room !== this.#shown) return;
    this.#news.take(room);
    this.#changed = true;
  }

  /** A person moves the meeting. */
  #move(leaveBehind: readonly ParticipantId[]): void {
    const from = this.#shown;
    const group = from.view?.group;
    if (group === undefined || this.#heading !== undefined || this.#isLeaving) return;
    const members = group.participants.map(({ member }) => member);
    const leftBehind = members.filter((member) => leaveBehind.includes(participantIdOf(member)));
    const coming = members.filter((member) => !leftBehind.includes(member));
    const link = movedLink(from.link, this.#options, this.#options.crypto);
    const organisesForNow = from.view?.line.kind === 'line-broken' && group.role !== 'organiser';
    const own = { from, led: ledBy(coming, leftBehind), isSaid: false, organisesForNow };
    this.#head(from, link, coming, leftBehind).own = own;
  }

  /** Somebody else moves the meeting. */
  #moved(from: Room, move: SeenMove): void {
    if (this.#isLeaving) return;
    switch (move.kind) {
      case 'left-behind':
        if (from === this.#shown) this.#note({ kind: 'left-behind', by: move.mover });
        return;
      case 'ask':
        if (this.#linkOf(from, move) !== undefined) this.#questions.ask({ from, move });
        this.#changed = true;
        return;
      case 'follow':
        // Whoever stays to say where the meeting is would leave it for what is said to those who were away.
        if (from.standIn === undefined) this.#follow(from, move);
        else if (this.#linkOf(from, move) !== this.#towards.link) this.#distrust(from, move.mover.leaf);
        return;
    }
  }

  #answer(follows: boolean): void {
    this.#changed = true;
    const followed = this.#questions.answer(follows);
    if (followed !== undefined) this.#follow(followed.from, followed.move);
  }

  #follow(from: Room, move: SeenMove): void {
    const link = this.#linkOf(from, move);
    const before = this.#towards;
    if (link === undefined) this.#distrust(from, move.mover.leaf);
    if (link === undefined || link === before.link) return;
    if (this.#rooms.some((room) => room.link === link && (room.isLeft || room.isOver))) return;
    // Ours is given up for one that counts, and those who followed us are led on.
    if (before.own?.isSaid === true && before !== from) {
      before.own.from.leads = undefined;
      before.own.from.leaveAt = undefined;
      this.#latecomers.lead(before, ledToWinner(before.own.led, move.leftBehind), link);
    }
    const room = this.#head(from, link, move.coming, move.leftBehind);
    room.mover ??= move.mover;
    room.followed ??= { from, led: ledBy(move.coming, move.leftBehind) };
  }

  /** Somebody's moves lead nowhere: what others say counts, and ours, which was perhaps given up for one of them. */
  #distrust(from: Room, leaf: LeafIndex): void {
    this.#latecomers.leadAgain(from);
    this.#feed(from, { kind: 'distrust-mover', leaf });
  }

  #linkOf({ link }: Room, { invitation }: SeenMove): string | undefined {
    return invitation && movedLinkIn(invitation, link, this.#options.crypto);
  }

  /** Sets out for a room. */
  #head(from: Room, link: string, coming: readonly Member[], leftBehind: readonly Member[]): Room {
    const known = this.#rooms.find((room) => room.link === link);
    const room = known ?? new Room(this.#rooms.length, link, this.#now);
    room.expected = expectedIn(from, coming, leftBehind);
    const given = this.#heading;
    this.#heading = room;
    this.#splice.prefer(room.number);
    if (given !== undefined) this.#part(given, room);
    if (known === undefined) this.#enter(room, foundingOf(from.view, coming, leftBehind));
    this.#changed = true;
    return room;
  }

  #enter(room: Room, founding: Founding | undefined): void {
    this.#rooms = [...this.#rooms, room];
    const { number, link } = room;
    this.#emit({ kind: 'open', room: number, link, founding });
    for (const input of this.#standing.all) this.#feed(room, input);
  }

  /** Does what has become due. */
  #settle(): void {
    this.#escape();
    this.#arrive();
    for (const room of this.#rooms) {
      for (const input of room.decisions()) this.#feed(room, input);
      if (room === this.#shown || room === this.#heading || room.isLeft || room.isOver) continue;
      const step = this.#latecomers.look(room, this.#shown, this.#now);
      if (step === 'leave') this.#leave(room);
      if (step === 'quieten') this.#quieten(room);
    }
    if (!this.#rooms.every(({ isOver }) => isOver) || this.#rooms.length === 0) return;
    this.#hasEnded = true;
    this.#emit({ kind: 'ended' });
  }

  /** Looks at how far we are on our way. */
  #arrive(): void {
    const heading = this.#heading;
    const isOver = this.#shown.view?.end !== undefined;
    if (heading === undefined) {
      if (isOver && !this.#isLeaving) for (const room of this.#rooms) this.#leave(room);
      return;
    }
    const isTooLate =
      heading.own !== undefined && heading.inSince === undefined && this.#now >= heading.openedAt + OPEN_MS;
    if (heading.view?.end !== undefined || isTooLate) {
      this.#heading = undefined;
      this.#leave(heading);
      this.#note({ kind: 'move-failed' });
      return;
    }
    if (heading.view?.group !== undefined && heading.inSince === undefined) {
      heading.inSince = this.#now;
      const { own, link } = heading;
      if (own !== undefined) {
        own.isSaid = true;
        this.#latecomers.lead(own.from, own.led, link);
      }
    }
    if (isOver) this.#switch(heading);
    else if (heading.inSince !== undefined) {
      const isSettled = this.#now >= heading.inSince + SETTLE_MS || heading.hasAllOf(this.#shown);
      if (isSettled && this.#escapes.mayArrive(this.#shown, heading)) this.#switch(heading);
    }
  }

  /** Gets away from a line of changes that nobody can follow. */
  #escape(): void {
    const step = this.#escapes.look(this.#shown, this.#heading, this.#now);
    if (step === undefined || this.#isLeaving) return;
    if (step.kind === 'move') {
      this.#move(step.leaveBehind);
      return;
    }
    const heading = this.#heading;
    this.#heading = undefined;
    if (heading !== undefined) this.#leave(heading);
    if (step.kind === 'abandon') {
      this.#feed(this.#shown, { kind: 'abandon', rejoins: step.rejoins });
      if (step.rejoins) this.#note({ kind: 'line-broken', author: step.author, then: 'joined-again' });
    } else if (step.mover !== undefined) this.#distrust(this.#shown, step.mover);
    this.#changed = true;
  }

  /** The meeting is in another room from now on. */
  #switch(room: Room): void {
    const escaped = this.#escapes.arrived(this.#shown, room, this.#now);
    this.#news.leave(this.#shown.view);
    this.#news.take(room);
    for (const each of this.#rooms) if (each !== room) this.#part(each, room);
    this.#shown = room;
    this.#heading = undefined;
    this.#questions.clear();
    this.#latecomers.goOn(this.#rooms, room);
    this.#note(escaped ?? { kind: 'moved', by: room.mover });
  }

  /** A room is to be left, when those who come have come. */
  #part(room: Room, next: Room): void {
    if (room === next || room.leaveAt !== undefined) return;
    room.part(this.#now);
  }

  #leave(room: Room): void {
    if (room.isLeft || room.isOver) return;
    room.isLeft = true;
    this.#feed(room, { kind: 'leave' });
  }

  /** Nothing more is sent there. */
  #quieten(room: Room): void {
    room.quietAt = undefined;
    room.isQuiet = true;
    this.#feed(room, SILENCE);
  }

  #dueAt(room: Room): Millis | undefined {
    if (room.isOver || room.isLeft) return undefined;
    if (room === this.#heading) return room.arrivalDueAt(this.#now);
    return room === this.#shown ? undefined : room.dueAt(this.#now);
  }

  #moving(): Pick<RoomsView, 'isMoving' | 'asked'> {
    const { by } = this.#questions;
    return { isMoving: this.#heading !== undefined, asked: by && { by } };
  }

  #note(news: News): void {
    this.#news.add(news, this.#now);
    this.#changed = true;
  }

  #toAll(input: MeetingInput, which: (room: Room) => boolean = () => true): void {
    for (const room of this.#rooms) if (!room.isOver && which(room)) this.#feed(room, input);
  }

  #feed({ number }: Room, input: MeetingInput): void {
    this.#emit({ kind: 'feed', room: number, input });
  }

  #emit(effect: RoomsEffect): void {
    this.#effects.push(effect);
  }
}

/**
 * What must be once everything works again: all who belong together are in one room and one epoch of its lowest generation that
 * is alive, each hears each, and who was removed for good is out.
 */
import { equal } from '../../src/protocol/bytes/equal.ts';
import { groupNameOf, type GroupName, type SenderId } from '../../src/protocol/group/names.ts';
import type { RoomsView } from '../../src/protocol/meeting/rooms-api.ts';
import type { GroupView } from '../../src/protocol/meeting/view.ts';
import type { Epoch } from '../../src/protocol/units.ts';
import { fakeCrypto } from '../harness/group/simulation.ts';
import { areTogether, type SimulatedPerson } from '../harness/simulation/simulated-person.ts';
import type { WatchedMeeting } from './watched-meeting.ts';

/** All that are there must have met again this long after everything works. */
const MEET_AGAIN_MS = 400_000;
/** From a line that is broken they have moved by then: before each gives it up by itself. */
const ESCAPED_MS = 120_000;
/** How long a mover stays for those who were away, and a little. */
const MOVER_STAYS_MS = 140_000;
/** How long others wait before they ask for the link. */
const ASKS_MS = 15_000;
/** Longer ago, somebody who comes need not find the mover. */
const FINDS_MOVER_MS = 60_000;
/** What lasts longer may keep a mover from saying its move. */
const HARMLESS_MS = 9_000;
/** In which whoever leaves has left. */
const LEFT_MS = 30_000;
/** In which whoever reaches the counter again renews the lease. */
const RENEWED_MS = 8_000;
/** In which all who have met and talk hear each other: longer than what was forged as somebody silences it twice. */
const HEAR_MS = 23_000;

/** Somebody must be out, as long as whoever wanted that is the member that it was. */
interface Kick {
  readonly by: SimulatedPerson;
  readonly life: number;
  readonly senderId: SenderId;
  readonly who: SimulatedPerson;
}

/** Somebody moved the meeting. */
interface Move {
  readonly by: SimulatedPerson;
  readonly from: string;
  readonly at: number;
  readonly recipients: readonly string[];
  /** Whether its keys let it: then they follow by themselves. */
  readonly counts: boolean;
  isDisturbed: boolean;
}

/** A room that is shown to somebody. */
interface Place {
  readonly link: string;
  readonly group: GroupView | undefined;
  /** To whom it is shown, but those who were removed for good from it. */
  readonly there: readonly SimulatedPerson[];
}

/** The end of a schedule. */
export class Reunion {
  readonly #world: WatchedMeeting;
  readonly #people: ReadonlyMap<unknown, SimulatedPerson>;
  readonly #kicks: Kick[] = [];
  readonly #moves: Move[] = [];
  /** The groups whose line was broken, and the epochs in which it was. */
  readonly #breaches: { readonly group: GroupName; readonly epoch: Epoch }[] = [];
  readonly #startedAt = new Map<SimulatedPerson, number>();

  constructor(world: WatchedMeeting, people: ReadonlyMap<unknown, SimulatedPerson>) {
    this.#world = world;
    this.#people = people;
  }

  /** An organiser removes somebody for good. */
  kicks(by: SimulatedPerson, who: SimulatedPerson): void {
    const senderId = by.group?.senderId;
    if (senderId !== undefined) this.#kicks.push({ by, life: by.life, senderId, who });
  }

  /** Somebody moves the meeting, without these. */
  moves(by: SimulatedPerson, leaveBehind: readonly string[]): void {
    const { now } = this.#world.agenda;
    this.#moves.push({
      by,
      from: by.link,
      at: now,
      recipients: by.sees.filter((id) => !leaveBehind.includes(id)),
      counts: by.group?.role === 'organiser',
      isDisturbed: this.#world.calmSince > now + HARMLESS_MS || this.#breaches.length > 0,
    });
  }

  /** A member has logged what nobody can follow. @param group - as it was in its last epoch. */
  breaks({ group, epoch }: GroupView): void {
    this.#breaches.push({ group, epoch });
    this.#world.isLineBroken = true;
    // Each moves it that is there, and nobody is promised anything.
    for (const move of this.#moves) move.isDisturbed = true;
  }

  /** A process begins. */
  starts(person: SimulatedPerson): void {
    this.#startedAt.set(person, this.#world.agenda.now);
  }

  /** What somebody was about is not carried out any more. */
  failed(person: SimulatedPerson): void {
    for (const move of this.#moves) if (move.by === person) move.isDisturbed = true;
  }

  /** Something befalls somebody. @param duration - ms. */
  troubled(duration: number): void {
    if (duration > HARMLESS_MS) for (const move of this.#moves) move.isDisturbed = true;
  }

  /** Whether all is as it is to be in the end, but that all hear all; and nobody has anything left to do that would be seen. */
  get isSettled(): boolean {
    return (
      this.#isTogether() &&
      this.#undoneKicks().length === 0 &&
      this.#places().every(({ there }) =>
        there.every(({ view }) => !view.ownKey.renewing && !isAnybodyLeaving(view)),
      )
    );
  }

  /** Lets time pass, and looks. */
  check(): void {
    const world = this.#world;
    const isTogether = (): boolean => this.#isTogether();
    const mayMove = this.#moves.length > 0 || this.#breaches.length > 0;
    const patience = this.#isAnybodyPromised() ? MOVER_STAYS_MS : ASKS_MS;
    if (mayMove && !world.comes(isTogether, patience)) this.#giveLinks();
    if (!world.comes(isTogether, this.#breaches.length > 0 ? ESCAPED_MS : MEET_AGAIN_MS)) {
      world.fault('those who are there have not met again');
      return;
    }
    for (const { by, who } of this.#undoneKicks())
      world.fault(`${who.name} is there, though ${by.name} removed it for good`);
    if (!world.comes(() => this.#areInLowest(), RENEWED_MS))
      world.fault('those who are there are not in the lowest generation that is alive');
    if (!this.#areAllHeard()) world.fault('not all hear all');
  }

  #areInLowest(): boolean {
    return this.#places().every(({ group, there }) => {
      const [first] = there;
      if (first === undefined || group === undefined) return true;
      const { room } = first.member;
      const meeting = this.#world.counter.meetingIn(room);
      return meeting !== undefined && equal(groupNameOf(room, meeting, fakeCrypto), group.group);
    });
  }

  /**
   * Lets all talk, as people do, until each has heard each: where a relay withheld a statement, what that was about leaves a doubt
   * until it is forgotten, and only time in which objects come counts for that (docs/protocol.md#who-speaks).
   * @returns whether that came to be.
   */
  #areAllHeard(): boolean {
    const since = this.#world.agenda.now;
    return this.#world.comes(() => this.#allHear(since) || this.#talk(), HEAR_MS);
  }

  #talk(): false {
    for (const { there } of this.#places()) for (const person of there) this.#world.say(person);
    return false;
  }

  /** Those whom an organiser removed for good, and who are there all the same. */
  #undoneKicks(): readonly Kick[] {
    const there = this.#places().flatMap((place) => place.there);
    return this.#kicks.filter(({ by, life, senderId, who }) => {
      const now = by.life === life && there.includes(by) ? by.group : undefined;
      const isSame = now?.role === 'organiser' && equal(now.senderId, senderId);
      return isSame && by.seen(who) !== undefined;
    });
  }

  /** Whoever is not where the others are, and was not promised to come there by itself, asks for the new link. */
  #giveLinks(): void {
    for (const [older, newer] of this.#apart())
      for (const person of older.there) {
        if (newer.group !== undefined && this.#isBarred(newer.group, person)) continue;
        const move = this.#promiseTo(person);
        if (move !== undefined) {
          this.#world.fault(`${person.name} was left in the old room, though ${move.by.name} took it along`);
          continue;
        }
        person.feed({ kind: 'leave' });
        this.#world.comes(() => person.hasEnded, LEFT_MS);
        person.kill();
        this.starts(person);
        person.start(newer.link);
      }
  }

  /** Whether somebody is not where the others are who was promised to come there. */
  #isAnybodyPromised(): boolean {
    return this.#apart().some(([older]) =>
      older.there.some((person) => this.#promiseTo(person) !== undefined),
    );
  }

  #promiseTo(person: SimulatedPerson): Move | undefined {
    return this.#moves.find((move) => this.#isPromised(move, person));
  }

  /** Whether somebody was to be taken along without doing anything. */
  #isPromised({ by, from, at, recipients, counts, isDisturbed }: Move, person: SimulatedPerson): boolean {
    const isLate = (this.#startedAt.get(person) ?? 0) > at + FINDS_MOVER_MS;
    return (
      counts &&
      !isDisturbed &&
      !isLate &&
      from === person.link &&
      by.link !== from &&
      recipients.includes(person.id)
    );
  }

  #places(): readonly Place[] {
    const present = [...this.#people.values()].filter((person) => person.isRunning && !person.hasEnded);
    const links = new Set(present.map(({ link }) => link));
    return [...links].map((link) => {
      const here = present.filter((person) => person.link === link);
      const group = here.find(
        (person) => person.group !== undefined && !this.#isBarred(person.group, person),
      );
      const view = group?.group;
      return {
        link,
        group: view,
        there: here.filter((person) => view === undefined || !this.#isBarred(view, person)),
      };
    });
  }

  #isBarred(group: GroupView, person: SimulatedPerson): boolean {
    return this.#world.isKicked(group, person.member);
  }

  #isTogether(): boolean {
    const areAll = this.#places().every(
      ({ there }) =>
        there.length === 0 ||
        (areTogether(there) &&
          there.every(({ view }) => view.connection.kind === 'connected' && !view.isMoving) &&
          there.every((person) => !this.#isInBrokenLine(person)) &&
          // On their way back to the first relay not all are at one.
          new Set(there.map(({ view }) => view.connection.relay)).size === 1),
    );
    return areAll && this.#apart().length === 0;
  }

  /**
   * Pairs of rooms, the older first, with people of whom neither has to be without the other. Where somebody moved the meeting who
   * may not, each went or stayed as it liked.
   */
  #apart(): readonly (readonly [Place, Place])[] {
    if (this.#moves.some(({ counts }) => !counts)) return [];
    const known = [...this.#people.values()].flatMap(({ homes }) => [...homes.keys()]);
    const places = [...this.#places()].sort((a, b) => known.indexOf(a.link) - known.indexOf(b.link));
    return places.flatMap((older, at) =>
      places.slice(at + 1).flatMap((newer) => (this.#mayMeet(older, newer) ? [[older, newer] as const] : [])),
    );
  }

  /** Whether somebody is where nobody comes further, whether it knows or not. */
  #isInBrokenLine({ group, view }: SimulatedPerson): boolean {
    const isBroken = this.#breaches.some(
      (breach) => group !== undefined && equal(breach.group, group.group) && breach.epoch === group.epoch,
    );
    return isBroken || view.line.kind !== 'whole';
  }

  #mayMeet(a: Place, b: Place): boolean {
    return a.there.some((one) =>
      b.there.some(
        (other) =>
          !(b.group !== undefined && this.#isBarred(b.group, one)) &&
          !(a.group !== undefined && this.#isBarred(a.group, other)),
      ),
    );
  }

  #allHear(since: number): boolean {
    return this.#places().every(({ there }) =>
      there.every((by) => there.every((whom) => by === whom || this.#world.heardSince(by, whom, since))),
    );
  }
}

const isAnybodyLeaving = ({ group }: RoomsView): boolean =>
  group?.participants.some(({ leaving }) => leaving) === true;

/** Plays a schedule, then lets everything heal, and sees whether the meeting goes on as it must. */
import { groupNameOf, type SenderId } from '../../src/protocol/group/names.ts';
import { equal } from '../../src/protocol/bytes/equal.ts';
import type { RoomKey } from '../../src/protocol/group/room-keys.ts';
import { passAccess } from '../../src/services/relay/pass-access.ts';
import { meetingTracks } from '../../src/services/relay/meeting-tracks.ts';
import { openAccess, type RelayPolicy } from '../../src/protocol/relay/policy.ts';
import { fakeCrypto } from '../harness/group/simulation.ts';
import { RELAY, RELAY_AUTHORITY, type SimulatedMember } from '../harness/simulation/simulated-meeting.ts';
import { Adversaries } from './adversaries.ts';
import type { Blow, Happening, Person, Schedule } from './schedule.ts';
import { WatchedMeeting } from './watched-meeting.ts';

/** What a schedule came to. */
export interface Outcome {
  /** What must never be and was, in words; empty: all was well. */
  readonly broken: readonly string[];
  /** Virtual time that passed, ms. */
  readonly lasted: number;
  /** How all stood at the end. */
  readonly stands: readonly string[];
}

/** All that are there must have met again this long after everything works. */
const MEET_AGAIN_MS = 400_000;
/** A session that is dead is noticed by its silence. */
const SILENCE_MS = 8_000;
/** In which all who have met hear each other. */
const HEAR_MS = 15_000;
const SAY_EVERY_MS = 1_000;
const LOOK_EVERY_MS = 200;
const ORDERLY_MS = 30_000;
/** Sessions that are cut for so long are given up. */
const GIVEN_UP_MS = 9_000;

/** A relay whose operator lets anybody write everything. */
const hostile: RelayPolicy = {
  ...openAccess,
  treatmentOf: (track) => ({ ...meetingTracks.treatmentOf(track), exclusive: false }),
};
const forgetful: RelayPolicy = {
  ...openAccess,
  treatmentOf: () => ({ kept: false, reliable: true, exclusive: true, firstWins: false }),
};
const ours: RelayPolicy = { ...meetingTracks, ...passAccess(() => [RELAY_AUTHORITY], fakeCrypto) };
const POLICIES = { ours, hostile, forgetful };

/** Plays it. */
export function play(schedule: Schedule): Outcome {
  return new Play(schedule).run();
}

/** Somebody must be out, as long as whoever wanted that is the member that it was. */
interface Kick {
  readonly by: SimulatedMember;
  readonly life: number;
  readonly senderId: SenderId;
  readonly who: SimulatedMember;
}

class Play {
  readonly #schedule: Schedule;
  readonly #world: WatchedMeeting;
  readonly #adversaries: Adversaries;
  readonly #people = new Map<Person, SimulatedMember>();
  readonly #kicks: Kick[] = [];
  readonly #blocks = new Map<string, number>();

  constructor(schedule: Schedule) {
    const { seed, latency, lossPercent, relay } = schedule;
    this.#schedule = schedule;
    this.#world = new WatchedMeeting({
      seed,
      network: { latency, lossPercent },
      policy: POLICIES[relay],
      relays: [{ url: RELAY, pass: relay === 'ours' }],
    });
    this.#world.counter.roundTrip = schedule.counterMs;
    const isAwake = schedule.steps.some(({ what }) => what.kind === 'attack');
    this.#adversaries = new Adversaries(this.#world, relay, isAwake);
  }

  run(): Outcome {
    const world = this.#world;
    try {
      this.#begin();
      this.#speakOn();
      for (const { after, what } of this.#schedule.steps) {
        world.pass(after);
        this.#happen(what);
      }
      this.#heal();
      this.#meetAgain();
    } catch (error) {
      world.fault(error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
    return { broken: world.broken, lasted: world.agenda.now, stands: world.members.map(String) };
  }

  #begin(): void {
    const { size, isOrderly } = this.#schedule;
    for (let who = 0; who < size; who += 1) {
      this.#join(who, 0);
      if (isOrderly && !this.#until(() => this.#world.agree(), ORDERLY_MS))
        throw new Error(`person ${String(who)} was not let in`);
    }
  }

  #join(who: Person, clockOffset: number): void {
    if (this.#people.has(who)) return;
    const member = this.#world.make(`P${String(who)}`);
    member.clockOffset = clockOffset;
    this.#people.set(who, member);
    member.start();
  }

  #speakOn(): void {
    this.#world.agenda.after(SAY_EVERY_MS, () => {
      for (const member of this.#world.present) {
        this.#world.say(member);
        this.#openDoor(member);
      }
      this.#speakOn();
    });
  }

  /** Whoever may lets those in who are really there. */
  #openDoor(member: SimulatedMember): void {
    const { present } = this.#world;
    for (const { id } of member.group === undefined ? [] : member.view.door)
      if (present.some((each) => each.id === id)) member.feed({ kind: 'admit', participant: id });
  }

  /** @returns whether it came to be. */
  #until(condition: () => boolean, limit: number): boolean {
    const end = this.#world.agenda.now + limit;
    while (!condition()) {
      if (this.#world.agenda.now >= end) return false;
      this.#world.pass(LOOK_EVERY_MS);
    }
    return true;
  }

  #happen(what: Happening): void {
    const world = this.#world;
    switch (what.kind) {
      case 'join':
        this.#join(what.who, what.clockOffset);
        return;
      case 'leave':
        this.#of(what.who)?.feed({ kind: 'leave' });
        return;
      case 'return':
        this.#comeBack(this.#people.get(what.who));
        return;
      case 'kick':
        this.#kick(this.#of(what.by), this.#people.get(what.who));
        return;
      case 'renew':
        this.#of(what.who)?.feed({ kind: 'renew' });
        return;
      case 'organiser': {
        const participant = this.#people.get(what.who)?.id;
        if (participant !== undefined)
          this.#of(what.by)?.feed({ kind: 'organiser', participant, isOrganiser: what.is });
        return;
      }
      case 'door':
        this.#of(what.by)?.feed({ kind: 'admission', admission: what.admission });
        return;
      case 'cut': {
        const member = this.#of(what.who);
        if (member !== undefined) world.cut(member, what.duration);
        this.#trouble(what.duration);
        return;
      }
      case 'apart':
        if (what.from !== 'counter') this.#block('relay', what.who, what.duration);
        if (what.from !== 'relay') this.#block('counter', what.who, what.duration);
        return;
      case 'relay-dies':
        if (world.relay === undefined) return;
        this.#trouble(what.duration);
        world.killRelay();
        world.agenda.after(what.duration, () => {
          if (world.relay !== undefined) return;
          world.startRelay();
          this.#adversaries.relayStarted();
        });
        return;
      case 'relay-lost':
        this.#trouble(GIVEN_UP_MS);
        for (const member of world.members) world.cut(member, GIVEN_UP_MS);
        return;
      case 'counter-lost':
        this.#trouble(what.duration);
        world.counter.reachable = false;
        this.#hold('counter', what.duration, () => {
          world.counter.reachable = true;
        });
        return;
      case 'blow': {
        const member = this.#of(what.who);
        if (member !== undefined) this.#strike(member, what.blow);
        return;
      }
      case 'sleep':
        this.#trouble(what.duration);
        this.#of(what.who)?.sleep(what.duration, true);
        return;
      case 'disk-full': {
        const member = this.#people.get(what.who);
        if (member === undefined) return;
        this.#trouble(what.duration);
        member.failDisk(true);
        this.#hold(`disk of ${member.name}`, what.duration, () => {
          member.failDisk(false);
        });
        return;
      }
      case 'trap':
        this.#trap(what);
        return;
      case 'attack':
        this.#attack(what);
        return;
    }
  }

  /** Who runs and is in the meeting or on the way there. */
  #of(who: Person): SimulatedMember | undefined {
    const member = this.#people.get(who);
    return member?.isRunning === true && !member.hasEnded ? member : undefined;
  }

  #comeBack(member: SimulatedMember | undefined): void {
    if (member === undefined || (member.isRunning && !member.hasEnded)) return;
    member.kill();
    member.start();
  }

  #kick(by: SimulatedMember | undefined, who: SimulatedMember | undefined): void {
    if (by?.group === undefined || who === undefined || by.sees(who) === undefined) return;
    by.feed({ kind: 'kick', participant: who.id });
    const { senderId, role } = by.group;
    if (role === 'organiser') this.#kicks.push({ by, life: by.life, senderId, who });
  }

  #strike(member: SimulatedMember, blow: Blow): void {
    switch (blow.kind) {
      case 'crash': {
        member.kill();
        if (blow.disk.kind === 'lost') member.loseDisk();
        if (blow.disk.kind === 'older') member.disk.putBack(blow.disk.writes);
        this.#trouble(blow.back ?? 0);
        if (blow.back === undefined) return;
        const { life } = member;
        this.#world.agenda.after(blow.back, () => {
          if (member.life === life) member.start();
        });
        return;
      }
      case 'halt':
        this.#trouble(blow.duration);
        member.sleep(blow.duration, false);
        return;
      case 'lose':
        return;
    }
  }

  #trap({ who, at, moment, blow }: Extract<Happening, { kind: 'trap' }>): void {
    const member = this.#people.get(who);
    if (member === undefined) return;
    const before = member.meddle;
    member.meddle = (question, when) => {
      if (question !== at || when !== moment) return before?.(question, when);
      member.meddle = before;
      this.#strike(member, blow);
      return { delay: blow.kind === 'halt' ? blow.duration : 0, lost: blow.kind === 'lose' };
    };
  }

  #attack({ attack }: Extract<Happening, { kind: 'attack' }>): void {
    const who = attack.by === 'former' ? this.#people.get(attack.who) : undefined;
    const mayDisturb = this.#adversaries.attack(attack, who);
    if (mayDisturb > 0) this.#trouble(mayDisturb);
  }

  #block(what: 'relay' | 'counter', who: Person, duration: number): void {
    const member = this.#people.get(who);
    if (member === undefined) return;
    this.#trouble(duration);
    if (what === 'relay') {
      member.reachesRelay = false;
      this.#world.cut(member, duration);
    } else member.reachesCounter = false;
    this.#hold(`${what} of ${member.name}`, duration, () => {
      if (what === 'relay') member.reachesRelay = true;
      else member.reachesCounter = true;
    });
  }

  /** What is begun twice ends with the later end. */
  #hold(what: string, duration: number, end: () => void): void {
    this.#blocks.set(what, (this.#blocks.get(what) ?? 0) + 1);
    this.#world.agenda.after(duration, () => {
      const left = (this.#blocks.get(what) ?? 1) - 1;
      this.#blocks.set(what, left);
      if (left === 0) end();
    });
  }

  #trouble(duration: number): void {
    const end = this.#world.agenda.now + duration;
    this.#world.calmSince = Math.max(this.#world.calmSince, end);
  }

  /** Waits for all that is to end by itself; traps that did not snap are taken away. */
  #heal(): void {
    const world = this.#world;
    for (const member of world.members) member.meddle = undefined;
    this.#adversaries.rest();
    world.pass(Math.max(0, world.calmSince - world.agenda.now) + SILENCE_MS);
    world.calmSince = Math.max(world.calmSince, world.agenda.now - SILENCE_MS);
  }

  #meetAgain(): void {
    const world = this.#world;
    if (!this.#until(() => this.#isTogether(), MEET_AGAIN_MS)) {
      world.fault('those who are there have not met again');
      return;
    }
    const there = this.#expected();
    for (const { by, life, senderId, who } of this.#kicks) {
      const now = by.life === life && there.includes(by) ? by.group : undefined;
      const isSame = now?.role === 'organiser' && equal(now.senderId, senderId);
      if (isSame && by.sees(who) !== undefined)
        world.fault(`${who.name} is there, though ${by.name} removed it for good`);
    }
    const [first] = there;
    if (first?.group === undefined) return;
    const { meeting } = world.counter;
    const lowest =
      meeting === undefined ? undefined : groupNameOf(world.signer.publicKey as RoomKey, meeting, fakeCrypto);
    if (lowest === undefined || !equal(lowest, first.group.group))
      world.fault('those who are there are not in the lowest generation that is alive');
    if (!this.#until(() => this.#allHear(there), HEAR_MS)) world.fault('not all hear all');
  }

  /** Who has to be in: all who run and have not ended, but those who were removed for good. */
  #expected(): SimulatedMember[] {
    const { present } = this.#world;
    const group = present.find((member) => member.group !== undefined && !this.#isBarred(member))?.group;
    return group === undefined ? present : present.filter((member) => !this.#world.isKicked(group, member));
  }

  #isBarred(member: SimulatedMember): boolean {
    return member.group !== undefined && this.#world.isKicked(member.group, member);
  }

  #isTogether(): boolean {
    const there = this.#expected();
    return (
      there.length === 0 ||
      (this.#world.agree(there) && there.every(({ view }) => view.connection.kind === 'connected'))
    );
  }

  #allHear(there: readonly SimulatedMember[]): boolean {
    const since = this.#world.agenda.now - SAY_EVERY_MS * 2;
    return there.every((by) => there.every((whom) => by === whom || this.#world.heardSince(by, whom, since)));
  }
}

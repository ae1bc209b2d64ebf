/** Plays a schedule, then lets everything heal, and sees whether the meeting goes on as it must. */
import { roomKeysOf } from '../../src/protocol/group/room-keys.ts';
import { moveRefusalOf } from '../../src/protocol/meeting/permissions.ts';
import { meetingTracks } from '../../src/services/relay/meeting-tracks.ts';
import { openAccess, type RelayPolicy } from '../../src/protocol/relay/policy.ts';
import { fakeCrypto } from '../harness/group/simulation.ts';
import { cheapCrypto } from '../harness/simulation/cheap-crypto.ts';
import {
  policyOf,
  RELAY,
  RELAY_AUTHORITY,
  SECOND_AUTHORITY,
  SECOND_RELAY,
  type SimulatedMember,
} from '../harness/simulation/simulated-meeting.ts';
import { breakLine } from '../harness/simulation/line-breaker.ts';
import { areTogether, linkOf, secretOf, SimulatedPerson } from '../harness/simulation/simulated-person.ts';
import { Adversaries } from './adversaries.ts';
import { checkForks } from './forks.ts';
import { Reunion } from './reunion.ts';
import { ANY, COMMAND, LEASE, type Blow, type Happening, type Person, type Schedule } from './schedule.ts';
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

/** A session that is dead is noticed by its silence. */
const SILENCE_MS = 8_000;
/** In which somebody begins with whatever there is to do. */
const QUIET_MS = 2_000;
/** How often each says something for a while after something has happened, and otherwise. */
const SAY_EVERY_MS = 1_000;
const SAY_SELDOM_MS = 5_000;
const LIVELY_MS = 5_000;
const ORDERLY_MS = 30_000;
/** The first room. */
const ROOM = 'the room of the schedule';
/** Sessions that are cut for so long are given up. */
const GIVEN_UP_MS = 9_000;
/** Those who are kept apart for so long have removed each other. */
const PARTED_MS = 40_000;

/** A relay whose operator lets anybody write everything. */
const hostile: RelayPolicy = {
  ...openAccess,
  treatmentOf: (track) => ({ ...meetingTracks.treatmentOf(track), exclusive: false }),
};
const forgetful: RelayPolicy = {
  ...openAccess,
  treatmentOf: () => ({ kept: false, reliable: true, exclusive: true, firstWins: false }),
};
const POLICIES = { ours: policyOf(RELAY_AUTHORITY), hostile, forgetful };

/** Somebody's machine comes to a question, or to a command for the transport, while traps may snap. */
export type Watcher = (who: Person, at: string, moment: 'before' | 'after') => void;

/** Plays it. */
export function play(schedule: Schedule, watcher?: Watcher): Outcome {
  return new Play(schedule, watcher).run();
}

class Play {
  readonly #schedule: Schedule;
  readonly #watcher: Watcher | undefined;
  readonly #world: WatchedMeeting;
  readonly #adversaries: Adversaries;
  readonly #people = new Map<Person, SimulatedPerson>();
  readonly #reunion: Reunion;
  readonly #link: string;
  #happenedAt = 0;
  /** When all that befell anybody has ended. */
  #healthySince = 0;
  #saidAt = -Infinity;
  readonly #blocks = new Map<string, number>();

  constructor(schedule: Schedule, watcher: Watcher | undefined) {
    this.#watcher = watcher;
    const { seed, latency, lossPercent, relay, hasSecondRelay } = schedule;
    this.#schedule = schedule;
    this.#world = new WatchedMeeting({
      seed,
      network: { latency, lossPercent },
      policy: POLICIES[relay],
      ...(hasSecondRelay && { secondPolicy: policyOf(SECOND_AUTHORITY) }),
      relays: [
        { url: RELAY, pass: relay === 'ours' },
        ...(hasSecondRelay ? [{ url: SECOND_RELAY, pass: true }] : []),
      ],
      signer: roomKeysOf(secretOf(ROOM), fakeCrypto).signer,
      leaseMs: LEASE,
      mediaCrypto: cheapCrypto,
    });
    this.#link = linkOf(this.#world, ROOM);
    this.#reunion = new Reunion(this.#world, this.#people);
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
      world.pass(this.#schedule.lasts);
      this.#heal();
      if (world.counter.isSplit) checkForks(world, () => this.#present());
      else this.#reunion.check();
    } catch (error) {
      world.fault(error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
    return { broken: world.broken, lasted: world.agenda.now, stands: [...this.#people.values()].map(String) };
  }

  #begin(): void {
    const { size, isOrderly } = this.#schedule;
    for (let who = 0; who < size; who += 1) {
      this.#join(who, 0);
      const isIn = (): boolean => areTogether([...this.#people.values()]);
      if (isOrderly && !this.#world.comes(isIn, ORDERLY_MS))
        throw new Error(`person ${String(who)} was not let in`);
    }
  }

  #join(who: Person, clockOffset: number): void {
    const person = this.#personOf(who);
    if (person.life > 0) return;
    person.clockOffset = clockOffset;
    this.#start(person);
  }

  /** Somebody, who perhaps has not come yet. */
  #personOf(who: Person): SimulatedPerson {
    const known = this.#people.get(who);
    if (known !== undefined) return known;
    const person = new SimulatedPerson(`P${String(who)}`, this.#world, this.#link);
    this.#world.watch(person);
    person.meddle = (at, moment) => {
      this.#watcher?.(who, at, moment);
      return undefined;
    };
    this.#people.set(who, person);
    return person;
  }

  #start(person: SimulatedPerson): void {
    this.#reunion.starts(person);
    person.start();
  }

  #speakOn(): void {
    this.#world.agenda.after(SAY_EVERY_MS, () => {
      const { now } = this.#world.agenda;
      const speaks = now - this.#happenedAt <= LIVELY_MS || now - this.#saidAt >= SAY_SELDOM_MS;
      if (speaks) this.#saidAt = now;
      for (const person of this.#present()) {
        if (speaks) this.#world.say(person);
        this.#openDoor(person);
        // It may have crashed meanwhile.
        if (person.isShown && person.view.asked !== undefined)
          person.feed({ kind: 'answer-move', follows: this.#world.random() < 0.5 });
      }
      this.#speakOn();
    });
  }

  /** Who runs, has not ended and sees the meeting, or the way there. */
  #present(): readonly SimulatedPerson[] {
    return [...this.#people.values()].filter(
      (person) => person.isRunning && person.isShown && !person.hasEnded,
    );
  }

  /** Whoever may lets those in who are really there. */
  #openDoor(person: SimulatedPerson): void {
    const present = this.#present();
    for (const { id } of person.group === undefined ? [] : person.view.door)
      if (present.some((each) => each.id === id)) person.feed({ kind: 'admit', participant: id });
  }

  #happen(what: Happening): void {
    const world = this.#world;
    this.#happenedAt = world.agenda.now;
    switch (what.kind) {
      case 'join':
        this.#join(what.who, what.clockOffset);
        return;
      case 'leave':
        this.#leave(this.#of(what.who));
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
      case 'move':
        this.#move(what);
        return;
      case 'door':
        this.#of(what.by)?.feed({ kind: 'admission', admission: what.admission });
        return;
      case 'cut': {
        this.#of(what.who)?.cut(what.duration);
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
      case 'split':
        this.#split(what);
        return;
      case 'breach':
        this.#breach(what);
        return;
      case 'blow': {
        const person = this.#of(what.who);
        if (person !== undefined) this.#strike(person, what.blow);
        return;
      }
      case 'sleep':
        this.#trouble(what.duration);
        this.#of(what.who)?.sleep(what.duration, true);
        return;
      case 'disk-full': {
        const person = this.#people.get(what.who);
        if (person === undefined) return;
        this.#trouble(what.duration);
        person.failDisk(true);
        this.#hold(`disk of ${person.name}`, what.duration, () => {
          person.failDisk(false);
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
  #of(who: Person): SimulatedPerson | undefined {
    const person = this.#people.get(who);
    return person?.isRunning === true && !person.hasEnded ? person : undefined;
  }

  #comeBack(person: SimulatedPerson | undefined): void {
    if (person === undefined || person.life === 0 || (person.isRunning && !person.hasEnded)) return;
    person.kill();
    this.#start(person);
  }

  #leave(person: SimulatedPerson | undefined): void {
    if (person === undefined) return;
    this.#reunion.failed(person);
    person.feed({ kind: 'leave' });
  }

  #kick(by: SimulatedPerson | undefined, who: SimulatedPerson | undefined): void {
    if (by?.group === undefined || who === undefined || by.seen(who) === undefined) return;
    const decides = by.group.role === 'organiser';
    by.feed({ kind: 'kick', participant: who.id });
    if (!decides) return;
    this.#reunion.failed(who);
    this.#reunion.kicks(by, who);
  }

  /** An organiser moves the meeting, or a member that keeps to no rule tries to. */
  #move({ by, leaveBehind, isRogue }: Extract<Happening, { kind: 'move' }>): void {
    const mover = this.#of(by);
    if (mover?.group === undefined) return;
    const behind = leaveBehind.flatMap((who) => this.#people.get(who)?.id ?? []);
    const refusal = moveRefusalOf(mover.view, behind);
    if (refusal !== undefined && !(isRogue && refusal === 'not-organiser')) return;
    this.#reunion.moves(mover, behind);
    mover.feed({ kind: 'move', leaveBehind: behind });
  }

  #strike(person: SimulatedPerson, blow: Blow): void {
    this.#happenedAt = this.#world.agenda.now;
    switch (blow.kind) {
      case 'crash': {
        this.#reunion.failed(person);
        person.kill();
        if (blow.disk.kind === 'lost') person.loseDisk();
        if (blow.disk.kind === 'older') person.putBack(blow.disk.writes);
        this.#trouble(blow.back ?? 0);
        if (blow.back === undefined) return;
        const { life } = person;
        this.#world.agenda.after(blow.back, () => {
          if (person.life === life) this.#start(person);
        });
        return;
      }
      case 'halt':
        this.#trouble(blow.duration);
        person.sleep(blow.duration, false);
        return;
      case 'lose':
        return;
    }
  }

  #trap({ who, at, skip, moment, blow }: Extract<Happening, { kind: 'trap' }>): void {
    const person = this.#personOf(who);
    const before = person.meddle;
    let passed = 0;
    person.meddle = (question, when) => {
      const fits = at === ANY ? question !== COMMAND : question === at;
      if (!fits || when !== moment) return before?.(question, when);
      passed += 1;
      if (passed <= skip) return before?.(question, when);
      person.meddle = before;
      this.#strike(person, blow);
      return { delay: blow.kind === 'halt' ? blow.duration : 0, lost: blow.kind === 'lose' };
    };
  }

  #split({ to, isHelped }: Extract<Happening, { kind: 'split' }>): void {
    const { counter } = this.#world;
    if (counter.isSplit) return;
    const others = to.map((who) => this.#personOf(who));
    const homes = (): SimulatedMember[] => others.flatMap((other) => [...other.homes.values()]);
    counter.split((mls) => homes().some((home) => home.mls === mls));
    if (isHelped !== true) return;
    this.#trouble(PARTED_MS);
    this.#world.keepApart((member) => homes().includes(member));
  }

  /** A member that keeps to no rule logs what nobody can follow. */
  #breach({ who, breach, isGone }: Extract<Happening, { kind: 'breach' }>): void {
    const person = this.#of(who);
    const { counter } = this.#world;
    if (person?.group === undefined || person.view.line.kind !== 'whole' || counter.isSplit) return;
    if (!breakLine(this.#world, person, breach)) return;
    this.#reunion.breaks(person.group);
    if (isGone) person.kill();
  }

  #attack({ attack }: Extract<Happening, { kind: 'attack' }>): void {
    const who = attack.by === 'former' ? this.#people.get(attack.who)?.homes.get(this.#link) : undefined;
    const mayDisturb = this.#adversaries.attack(attack, who);
    if (mayDisturb > 0) this.#excuse(mayDisturb);
  }

  #block(what: 'relay' | 'counter', who: Person, duration: number): void {
    const person = this.#people.get(who);
    if (person === undefined) return;
    this.#trouble(duration);
    if (what === 'relay') {
      person.reachesRelay = false;
      person.cut(duration);
    } else person.reachesCounter = false;
    this.#hold(`${what} of ${person.name}`, duration, () => {
      if (what === 'relay') person.reachesRelay = true;
      else person.reachesCounter = true;
    });
  }

  /** What is begun twice ends with the later end. */
  #hold(what: string, duration: number, end: () => void): void {
    this.#blocks.set(what, (this.#blocks.get(what) ?? 0) + 1);
    this.#world.agenda.after(duration, () => {
      const left = (this.#blocks.get(what) ?? 1) - 1;
      this.#blocks.set(what, left);
      if (left > 0) return;
      this.#happenedAt = this.#world.agenda.now;
      end();
    });
  }

  /** Something befalls somebody, and ends by itself. */
  #trouble(duration: number): void {
    this.#healthySince = Math.max(this.#healthySince, this.#world.agenda.now + duration);
    this.#excuse(duration);
  }

  /** What happens to people for a while is perhaps nobody's fault. */
  #excuse(duration: number): void {
    this.#reunion.troubled(duration);
    this.#world.calmSince = Math.max(this.#world.calmSince, this.#world.agenda.now + duration);
  }

  /** Waits for all that is to end by itself; traps that did not snap are taken away. */
  #heal(): void {
    const world = this.#world;
    for (const person of this.#people.values()) person.meddle = undefined;
    this.#adversaries.rest();
    world.pass(Math.max(0, this.#healthySince - world.agenda.now));
    const quietAt = Math.max(this.#healthySince, this.#happenedAt) + QUIET_MS;
    world.calmSince = Math.max(world.calmSince, world.agenda.now);
    const isOver = (): boolean =>
      world.agenda.now >= quietAt &&
      world.network.silences === 0 &&
      !world.counter.isSplit &&
      this.#reunion.isSettled;
    world.comes(isOver, SILENCE_MS);
  }
}

/**
 * Schedules: what happens in one simulated meeting, and when. A seed gives a schedule, always the same one; a schedule is
 * plain data, so that it can be printed and made shorter.
 */
import { millis } from '../../src/protocol/units.ts';
import { seededRandom } from '../harness/moqt/wire.ts';
import type { Breach } from '../harness/simulation/line-breaker.ts';
import { drawFrom, type Draw } from './draw.ts';

/** Names a person of a schedule: those who are there at the start have the lowest numbers. */
export type Person = number;

/** Questions at which a machine can be caught: between asking and having the answer everything else may change. */
export const QUESTIONS = [
  'room',
  'lock',
  'increment',
  'alive',
  'close',
  'history',
  'upload',
  'create-group',
  'make-key-package',
  'inspect-key-package',
  'stage',
  'process',
  'apply',
  'join',
  'save',
  'erase',
] as const;
export type Question = (typeof QUESTIONS)[number];

/** Any question; and what is commanded to the transport, which nothing answers. */
export const ANY = 'any';
export const COMMAND = 'command';

/** What a crash leaves on the disk. */
export type DiskAfter =
  | { readonly kind: 'as-it-was' }
  | { readonly kind: 'lost' }
  /** A backup is put back. */
  | { readonly kind: 'older'; readonly writes: number };

/** What befalls a machine. */
export type Blow =
  | { readonly kind: 'crash'; readonly disk: DiskAfter; readonly back: number | undefined }
  /** The process stands still; its clock goes on. */
  | { readonly kind: 'halt'; readonly duration: number }
  /** The answer of the counter is lost. */
  | { readonly kind: 'lose' };

/** One event. Times and durations in ms. */
export type Happening =
  | { readonly kind: 'join'; readonly who: Person; readonly clockOffset: number }
  | { readonly kind: 'leave'; readonly who: Person }
  /** Somebody who left, was removed or died comes (again). */
  | { readonly kind: 'return'; readonly who: Person }
  | { readonly kind: 'kick'; readonly who: Person; readonly by: Person }
  /** A fresh key is wanted. */
  | { readonly kind: 'renew'; readonly who: Person }
  /** Somebody is made an organiser, or is one no longer. */
  | { readonly kind: 'organiser'; readonly who: Person; readonly by: Person; readonly is: boolean }
  /** The meeting moves to a new room, without these. @see docs/protocol.md#moving */
  | {
      readonly kind: 'move';
      readonly by: Person;
      readonly leaveBehind: readonly Person[];
      /** Also where its keys do not let it: its client keeps to no rule. */
      readonly isRogue: boolean;
    }
  | { readonly kind: 'door'; readonly by: Person; readonly admission: 'open' | 'ask' }
  /** What is on its way waits. */
  | { readonly kind: 'cut'; readonly who: Person; readonly duration: number }
  | {
      readonly kind: 'apart';
      readonly who: Person;
      readonly from: 'relay' | 'counter' | 'both';
      readonly duration: number;
    }
  /** The relay's process dies, and with it all that it kept. */
  | { readonly kind: 'relay-dies'; readonly duration: number }
  /** All sessions end; the relay keeps what it has. */
  | { readonly kind: 'relay-lost' }
  | { readonly kind: 'counter-lost'; readonly duration: number }
  /**
   * The counter signs a second line from now on, and shows it to these; the first relay perhaps helps, and lets neither side have
   * anything of the other.
   */
  | { readonly kind: 'split'; readonly to: readonly Person[]; readonly isHelped?: boolean }
  /** Logs what nobody can follow, and is gone for good or goes on. @see docs/protocol.md#a-broken-line */
  | { readonly kind: 'breach'; readonly who: Person; readonly breach: Breach; readonly isGone: boolean }
  | { readonly kind: 'blow'; readonly who: Person; readonly blow: Blow }
  /** The machine sleeps and says so. */
  | { readonly kind: 'sleep'; readonly who: Person; readonly duration: number }
  | { readonly kind: 'disk-full'; readonly who: Person; readonly duration: number }
  /** A blow at a question of this kind, or at any, before or after it has taken effect; so many such questions are let pass. */
  | {
      readonly kind: 'trap';
      readonly who: Person;
      readonly at: Question | typeof ANY | typeof COMMAND;
      readonly skip: number;
      readonly moment: 'before' | 'after';
      readonly blow: Blow;
    }
  | { readonly kind: 'attack'; readonly attack: Attack };

/** What somebody does who means harm, with no more than it has. */
export type Attack =
  /** Who has the link: the pass of a relay and the room's key. */
  | { readonly by: 'link'; readonly does: 'junk-key-packages' | 'junk-commits' | 'fake-instances' | 'locks' }
  | { readonly by: 'link'; readonly does: 'forged-receipt' }
  /** Who runs the relay. */
  | { readonly by: 'relay'; readonly does: 'replay-key-packages' | 'replay-media' | 'replay-commits' }
  | { readonly by: 'relay'; readonly does: 'withhold'; readonly percent: number; readonly duration: number }
  /** Who was a member, with all keys that it had; `who` is nobody special when it still is one. */
  | { readonly by: 'former'; readonly who: Person; readonly does: 'says-leave' | 'calls-counter' | 'speaks' }
  /** Who was not invited. */
  | { readonly by: 'stranger'; readonly does: 'reads-and-writes' };

/** One event at its time after the one before. */
export interface Step {
  readonly after: number;
  readonly what: Happening;
}

/** A whole schedule. */
export interface Schedule {
  readonly seed: number;
  /** How many are invited and there at the start. */
  readonly size: number;
  /** Whether these come one after the other, each when all before agree; or all at once. */
  readonly isOrderly: boolean;
  readonly latency: number;
  readonly lossPercent: number;
  /** How long a call of the counter takes. */
  readonly counterMs: number;
  /** Whose relay it is: ours; one whose operator means harm; one that keeps nothing and has one publisher for each track. */
  readonly relay: 'ours' | 'hostile' | 'forgetful';
  /** Whether the invitation names a second one, which is ours. */
  readonly hasSecondRelay: boolean;
  readonly steps: readonly Step[];
  /** How long it goes on after the last step before everything heals, ms. */
  readonly lasts: number;
}

/** How many there may be. */
export const MOST_PEOPLE = 12;
/** The lease of a generation: a third of the service's own, so that what is past it does not last for so long. */
export const LEASE = millis(20_000);
/** Longer than a lock of the simulated counter; longer than that lease. */
export const PAST_LOCK = 6_000;
const PAST_LEASE = 28_000;

/** What a seed has of what may be in each schedule. */
export function usualScheduleOf(seed: number): Schedule {
  const draw = drawFrom(seededRandom(Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995));
  const size = draw.chance(0.08) ? draw.integer(6, 10) : draw.integer(1, 4);
  const relay = draw.one<Schedule['relay']>('ours', 'ours', 'ours', 'hostile', 'hostile', 'forgetful');
  let people = size;
  const steps: Step[] = [];
  const count = 1 + draw.small(9);
  while (steps.length < count) {
    const what = happening(draw, people, relay);
    if (what === undefined) continue;
    if (what.kind === 'join') people += 1;
    const after = draw.chance(0.5) ? draw.integer(0, 300) : draw.integer(0, 6_000);
    if (what.kind === 'move' && people > 1 && draw.chance(0.4)) {
      steps.push(...twoMoves(draw, what, after, people));
      continue;
    }
    steps.push({ after, what });
    // Who was just removed has keys that some still honour.
    if (what.kind === 'kick' && draw.chance(0.6)) {
      const does = draw.one<'says-leave' | 'calls-counter' | 'speaks'>(
        'says-leave',
        'calls-counter',
        'speaks',
      );
      const attack: Attack = { by: 'former', who: what.who, does };
      steps.push({ after: draw.integer(100, 3_000), what: { kind: 'attack', attack } });
    }
  }
  return {
    seed,
    size,
    isOrderly: draw.chance(0.7),
    latency: draw.one(5, 20, 80),
    lossPercent: draw.one(0, 0, 2, 10),
    counterMs: draw.one(4, 30, 200),
    relay,
    hasSecondRelay: draw.chance(0.2),
    steps,
    lasts: 0,
  };
}

/** Another organiser moves the meeting at the same time. */
function twoMoves(
  draw: Draw,
  move: Extract<Happening, { kind: 'move' }>,
  after: number,
  people: number,
): readonly Step[] {
  const by = (move.by + draw.integer(1, people - 1)) % people;
  return [
    { after, what: { kind: 'organiser', who: by, by: move.by, is: true } },
    { after: draw.integer(200, 2_000), what: { ...move, leaveBehind: [] } },
    { after: draw.integer(0, 300), what: { ...move, by, leaveBehind: [] } },
  ];
}

function happening(draw: Draw, people: number, relay: Schedule['relay']): Happening | undefined {
  const who = draw.integer(0, people - 1);
  const kind = draw.one<Exclude<Happening['kind'], 'breach'>>(
    'join',
    'join',
    'leave',
    'return',
    'return',
    'kick',
    'kick',
    'renew',
    'organiser',
    'move',
    'move',
    'door',
    'cut',
    'apart',
    'relay-dies',
    'relay-lost',
    'counter-lost',
    'split',
    'blow',
    'blow',
    'sleep',
    'disk-full',
    'trap',
    'trap',
    'trap',
    'trap',
    'attack',
    'attack',
    'attack',
  );
  switch (kind) {
    case 'join': {
      const clockOffset = draw.one(0, 0, 180_000, -180_000, 86_400_000, -365 * 86_400_000);
      return people < MOST_PEOPLE ? { kind, who: people, clockOffset } : undefined;
    }
    case 'leave':
    case 'return':
    case 'renew':
      return { kind, who };
    case 'organiser':
      return { kind, who, by: draw.integer(0, people - 1), is: draw.chance(0.7) };
    case 'move': {
      const others = Array.from({ length: people }, (_, each) => each).filter((each) => each !== who);
      const leaveBehind = draw.chance(0.3) ? others.filter(() => draw.chance(0.3)) : [];
      return { kind, by: who, leaveBehind, isRogue: draw.chance(0.2) };
    }
    case 'door':
      return { kind, by: who, admission: draw.one('open', 'ask') };
    case 'kick': {
      const by = draw.integer(0, people - 1);
      return by === who ? undefined : { kind, who, by };
    }
    case 'cut':
      return { kind, who, duration: draw.integer(100, 9_000) };
    case 'apart':
      return { kind, who, from: draw.one('relay', 'counter', 'both'), duration: absence(draw) };
    case 'relay-dies':
      return { kind, duration: draw.integer(1, 20_000) };
    case 'relay-lost':
      return { kind };
    case 'counter-lost':
      return { kind, duration: absence(draw) };
    case 'split': {
      const to = Array.from({ length: people }, (_, each) => each).filter(() => draw.chance(0.5));
      // There is little else to look at afterwards.
      return draw.chance(0.3) && to.length > 0 && to.length < people ? { kind, to } : undefined;
    }
    case 'sleep':
      return { kind, who, duration: absence(draw) };
    case 'disk-full':
      return { kind, who, duration: draw.integer(100, 8_000) };
    case 'blow':
      return { kind, who, blow: blow(draw) };
    case 'trap': {
      const at = draw.one(...(QUESTIONS as unknown as readonly [Question, ...Question[]]));
      return { kind, who, at, skip: 0, moment: draw.one('before', 'after'), blow: blow(draw) };
    }
    case 'attack':
      return { kind, attack: attack(draw, who, relay) };
  }
}

function blow(draw: Draw): Blow {
  if (draw.chance(0.15)) return { kind: 'lose' };
  if (draw.chance(0.45)) return { kind: 'halt', duration: absence(draw) };
  const disk: DiskAfter = draw.chance(0.6)
    ? { kind: 'as-it-was' }
    : draw.chance(0.3)
      ? { kind: 'lost' }
      : { kind: 'older', writes: draw.integer(1, 6) };
  return {
    kind: 'crash',
    disk,
    back: draw.chance(0.15) ? undefined : draw.one(1, 400, 3_000, 14_000, 30_000),
  };
}

/** Moments, some seconds, past a lock, past the time after which the others remove somebody, past the lease. */
function absence(draw: Draw): number {
  return draw.one(draw.integer(50, 2_000), draw.integer(2_000, 9_000), PAST_LOCK, 26_000, PAST_LEASE);
}

function attack(draw: Draw, who: Person, relay: Schedule['relay']): Attack {
  if (relay === 'hostile' && draw.chance(0.6)) {
    if (draw.chance(0.25))
      return {
        by: 'relay',
        does: 'withhold',
        percent: draw.one(5, 20, 60),
        duration: draw.integer(1_000, 20_000),
      };
    const does = draw.one<'replay-key-packages' | 'replay-media' | 'replay-commits'>(
      'replay-key-packages',
      'replay-media',
      'replay-commits',
    );
    return { by: 'relay', does };
  }
  if (draw.chance(0.3)) {
    const does = draw.one<'says-leave' | 'calls-counter' | 'speaks'>('says-leave', 'calls-counter', 'speaks');
    return { by: 'former', who, does };
  }
  if (draw.chance(0.1)) return { by: 'stranger', does: 'reads-and-writes' };
  const does = draw.one<'junk-key-packages' | 'junk-commits' | 'fake-instances' | 'locks' | 'forged-receipt'>(
    'junk-key-packages',
    'junk-commits',
    'fake-instances',
    'locks',
    'forged-receipt',
  );
  return { by: 'link', does };
}

/** An event in words. */
export function describe({ after, what }: Step): string {
  return `${String(after)} ms: ${JSON.stringify(what)}`;
}

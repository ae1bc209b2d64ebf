/**
 * Not at random: short meetings of three through two epochs, and in each, at each point of each machine, each of a few faults. A
 * point is just before or just after a question to counter, MLS or disk has taken effect, or just before a command for the
 * transport; which there are, a meeting without faults tells.
 */
import { play } from './play.ts';
import {
  ANY,
  COMMAND,
  PAST_LOCK,
  QUESTIONS,
  type Blow,
  type Person,
  type Schedule,
  type Step,
} from './schedule.ts';

/** Where and what. */
export interface Fault {
  readonly who: Person;
  readonly at: typeof ANY | typeof COMMAND;
  readonly skip: number;
  readonly moment: 'before' | 'after';
  readonly blow: Blow;
}

/** A short meeting. */
export interface Scenario {
  readonly name: string;
  /** How many there are at the start, one after the other. */
  readonly size: number;
  readonly steps: readonly Step[];
  /** How long it takes without faults, and more. */
  readonly lasts: number;
}

const PEOPLE: readonly Person[] = [0, 1, 2];
const CRASH: Blow = { kind: 'crash', disk: { kind: 'as-it-was' }, back: 3_000 };
/** Whoever stands still so long loses its lock, or does not see that of others end. */
const STALL: Blow = { kind: 'halt', duration: PAST_LOCK };
const LOSE: Blow = { kind: 'lose' };
const COUNTER_QUESTIONS: ReadonlySet<string> = new Set(QUESTIONS.slice(0, QUESTIONS.indexOf('create-group')));

/** The meetings: who makes the group and lets the others in; who commits first, and what becomes of the other's Commit. */
export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'two come at once, and a third',
    size: 0,
    steps: [
      { after: 0, what: { kind: 'join', who: 0, clockOffset: 0 } },
      { after: 0, what: { kind: 'join', who: 1, clockOffset: 0 } },
      { after: 300, what: { kind: 'join', who: 2, clockOffset: 0 } },
    ],
    // Who lost the lock asks again when it would have ended.
    lasts: 10_000,
  },
  {
    name: 'one removes another for good while the third renews its key',
    size: 3,
    steps: [
      { after: 0, what: { kind: 'renew', who: 1 } },
      { after: 0, what: { kind: 'kick', by: 0, who: 2 } },
    ],
    lasts: 4_000,
  },
  {
    name: 'one makes another an organiser while the third renews its key',
    size: 3,
    steps: [
      { after: 0, what: { kind: 'renew', who: 2 } },
      { after: 0, what: { kind: 'organiser', by: 0, who: 1, is: true } },
    ],
    lasts: 4_000,
  },
];

/** A scenario as a schedule. @param fault - that happens in it. */
export function scheduleWith({ size, steps, lasts }: Scenario, fault?: Fault): Schedule {
  const trap: readonly Step[] = fault === undefined ? [] : [{ after: 0, what: { kind: 'trap', ...fault } }];
  return {
    seed: 1,
    size,
    isOrderly: true,
    latency: 20,
    lossPercent: 0,
    counterMs: 30,
    relay: 'ours',
    hasSecondRelay: false,
    steps: [...trap, ...steps],
    lasts,
  };
}

/** All faults that a scenario has room for, in a fixed order. @throws {Error} when it goes wrong without any. */
export function faultsIn(scenario: Scenario): readonly Fault[] {
  const seen = new Map<Person, { readonly questions: string[]; commands: number }>(
    PEOPLE.map((who) => [who, { questions: [], commands: 0 }]),
  );
  const { broken } = play(scheduleWith(scenario), (who, at, moment) => {
    const counts = seen.get(who);
    if (counts === undefined || moment === 'after') return;
    if (at === COMMAND) counts.commands += 1;
    else counts.questions.push(at);
  });
  if (broken.length > 0) throw new Error(`${scenario.name}: ${broken.join(', ')}`);
  return [...seen].flatMap(([who, { questions, commands }]) => [
    ...questions.flatMap((question, skip) =>
      (['before', 'after'] as const).flatMap((moment) =>
        blowsAt(question, moment).map((blow): Fault => ({ who, at: ANY, skip, moment, blow })),
      ),
    ),
    ...Array.from({ length: commands }, (_, skip): Fault => ({
      who,
      at: COMMAND,
      skip,
      moment: 'before',
      blow: CRASH,
    })),
  ]);
}

function blowsAt(question: string, moment: 'before' | 'after'): readonly Blow[] {
  return COUNTER_QUESTIONS.has(question) && moment === 'after' ? [CRASH, STALL, LOSE] : [CRASH, STALL];
}

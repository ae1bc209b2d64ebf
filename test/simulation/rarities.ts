/**
 * Schedules of high seeds have some things besides what is in all, drawn from numbers of their own: so what lower seeds draw stays
 * what it is.
 */
import type { Breach } from '../harness/simulation/line-breaker.ts';
import { drawFrom, type Draw } from './draw.ts';
import { usualScheduleOf, type Schedule, type Step } from './schedule.ts';
import { seededRandom } from '../harness/moqt/wire.ts';

/** The first seed that may have it. */
const FROM_SEED = 10_001;
const BREACHES: readonly [Breach, ...Breach[]] = ['rule', 'transcript', 'next key', 'no commit'];

/** The schedule of a seed. */
export function scheduleOf(seed: number): Schedule {
  const schedule = usualScheduleOf(seed);
  const { size } = schedule;
  if (seed < FROM_SEED || size < 2) return schedule;
  const draw = drawFrom(seededRandom(Math.imul(seed, 0x85ebca6b) ^ 0x27d4eb2f));
  if (draw.chance(0.12)) return withBreach(schedule, draw);
  if (draw.chance(0.04)) return withHelpedSplit(schedule, draw);
  return schedule;
}

/** A member breaks the line of changes. @see docs/protocol.md#a-broken-line */
function withBreach(schedule: Schedule, draw: Draw): Schedule {
  const who = draw.integer(0, schedule.size - 1);
  const breach = draw.one(...BREACHES);
  const what = { kind: 'breach', who, breach, isGone: draw.chance(0.7) } as const;
  return inserted(schedule, draw, { after: draw.integer(0, 3_000), what });
}

/** The counter signs a second line, and the first relay keeps both sides apart; the second one does not. @see docs/protocol.md#heads */
function withHelpedSplit(schedule: Schedule, draw: Draw): Schedule {
  const { size } = schedule;
  const one = draw.integer(0, size - 1);
  const others = Array.from({ length: size }, (_, each) => each).filter((each) => each !== one);
  const to = [one, ...others.slice(1).filter(() => draw.chance(0.5))];
  const split = { after: draw.integer(0, 3_000), what: { kind: 'split', to, isHelped: true } } as const;
  return { ...inserted(schedule, draw, split), hasSecondRelay: true };
}

function inserted(schedule: Schedule, draw: Draw, step: Step): Schedule {
  const { steps } = schedule;
  const at = draw.integer(0, steps.length);
  return { ...schedule, steps: [...steps.slice(0, at), step, ...steps.slice(at)] };
}

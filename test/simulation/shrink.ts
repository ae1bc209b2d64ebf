/** Makes a failing schedule shorter: leaves steps out, as long as something fails without them, too. */
import { play, type Outcome } from './play.ts';
import { scheduleOf } from './rarities.ts';
import type { Schedule } from './schedule.ts';

/** What is left of a schedule. */
export interface Shrunk {
  /** Which of the seed's steps are left, ascending. */
  readonly kept: readonly number[];
  readonly outcome: Outcome;
}

/** A schedule with some of its steps alone; what is left out takes no time. */
export function only(schedule: Schedule, kept: readonly number[]): Schedule {
  return { ...schedule, steps: kept.flatMap((at) => schedule.steps[at] ?? []) };
}

/** Leaves out as many steps of the schedule of `seed`, which fails, as can be: halves first, then one by one. */
export function shrink(seed: number, outcome: Outcome): Shrunk {
  const schedule = scheduleOf(seed);
  let best: Shrunk = { kept: schedule.steps.map((_, at) => at), outcome };
  for (let size = Math.ceil(best.kept.length / 2); size >= 1;) {
    const shorter = without(schedule, best, size);
    if (shorter !== undefined) best = shorter;
    else if (size === 1) break;
    size = shorter === undefined ? Math.floor(size / 2) : Math.min(size, Math.max(1, best.kept.length));
  }
  return best;
}

/** The first that still fails of those without `size` steps that follow each other. */
function without(schedule: Schedule, { kept }: Shrunk, size: number): Shrunk | undefined {
  for (let from = 0; from < kept.length; from += size) {
    const fewer = [...kept.slice(0, from), ...kept.slice(from + size)];
    if (fewer.length === kept.length) continue;
    const outcome = play(only(schedule, fewer));
    if (outcome.broken.length > 0) return { kept: fewer, outcome };
  }
  return undefined;
}

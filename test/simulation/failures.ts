/** Schedules that fail, made as short as can be, in words. */
import { play } from './play.ts';
import { describe, scheduleOf } from './schedule.ts';
import { only, shrink } from './shrink.ts';

/** A schedule that failed, as short as it was made. */
export interface Failure {
  readonly seed: number;
  /** Which of the seed's steps are left, ascending. */
  readonly kept: readonly number[];
  readonly broken: readonly string[];
  /** What happened in it, and how all stood at the end. */
  readonly text: readonly string[];
}

/** Plays the schedule of a seed. @param kept - the steps of it that are played; all, and then fewer when it fails. */
export function failureOf(seed: number, kept?: readonly number[]): Failure | undefined {
  const outcome = play(kept === undefined ? scheduleOf(seed) : only(scheduleOf(seed), kept));
  if (outcome.broken.length === 0) return undefined;
  const shrunk = kept === undefined ? shrink(seed, outcome) : { kept, outcome };
  const { steps, ...rest } = only(scheduleOf(seed), shrunk.kept);
  const { broken, stands } = shrunk.outcome;
  return {
    seed,
    kept: shrunk.kept,
    broken,
    text: [JSON.stringify(rest), ...steps.map(describe), ...stands],
  };
}

/** Schedules that fail, made as short as can be, in words. */
import { faultsIn, scheduleWith, SCENARIOS, type Fault, type Scenario } from './exhaustive.ts';
import { play } from './play.ts';
import { scheduleOf } from './rarities.ts';
import { describe } from './schedule.ts';
import { only, shrink } from './shrink.ts';

/** A schedule that failed, as short as it was made. */
export interface Failure {
  readonly name: string;
  /** Options that play it again. */
  readonly again: string;
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
    name: `Seed ${String(seed)}`,
    again: `--seed ${String(seed)} --only ${shrunk.kept.join(',')}`,
    broken,
    text: [JSON.stringify(rest), ...steps.map(describe), ...stands],
  };
}

const everyFault: { readonly scenario: Scenario; readonly fault: Fault }[] = [];

/** All faults of all scenarios, in a fixed order. */
export function allFaults(): typeof everyFault {
  if (everyFault.length === 0)
    for (const scenario of SCENARIOS)
      everyFault.push(...faultsIn(scenario).map((fault) => ({ scenario, fault })));
  return everyFault;
}

/** Plays a scenario with one of {@link allFaults}. */
export function failureWithFault(number: number): Failure | undefined {
  const { scenario, fault } = allFaults()[number] ?? {};
  if (scenario === undefined || fault === undefined) throw new Error(`there is no fault ${String(number)}`);
  const failure = failureWith(scenario, fault);
  return (
    failure && {
      name: `Fault ${String(number)}`,
      again: `--exhaustive --seed ${String(number)} --schedules 1`,
      ...failure,
    }
  );
}

/** Plays a scenario with a fault. */
export function failureWith(scenario: Scenario, fault: Fault): Pick<Failure, 'broken' | 'text'> | undefined {
  const { broken, stands } = play(scheduleWith(scenario, fault));
  if (broken.length === 0) return undefined;
  return { broken, text: [scenario.name, JSON.stringify(fault), ...stands] };
}

import { describe, expect, test } from 'vitest';
import type { CounterMode } from '../../../src/protocol/counter/client.ts';
import { seeded } from '../../harness/group/membership-history.ts';
import { faultsOf, Simulation } from '../../harness/group/simulation.ts';
import type { Fault, FaultPlan, RunOutcome } from '../../harness/group/simulation.ts';

/**
 * The real coordinator and the counter's real rules, three members: a fault at every step, then pairs of faults.
 * All pairs with `GROUP_SIMULATION=all`; by default a seeded sample.
 */
const PAIRS = process.env.GROUP_SIMULATION === 'all' ? Infinity : Number(process.env.GROUP_SIMULATION ?? 40);

type Scenario = (faults: FaultPlan, mode: CounterMode) => RunOutcome;

/** Two devices start at once, a third comes: who makes the group, who lets whom in. */
const bootstrap: Scenario = (faults, mode) => {
  const simulation = new Simulation(mode);
  const [a, b, c] = simulation.devices;
  if (a === undefined || b === undefined || c === undefined) throw new Error('three devices');
  simulation.start(a);
  simulation.start(b);
  simulation.startLater(c, 300);
  simulation.suffer(faults, 15_000);
  simulation.settle(120_000);
  simulation.checkProgress();
  return simulation.outcome();
};

/** Three members want to commit at once, twice: two epochs of contention. */
const contention: Scenario = (faults, mode) => {
  const simulation = new Simulation(mode);
  for (const device of simulation.devices) {
    simulation.start(device);
    simulation.settle(4_000);
  }
  for (const device of simulation.devices) simulation.input(device, { kind: 'update' });
  simulation.suffer(faults, 12_000);
  simulation.settle(120_000);
  simulation.checkProgress();
  return simulation.outcome();
};

/** All single faults that a scenario has room for. */
function singles(steps: RunOutcome['steps']): [number, Fault][] {
  return steps.flatMap((kind, at) => faultsOf(kind).map((fault): [number, Fault] => [at, fault]));
}

function name(plan: FaultPlan, steps: RunOutcome['steps']): string {
  return [...plan].map(([at, fault]) => `${fault} at ${String(at)} (${steps[at] ?? '?'})`).join(' and ');
}

describe.each<[string, Scenario]>([
  ['bootstrap', bootstrap],
  ['contention', contention],
])('%s in fenced mode', (_, scenario) => {
  test('nothing goes wrong without faults', () => {
    const outcome = scenario(new Map(), 'fenced');
    expect(outcome.broken).toBeUndefined();
    expect(outcome.steps.length).toBeGreaterThan(10);
  });

  test('no single fault forks the group or strands anybody', { timeout: 600_000 }, () => {
    const { steps } = scenario(new Map(), 'fenced');
    const broken = singles(steps).flatMap((single) => {
      const plan = new Map([single]);
      const outcome = scenario(plan, 'fenced');
      return outcome.broken === undefined ? [] : [`${name(plan, outcome.steps)}: ${outcome.broken}`];
    });
    expect(broken).toEqual([]);
  });

  test('nor do two', { timeout: 3_600_000 }, () => {
    const random = seeded(7);
    const { steps } = scenario(new Map(), 'fenced');
    const first = singles(steps);
    const chosen = PAIRS === Infinity ? first : first.filter(() => random() < PAIRS / first.length);
    const broken: string[] = [];
    for (const single of chosen) {
      const alone = scenario(new Map([single]), 'fenced');
      const seconds = singles(alone.steps).filter(([at]) => at > single[0]);
      const tried = PAIRS === Infinity ? seconds : seconds.filter(() => random() < 2 / seconds.length);
      for (const second of tried) {
        const plan = new Map([single, second]);
        const outcome = scenario(plan, 'fenced');
        if (outcome.broken !== undefined) broken.push(`${name(plan, outcome.steps)}: ${outcome.broken}`);
      }
    }
    expect(broken).toEqual([]);
  });
});

test('without fencing the same faults fork the group', { timeout: 600_000 }, () => {
  const { steps } = contention(new Map(), 'plain');
  const forks = singles(steps)
    .map((single) => contention(new Map([single]), 'plain').broken)
    .filter((broken) => broken?.includes('a fork') === true);
  expect(forks.length).toBeGreaterThan(0);
});

/** A part of the faults at each point of short meetings; `npm run sim -- --exhaustive` plays all. */
import { expect, test } from 'vitest';
import { faultsIn, SCENARIOS } from './exhaustive.ts';
import { failureWith } from './failures.ts';

/** Every so many-th fault is played: no multiple of how many there are at a point. */
const EVERY = 97;

test.each(SCENARIOS.map((scenario) => [scenario.name, scenario] as const))(
  'no fault splits a meeting, strands anybody or loses a removal, while %s',
  (_, scenario) => {
    const faults = faultsIn(scenario);
    expect(faults.length).toBeGreaterThan(300);
    for (const fault of faults.filter((__, at) => at % EVERY === 0))
      expect(failureWith(scenario, fault)).toBeUndefined();
  },
);

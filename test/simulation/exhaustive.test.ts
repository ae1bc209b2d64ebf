/** A part of the faults at each point of short meetings; `npm run sim -- --exhaustive` plays all. */
import { expect, test } from 'vitest';
import { SCENARIOS } from './exhaustive.ts';
import { allFaults, failureWithFault } from './failures.ts';

/** Every so many-th fault is played: no multiple of how many there are at a point. */
const EVERY = 97;

test('no fault at any point splits a meeting, strands anybody or loses a removal', () => {
  const all = allFaults();
  // Each scenario has room for at least a fault before and after each of its asks.
  for (const scenario of SCENARIOS)
    expect(all.filter((each) => each.scenario === scenario).length).toBeGreaterThan(300);
  for (let number = 0; number < all.length; number += EVERY) expect(failureWithFault(number)).toBeUndefined();
});

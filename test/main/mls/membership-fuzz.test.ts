import * as patched from 'ts-mls';
import { expect, test } from 'vitest';
import { playHistory } from '../../harness/group/membership-history.ts';
import { stockTsMls } from '../../harness/group/stock-ts-mls.ts';

/** More with `MLS_FUZZ_RUNS=1000 npx vitest run test/main/mls/membership-fuzz.test.ts`. */
const RUNS = Number(process.env.MLS_FUZZ_RUNS ?? 3);
const STEPS = 25;
const seeds = Array.from({ length: RUNS }, (_, at) => 1000 + at);

test(
  'any history of joins and removals leaves all members in one epoch, and shuts out whoever copied a state of one that renewed its key since',
  { timeout: RUNS * 30_000 },
  async () => {
    let [joins, removals, shutOut, foreign] = [0, 0, 0, 0];
    for (const seed of seeds) {
      const outcome = await playHistory(patched, seed, STEPS);
      expect(outcome, `seed ${String(seed)}`).toMatchObject({ steps: STEPS, failure: undefined });
      joins += outcome.joins;
      removals += outcome.removals;
      shutOut += outcome.shutOut;
      foreign += outcome.foreign;
    }
    expect(Math.min(joins, removals)).toBeGreaterThan(RUNS * 5);
    expect(shutOut).toBeGreaterThan(0);
    expect(foreign).toBeGreaterThan(RUNS * 50);
  },
);

test('the package as published fails each of the same histories', { timeout: RUNS * 30_000 }, async () => {
  const stock = await stockTsMls();
  for (const seed of seeds) {
    const outcome = await playHistory(stock, seed, STEPS);
    expect(outcome.failure, `seed ${String(seed)} after ${String(outcome.steps)} steps`).toBeDefined();
  }
});

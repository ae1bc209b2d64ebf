import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { COUNTER_LIMITS } from '../../../src/protocol/counter/client.ts';
import {
  fittingJoins,
  MAX_MEMBERS,
  OVERHEAD_BYTES,
  PATH_BYTES,
  type JoinSize,
} from '../../../src/protocol/group/coordination/commit-size.ts';
import { MAX_KICKED_KEYS } from '../../../src/protocol/group/meeting-parameters.ts';

const SUITES = [0x0001, 0x0053] as const;
const join = fc.record({ bytes: fc.integer({ min: 1, max: 32_768 }), replaces: fc.boolean() });
const frame = fc.record({
  suite: fc.constantFrom(...SUITES),
  staying: fc.integer({ min: 1, max: 1_100 }),
  hasPath: fc.boolean(),
  kickedKeys: fc.integer({ min: 0, max: MAX_KICKED_KEYS }),
});

describe('the joins of a Commit', () => {
  test('are those that came first, as far as bytes and room go', () => {
    fc.assert(
      fc.property(fc.array(join, { maxLength: 300 }), frame, (waiting, given) => {
        const { joins, isFull } = fittingJoins(waiting, given);
        const bytes = joins.reduce((sum, each) => sum + each.bytes + 16, 0);
        const { suite, staying, kickedKeys } = given;
        const hasPath = given.hasPath || joins.some(({ replaces }) => replaces);
        const others = OVERHEAD_BYTES + kickedKeys * 33 + (hasPath ? staying * PATH_BYTES[suite] : 0);
        if (joins.length > 0) expect(bytes + others).toBeLessThanOrEqual(COUNTER_LIMITS.commit);
        const newcomers = joins.filter(({ replaces }) => !replaces).length;
        if (newcomers > 0) expect(staying + newcomers).toBeLessThanOrEqual(MAX_MEMBERS[suite]);
        // In order; whoever is left out though a later one is in found no room.
        const places = joins.map((each) => waiting.indexOf(each));
        expect(places).toEqual(places.toSorted((a, b) => a - b));
        const skipped = waiting.slice(0, places.at(-1) ?? 0).filter((each) => !joins.includes(each));
        expect(skipped.every(({ replaces }) => !replaces)).toBe(true);
        if (skipped.length > 0) expect(isFull).toBe(true);
      }),
    );
  });

  test('are all where all fit', () => {
    const waiting: JoinSize[] = Array.from({ length: 150 }, () => ({ bytes: 2_800, replaces: false }));
    const outcome = fittingJoins(waiting, { suite: 0x0053, staying: 1, hasPath: false, kickedKeys: 0 });
    expect(outcome).toEqual({ joins: waiting, isFull: false });
  });

  test('are as many KeyPackages of X-Wing as half a megabyte holds, where more wait', () => {
    const waiting: JoinSize[] = Array.from({ length: 256 }, () => ({ bytes: 2_800, replaces: false }));
    const outcome = fittingJoins(waiting, { suite: 0x0053, staying: 1, hasPath: false, kickedKeys: 0 });
    expect([outcome.joins.length, outcome.isFull]).toEqual([183, false]);
  });
});

test.each(SUITES)(
  'in suite %i the largest group can kick somebody, however many were kicked before',
  (suite) => {
    const largest = MAX_MEMBERS[suite] * PATH_BYTES[suite] + MAX_KICKED_KEYS * 33 + OVERHEAD_BYTES;
    expect(largest).toBeLessThanOrEqual(COUNTER_LIMITS.commit);
  },
);

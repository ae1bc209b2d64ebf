/** A fixed part of the simulation; `npm run sim` plays more, and says what a schedule is when it fails. */
import { expect, test } from 'vitest';
import { failureOf } from './failures.ts';
import { play } from './play.ts';
import { scheduleOf } from './rarities.ts';

/** Seeds that each test plays. */
const PART = 10;

test.each([1, 11, 21])(
  'whatever befalls a meeting, and whoever means it harm, it goes on as one: seeds from %i',
  (first) => {
    for (let seed = first; seed < first + PART; seed += 1) expect(failureOf(seed)).toBeUndefined();
  },
);

test('a schedule is played the same each time', () => {
  const schedule = scheduleOf(3);
  expect(play(schedule)).toEqual(play(schedule));
});

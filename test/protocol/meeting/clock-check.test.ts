import { describe, expect, test } from 'vitest';
import { ClockCheck } from '../../../src/protocol/meeting/clock-check.ts';
import { millis, unixMillis } from '../../../src/protocol/units.ts';

const NOON = 1_800_000_000_000;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const START = millis(0);

/** The counter says that it is noon; our clock says so much more, before and after. */
function told(clock: ClockCheck, ahead: number, took = 40, now = 0, served = NOON): number | undefined {
  const sentAt = unixMillis(served + ahead);
  const answer = { served: unixMillis(served), sentAt, receivedAt: unixMillis(sentAt + took) };
  clock.dated(answer, millis(now));
  return clock.offset;
}

describe('a clock', () => {
  test.each([
    [0, undefined],
    [119_000, undefined],
    [-119_000, undefined],
    // The date may be a second behind what the counter's clock says, and the answer came 40 ms after the question.
    [121_000, undefined],
    [121_001, 2 * MINUTE],
    [-120_040, undefined],
    [-120_041, -2 * MINUTE],
    [3 * HOUR, 3 * HOUR],
    [-3 * HOUR, -3 * HOUR],
    [-400 * 24 * HOUR, -400 * 24 * HOUR],
  ])('that is %i ms ahead is told as %s', (ahead, offset) => {
    expect(told(new ClockCheck(), ahead)).toBe(offset);
  });

  test('is not called wrong for an answer that took long', () => {
    // Asked 100 s before noon by our clock, or answered 100 s after: the counter may have said noon at any time between.
    expect(told(new ClockCheck(), -125_000, 25_000)).toBeUndefined();
    expect(told(new ClockCheck(), -145_100, 25_000)).toBe(-2 * MINUTE);
    expect(told(new ClockCheck(), 110_000, 25_000)).toBeUndefined();
  });

  test('is right again when it is, and each call tells', () => {
    const clock = new ClockCheck();
    const answer = { served: unixMillis(NOON), sentAt: unixMillis(NOON + HOUR) };
    const wrong = { ...answer, receivedAt: unixMillis(NOON + HOUR) };
    expect([clock.dated(wrong, START), clock.dated(wrong, START)]).toEqual([true, false]);
    const right = { ...answer, sentAt: unixMillis(NOON), receivedAt: unixMillis(NOON + 20) };
    expect([clock.dated(right, START), clock.offset]).toEqual([true, undefined]);
  });

  test('is judged by no call during which it was set, or the machine slept', () => {
    const clock = new ClockCheck();
    told(clock, HOUR);
    expect(told(clock, 0, -1)).toBe(HOUR);
    expect(told(clock, 0, 30_001)).toBe(HOUR);
    expect(told(clock, 0, 30_000)).toBeUndefined();
  });
});

describe('a date behind what the counter has signed', () => {
  test('does not count: the signed time does, and what has passed since', () => {
    const clock = new ClockCheck();
    clock.signed(unixMillis(NOON), millis(1_000));
    // A proxy's clock is an hour slow, ours is right.
    expect(told(clock, HOUR + 5_000, 40, 6_000, NOON - HOUR)).toBeUndefined();
    // Ours is two hours slow, too.
    expect(told(clock, -HOUR, 40, 6_000, NOON - HOUR)).toBe(-2 * HOUR);
    // The counter's clock was set back, and receipts never go back: the date and ours agree.
    expect(told(clock, 0, 40, 6_000, NOON - HOUR)).toBeUndefined();
    // An older receipt changes nothing.
    clock.signed(unixMillis(NOON - HOUR), millis(6_000));
    expect(told(clock, HOUR + 5_000, 40, 6_000, NOON - HOUR)).toBeUndefined();
  });

  test('is not one that is later: receipts are of the past', () => {
    const clock = new ClockCheck();
    clock.signed(unixMillis(NOON - HOUR), START);
    expect(told(clock, 0)).toBeUndefined();
    expect(told(clock, HOUR)).toBe(HOUR);
  });
});

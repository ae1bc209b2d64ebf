import { describe, expect, test } from 'vitest';
import { millis } from '../../../src/protocol/units.ts';
import { RateLimiter } from '../../../src/services/counter/rate-limiter.ts';

describe('a rate limiter', () => {
  test('lets a burst pass and then so many a second', () => {
    const limiter = new RateLimiter({ perSecond: 2, burst: 3 });
    const taken = [0, 0, 0, 0, 250, 500, 500, 10_000, 10_000, 10_000, 10_000].map((now) =>
      limiter.take('a', millis(now)),
    );
    expect(taken).toEqual([
      undefined,
      undefined,
      undefined,
      500,
      250,
      undefined,
      500,
      undefined,
      undefined,
      undefined,
      500,
    ]);
    expect(limiter.take('b', millis(10_000))).toBeUndefined();
  });

  test('counts by what each costs, and lets what is more than it ever gives pass when it is full', () => {
    const limiter = new RateLimiter({ perSecond: 10, burst: 100 });
    const take = (now: number, cost: number) => limiter.take('a', millis(now), cost);
    expect([take(0, 60), take(0, 60), take(2_000, 60)]).toEqual([undefined, 2_000, undefined]);
    expect([take(2_000, 500), take(12_000, 500), take(12_000, 1)]).toEqual([10_000, undefined, 100]);
  });

  test('remembers a bounded number of clients, and those that ask are not forgotten', () => {
    const limiter = new RateLimiter({ perSecond: 1, burst: 2 }, 10);
    limiter.take('busy', millis(0));
    for (let count = 0; count < 1000; count += 1) {
      limiter.take(`passer-by ${String(count)}`, millis(0));
      limiter.take('busy', millis(0));
    }
    expect(limiter.size).toBe(10);
    expect(limiter.take('busy', millis(0))).toBe(1000);
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CacheBudget } from '../../../src/protocol/relay/cache-budget.ts';
import type { CacheEntry } from '../../../src/protocol/relay/cache-budget.ts';
import { Group } from '../../../src/protocol/relay/group.ts';
import { RangeSet } from '../../../src/protocol/relay/range-set.ts';
import { SendQueue, sendLevel } from '../../../src/protocol/relay/send-queue.ts';
import { TimerQueue } from '../../../src/protocol/relay/timer-queue.ts';
import { subgroupId } from '../../../src/protocol/moqt/model.ts';
import { millis } from '../../../src/protocol/units.ts';
import { at } from '../../harness/moqt/names.ts';

describe('RangeSet', () => {
  test('is a set', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 12 })), (values) => {
        const ranges = new RangeSet();
        const set = new Set<number>();
        for (const value of values) {
          ranges.add(BigInt(value));
          set.add(value);
        }
        for (let first = 0; first <= 13; first += 1) {
          expect(ranges.has(BigInt(first))).toBe(set.has(first));
          let covered = true;
          for (let last = first; last <= 13; last += 1) {
            covered &&= set.has(last);
            expect(ranges.covers(BigInt(first), BigInt(last))).toBe(covered);
          }
        }
        expect(ranges.last).toBe(values.length === 0 ? undefined : BigInt(Math.max(...values)));
      }),
    );
  });
});

test('a RangeSet forgets the smallest when there is nothing but gaps', () => {
  const ranges = new RangeSet();
  for (let value = 0n; value < 10_000n; value += 2n) ranges.add(value);
  expect([ranges.has(0n), ranges.has(9_000n), ranges.has(9_600n), ranges.has(9_998n)]).toEqual([
    false,
    false,
    true,
    true,
  ]);
});

test('a Group remembers a bounded number of subgroups, and all that are open', () => {
  const group = new Group(at(0, 0).group, false);
  const open = Array.from({ length: 5_000 }, (_, id) => {
    const subgroup = group.subgroup(subgroupId(BigInt(id)), 128);
    subgroup.last = 0n;
    if (id % 50 === 0) subgroup.open.set({}, 0n);
    return subgroup;
  }).filter((subgroup) => subgroup.open.size > 0);
  expect(group.subgroups.size).toBe(1_024);
  expect(open.every((subgroup) => group.subgroups.get(subgroup.id) === subgroup)).toBe(true);
});

describe('TimerQueue', () => {
  test('runs what is due in order of time, cancelled ones never', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ at: fc.integer({ min: 0, max: 50 }), cancel: fc.boolean() })),
        (plan) => {
          const timers = new TimerQueue();
          const ran: number[] = [];
          const expected = plan.filter(({ cancel }) => !cancel).map(({ at }) => at);
          for (const { at, cancel } of plan) {
            const timer = timers.schedule(millis(at), () => ran.push(at));
            if (cancel) timer.cancel();
          }
          expect(timers.deadline()).toBe(expected.length === 0 ? undefined : Math.min(...expected));
          timers.expire(millis(25));
          expect(ran).toEqual(expected.filter((at) => at <= 25).sort((a, b) => a - b));
          timers.expire(millis(50));
          expect(ran).toEqual(expected.sort((a, b) => a - b));
          expect(timers.deadline()).toBeUndefined();
        },
      ),
    );
  });
});

describe('SendQueue', () => {
  test('sends by subscriber priority, then publisher priority, then in turns, within the room there is', () => {
    const queue = new SendQueue();
    const sent: string[] = [];
    const source = (name: string, subscriber: number, publisher: number, count: number): void => {
      let left = count;
      queue.add({
        level: sendLevel(subscriber, publisher),
        get pending() {
          return left > 0;
        },
        sendNext: () => {
          left -= 1;
          sent.push(name);
          return 10;
        },
      });
    };
    source('low', 200, 0, 2);
    source('b', 128, 10, 2);
    source('c', 128, 10, 3);
    source('urgent', 128, 9, 1);
    queue.send(40, millis(0));
    expect(sent).toEqual(['urgent', 'b', 'c', 'b']);
    queue.send(1_000, millis(0));
    expect(sent.slice(4)).toEqual(['c', 'c', 'low', 'low']);
    expect(queue.empty).toBe(true);
  });
});

describe('CacheBudget', () => {
  test('takes from whoever holds most, oldest first', () => {
    const evicted: string[] = [];
    const budget = new CacheBudget(100);
    const entry = (owner: string, name: string): CacheEntry => ({
      owner,
      bytes: 0,
      evict: () => evicted.push(name),
    });
    const small = entry('small', 'small');
    budget.grow(small, 30);
    for (const name of ['a', 'b', 'c']) budget.grow(entry('big', name), 30);
    expect(evicted).toEqual(['a']);
    expect(budget.bytes).toBe(90);
    budget.release(small);
    expect(budget.bytes).toBe(60);
  });
});

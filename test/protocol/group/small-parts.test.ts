/** The small parts of coordination, each by itself: pauses, hints, receipts, sent Welcomes, calls to the counter. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Context, CoordinatorEvent } from '../../../src/protocol/group/coordination/context.ts';
import { isFailure } from '../../../src/protocol/group/coordination/counter-calls.ts';
import { CounterContact } from '../../../src/protocol/group/coordination/counter-contact.ts';
import { EpochHint } from '../../../src/protocol/group/coordination/epoch-hint.ts';
import { parseReceipt } from '../../../src/protocol/counter/receipt.ts';
import { ReceiptLog } from '../../../src/protocol/group/coordination/receipt-log.ts';
import { SentWelcomes } from '../../../src/protocol/group/coordination/sent-welcomes.ts';
import { Backoff, DEFAULT_TIMING, earliest } from '../../../src/protocol/group/coordination/timing.ts';
import type { SenderId } from '../../../src/protocol/group/names.ts';
import { epoch, millis, unixMillis } from '../../../src/protocol/units.ts';
import type { Millis } from '../../../src/protocol/units.ts';
import { chainOf, receiptFor } from '../../harness/group/receipts.ts';
import { fakeCrypto } from '../../harness/group/simulation.ts';

const { receipt, history, backoff, backoffMost } = DEFAULT_TIMING;
const GROUP = new Uint8Array(16).fill(1);

test('the earliest of some times is the least that is there', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.nat(), { nil: undefined })), (times) => {
      const there = times.filter((time) => time !== undefined);
      expect(earliest(...(times as Millis[]))).toBe(there.length === 0 ? undefined : Math.min(...there));
    }),
  );
});

test('pauses double up to their limit, and begin anew', () => {
  const pauses = new Backoff(millis(100), millis(1_000));
  const next = (count: number): number[] => Array.from({ length: count }, () => pauses.next());
  expect(next(6)).toEqual([100, 200, 400, 800, 1_000, 1_000]);
  pauses.reset();
  expect(next(2)).toEqual([100, 200]);
});

describe('a hint at a later epoch', () => {
  const at = (time: number): Millis => millis(time);

  test('counts from when it was first seen; a lower one, or ours, is none', () => {
    const hint = new EpochHint(DEFAULT_TIMING);
    hint.seen(epoch(5n), epoch(5n), at(10));
    expect(hint.beyond(epoch(5n))).toBeUndefined();
    hint.seen(epoch(7n), epoch(5n), at(20));
    hint.seen(epoch(6n), epoch(5n), at(30));
    hint.seen(epoch(7n), epoch(5n), at(40));
    expect(hint.beyond(epoch(5n))).toEqual({ epoch: 7n, since: 20 });
    hint.seen(epoch(8n), epoch(5n), at(50));
    expect(hint.beyond(epoch(6n))).toEqual({ epoch: 8n, since: 50 });
    expect(hint.beyond(epoch(8n))).toBeUndefined();
    expect(hint.beyond(epoch(5n))).toBeUndefined();
  });

  test('that the counter denies is dropped, and further ones are ignored for a while, which doubles', () => {
    const hint = new EpochHint(DEFAULT_TIMING);
    let now = 0;
    for (const wait of [700, 1_400, 2_800, 5_600, 11_200, 20_000, 20_000]) {
      hint.seen(epoch(9n), epoch(5n), at(now));
      const seen = hint.beyond(epoch(5n));
      if (seen === undefined) throw new Error(`not seen at ${String(now)}`);
      hint.judge(seen, epoch(8n), at(now));
      expect(hint.beyond(epoch(5n))).toBeUndefined();
      hint.seen(epoch(9n), epoch(5n), at(now + wait - 1));
      expect(hint.beyond(epoch(5n))).toBeUndefined();
      now += wait;
    }
    expect([receipt, history]).toEqual([700, 20_000]);
  });

  test('that the counter has reached stays until we are there; then all doubt ends', () => {
    const hint = new EpochHint(DEFAULT_TIMING);
    hint.seen(epoch(9n), epoch(5n), at(0));
    const denied = hint.beyond(epoch(5n));
    if (denied !== undefined) hint.judge(denied, epoch(5n), at(0));
    hint.seen(epoch(7n), epoch(5n), at(receipt));
    const true_ = hint.beyond(epoch(5n));
    if (true_ === undefined) throw new Error('not seen');
    hint.judge(true_, epoch(7n), at(receipt));
    expect(hint.beyond(epoch(5n))).toBe(true_);
    hint.seen(epoch(8n), epoch(5n), at(receipt));
    // A judgement of a hint that a higher one has replaced says nothing of that.
    hint.judge(true_, epoch(5n), at(receipt));
    expect(hint.beyond(epoch(5n))?.epoch).toBe(8n);
    expect(hint.beyond(epoch(8n))).toBeUndefined();
    hint.seen(epoch(10n), epoch(8n), at(receipt + 1));
    const again = hint.beyond(epoch(8n));
    if (again === undefined) throw new Error('not seen');
    hint.judge(again, epoch(8n), at(receipt + 1));
    hint.seen(epoch(10n), epoch(8n), at(2 * receipt));
    expect(hint.beyond(epoch(8n))).toBeUndefined();
    hint.seen(epoch(10n), epoch(8n), at(2 * receipt + 1));
    expect(hint.beyond(epoch(8n))).toBeDefined();
  });
});

describe('the log of receipts', () => {
  test('is followed by the next receipt over the same past, by none other', () => {
    const chain = chainOf(GROUP, 4);
    const [, one, two, three] = chain;
    if (one === undefined || two === undefined || three === undefined) throw new Error('a chain of four');
    const log = new ReceiptLog(one, []);
    expect(log.isFollowedBy(two, fakeCrypto)).toBe(true);
    expect(log.isFollowedBy(three, fakeCrypto)).toBe(false);
    expect(log.isFollowedBy(one, fakeCrypto)).toBe(false);
    const [, , elsewhere] = chainOf(new Uint8Array(16).fill(2), 3);
    if (elsewhere === undefined) throw new Error('a chain of three');
    expect(log.isFollowedBy(elsewhere, fakeCrypto)).toBe(false);
    const bytes = receiptFor(GROUP, 2n, { ...two.receipt, time: unixMillis(one.receipt.time - 1) });
    expect(log.isFollowedBy({ receipt: parseReceipt(bytes), bytes }, fakeCrypto)).toBe(false);
    log.append(two, new Uint8Array([2]));
    expect([log.isFollowedBy(two, fakeCrypto), log.isFollowedBy(three, fakeCrypto)]).toEqual([false, true]);
    expect(new ReceiptLog(undefined, []).isFollowedBy(three, fakeCrypto)).toBe(true);
  });

  test('has what a counter lacks, of 64 receipts, the last 8 with Commits', () => {
    const log = new ReceiptLog(undefined, []);
    for (const [at, known] of chainOf(GROUP, 80).entries()) log.append(known, new Uint8Array([at]));
    expect(log.entries.map((entry) => entry.epoch)).toEqual(
      Array.from({ length: 64 }, (_, at) => BigInt(at + 16)),
    );
    expect(log.entries.flatMap(({ commit }) => (commit === undefined ? [] : [commit[0]]))).toEqual([
      72, 73, 74, 75, 76, 77, 78, 79,
    ]);
    const last = chainOf(GROUP, 80).at(-1)?.bytes;
    expect(log.after(epoch(78n))).toEqual([{ receipt: last, commit: new Uint8Array([79]) }]);
    expect(log.after(epoch(79n))).toEqual([]);
    expect(log.after(undefined).length).toBe(64);
  });
});

test('a Welcome that was sent can be sent again for two minutes', () => {
  const sent = new SentWelcomes();
  const welcome = (number: number) => ({
    epoch: epoch(BigInt(number)),
    attempt: 0,
    delivery: { recipient: new Uint8Array([number]) as SenderId, welcome: new Uint8Array([number]) },
    receipt: undefined,
  });
  const joiner = (number: number): SenderId => new Uint8Array([number]) as SenderId;
  const find = (number: number, now: number) => sent.find(joiner(number), millis(now))?.epoch;
  sent.remember(welcome(1), millis(0));
  expect([find(1, 0), find(1, 119_999), find(1, 120_000), find(2, 0)]).toEqual([
    1n,
    1n,
    undefined,
    undefined,
  ]);
  sent.remember(welcome(2), millis(119_999));
  expect(find(1, 119_999)).toBe(1n);
  sent.remember(welcome(3), millis(120_000));
  // Forgotten, whatever the time.
  expect([1, 2, 3].map((number) => find(number, 0))).toEqual([undefined, 2n, 3n]);
  sent.remember({ ...welcome(4), delivery: welcome(2).delivery }, millis(130_000));
  expect(find(2, 249_999)).toBe(4n);
});

describe('calls to the counter', () => {
  /** Whoever calls, at a time that a test sets. */
  function contact() {
    const clock = { now: 1_000, isReached: true };
    const events: CoordinatorEvent[] = [];
    const context = {
      options: { timing: DEFAULT_TIMING },
      get now() {
        return millis(clock.now);
      },
      get reachedSince() {
        return clock.isReached ? millis(0) : undefined;
      },
      emit: (event: CoordinatorEvent) => events.push(event),
    } as unknown as Context;
    return { clock, events, counter: new CounterContact(context) };
  }
  const unreachable = { kind: 'unreachable', reason: 'away' } as const;

  test('are made at once, and a Commit may be', () => {
    const { counter } = contact();
    expect([counter.checkAt, counter.commitNotBefore]).toEqual([1_000, 1_000]);
  });

  test('that fail are made again after pauses that double, until one succeeds', () => {
    const { counter, clock, events } = contact();
    const waits = [500, 1_000, 2_000, 4_000, 8_000, 8_000];
    for (const wait of waits) {
      counter.checkFailed(unreachable);
      expect(counter.checkAt - clock.now).toBe(wait);
    }
    expect(events).toEqual(waits.map(() => ({ kind: 'status', step: 'counter-unreachable' })));
    counter.answered(millis(3_000));
    expect(counter.checkAt).toBe(4_000);
    counter.checkFailed({ kind: 'unauthorized' });
    expect([counter.checkAt, events.at(-1)]).toEqual([
      1_000 + backoff,
      { kind: 'status', step: 'counter-unauthorized' },
    ]);
    expect(backoffMost).toBe(8_000);
  });

  test.each([
    [100, 500],
    [9_000, 9_000],
  ])('of a busy counter that says %d ms are made after %d ms', (retryLaterMs, wait) => {
    const { counter } = contact();
    counter.checkFailed({ kind: 'busy', retryLaterMs: millis(retryLaterMs) });
    expect(counter.checkAt).toBe(1_000 + wait);
    const other = contact().counter;
    other.commitFailed({ kind: 'busy', retryLaterMs: millis(retryLaterMs) });
    expect([other.commitNotBefore, other.checkAt]).toEqual([1_000 + wait, 1_000]);
  });

  test('that failed for a Commit, and locks that were lost, have their own pauses; an epoch ends all', () => {
    const { counter } = contact();
    counter.commitFailed(unreachable);
    counter.commitFailed(unreachable);
    expect(counter.commitNotBefore).toBe(2_000);
    counter.lockLost();
    counter.lockLost();
    counter.lockLost();
    expect(counter.commitNotBefore).toBe(3_000);
    counter.epochBegan();
    expect(counter.commitNotBefore).toBe(1_000);
    counter.lockLost();
    expect(counter.commitNotBefore).toBe(1_500);
    counter.commitFailed(unreachable);
    expect(counter.commitNotBefore).toBe(1_500);
    counter.commitIn(millis(7));
    expect(counter.commitNotBefore).toBe(1_007);
  });

  test('follow at once where the counter is not where we thought, and no Commit meanwhile', () => {
    const { counter } = contact();
    counter.checkIn(millis(9_000));
    counter.isElsewhere();
    expect([counter.checkAt, counter.commitNotBefore]).toEqual([1_000, 1_500]);
  });

  test('after an increment that failed come later and later, as it may have been made', () => {
    const { counter } = contact();
    counter.incrementFailed();
    expect(counter.checkAt).toBe(1_500);
    counter.incrementFailed();
    expect(counter.checkAt).toBe(2_000);
  });

  test('tell since when the counter is ahead', () => {
    const { counter, clock } = contact();
    expect(counter.isAhead()).toBe(1_000);
    clock.now = 2_000;
    expect(counter.isAhead()).toBe(1_000);
    counter.inStep();
    expect(counter.isAhead()).toBe(2_000);
    counter.checkIn(millis(9_000));
    counter.reconnected();
    expect(counter.checkAt).toBe(2_000);
  });

  test('fail in four ways; all else is an answer', () => {
    const kinds = ['unauthorized', 'busy', 'refused', 'unreachable'];
    expect(kinds.every((kind) => isFailure({ kind }))).toBe(true);
    expect(['ok', 'granted', 'locked', 'counter-error', 'fork', ''].some((kind) => isFailure({ kind }))).toBe(
      false,
    );
  });
});

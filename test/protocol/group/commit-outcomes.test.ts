/** What a member makes of each answer of the counter while it commits. */
import { describe, expect, test } from 'vitest';
import { nodeGroupCrypto as crypto } from '../../../src/main/mls/node-group-crypto.ts';
import type { IncrementOutcome, IncrementRequest, LockToken } from '../../../src/protocol/counter/client.ts';
import { parseReceipt } from '../../../src/protocol/counter/receipt.ts';
import type { Answer } from '../../../src/protocol/group/coordination/asks.ts';
import { DEFAULT_TIMING } from '../../../src/protocol/group/coordination/timing.ts';
import { fingerprintOf, senderIdOf } from '../../../src/protocol/group/names.ts';
import { epoch, millis } from '../../../src/protocol/units.ts';
import { OneCoordinator } from './one-coordinator.ts';
import { joinId } from '../../harness/group/membership.ts';

const { backoff, batch } = DEFAULT_TIMING;
const NEXT = epoch(1n);
type Fenced = Extract<IncrementRequest, { mode: 'fenced' }>;

interface Script {
  /** Answers to the locks of the Commit, one after the other; then it is granted. */
  readonly locks?: Answer<'lock'>[];
  readonly attempt?: number;
  /** Answers to its increments; then it is logged. */
  readonly increments?: ((member: OneCoordinator, request: Fenced) => IncrementOutcome)[];
}

/** A member alone in epoch 0, with a counter that answers by a script once it commits. */
function memberWith({ locks = [], increments = [], attempt = 0 }: Script): OneCoordinator {
  const receipts: Uint8Array[] = [];
  const log = (request: Fenced): IncrementOutcome => {
    const [previous] = receipts.slice(-1);
    const { val, transcript, commit } = request;
    const receipt = member.receipt(
      val,
      transcript,
      previous === undefined ? { commit } : { commit, previous },
    );
    receipts.push(receipt);
    member.current = val;
    return { kind: 'ok', receipt };
  };
  const member: OneCoordinator = new OneCoordinator('fenced', {
    lock: ({ request }) => {
      const answer = request.val === 0n ? undefined : locks.shift();
      return answer ?? { kind: 'granted', token: 'token' as LockToken, attempt, expiresInMs: millis(10_000) };
    },
    increment: ({ request }) => {
      if (request.mode === 'plain') throw new Error('fenced');
      const answer = request.val === 0n ? undefined : increments.shift();
      return answer === undefined ? log(request) : answer(member, request);
    },
  });
  member.startCreating();
  member.run(1);
  return member;
}
const timesOf = (asks: readonly { readonly at: number }[]): number[] => asks.map(({ at }) => at);
/** Asks of a kind for the Commit. */
const lockTimes = (member: OneCoordinator): number[] =>
  timesOf(member.asked('lock').filter(({ input }) => input.request.val === NEXT));
const last = (member: OneCoordinator) => member.epochs.at(-1)?.epoch;

describe('a lock', () => {
  test.each<[string, Answer<'lock'>, number]>([
    ['that somebody else holds', { kind: 'locked', retryLaterMs: millis(777) }, 777],
    ['whose answer is lost', { kind: 'unreachable', reason: 'lost' }, backoff],
    ['that is refused', { kind: 'refused', status: 400, reason: 'no' }, backoff],
    ['of a counter that is elsewhere', { kind: 'counter-error', current: epoch(0n) }, backoff],
  ])('%s is asked for again, with the same Commit', (_, answer, wait) => {
    const member = memberWith({ locks: [answer] });
    member.input({ kind: 'update' });
    member.run(wait);
    expect(lockTimes(member)).toEqual([1, 1 + wait]);
    expect(member.asked('stage').length).toBe(1);
    expect(last(member)).toBe(NEXT);
  });

  test('of a counter that is elsewhere makes the member ask at once what it has missed', () => {
    const member = memberWith({ locks: [{ kind: 'counter-error', current: epoch(0n) }] });
    const asked = member.asked('history').length;
    member.input({ kind: 'update' });
    expect(member.asked('history').length).toBe(asked + 1);
  });

  test('that failed is told as the counter’s absence', () => {
    const member = memberWith({ locks: [{ kind: 'unreachable', reason: 'lost' }] });
    member.input({ kind: 'update' });
    expect(member.events.at(-1)).toEqual({ kind: 'status', step: 'counter-unreachable' });
  });

  test('gives the attempt under which Commit, Welcome and receipt are published', () => {
    const key = new Uint8Array(32).fill(2);
    const member = memberWith({ attempt: 3 });
    const sender = senderIdOf(fingerprintOf(key, crypto), joinId());
    const payload = member.otherMls(key).makeKeyPackage().keyPackage;
    member.input({ kind: 'key-package', sender, payload });
    member.run(batch);
    expect(member.asked('publish-commit')[0]?.input).toMatchObject({ epoch: 1n, attempt: 3 });
    // The counter of this test logged attempt 0: the receipt belongs there, not to what was published now.
    expect(member.asked('publish-receipt')).toEqual([]);
    member.input({ kind: 'key-package', sender, payload });
    expect(member.asked('republish-welcome')[0]?.input.attempt).toBe(0);
  });
});

describe('an increment', () => {
  test.each<[string, (member: OneCoordinator, request: Fenced) => IncrementOutcome]>([
    ['whose answer is lost', () => ({ kind: 'unreachable', reason: 'lost' })],
    ['whose lock ran out', () => ({ kind: 'not-locked' })],
    ['of a counter that is elsewhere', () => ({ kind: 'counter-error', current: epoch(0n) })],
    ['without a receipt', () => ({ kind: 'ok', receipt: undefined })],
    ['with something else than a receipt', () => ({ kind: 'ok', receipt: new Uint8Array(4) })],
  ])('%s is made again under a new lock, with the same Commit', (_, answer) => {
    const member = memberWith({ increments: [answer] });
    member.input({ kind: 'update' });
    expect(last(member)).toBe(0n);
    member.run(backoff);
    expect(lockTimes(member)).toEqual([1, 1 + backoff]);
    const commits = member.asked('publish-commit').map(({ input }) => input.commit);
    expect([commits.length, member.asked('stage').length]).toEqual([2, 1]);
    expect(commits[0]).toEqual(commits[1]);
    expect(member.asked('increment').at(-1)?.input.request).toMatchObject({ val: NEXT, token: 'token' });
    expect(last(member)).toBe(NEXT);
  });

  test.each<[string, IncrementOutcome, boolean]>([
    ['an increment to elsewhere', { kind: 'counter-error', current: epoch(0n) }, true],
    ['an increment without a receipt', { kind: 'ok', receipt: undefined }, true],
    ['a lock that ran out', { kind: 'not-locked' }, false],
    ['an answer that was lost', { kind: 'unreachable', reason: 'lost' }, false],
  ])('after %s the log is asked at once: %s', (_, answer, asksAtOnce) => {
    const member = memberWith({ increments: [() => answer] });
    const asked = member.asked('history').length;
    member.input({ kind: 'update' });
    expect(member.asked('history').length).toBe(asked + (asksAtOnce ? 1 : 0));
  });

  test('with the receipt of somebody else’s Commit leads to that, and not to ours', () => {
    const member = memberWith({
      increments: [
        (of, { val }) => {
          of.current = val;
          return { kind: 'ok', receipt: of.receipt(val, new Uint8Array(32), { commit: new Uint8Array(3) }) };
        },
      ],
    });
    member.input({ kind: 'update' });
    expect(member.asked('apply')).toEqual([]);
    expect(member.asked('publish-receipt')).toEqual([]);
    expect(member.asked('history').length).toBeGreaterThan(1);
  });

  test('carries what was staged, and its receipt is published before anything is merged', () => {
    const member = memberWith({});
    const from = member.asks.length;
    member.input({ kind: 'update' });
    expect(member.asks.slice(from).map(({ ask }) => ask.kind)).toEqual([
      'stage',
      'save',
      'lock',
      'publish-commit',
      'increment',
      'publish-receipt',
      'apply',
      'save',
    ]);
    const [sent] = member.asked('publish-commit');
    const [receipted] = member.asked('publish-receipt');
    expect(receipted?.input).toMatchObject({ group: member.group, epoch: NEXT, attempt: 0 });
    const { commitHash } = parseReceipt(receipted?.input.receipt ?? new Uint8Array(0));
    expect(commitHash).toEqual(crypto.sha256(sent?.input.commit ?? new Uint8Array(0)));
    expect(member.events.at(-1)).toMatchObject({
      kind: 'epoch',
      by: 0,
      receipt: { receipt: { time: 1_000_000 } },
    });
  });
});

test('an increment that was not answered is told as the counter’s absence', () => {
  const member = memberWith({ increments: [() => ({ kind: 'busy', retryLaterMs: millis(9_000) })] });
  member.input({ kind: 'update' });
  expect(member.events.at(-1)).toEqual({ kind: 'status', step: 'counter-unreachable' });
  member.run(9_000);
  expect(lockTimes(member)).toEqual([1, 9_001]);
});

test('nothing is published where somebody else’s receipt came while the lock was asked for', () => {
  const member = memberWith({});
  member.hold('lock');
  member.input({ kind: 'update' });
  const payload = member.receipt(NEXT, new Uint8Array(32), { commit: new Uint8Array(3) });
  member.input({ kind: 'commit-object', object: { epoch: NEXT, object: 1, payload } });
  member.release();
  expect(lockTimes(member)).toEqual([1]);
  member.run(10_000);
  // A counter that was restored from a backup may grant the lock again and again: it is not asked without a pause.
  expect(lockTimes(member).map((at) => at - 1)).toEqual([0, 500, 1_500, 3_500, 7_500]);
  expect(member.asked('publish-commit')).toEqual([]);
});

test('in plain mode nothing is published where somebody else’s Commit came while the lock was asked for', () => {
  const member = new OneCoordinator('plain');
  member.startCreating();
  member.run(1);
  member.hold('lock');
  member.input({ kind: 'update' });
  const payload = Buffer.from(JSON.stringify({ group: 'other', removes: [], adds: [] }));
  member.input({ kind: 'commit-object', object: { epoch: NEXT, object: 0, payload } });
  member.release();
  // It cannot be processed and is dropped; then it is our turn.
  expect(member.asks.slice(-9).map(({ ask }) => ask.kind)).toEqual(
    expect.arrayContaining(['process', 'lock', 'publish-commit', 'apply', 'increment']),
  );
  const kinds = member.asks.map(({ ask }) => ask.kind);
  expect(kinds.indexOf('process')).toBeLessThan(kinds.indexOf('publish-commit'));
});

test.each([
  ['always new', 1],
  ['always the same', 0],
])('in plain mode what is refused keeps nothing else waiting, however fast it comes: %s', (_, step) => {
  let count = 0;
  const flood = (): void => {
    const payload = Buffer.from(`junk ${String((count += step))}`);
    member.feedMeanwhile({ kind: 'commit-object', object: { epoch: NEXT, object: 0, payload } });
  };
  const member: OneCoordinator = new OneCoordinator('plain', {
    process: () => {
      flood();
      return { kind: 'refused', reason: 'junk', author: undefined };
    },
  });
  member.startCreating();
  member.run(1);
  flood();
  member.input({ kind: 'update' });
  expect(last(member)).toBe(NEXT);
  expect(member.asked('process').length).toBeLessThan(20);
});

test('in plain mode our Commit is merged whatever comes of the increment, which is made up for', () => {
  let fails = false;
  const member: OneCoordinator = new OneCoordinator('plain', {
    increment: () => {
      if (fails) {
        fails = false;
        return { kind: 'unreachable', reason: 'lost' };
      }
      member.current = epoch((member.current ?? -1n) + 1n);
      return { kind: 'ok', receipt: undefined };
    },
  });
  member.startCreating();
  member.run(1);
  fails = true;
  member.input({ kind: 'update' });
  expect([last(member), member.current]).toEqual([NEXT, 0n]);
  member.run(backoff);
  expect(member.current).toBe(NEXT);
  expect(member.asked('publish-commit').length).toBe(1);
});

test('a receipt that the counter signed for a plan of ours is used though the answer was lost', () => {
  const member = memberWith({
    increments: [
      (of, { val, commit, transcript }) => {
        of.current = val;
        const [genesis] = of.asked('save').slice(-2);
        const previous = genesis?.input.record.log[0]?.receipt;
        const receipt = of.receipt(
          val,
          transcript,
          previous === undefined ? { commit } : { commit, previous },
        );
        of.logged = [{ epoch: val, attempt: 0, commit: undefined, receipt }];
        return { kind: 'unreachable', reason: 'lost' };
      },
    ],
  });
  member.input({ kind: 'update' });
  member.run(DEFAULT_TIMING.historyLeast);
  expect(last(member)).toBe(NEXT);
  expect(member.asked('apply').length).toBe(1);
});

import { describe, expect, test } from 'vitest';
import { DEFAULT_TIMING } from '../../../src/protocol/group/coordination/timing.ts';
import { epoch } from '../../../src/protocol/units.ts';
import type { Epoch } from '../../../src/protocol/units.ts';
import type { CounterMode, UploadOutcome } from '../../../src/protocol/counter/client.ts';
import { OneCoordinator } from './one-coordinator.ts';

const { historyLeast, history, backoff } = DEFAULT_TIMING;

/** A member on its own that has made a group and Commits in it, up to `last`. */
function memberIn(last: Epoch, mode: CounterMode, upload?: () => UploadOutcome): OneCoordinator {
  const member = new OneCoordinator(mode, upload === undefined ? {} : { upload });
  member.startCreating();
  for (let at = 0n; at < last; at += 1n) {
    member.input({ kind: 'update' });
    member.run(1);
  }
  expect(member.epochs.at(-1)?.epoch).toBe(last);
  return member;
}
/** Epochs of the receipts that were given back, each time. */
const givenBack = (member: OneCoordinator) =>
  member.asked('upload').map(({ input }) => input.entries.map(({ receipt }) => member.epochOf(receipt)));
const kindsOf = ({ events }: OneCoordinator): string[] => events.map(({ kind }) => kind);

describe('a fenced counter that was restored from a backup', () => {
  test.each<[string, Epoch | undefined, Epoch[]]>([
    ['and knows nothing', undefined, [0n, 1n, 2n, 3n] as Epoch[]],
    ['and lacks the last epochs', epoch(1n), [2n, 3n] as Epoch[]],
  ])('%s is given the receipts that it lacks, oldest first', (_, current, lacks) => {
    const member = memberIn(epoch(3n), 'fenced', () => ({ kind: 'ok', current: epoch(3n) }));
    member.current = current;
    member.run(historyLeast);
    expect(givenBack(member)).toEqual([lacks]);
  });

  test('is given them with the Commits, which it may not have kept either', () => {
    const member = memberIn(epoch(2n), 'fenced', () => ({ kind: 'ok', current: epoch(2n) }));
    member.current = epoch(0n);
    member.run(historyLeast);
    const commits = member.asked('publish-commit').map(({ input }) => input.commit);
    const receipts = member.asked('publish-receipt').map(({ input }) => input.receipt);
    const [upload] = member.asked('upload');
    expect(upload?.input.group).toEqual(member.group);
    expect(upload?.input.entries).toEqual([
      { receipt: receipts[0], commit: commits[0] },
      { receipt: receipts[1], commit: commits[1] },
    ]);
  });

  test('is looked at again soon after, and left alone once it is where we are', () => {
    const member: OneCoordinator = memberIn(epoch(2n), 'fenced', () => {
      member.current = epoch(2n);
      return { kind: 'ok', current: epoch(2n) };
    });
    member.current = undefined;
    member.run(historyLeast);
    const { at } = member.asked('upload')[0] ?? { at: NaN };
    member.run(backoff);
    expect(member.asked('history').at(-1)?.at).toBe(at + backoff);
    member.run(4 * historyLeast);
    expect(member.asked('upload').length).toBe(1);
  });

  test('that takes them and stays where it is is not given them faster and faster', () => {
    const member = memberIn(epoch(2n), 'fenced', () => ({ kind: 'ok', current: epoch(2n) }));
    member.current = epoch(0n);
    member.run(20 * historyLeast);
    expect(member.asked('upload').length).toBeGreaterThan(15);
    expect(member.asked('upload').length).toBeLessThan(25);
  });

  test('that does not answer is given them again when it is asked the next time', () => {
    const member = memberIn(epoch(1n), 'fenced', () => ({ kind: 'unreachable', reason: 'away' }));
    member.current = undefined;
    member.run(3 * historyLeast);
    const times = member.asked('upload').map(({ at }) => at);
    expect(times.slice(0, 2)).toEqual([times[0], (times[0] ?? 0) + historyLeast]);
    expect(kindsOf(member)).not.toContain('equivocation');
  });

  test('that forgot the generation, as nobody was heard for long: the member comes as a newcomer', () => {
    const member = memberIn(epoch(2n), 'fenced', () => ({ kind: 'gone' }));
    member.current = undefined;
    member.run(historyLeast);
    expect(member.asked('upload')).toHaveLength(1);
    expect(member.events).toContainEqual(expect.objectContaining({ kind: 'generation' }));
  });

  test('that has signed another line meanwhile is a fork: it is told, and nothing is committed any more', () => {
    const member = memberIn(epoch(2n), 'fenced', () => ({ kind: 'fork', epoch: epoch(1n) }));
    member.current = epoch(0n);
    member.run(historyLeast);
    expect(member.events.at(-1)).toEqual({ kind: 'equivocation', epoch: 1n });
    const asked = member.asks.length;
    member.input({ kind: 'update' });
    member.run(10 * historyLeast);
    expect(member.asks.length).toBe(asked);
    expect(kindsOf(member).filter((kind) => kind === 'equivocation')).toHaveLength(1);
  });

  test('keeps at most 64 receipts of ours, the last 8 with their Commits', () => {
    const member = memberIn(epoch(70n), 'fenced', () => ({ kind: 'ok', current: epoch(70n) }));
    member.current = undefined;
    member.run(historyLeast);
    const [upload] = member.asked('upload');
    expect(givenBack(member)[0]).toEqual(Array.from({ length: 64 }, (_, at) => BigInt(at + 7)));
    expect(upload?.input.entries.map(({ commit }) => commit !== undefined)).toEqual(
      Array.from({ length: 64 }, (_, at) => at >= 56),
    );
  });
});

describe('a plain counter that is behind', () => {
  /** What was asked of it, apart from looking. */
  const moves = (member: OneCoordinator, from: number) =>
    member.asks
      .filter(({ at, ask }) => at >= from && ['lock', 'increment'].includes(ask.kind))
      .map(({ at, ask }): [number, unknown] => [at, ask.kind === 'lock' ? ask.input.request : ask.kind]);

  test('is moved on without a Commit, one epoch at a time, to where we are', () => {
    const member = memberIn(epoch(3n), 'plain');
    member.run(history);
    member.current = epoch(1n);
    const from = member.now;
    member.run(history + 10 * backoff);
    expect(moves(member, from).map(([, what]) => what)).toEqual([
      { mode: 'plain', val: 2n },
      'increment',
      { mode: 'plain', val: 3n },
      'increment',
    ]);
    expect(moves(member, from).map(([at]) => at - 2 * history)).toEqual([0, 0, backoff, backoff]);
    expect(member.current).toBe(3n);
    expect(member.epochs.at(-1)?.epoch).toBe(3n);
  });

  test('that knows nothing is moved on from the beginning', () => {
    const member = memberIn(epoch(1n), 'plain');
    member.current = undefined;
    member.run(history + 4 * backoff);
    expect(member.current).toBe(1n);
  });

  test('is not incremented by somebody who does not hold its lock', () => {
    const member: OneCoordinator = new OneCoordinator('plain', {
      lock: ({ request }) =>
        request.val === 0n && member.current !== undefined
          ? { kind: 'counter-error', current: member.current }
          : { kind: 'locked', retryLaterMs: backoff },
    });
    member.startAsMember();
    member.current = undefined;
    member.run(2 * history);
    expect(member.asked('lock').length).toBeGreaterThan(1);
    expect(member.asked('increment')).toEqual([]);
  });
});

import { describe, expect, test } from 'vitest';
import { epoch } from '../../../src/protocol/units.ts';
import { OneCoordinator } from './one-coordinator.ts';

const HIGHEST = epoch((1n << 64n) - 1n);

describe.each(['fenced', 'plain'] as const)('a Key ID that nobody sealed under, in %s mode', (mode) => {
  const member = (): OneCoordinator => {
    const made = new OneCoordinator(mode);
    made.startAsMember();
    made.run(1_000);
    return made;
  };
  /** When the counter was asked about our group. */
  const askedAt = (one: OneCoordinator): number[] =>
    [...one.asked('history'), ...one.asked('probe')]
      .filter(({ input }) => Buffer.from(input.group).equals(one.group))
      .map(({ at }) => at)
      .sort((a, b) => a - b);

  /** The epoch after ours, which renewals of keys have moved. */
  const nextOf = (one: OneCoordinator) => epoch((one.epochs.at(-1)?.epoch ?? 0n) + 1n);

  /** Lets time pass until right after a regular question. */
  const untilAsked = (one: OneCoordinator): void => {
    const before = askedAt(one).length;
    for (let waited = 0; askedAt(one).length === before; waited += 10) {
      if (waited > 60_000) throw new Error('the counter is not asked any more');
      one.run(10);
    }
  };

  test('does not delay the search for a Commit that is missing', () => {
    const one = member();
    one.input({ kind: 'epoch-hint', epoch: HIGHEST });
    one.run(120_000);
    // So that the next question is the missing Commit's.
    untilAsked(one);
    const { now } = one;
    one.input({
      kind: 'commit-object',
      object: { epoch: nextOf(one), object: 2, payload: new Uint8Array([1]) },
    });
    one.run(750);
    expect(askedAt(one).filter((at) => at > now).length).toBe(1);
  });

  test('does not hide a later hint that is true', () => {
    const one = member();
    one.input({ kind: 'epoch-hint', epoch: HIGHEST });
    one.run(120_000);
    untilAsked(one);
    const { now } = one;
    one.input({ kind: 'epoch-hint', epoch: nextOf(one) });
    one.run(750);
    expect(askedAt(one).filter((at) => at > now).length).toBe(1);
  });

  test('makes nobody ask the counter more and more, however often it comes', () => {
    const quiet = member();
    quiet.run(120_000);
    const one = member();
    for (let at = 0; at < 1_200; at += 1) {
      one.input({ kind: 'epoch-hint', epoch: HIGHEST });
      one.run(100);
    }
    expect(askedAt(one).length - askedAt(quiet).length).toBeLessThan(15);
  });
});

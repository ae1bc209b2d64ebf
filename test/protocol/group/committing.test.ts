import { describe, expect, test } from 'vitest';
import { millis } from '../../../src/protocol/units.ts';
import { OneCoordinator } from './one-coordinator.ts';

describe('plain mode', () => {
  test('a Commit is object 0, though an earlier holder of the lock failed', () => {
    const member = new OneCoordinator('plain', {
      lock: () => ({ kind: 'granted', token: undefined, attempt: 3, expiresInMs: millis(10_000) }),
    });
    member.startAsMember();
    member.input({ kind: 'update' });
    member.run(1_000);
    expect(member.asked('publish-commit').map(({ input }) => input.attempt)).toEqual([0]);
    expect(member.epochs.at(-1)?.epoch).toBe(1n);
  });
});

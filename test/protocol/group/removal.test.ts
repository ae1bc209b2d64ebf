import { expect, test } from 'vitest';
import type { OwnKeyPackage, ProcessOutcome } from '../../../src/protocol/group/mls.ts';
import { leafIndex } from '../../../src/protocol/group/roster.ts';
import { epoch } from '../../../src/protocol/units.ts';
import { OneCoordinator } from './one-coordinator.ts';

type Removed = Extract<ProcessOutcome, { kind: 'removed' }>;
const FIRST_KEY = new Uint8Array(32).fill(2);

/** A member of two in plain mode; the next Commit removes it as `outcome` says. */
function removed(outcome: Pick<Removed, 'isReplaced' | 'kicked'>, away: boolean) {
  const made: OwnKeyPackage[] = [];
  let isWelcome = false;
  const member: OneCoordinator = new OneCoordinator('plain', {
    'make-key-package': () => {
      const own = member.mls.makeKeyPackage();
      made.push(own);
      return own;
    },
    process: () => {
      const contents = { committer: leafIndex(0), removed: [leafIndex(1)], added: [] };
      return { kind: 'removed', transcript: new Uint8Array(32), contents, ...outcome };
    },
    // Whoever does not reach the counter does not know that it has missed nothing.
    probe: ({ group }) => {
      if (away && isWelcome) return { kind: 'unreachable', reason: 'away' };
      return { kind: 'ok', current: Buffer.from(group).equals(member.group) ? member.current : undefined };
    },
  });
  member.startJoining();
  const first = member.otherMls(FIRST_KEY);
  const { group } = first.createGroup(member.group);
  const adds = made.slice(-1).map(({ keyPackage }) => keyPackage);
  const staged = first.stage(group, { adds, removes: [], kicks: [] });
  if (staged.kind !== 'staged') throw new Error(staged.reason);
  const payload = staged.commit.welcomes[0]?.welcome ?? new Uint8Array(0);
  member.current = epoch(1n);
  isWelcome = true;
  member.input({ kind: 'welcome-object', object: { epoch: epoch(1n), object: 0, payload } });
  expect(member.epochs.at(-1)?.ownLeaf).toBe(1);
  member.input({ kind: 'commit-object', object: { epoch: epoch(2n), object: 0, payload: FIRST_KEY } });
  return member.events.at(-1);
}
const JOINS_AGAIN = { kind: 'status', step: 'waiting-for-member' };
/** It asks the counter for its epoch first, which is not reached. */
const WOULD_JOIN_AGAIN = { kind: 'status', step: 'counter-unreachable' };

test.each<[string, Pick<Removed, 'isReplaced' | 'kicked'>, boolean, object]>([
  ['before our eyes makes us join again', { isReplaced: false, kicked: false }, false, JOINS_AGAIN],
  ['while we were away makes us join again', { isReplaced: false, kicked: false }, true, WOULD_JOIN_AGAIN],
  [
    'with a kick is final, away or not',
    { isReplaced: false, kicked: true },
    true,
    { kind: 'stopped', reason: 'kicked' },
  ],
  [
    'for a join that this device did not make is told as such',
    { isReplaced: true, kicked: false },
    true,
    { kind: 'stopped', reason: 'replaced' },
  ],
])('a removal %s', (_, outcome, away, last) => {
  expect(removed(outcome, away)).toEqual(last);
});

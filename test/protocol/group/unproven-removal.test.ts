/** A member whom a Commit removes, whose receipt it cannot hold against the epoch that begins: when it takes that for true. */
import { describe, expect, test } from 'vitest';
import { nodeGroupCrypto as crypto } from '../../../src/main/mls/node-group-crypto.ts';
import { DEFAULT_TIMING } from '../../../src/protocol/group/coordination/timing.ts';
import { fingerprintOf, senderIdOf } from '../../../src/protocol/group/names.ts';
import { leafIndex, type LeafIndex } from '../../../src/protocol/group/roster.ts';
import { epoch, millis } from '../../../src/protocol/units.ts';
import { joinId } from '../../harness/group/membership.ts';
import { OneCoordinator } from './one-coordinator.ts';

const [OWN, BO, CY] = [leafIndex(0), leafIndex(1), leafIndex(2)];
const BO_KEY = new Uint8Array(32).fill(2);
const CY_KEY = new Uint8Array(32).fill(3);
const OWN_KEY = new Uint8Array(32).fill(1);
const WRONG = new Uint8Array(32).fill(9);
const { removal, broken } = DEFAULT_TIMING;

/** We, Bo and perhaps Cy in epoch 1; Bo logs a Commit that removes members. */
function setUp(...others: readonly Uint8Array[]) {
  let last: Uint8Array | undefined;
  const member: OneCoordinator = new OneCoordinator('fenced', {
    // Another generation is somebody else's to open.
    lock: ({ request }) =>
      request.val === 0n ? { kind: 'locked', retryLaterMs: millis(600_000) } : undefined,
    increment: ({ request }) => {
      if (request.mode === 'plain') throw new Error('fenced');
      const { val, transcript, commit } = request;
      last = member.receipt(val, transcript, { commit, ...(last && { previous: last }) });
      member.current = val;
      return { kind: 'ok', receipt: last };
    },
  });
  // Who may kick.
  member.otherOrganisers = [fingerprintOf(BO_KEY, crypto)];
  member.startAsMember();
  const bo = member.otherMls(BO_KEY);
  for (const [key, mls] of [
    [BO_KEY, bo] as const,
    ...others.map((key) => [key, member.otherMls(key)] as const),
  ])
    member.input({
      kind: 'key-package',
      sender: senderIdOf(fingerprintOf(key, crypto), joinId()),
      payload: mls.makeKeyPackage().keyPackage,
    });
  member.run(100);
  const { welcomes = [] } = member.asked('publish-commit')[0]?.input ?? {};
  const joined = welcomes.map(({ welcome }) => bo.join(welcome)).find(({ kind }) => kind === 'joined');
  if (joined?.kind !== 'joined') throw new Error('Bo is in');
  const remove = (
    removes: readonly LeafIndex[],
    beside: { readonly transcript?: Uint8Array; readonly nextKey?: Uint8Array } = {},
    kicks: readonly Uint8Array[] = [],
  ): void => {
    const staged = bo.stage(joined.group, { adds: [], removes, kicks });
    if (staged.kind !== 'staged') throw new Error(staged.reason);
    const { commit, epoch: at, transcript } = staged.commit;
    const { nextKey = staged.commit.nextKey } = beside;
    const of = { commit, nextKey, ...(last && { previous: last }) };
    const receipt = member.receipt(at, beside.transcript ?? transcript, of);
    member.current = at;
    member.input({ kind: 'commit-object', object: { epoch: at, object: 0, payload: commit } });
    member.input({ kind: 'commit-object', object: { epoch: at, object: 1, payload: receipt } });
    member.run(100);
  };
  return { member, remove };
}

const kinds = ({ events }: OneCoordinator): string[] => events.map(({ kind }) => kind);
const isRemoved = ({ events }: OneCoordinator): boolean =>
  events.some(({ kind }) => kind === 'removed-as-absent');

describe('a Commit that removes us', () => {
  test('counts at once where there is nobody but its author who could follow it', () => {
    const { member, remove } = setUp();
    remove([OWN]);
    expect(kinds(member)).not.toContain('removal-doubted');
    expect(isRemoved(member)).toBe(true);
  });

  test('counts at once where it removes whoever else could follow it', () => {
    const { member, remove } = setUp(CY_KEY);
    remove([OWN, CY]);
    expect(isRemoved(member)).toBe(true);
  });

  test('counts at once where it kicks us', () => {
    const { member, remove } = setUp(CY_KEY);
    remove([OWN], {}, [OWN_KEY]);
    expect(member.events.at(-1)).toEqual({ kind: 'stopped', reason: 'kicked' });
  });

  test('is in doubt where somebody else could follow it: nothing is committed, applied, renewed or erased', () => {
    const { member, remove } = setUp(CY_KEY);
    remove([OWN]);
    const { roster = [] } = member.epochs.at(-1) ?? {};
    expect(member.events.at(-1)).toEqual({
      kind: 'removal-doubted',
      committer: BO,
      others: roster.filter(({ leaf }) => leaf === CY),
    });
    const before = member.asks.length;
    member.input({ kind: 'update' });
    member.run(removal - 1_000);
    expect(member.asks.slice(before)).toEqual([]);
  });

  test('counts as soon as others are seen to follow it', () => {
    const { member, remove } = setUp(CY_KEY);
    remove([OWN]);
    member.input({ kind: 'removal-judged', counts: true });
    expect(isRemoved(member)).toBe(true);
    expect(member.asked('forget-group')).toHaveLength(1);
    expect(member.asked('erase')).toHaveLength(1);
    expect(member.asked('publish-key-package').at(-1)?.input.group).toEqual(member.group);
  });

  test('counts after a while in which nothing was seen', () => {
    const { member, remove } = setUp(CY_KEY);
    remove([OWN]);
    member.run(removal - 101);
    expect(isRemoved(member)).toBe(false);
    member.run(1);
    expect(isRemoved(member)).toBe(true);
    expect(member.asked('erase')).toHaveLength(1);
  });

  test('does so no sooner where the relay is not reached, but no later than a broken line is given up', () => {
    const { member, remove } = setUp(CY_KEY);
    member.input({ kind: 'disconnected' });
    remove([OWN]);
    member.run(removal + 10_000);
    expect(isRemoved(member)).toBe(false);
    member.input({ kind: 'reconnected' });
    member.run(removal - 1);
    expect(isRemoved(member)).toBe(false);
    member.run(1);
    expect(isRemoved(member)).toBe(true);

    const { member: away, remove: removeAway } = setUp(CY_KEY);
    away.input({ kind: 'disconnected' });
    removeAway([OWN]);
    away.run(broken - 101);
    expect(isRemoved(away)).toBe(false);
    away.run(1);
    expect(isRemoved(away)).toBe(true);
  });

  test('is of a line that is broken where the others move away: our place is kept for as long as in any', () => {
    const { member, remove } = setUp(CY_KEY);
    remove([OWN], { nextKey: WRONG });
    member.run(10_000);
    member.input({ kind: 'removal-judged', counts: false });
    expect(member.events.at(-1)).toEqual({ kind: 'line-broken', author: undefined, suspect: BO });
    member.input({ kind: 'removal-judged', counts: true });
    member.run(broken - 1);
    expect(member.asked('erase')).toEqual([]);
    member.run(1);
    expect(member.asked('erase')).toHaveLength(1);
    expect(isRemoved(member)).toBe(false);
  });

  test.each([[[]], [[OWN_KEY]]])(
    'breaks the line at once where its receipt has another transcript than it leads to (kicks: %j)',
    (kicks) => {
      const { member, remove } = setUp(CY_KEY);
      remove([OWN], { transcript: WRONG }, kicks);
      expect(member.events.at(-1)).toEqual({ kind: 'line-broken', author: undefined, suspect: BO });
      member.run(removal + 1_000);
      expect(isRemoved(member)).toBe(false);
    },
  );

  test('is forgotten where we leave meanwhile', () => {
    const { member, remove } = setUp(CY_KEY);
    remove([OWN]);
    member.leave();
    expect(member.events.at(-1)).toEqual({ kind: 'stopped', reason: 'left' });
    expect(member.asked('close')).toEqual([]);
  });
});

test('what is judged of a removal that nobody has logged changes nothing', () => {
  const { member } = setUp(CY_KEY);
  const before = member.events.length;
  for (const counts of [true, false]) member.input({ kind: 'removal-judged', counts });
  member.run(1_000);
  expect(member.events.slice(before)).toEqual([]);
  expect(member.epochs.at(-1)?.epoch).toBe(epoch(1n));
});

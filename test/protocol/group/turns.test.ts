import { describe, expect, test } from 'vitest';
import { nodeGroupCrypto as crypto } from '../../../src/main/mls/node-group-crypto.ts';
import type { GroupInput } from '../../../src/protocol/group/coordination/context.ts';
import { DEFAULT_TIMING } from '../../../src/protocol/group/coordination/timing.ts';
import { fingerprintOf, senderIdOf } from '../../../src/protocol/group/names.ts';
import type { Fingerprint } from '../../../src/protocol/group/names.ts';
import { leafIndex } from '../../../src/protocol/group/roster.ts';
import { epoch } from '../../../src/protocol/units.ts';
import { OneCoordinator } from './one-coordinator.ts';
import { joinId } from '../../harness/group/membership.ts';

const { batch, step, grace } = DEFAULT_TIMING;
const FIRST_KEY = new Uint8Array(32).fill(2);
const OWN = fingerprintOf(new Uint8Array(32).fill(1), crypto);
const NEWCOMER_KEY = new Uint8Array(32).fill(3);

/** Somebody's KeyPackage as it arrives. */
function knock(member: OneCoordinator, key: Uint8Array): Extract<GroupInput, { kind: 'key-package' }> {
  const { keyPackage } = member.otherMls(key).makeKeyPackage(member.epochs.at(-1)?.epoch);
  const sender = senderIdOf(fingerprintOf(key, crypto), joinId());
  return { kind: 'key-package', sender, payload: keyPackage };
}

/** Our member at leaf 1 of a group that somebody else at leaf 0 has made; in plain mode. */
function second(...organisers: Fingerprint[]): OneCoordinator {
  const member = new OneCoordinator('plain');
  member.startJoining();
  const [asked] = member.asked('publish-key-package');
  const first = member.otherMls(FIRST_KEY);
  const { group } = first.createGroup(member.group, undefined, organisers);
  const adds = asked === undefined ? [] : [asked.input.keyPackage];
  const outcome = first.stage(group, { adds, removes: [], kicks: [] });
  if (outcome.kind !== 'staged') throw new Error(outcome.reason);
  const payload = outcome.commit.welcomes[0]?.welcome ?? new Uint8Array(0);
  member.current = epoch(1n);
  member.input({ kind: 'welcome-object', object: { epoch: epoch(1n), object: 0, payload } });
  expect(member.epochs.at(-1)?.ownLeaf).toBe(1);
  return member;
}
/** What was staged, with the time since `from`. */
const staged = (member: OneCoordinator, from: number) =>
  member.asked('stage').map(({ at, input: { plan } }) => ({
    after: at - from,
    adds: plan.adds.length,
    removes: plan.removes,
    kicks: plan.kicks,
  }));

describe('whoever has the lowest leaf commits first', () => {
  test('at leaf 0 after a moment for others to come into the same Commit', () => {
    const member = new OneCoordinator('plain');
    member.startAsMember();
    const from = member.now;
    member.input(knock(member, NEWCOMER_KEY));
    member.run(step);
    expect(staged(member, from)).toEqual([{ after: batch, adds: 1, removes: [], kicks: [] }]);
  });

  test('at leaf 1 a step later, unless the one before is gone', () => {
    const member = second();
    const from = member.now;
    member.input(knock(member, NEWCOMER_KEY));
    member.run(2 * step);
    expect(staged(member, from).map(({ after }) => after)).toEqual([batch + step]);
    const other = second();
    const begin = other.now;
    other.input({ kind: 'member-vanished', leaf: leafIndex(0) });
    other.input(knock(other, NEWCOMER_KEY));
    other.run(step);
    expect(staged(other, begin).map(({ after }) => after)).toEqual([batch]);
  });
});

describe('a member that has vanished', () => {
  test('is removed when its grace is over, and not before', () => {
    const member = second();
    const from = member.now;
    member.input({ kind: 'member-vanished', leaf: leafIndex(0) });
    member.run(grace - 1);
    expect(staged(member, from)).toEqual([]);
    member.run(1_000);
    expect(staged(member, from)).toEqual([{ after: grace + batch, adds: 0, removes: [0], kicks: [] }]);
  });

  test('is not removed with others while its grace runs', () => {
    const member = second();
    member.input({ kind: 'member-vanished', leaf: leafIndex(0) });
    member.input(knock(member, NEWCOMER_KEY));
    member.run(step);
    expect(staged(member, 0).map(({ adds, removes }) => [adds, removes])).toEqual([[1, []]]);
  });

  test('that is there again in time stays', () => {
    const member = second();
    member.input({ kind: 'member-vanished', leaf: leafIndex(0) });
    member.run(grace / 2);
    member.input({ kind: 'member-alive', leaf: leafIndex(0) });
    member.run(2 * grace);
    expect(member.asked('stage')).toEqual([]);
  });
});

test('a kicked member is not let in by the very Commit that removes it', () => {
  const member = second(OWN);
  member.input(knock(member, FIRST_KEY));
  member.kick(0);
  member.run(2 * step);
  expect(staged(member, 0)[0]).toMatchObject({ adds: 0, removes: [0], kicks: [FIRST_KEY] });
});

test('nobody kicks or removes itself', () => {
  const member = second();
  member.kick(1);
  member.input({ kind: 'member-left', leaf: leafIndex(1) });
  member.input({ kind: 'member-vanished', leaf: leafIndex(1) });
  member.run(2 * grace);
  expect(member.asked('stage')).toEqual([]);
});

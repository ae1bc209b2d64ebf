import { randomBytes } from 'node:crypto';
import type { Proposal } from 'ts-mls';
import { toLeafIndex } from 'ts-mls/treemath.js';
import { describe, expect, test } from 'vitest';
import { suiteImplementation } from '../../../src/main/mls/client-config.ts';
import { commitPolicy } from '../../../src/main/mls/commit-policy.ts';
import { TsMlsAdapter } from '../../../src/main/mls/ts-mls-adapter.ts';
import { MAX_MEMBERS } from '../../../src/protocol/group/coordination/commit-size.ts';
import { leafIndex } from '../../../src/protocol/group/roster.ts';
import { founding, joinRequest, makeMembership, testParameters } from '../../harness/group/membership.ts';
import { addOf, addsOf, pskOf, rogueCommit } from '../../harness/group/rogue-commit.ts';

const TOO_MANY = 'an Add to more members than a group can have';
const [groupId, secret] = [new Uint8Array(randomBytes(16)), new Uint8Array(randomBytes(32))];
const newcomer = () => makeMembership(groupId, secret);

describe('a group with as many members as it can have', async () => {
  const mls = new TsMlsAdapter();
  const add = addOf((await mls.keyPackage(newcomer(), joinRequest())).keyPackage);
  const psk = await pskOf(newcomer());
  const remove = (removed: number): Proposal => ({ proposalType: 'remove', remove: { removed } });
  const suite = await suiteImplementation(0x0001);
  const refusal = (members: number, ...proposals: Proposal[]): string | undefined => {
    const keys = Array.from({ length: members }, (_, at) => [leafIndex(at), randomBytes(32)] as const);
    const group = { groupId, suite, members: new Map(keys), maxMembers: 4, parameters: testParameters };
    const { callback, seen } = commitPolicy(group);
    const senderLeafIndex = toLeafIndex(0);
    const sent = proposals.map((proposal) => ({ proposal, senderLeafIndex }));
    callback({ kind: 'commit', senderLeafIndex, proposals: sent });
    return seen.refusal;
  };

  test('takes no more', () => {
    expect(refusal(3, add, psk)).toBeUndefined();
    expect(refusal(4, add, psk)).toBe(TOO_MANY);
    expect(refusal(3, add, add, psk)).toBe(TOO_MANY);
  });

  test('lets in as many as it removes, in whatever order', () => {
    expect(refusal(4, remove(1), add, psk)).toBeUndefined();
    expect(refusal(4, add, psk, remove(1))).toBeUndefined();
    expect(refusal(4, remove(1), add, add, psk)).toBe(TOO_MANY);
    expect(refusal(4, remove(1), remove(1), add, add, psk)).toBe(TOO_MANY);
    // Nobody is at leaf 9.
    expect(refusal(4, remove(9), add, psk)).toBe(TOO_MANY);
  });

  test('removes and updates', () => {
    expect(refusal(4, remove(1))).toBeUndefined();
    expect(refusal(4)).toBeUndefined();
  });
});

test('a Commit that adds more than can be removed again is neither taken nor made', async () => {
  const mls = new TsMlsAdapter();
  const { group } = await mls.createGroup(newcomer(), founding());
  const joiner = newcomer();
  const first = await mls.stageCommit(group, {
    adds: [(await mls.keyPackage(joiner, joinRequest())).keyPackage],
    removes: [],
    kicks: [],
  });
  if (first.kind !== 'staged') throw new Error(first.reason);
  await mls.apply(group, first.commit.staged);
  const rogue = await mls.join(joiner, first.commit.welcomes[0]?.welcome ?? new Uint8Array(0));
  if (rogue.kind !== 'joined') throw new Error(rogue.reason);
  const adds: Uint8Array[] = [];
  while (adds.length + 2 <= MAX_MEMBERS[0x0001]) {
    adds.push((await mls.keyPackage(newcomer(), joinRequest())).keyPackage);
  }
  const refused = { kind: 'refused', reason: TOO_MANY };
  const commit = await rogueCommit(mls, rogue.group, await addsOf(joiner, ...adds), joiner);
  expect(await mls.processCommit(group, commit)).toEqual({ ...refused, author: leafIndex(1) });
  expect(await mls.stageCommit(group, { adds, removes: [], kicks: [] })).toEqual(refused);
});

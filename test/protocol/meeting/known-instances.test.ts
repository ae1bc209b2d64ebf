import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { nodeGroupCrypto } from '../../../src/main/mls/node-group-crypto.ts';
import { encodeBase64Url } from '../../../src/protocol/bytes/base64url.ts';
import { InstanceChain } from '../../../src/protocol/meeting/instance-chain.ts';
import { KnownInstances, KnownMembers } from '../../../src/protocol/meeting/known-instances.ts';
import { joinId } from '../../harness/group/membership.ts';

/** The names of a process, one after the other. */
function newProcess(): InstanceChain {
  const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
  return new InstanceChain({ random, groupCrypto: nodeGroupCrypto });
}
const names = (chain: InstanceChain, count: number): string[] =>
  Array.from({ length: count }, () => encodeBase64Url(chain.next()));

describe('the instances of a member', () => {
  test('are known by the join that the tree has, before anything was stated', () => {
    const chain = newProcess();
    const known = new KnownInstances(chain.joinId(), nodeGroupCrypto);
    const own = names(chain, 20);
    expect([own, names(newProcess(), 2)].map((all) => all.filter((name) => known.has(name)))).toEqual([
      own,
      [],
    ]);
    expect(known.isEmpty).toBe(true);
  });

  test('are over when a later one is offered, so that nobody takes up room under those that were in use', () => {
    const chain = newProcess();
    const known = new KnownInstances(chain.joinId(), nodeGroupCrypto);
    const [first = '', second = '', third = ''] = names(chain, 3);
    // In whatever order whoever comes late is offered them.
    for (const name of [second, first, ...names(newProcess(), 3)]) known.offered(name);
    expect([first, second, third].map((name) => known.has(name))).toEqual([false, true, true]);
  });

  test('are those that follow what it has stated after a restart, and not those of the join any more', () => {
    const [before, after] = [newProcess(), newProcess()];
    const known = new KnownInstances(before.joinId(), nodeGroupCrypto);
    const [first = '', second = ''] = names(before, 2);
    const [resumed = '', next = ''] = names(after, 2);
    known.offered(first);
    expect(known.add(resumed)).toBe(1);
    known.offered(second);
    expect([first, second, resumed, next].map((name) => known.has(name))).toEqual([false, false, true, true]);
    // Whoever repeats what was stated before the restart does not draw anybody back.
    expect(known.add(second)).toBeLessThan(1);
    expect(known.has(resumed)).toBe(true);
  });

  test('are those of its newest join, where it joins again', () => {
    const [before, after] = [newProcess(), newProcess()];
    const known = new KnownInstances(before.joinId(), nodeGroupCrypto);
    const [old = ''] = names(before, 1);
    known.add(old);
    known.joined(after.joinId());
    const [fresh = ''] = names(after, 1);
    expect([known.has(old), known.has(fresh), known.isEmpty]).toEqual([false, true, false]);
  });
});

test('a member is remembered while there are not a thousand others of later', () => {
  const members = new KnownMembers(nodeGroupCrypto);
  const find = (at: number): KnownInstances => members.of(`member ${String(at)}`, joinId(1));
  const [first, second] = [find(0), find(1)];
  expect(first).not.toBe(second);
  for (let at = 2; at < 1_024; at += 1) find(at);
  expect(find(0)).toBe(first);
  find(1_024);
  expect(find(0)).toBe(first);
  expect(find(1)).not.toBe(second);
});

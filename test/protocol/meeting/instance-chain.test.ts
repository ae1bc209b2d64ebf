import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { nodeGroupCrypto } from '../../../src/main/mls/node-group-crypto.ts';
import { encodeBase64Url } from '../../../src/protocol/bytes/base64url.ts';
import type { JoinId } from '../../../src/protocol/group/leaf-join.ts';
import { follows, InstanceChain } from '../../../src/protocol/meeting/instance-chain.ts';

const LABEL = Buffer.from('conclave instance v1');
const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

/** The instances of one membership, as their names have them. */
function timesOf(count: number): { readonly times: readonly string[]; readonly drawn: number } {
  let drawn = 0;
  const random = (length: number): Uint8Array => new Uint8Array(length).fill((drawn += 1));
  const chain = new InstanceChain({ random, groupCrypto: nodeGroupCrypto });
  const times = Array.from({ length: count }, () => encodeBase64Url(chain.next()));
  return { times, drawn };
}
const isAfter = (time = '', earlier = ''): boolean => follows(time, earlier, nodeGroupCrypto);

test('each instance is the hash of the next that docs/protocol.md has', () => {
  const { times } = timesOf(64);
  expect(times.at(-1)).toBe(encodeBase64Url(new Uint8Array(16).fill(1)));
  const hashed = Buffer.concat([LABEL, new Uint8Array(16).fill(1)]);
  expect(times[62]).toBe(Buffer.from(nodeGroupCrypto.sha256(hashed).slice(0, 16)).toString('base64url'));
});

test('an instance follows all those of its chain before it, and no later one nor itself', () => {
  const { times } = timesOf(64);
  for (const of of [0, 20, 63])
    for (const [at, time] of times.entries()) expect(isAfter(times[of], time)).toBe(at < of);
});

test('the id of a join is the beginning of an instance that no track has, and what follows is known by it', () => {
  const chain = new InstanceChain({ random, groupCrypto: nodeGroupCrypto });
  const before = encodeBase64Url(chain.next());
  const join = chain.joinId();
  const [first, second] = [encodeBase64Url(chain.next()), encodeBase64Url(chain.next())];
  const other = chain.joinId();
  const knows = (id: JoinId): boolean[] =>
    [before, first, second].map((time) => follows(time, id, nodeGroupCrypto));
  expect([knows(join), knows(other)]).toEqual([
    [false, true, true],
    [false, false, false],
  ]);
  const hashed = nodeGroupCrypto.sha256(Buffer.concat([LABEL, Buffer.from(first, 'base64url')]));
  expect(join).toEqual(hashed.slice(0, 8));
});

test('a join has at least 32 instances that are known by it, however many joins there were', () => {
  const chain = new InstanceChain({ random, groupCrypto: nodeGroupCrypto });
  const ids = new Set<string>();
  for (let count = 0; count < 100; count += 1) {
    const id = chain.joinId();
    ids.add(encodeBase64Url(id));
    if (count % 10 !== 9) continue;
    const times = Array.from({ length: 32 }, () => encodeBase64Url(chain.next()));
    expect(times.filter((time) => !follows(time, id, nodeGroupCrypto))).toEqual([]);
  }
  expect(ids.size).toBe(100);
});

test('when a chain has come to its end the next one begins, of which nobody could know', () => {
  const { times, drawn } = timesOf(70);
  expect([drawn, new Set(times).size]).toEqual([2, 70]);
  expect([isAfter(times[64], times[63]), isAfter(times[65], times[64])]).toEqual([false, true]);
});

import { expect, test } from 'vitest';
import { nodeGroupCrypto } from '../../../src/main/mls/node-group-crypto.ts';
import { encodeBase64Url } from '../../../src/protocol/bytes/base64url.ts';
import { follows, InstanceChain } from '../../../src/protocol/meeting/instance-chain.ts';

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
  const hashed = Buffer.from(`conclave instance v1${times[63] ?? ''}`);
  expect(times[62]).toBe(Buffer.from(nodeGroupCrypto.sha256(hashed).slice(0, 16)).toString('base64url'));
});

test('an instance follows the seventeen before it, and no later one nor itself', () => {
  const { times } = timesOf(40);
  for (const [at, time] of times.entries()) expect(isAfter(times[20], time)).toBe(at < 20 && at >= 3);
});

test('when a chain has come to its end the next one begins, of which nobody could know', () => {
  const { times, drawn } = timesOf(70);
  expect([drawn, new Set(times).size]).toEqual([2, 70]);
  expect([isAfter(times[64], times[63]), isAfter(times[65], times[64])]).toEqual([false, true]);
});

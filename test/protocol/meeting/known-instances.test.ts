import { expect, test } from 'vitest';
import { nodeGroupCrypto } from '../../../src/main/mls/node-group-crypto.ts';
import { KnownMembers } from '../../../src/protocol/meeting/known-instances.ts';

const keyOf = (at: number): Uint8Array => new Uint8Array(32).fill(at >> 8).fill(at, 16);

test('a member is remembered while there are not a thousand others of later', () => {
  const members = new KnownMembers(nodeGroupCrypto);
  const [first, second] = [members.of(keyOf(0)), members.of(keyOf(1))];
  expect(first).not.toBe(second);
  for (let at = 2; at < 1_024; at += 1) members.of(keyOf(at));
  expect(members.of(keyOf(0))).toBe(first);
  members.of(keyOf(1_024));
  expect(members.of(keyOf(0))).toBe(first);
  expect(members.of(keyOf(1))).not.toBe(second);
});

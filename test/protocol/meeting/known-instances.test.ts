import { expect, test } from 'vitest';
import { nodeGroupCrypto } from '../../../src/main/mls/node-group-crypto.ts';
import { KnownMembers } from '../../../src/protocol/meeting/known-instances.ts';

test('a member is remembered while there are not a thousand others of later', () => {
  const members = new KnownMembers(nodeGroupCrypto);
  const [first, second] = [members.of(`member ${String(0)}`), members.of(`member ${String(1)}`)];
  expect(first).not.toBe(second);
  for (let at = 2; at < 1_024; at += 1) members.of(`member ${String(at)}`);
  expect(members.of(`member ${String(0)}`)).toBe(first);
  members.of(`member ${String(1_024)}`);
  expect(members.of(`member ${String(0)}`)).toBe(first);
  expect(members.of(`member ${String(1)}`)).not.toBe(second);
});

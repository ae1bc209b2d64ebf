import { describe, expect, test } from 'vitest';
import { nodeGroupCrypto as crypto } from '../../../src/main/mls/node-group-crypto.ts';
import { equal } from '../../../src/protocol/bytes/equal.ts';
import type { GroupInput } from '../../../src/protocol/group/coordination/context.ts';
import { MAX_MEMBERS } from '../../../src/protocol/group/coordination/commit-size.ts';
import { MAX_WAITING_JOINS } from '../../../src/protocol/group/coordination/pending-work.ts';
import { fingerprintOf, senderIdOf } from '../../../src/protocol/group/names.ts';
import { leafIndex } from '../../../src/protocol/group/roster.ts';
import { millis } from '../../../src/protocol/units.ts';
import { OneCoordinator } from './one-coordinator.ts';
import { joinId } from '../../harness/group/membership.ts';

describe('plain mode', () => {
  test('a Commit is object 0, though an earlier holder of the lock failed', () => {
    const member = new OneCoordinator('plain', {
      lock: () => ({ kind: 'granted', token: undefined, attempt: 3, expiresInMs: millis(10_000) }),
    });
    member.startAsMember();
    member.input({ kind: 'update' });
    member.run(1_000);
    expect(member.asked('publish-commit').map(({ input }) => input.attempt)).toEqual([0]);
    expect(member.asked('lock').at(-1)?.input.request).toEqual({ mode: 'plain', val: 1n });
    expect(member.epochs.at(-1)?.epoch).toBe(1n);
  });
});

/** A joiner's KeyPackage as it arrives; the key begins with the number's low byte. */
const joiner = (member: OneCoordinator, number: number): Extract<GroupInput, { kind: 'key-package' }> => {
  const signatureKey = new Uint8Array(32).fill(7);
  signatureKey.set([number % 256, Math.floor(number / 256)]);
  const { keyPackage } = member.otherMls(signatureKey).makeKeyPackage();
  const sender = senderIdOf(fingerprintOf(signatureKey, crypto), joinId());
  return { kind: 'key-package', sender, payload: keyPackage };
};
const keysOf = (member: OneCoordinator): (number | undefined)[] =>
  member.epochs.at(-1)?.roster.map(({ signatureKey }) => signatureKey[0]) ?? [];

describe('a Commit that is too large for the counter', () => {
  const tooLarge = { kind: 'refused', status: 413, reason: 'The body is too large' } as const;

  test('is given up for one that lets in fewer, until all are in', () => {
    const member: OneCoordinator = new OneCoordinator('fenced', {
      increment: () => {
        const adds = member.asked('stage').at(-1)?.input.plan.adds.length ?? 0;
        return adds > 2 ? tooLarge : undefined;
      },
    });
    member.startAsMember();
    for (let key = 10; key < 16; key += 1) member.input(joiner(member, key));
    member.run(20_000);
    expect(keysOf(member)).toEqual([1, 10, 11, 12, 13, 14, 15]);
    // What was dropped is not what a restart would find.
    const saves = member.asks
      .map(({ ask }) => ask.kind)
      .filter((kind) => kind === 'stage' || kind === 'save');
    expect(saves.join(' ')).not.toContain('stage stage');
  });

  test('and cannot be smaller is tried again, and the failure told', () => {
    const member = new OneCoordinator('fenced', { increment: () => tooLarge });
    member.startAsMember();
    member.input({ kind: 'update' });
    member.run(20_000);
    expect(member.asked('stage').length).toBe(1);
    expect(member.asked('increment').length).toBeGreaterThan(2);
    expect(member.events).toContainEqual({ kind: 'status', step: 'counter-refusing' });
  });
});

test('a group that is full says so, and lets in who waits when somebody has left', () => {
  const member = new OneCoordinator('plain');
  member.startAsMember();
  const most = MAX_MEMBERS[0x0001];
  for (let number = 1; number < most; number += 1) {
    member.input(joiner(member, number));
    if (number % 200 === 0) member.run(1_000);
  }
  member.run(1_000);
  const said = () => member.events.flatMap((event) => (event.kind === 'full' ? [event.isFull] : []));
  expect([member.epochs.at(-1)?.roster.length, said()]).toEqual([most, []]);
  member.input(joiner(member, most));
  member.run(5_000);
  expect([member.epochs.at(-1)?.roster.length, said()]).toEqual([most, [true]]);
  member.input({ kind: 'member-left', leaf: leafIndex(5) });
  member.run(5_000);
  expect([member.epochs.at(-1)?.roster.length, said()]).toEqual([most, [true, false]]);
  expect(member.epochs.at(-1)?.epoch).toBe(BigInt(Math.ceil((most - 1) / 200)) + 1n);
});

describe('a plan that MLS refuses', () => {
  test('one bad KeyPackage keeps nobody else out, wherever it stands', () => {
    for (const bad of [10, 12, 16]) {
      const joiners = new Map<number, ReturnType<typeof joiner>>();
      const member: OneCoordinator = new OneCoordinator('plain', {
        stage: ({ handle, plan }) =>
          plan.adds.some((add) => equal(add, joiners.get(bad)?.payload ?? add))
            ? { kind: 'refused', reason: 'bad' }
            : member.mls.stage(handle, plan),
      });
      member.startAsMember();
      for (let key = 10; key <= 16; key += 1) joiners.set(key, joiner(member, key));
      for (const input of joiners.values()) member.input(input);
      member.run(3_000);
      expect(keysOf(member)).toEqual([1, 10, 11, 12, 13, 14, 15, 16].filter((key) => key !== bad));
      expect(member.asked('stage').length).toBeLessThan(15);
    }
  });

  test('what was refused is tried again when it is repeated in a later epoch, and not before', () => {
    let refuses = true;
    const member: OneCoordinator = new OneCoordinator('plain', {
      stage: ({ handle, plan }) =>
        refuses && plan.adds.length > 0
          ? { kind: 'refused', reason: 'not now' }
          : member.mls.stage(handle, plan),
    });
    member.startAsMember();
    const input = joiner(member, 10);
    member.input(input);
    member.run(1_000);
    for (let repetition = 0; repetition < 5; repetition += 1) member.input(input);
    member.run(1_000);
    expect(member.asked('stage').length).toBe(1);
    refuses = false;
    member.input({ kind: 'update' });
    member.run(1_000);
    expect(keysOf(member)).toEqual([1]);
    member.input(input);
    member.run(1_000);
    expect(keysOf(member)).toEqual([1, 10]);
  });

  test('a removal that cannot be made keeps no joiner out, and is given up', () => {
    let refuses = false;
    const member: OneCoordinator = new OneCoordinator('plain', {
      stage: ({ handle, plan }) =>
        refuses && plan.removes.length > 0
          ? { kind: 'refused', reason: 'not that one' }
          : member.mls.stage(handle, plan),
    });
    member.startAsMember();
    member.input(joiner(member, 10));
    member.run(1_000);
    refuses = true;
    member.kick(1);
    member.input(joiner(member, 11));
    member.input(joiner(member, 12));
    member.run(3_000);
    expect(keysOf(member)).toEqual([1, 10, 11, 12]);
    const staged = member.asked('stage').length;
    member.run(10_000);
    expect(member.asked('stage').length).toBe(staged);
  });

  test('whoever found the waiting room full gets in by asking again', () => {
    const member = new OneCoordinator('plain');
    member.startAsMember();
    const inputs = Array.from({ length: MAX_WAITING_JOINS + 1 }, (_, at) => joiner(member, at));
    for (const input of inputs) member.input(input);
    member.run(1_000);
    expect(keysOf(member).length).toBe(1 + MAX_WAITING_JOINS);
    for (const input of inputs) member.input(input);
    member.run(1_000);
    expect(keysOf(member).length).toBe(2 + MAX_WAITING_JOINS);
  });
});

import { expect, test } from 'vitest';
import type { MasterKey } from '../../../src/protocol/group/mls.ts';
import { eraseUnused } from '../../../src/protocol/group/coordination/key-custody.ts';
import { epoch } from '../../../src/protocol/units.ts';
import { fakeEpochKey } from '../../harness/group/fake-mls.ts';
import { OneCoordinator } from './one-coordinator.ts';

const NEXT = epoch(6n);
const WELCOME = new Uint8Array([1, 2, 3]);
const transcript = new Uint8Array(32).fill(7);
const isErased = (key: Uint8Array): boolean => key.every((byte) => byte === 0);

/** A joiner that is given `masterKey` with epoch 6, as soon as there is a receipt of `receipted`. */
function joinerWith(masterKey: MasterKey, receipted: Uint8Array): OneCoordinator {
  const joiner: OneCoordinator = new OneCoordinator('fenced', {
    join: () => {
      const { group, view } = joiner.mls.createGroup(joiner.group);
      return {
        kind: 'joined',
        group,
        view: { ...view, epoch: NEXT, transcript, epochKey: fakeEpochKey(transcript) },
        masterKey,
      };
    },
  });
  joiner.current = epoch(5n);
  joiner.startJoining();
  joiner.input({ kind: 'welcome-object', object: { epoch: NEXT, object: 0, payload: WELCOME } });
  joiner.current = NEXT;
  const payload = joiner.receipt(NEXT, receipted);
  joiner.input({ kind: 'welcome-object', object: { epoch: NEXT, object: 1, payload } });
  return joiner;
}
const key = (): MasterKey => new Uint8Array(32).fill(1) as MasterKey;

test('the key of an epoch is handed on with the epoch, as it came', () => {
  const masterKey = key();
  const joiner = joinerWith(masterKey, transcript);
  const [begun] = joiner.events.flatMap((event) => (event.kind === 'epoch' ? [event] : []));
  expect(begun?.masterKey).toBe(masterKey);
  expect(isErased(masterKey)).toBe(false);
});

test('the key of a group that the counter did not sign for is erased', () => {
  const masterKey = key();
  const joiner = joinerWith(masterKey, new Uint8Array(32).fill(8));
  expect(joiner.epochs).toEqual([]);
  expect(joiner.asked('forget-group').length).toBe(1);
  expect(isErased(masterKey)).toBe(true);
});

/** A member on its own whose next epoch has `masterKey`; `during` is called when MLS has merged. */
function memberWith(masterKey: MasterKey, during: (member: OneCoordinator) => void): OneCoordinator {
  const member: OneCoordinator = new OneCoordinator('plain', {
    apply: () => {
      during(member);
      return { view: member.mls.createGroup(member.group).view, masterKey };
    },
  });
  member.startAsMember();
  return member;
}

test.each(['leave', 'suspend'] as const)('%s before the epoch was announced erases its key', (how) => {
  const masterKey = key();
  const member = memberWith(masterKey, () => {
    member.hold('save');
  });
  member.input({ kind: 'update' });
  expect(member.asked('apply').length).toBe(1);
  expect(isErased(masterKey)).toBe(false);
  if (how === 'leave') member.leave();
  else member.suspend();
  expect(isErased(masterKey)).toBe(true);
});

test('the key of a group that somebody else was the first to make is erased', () => {
  const masterKey = key();
  const creator: OneCoordinator = new OneCoordinator('plain', {
    'create-group': ({ group }) => ({ ...creator.mls.createGroup(group), masterKey }),
    increment: () => {
      creator.current = epoch(0n);
      return { kind: 'counter-error', current: epoch(0n) };
    },
  });
  creator.current = undefined;
  creator.startJoining();
  expect(creator.asked('create-group').length).toBe(1);
  expect(creator.asked('forget-group').length).toBe(1);
  expect(creator.epochs).toEqual([]);
  expect(isErased(masterKey)).toBe(true);
});

test('the key in an answer that comes after leaving is erased', () => {
  const masterKey = key();
  const member = memberWith(masterKey, () => undefined);
  member.hold('apply');
  member.input({ kind: 'update' });
  member.leave();
  expect(isErased(masterKey)).toBe(false);
  member.release();
  expect(isErased(masterKey)).toBe(true);
});

test('of all answers that come too late only keys are erased', () => {
  const [masterKey, other] = [key(), key()];
  for (const answer of [
    undefined,
    null,
    7,
    'masterKey',
    [],
    {},
    { other },
    { masterKey: 'text' },
    { masterKey },
  ])
    eraseUnused(answer);
  expect([isErased(masterKey), isErased(other)]).toEqual([true, false]);
});

test('leaving erases what was saved, says so once, and nothing is done any more', () => {
  const member = new OneCoordinator('fenced');
  member.startAsMember();
  const from = member.asks.length;
  member.leave();
  member.input({ kind: 'update' });
  member.run(120_000);
  // Who is the last one says so to the counter.
  expect(member.asks.slice(from).map(({ ask }) => ask.kind)).toEqual(['close', 'erase']);
  expect(member.events.filter(({ kind }) => kind === 'stopped')).toEqual([
    { kind: 'stopped', reason: 'left' },
  ]);
});

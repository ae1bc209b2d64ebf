/** What must survive a crash is saved before anybody can hear of it. */
import { describe, expect, test } from 'vitest';
import type { LockOutcome, LockToken } from '../../../src/protocol/counter/client.ts';
import type { StagedCommit } from '../../../src/protocol/group/mls.ts';
import { fingerprintOf, senderIdOf } from '../../../src/protocol/group/names.ts';
import { nodeGroupCrypto as crypto } from '../../../src/main/mls/node-group-crypto.ts';
import { epoch, millis } from '../../../src/protocol/units.ts';
import { OneCoordinator } from './one-coordinator.ts';
import { joinId } from '../../harness/group/membership.ts';

const OTHER_KEY = new Uint8Array(32).fill(2);
const sender = senderIdOf(fingerprintOf(OTHER_KEY, crypto), joinId());

const granted: LockOutcome = {
  kind: 'granted',
  token: 'token' as LockToken,
  attempt: 0,
  expiresInMs: millis(10_000),
};

/** What was asked since the `from`th ask. */
const since = (member: OneCoordinator, from: number): string[] =>
  member.asks.slice(from).map(({ ask }) => ask.kind);

describe.each(['fenced', 'plain'] as const)('in %s mode', (mode) => {
  test('a Commit rests in the store before a lock is asked for or anything of it is sent', () => {
    const member = new OneCoordinator(mode);
    member.startCreating();
    const from = member.asks.length;
    member.hold('save');
    member.input({ kind: 'update' });
    member.run(60_000);
    expect(since(member, from)).toEqual(['stage', 'save']);
    member.release();
    member.run(1);
    expect(since(member, from).slice(2, 4)).toEqual(['lock', 'publish-commit']);
  });

  test('an epoch rests in the store before it is announced', () => {
    const member: OneCoordinator = new OneCoordinator(mode, {
      apply: ({ handle, staged }) => {
        member.hold('save');
        return member.mls.apply(handle, staged);
      },
    });
    member.startCreating();
    member.input({ kind: 'update' });
    member.run(60_000);
    expect(since(member, -1)).toEqual(['save']);
    expect(member.epochs.map((view) => view.epoch)).toEqual([0n]);
    member.release();
    expect(member.epochs.map((view) => view.epoch)).toEqual([0n, 1n]);
  });

  test('a new group rests in the store, marked as not yet ours, before the counter hears of it', () => {
    const member = new OneCoordinator(mode);
    member.hold('save');
    member.startCreating();
    member.run(60_000);
    expect(since(member, 0).filter((kind) => kind !== 'room')).toEqual(['lock', 'create-group', 'save']);
    const before = member.asks.length;
    expect(member.asked('save')[0]?.input.record.creating).toBe(true);
    member.release();
    expect(since(member, before).slice(0, 1)).toEqual(['increment']);
    expect(member.asked('save').at(-1)?.input.record.creating).toBe(false);
    expect(member.epochs.length).toBe(1);
  });
});

test('a join rests in the store before it is announced', () => {
  const member = new OneCoordinator('plain');
  member.startJoining();
  const first = member.otherMls(OTHER_KEY);
  const { group } = first.createGroup(member.group);
  const adds = member.asked('publish-key-package').map(({ input }) => input.keyPackage);
  const outcome = first.stage(group, { adds, removes: [], kicks: [] });
  if (outcome.kind !== 'staged') throw new Error(outcome.reason);
  const payload = outcome.commit.welcomes[0]?.welcome ?? new Uint8Array(0);
  member.hold('save');
  member.input({ kind: 'welcome-object', object: { epoch: epoch(1n), object: 0, payload } });
  expect([since(member, -1), member.epochs]).toEqual([['save'], []]);
  member.release();
  expect(member.epochs.map((view) => view.epoch)).toEqual([1n]);
});

describe('a Commit that was saved when the process died', () => {
  /** Stages a Commit that lets somebody in, and what rests in the store then. */
  function died() {
    const staged: StagedCommit[] = [];
    const member: OneCoordinator = new OneCoordinator('fenced', {
      stage: ({ handle, plan }) => {
        const outcome = member.mls.stage(handle, plan);
        if (outcome.kind === 'staged') staged.push(outcome.commit);
        return outcome;
      },
    });
    member.startCreating();
    member.hold('lock');
    const { keyPackage } = member.otherMls(OTHER_KEY).makeKeyPackage();
    member.input({ kind: 'key-package', sender, payload: keyPackage });
    member.run(1_000);
    const { record, handle } = member.asked('save').at(-1)?.input ?? {};
    const [commit] = staged;
    if (record === undefined || handle === undefined || commit === undefined) throw new Error('not saved');
    const { group, ...begun } = member.mls.restore(member.mls.serialise(handle));
    return { member, record, commit, restored: { ...begun, handle: group } };
  }
  const restart = ({ member, record, restored }: ReturnType<typeof died>): OneCoordinator => {
    const again = new OneCoordinator('fenced', {}, member);
    again.resume({ record, ...restored });
    again.run(1_000);
    return again;
  };
  /** Nonces of the locks that were asked for, for Commits. */
  const nonces = (member: OneCoordinator): unknown[] =>
    member
      .asked('lock')
      .flatMap(({ input: { request } }) =>
        request.mode === 'fenced' && request.val > 0n ? [Buffer.from(request.nonce).toString('hex')] : [],
      );

  test('is the one that goes out after the restart, with its Welcome to the same joiner', () => {
    const before = died();
    const { record, commit } = before;
    expect(record.recipients).toEqual([{ ref: commit.welcomes[0]?.ref, recipient: sender }]);
    const again = restart(before);
    expect(again.asked('stage')).toEqual([]);
    expect(again.asked('publish-commit')[0]?.input).toMatchObject({
      epoch: 1n,
      commit: commit.commit,
      welcomes: [{ recipient: sender, welcome: commit.welcomes[0]?.welcome }],
    });
    expect(again.epochs.at(-1)?.epoch).toBe(1n);
    expect(again.epochs.at(-1)?.roster.length).toBe(2);
  });

  test('asks for its lock under another nonce: the old lock may be in use by what the dead process has sent', () => {
    const before = died();
    const again = restart(before);
    expect([nonces(before.member).length, nonces(again).length]).toEqual([1, 1]);
    expect(nonces(again)[0]).toMatch(/^[0-9a-f]{32}$/);
    expect(nonces(again)).not.toEqual(nonces(before.member));
  });
});

test('a lock whose answer was lost is asked for again under the same nonce', () => {
  const member: OneCoordinator = new OneCoordinator('fenced', {
    lock: ({ request }) => (request.val === 0n ? granted : { kind: 'unreachable', reason: 'lost' }),
  });
  member.startCreating();
  member.input({ kind: 'update' });
  member.run(10_000);
  const asked = member
    .asked('lock')
    .map(({ input: { request } }) => (request.mode === 'fenced' ? request.nonce : undefined));
  expect(asked.length).toBeGreaterThan(3);
  expect(new Set(asked.slice(1).map(String)).size).toBe(1);
});

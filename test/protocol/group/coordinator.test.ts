/** The coordinator as a machine: when it wants to be called, what it forgets, how it takes up what rested. */
import { describe, expect, test } from 'vitest';
import { nodeGroupCrypto as crypto } from '../../../src/main/mls/node-group-crypto.ts';
import { InvariantError } from '../../../src/protocol/errors.ts';
import type { LogEntry } from '../../../src/protocol/group/coordination/asks.ts';
import { Coordinator } from '../../../src/protocol/group/coordination/coordinator.ts';
import type { CoordinatorEffect } from '../../../src/protocol/group/coordination/coordinator.ts';
import { DEFAULT_TIMING } from '../../../src/protocol/group/coordination/timing.ts';
import { fingerprintOf, groupNameOf, senderIdOf } from '../../../src/protocol/group/names.ts';
import type { RoomKey } from '../../../src/protocol/group/room-keys.ts';
import { epoch, millis } from '../../../src/protocol/units.ts';
import { OneCoordinator } from './one-coordinator.ts';
import { joinId } from '../../harness/group/membership.ts';

const KEY = new Uint8Array(32).fill(1);
const room = new Uint8Array(32).fill(1) as RoomKey;

function bare(): Coordinator {
  return new Coordinator({
    room,
    parameters: {
      secureObjectsSuite: 4,
      profile: '01',
      mode: 'plain',
      receiptKey: undefined,
      kickedKeys: [],
      admission: 'open',
      organisers: [],
    },
    fingerprint: fingerprintOf(KEY, crypto),
    crypto,
    random: (length) => new Uint8Array(length),
    joinId,
    timing: DEFAULT_TIMING,
  });
}
function drain(coordinator: Coordinator): CoordinatorEffect[] {
  const effects: CoordinatorEffect[] = [];
  for (let effect = coordinator.poll(); effect !== undefined; effect = coordinator.poll())
    effects.push(effect);
  return effects;
}

describe('calls', () => {
  test('before the start do nothing; there is one start', () => {
    const coordinator = bare();
    coordinator.handle({ kind: 'update' }, millis(0));
    coordinator.handle({ kind: 'answer', id: 1, answer: undefined }, millis(0));
    coordinator.expire(millis(1));
    expect([drain(coordinator), coordinator.deadline()]).toEqual([[], undefined]);
    coordinator.handle({ kind: 'start', restored: undefined, kickedKeys: [] }, millis(2));
    expect(() => {
      coordinator.handle({ kind: 'start', restored: undefined, kickedKeys: [] }, millis(3));
    }).toThrow(InvariantError);
    expect(drain(coordinator).map((effect) => effect.kind)).toEqual(['event', 'ask']);
  });

  test('with the answer to another ask than the open one change nothing', () => {
    const coordinator = bare();
    coordinator.handle({ kind: 'start', restored: undefined, kickedKeys: [] }, millis(0));
    const asked = drain(coordinator).flatMap((effect) => (effect.kind === 'ask' ? [effect.id] : []));
    expect(asked).toEqual([1]);
    coordinator.handle({ kind: 'answer', id: 2, answer: { kind: 'granted' } }, millis(0));
    expect([drain(coordinator), coordinator.deadline()]).toEqual([[], undefined]);
    const locked = { kind: 'locked', retryLaterMs: millis(500) };
    coordinator.handle({ kind: 'answer', id: 1, answer: locked }, millis(10));
    expect(drain(coordinator)).toEqual([
      { kind: 'event', event: { kind: 'status', step: 'waiting-for-creator' } },
    ]);
  });

  test('are wanted at the end of a pause, and before it lets nothing go on', () => {
    const coordinator = bare();
    coordinator.handle({ kind: 'start', restored: undefined, kickedKeys: [] }, millis(0));
    drain(coordinator);
    coordinator.handle({ kind: 'answer', id: 1, answer: { kind: 'locked', retryLaterMs: 500 } }, millis(10));
    drain(coordinator);
    expect(coordinator.deadline()).toBe(510);
    coordinator.expire(millis(509));
    coordinator.handle({ kind: 'update' }, millis(509));
    expect([drain(coordinator), coordinator.deadline(), coordinator.now]).toEqual([[], 510, 509]);
    coordinator.expire(millis(510));
    expect(drain(coordinator)).toMatchObject([{ kind: 'ask', id: 2, ask: { kind: 'lock' } }]);
    expect(coordinator.deadline()).toBeUndefined();
  });

  test('after it was suspended do nothing, and what it wanted is forgotten', () => {
    const coordinator = bare();
    coordinator.handle({ kind: 'start', restored: undefined, kickedKeys: [] }, millis(0));
    coordinator.suspend();
    coordinator.handle({ kind: 'answer', id: 1, answer: { kind: 'locked', retryLaterMs: 500 } }, millis(0));
    coordinator.handle({ kind: 'reconnected' }, millis(0));
    coordinator.expire(millis(10_000));
    expect([drain(coordinator), coordinator.deadline()]).toEqual([[], undefined]);
  });

  test('to leave end a pause, too', () => {
    const coordinator = bare();
    coordinator.handle({ kind: 'start', restored: undefined, kickedKeys: [] }, millis(0));
    drain(coordinator);
    coordinator.handle({ kind: 'answer', id: 1, answer: { kind: 'locked', retryLaterMs: 500 } }, millis(0));
    drain(coordinator);
    coordinator.handle({ kind: 'leave' }, millis(1));
    expect(drain(coordinator)).toMatchObject([{ kind: 'ask', id: 2, ask: { kind: 'erase' } }]);
    coordinator.handle({ kind: 'answer', id: 2, answer: undefined }, millis(2));
    expect(drain(coordinator)).toEqual([{ kind: 'event', event: { kind: 'stopped', reason: 'left' } }]);
    coordinator.expire(millis(10_000));
    expect([drain(coordinator), coordinator.deadline()]).toEqual([[], undefined]);
  });
});

describe('a membership that rested', () => {
  /** Takes up epoch 0 of generation 2 with a log. */
  function resumed(mode: 'fenced' | 'plain', logOf: (member: OneCoordinator) => LogEntry[]) {
    const member = new OneCoordinator(mode, {
      history: () => ({ kind: 'ok', current: epoch(0n), entries: [], nextFrom: undefined }),
      probe: () => ({ kind: 'ok', current: undefined }),
      lock: () => ({ kind: 'locked', retryLaterMs: millis(60_000) }),
    });
    const group = groupNameOf(room, 2, crypto);
    const { group: handle, ...created } = member.mls.createGroup(group);
    const senderId = senderIdOf(fingerprintOf(KEY, crypto), joinId(3));
    const record = {
      generation: 2,
      senderId,
      creating: false,
      log: logOf(member),
      joins: { since: epoch(0n), past: [], known: [] },
      recipients: [],
    };
    member.resume({ record, handle, ...created, staged: undefined });
    member.run(1);
    return { member, group, record };
  }
  const receiptOf = (member: OneCoordinator, of = epoch(0n)): LogEntry => ({
    epoch: of,
    receipt: member.receipt(of, new Uint8Array(0), { group: groupNameOf(room, 2, crypto) }),
    commit: undefined,
  });

  test('goes on in its generation, under its SenderId, with its log', () => {
    const { member, group, record } = resumed('fenced', (of) => [receiptOf(of)]);
    expect(member.asked('enter-group').map(({ input }) => input)).toEqual([
      { generation: record.generation, group, senderId: record.senderId },
    ]);
    expect(member.asked('save').at(-1)?.input.record).toEqual(record);
    expect(member.events.slice(0, 2)).toMatchObject([
      {
        kind: 'epoch',
        group,
        senderId: record.senderId,
        receipt: { receipt: { time: 1_000_000 } },
        by: undefined,
      },
      { kind: 'status', step: 'member' },
    ]);
  });

  /** Whether a Commit is applied whose receipt follows no receipt of the log. */
  const takesForeign = ({ member, group }: ReturnType<typeof resumed>): boolean => {
    const payload = new Uint8Array([1]);
    const receipt = member.receipt(epoch(1n), new Uint8Array(32), { commit: payload, group });
    member.input({ kind: 'commit-object', object: { epoch: epoch(1n), object: 1, payload: receipt } });
    member.input({
      kind: 'commit-object',
      object: { epoch: epoch(1n), object: 0, payload: Buffer.from('{}') },
    });
    return !member.events.some(({ kind }) => kind === 'equivocation');
  };

  test('knows from its log what the next receipt has to follow', () => {
    const known = resumed('fenced', (of) => [receiptOf(of, epoch(9n)), receiptOf(of)]);
    const payload = new Uint8Array([1]);
    const receipt = known.member.receipt(epoch(1n), new Uint8Array(32), {
      commit: payload,
      group: known.group,
    });
    known.member.input({ kind: 'commit-object', object: { epoch: epoch(1n), object: 0, payload } });
    known.member.input({ kind: 'commit-object', object: { epoch: epoch(1n), object: 1, payload: receipt } });
    expect(known.member.events.at(-1)).toEqual({ kind: 'equivocation', epoch: 1n });
  });

  test.each<[string, (member: OneCoordinator) => LogEntry[]]>([
    ['is empty', () => []],
    ['has no receipt of this epoch', (of) => [receiptOf(of, epoch(9n))]],
    ['has something else than a receipt', (of) => [{ ...receiptOf(of), receipt: new Uint8Array(4) }]],
    ['has a receipt of another counter', () => [receiptOf(new OneCoordinator('fenced'))]],
  ])('whose log %s takes up no receipt, and its epoch has no time', (_, logOf) => {
    const taken = resumed('fenced', logOf);
    const [begun] = taken.member.events;
    expect(begun).toMatchObject({ kind: 'epoch', receipt: undefined });
    expect(takesForeign(taken)).toBe(true);
  });

  test('in plain mode has no receipts', () => {
    const { member } = resumed('plain', () => []);
    expect(member.events[0]).toMatchObject({ kind: 'epoch', receipt: undefined });
  });
});

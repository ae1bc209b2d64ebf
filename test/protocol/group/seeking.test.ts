/** Finding the room's group, or making it; and what a crash in between leaves. */
import { describe, expect, test } from 'vitest';
import { nodeGroupCrypto as crypto } from '../../../src/main/mls/node-group-crypto.ts';
import type { CounterFailure, IncrementOutcome, LockToken } from '../../../src/protocol/counter/client.ts';
import type { Answer } from '../../../src/protocol/group/coordination/asks.ts';
import type { CreatedGroup } from '../../../src/protocol/group/mls.ts';
import { groupNameOf } from '../../../src/protocol/group/names.ts';
import type { RoomKey } from '../../../src/protocol/group/room-keys.ts';
import { epoch, millis } from '../../../src/protocol/units.ts';
import { OneCoordinator } from './one-coordinator.ts';

const GENESIS = epoch(0n);
const unreachable: CounterFailure = { kind: 'unreachable', reason: 'away' };
const named = (generation: number) => groupNameOf(new Uint8Array(32).fill(1) as RoomKey, generation, crypto);
const steps = ({ events }: OneCoordinator): string[] =>
  events.flatMap((event) => (event.kind === 'status' ? [event.step] : []));
const kinds = ({ asks }: OneCoordinator): string[] => asks.map(({ ask }) => ask.kind);
const granted: Answer<'lock'> = {
  kind: 'granted',
  token: 'token' as LockToken,
  attempt: 0,
  expiresInMs: millis(10_000),
};

describe('where the room has groups', () => {
  test('in plain mode the highest generation that exists is joined', () => {
    const seeker: OneCoordinator = new OneCoordinator('plain', {
      probe: ({ group }) => {
        const exists = [1, 2].some((each) => Buffer.from(group).equals(named(each)));
        return { kind: 'ok', current: exists ? epoch(9n) : undefined };
      },
    });
    seeker.startJoining();
    // And that one is asked for its epoch.
    expect(seeker.asked('probe').map(({ input }) => input.group)).toEqual([1, 2, 3, 2].map(named));
    expect(seeker.asked('enter-group')[0]?.input.group).toEqual(named(2));
    expect(seeker.asked('create-group')).toEqual([]);
    expect(steps(seeker)).toEqual(['seeking', 'waiting-for-member']);
  });

  test('in fenced mode the counter says in one call which is the meeting, and nothing else is looked at', () => {
    const seeker = new OneCoordinator('fenced', { room: () => ({ kind: 'ok', meeting: 2, next: 5 }) });
    seeker.startJoining();
    expect(kinds(seeker).slice(0, 2)).toEqual(['room', 'enter-group']);
    expect(seeker.asked('enter-group')[0]?.input.group).toEqual(named(2));
    expect([...seeker.asked('lock'), ...seeker.asked('create-group')]).toEqual([]);
  });

  test('where none of them is alive, the next one begins', () => {
    const seeker: OneCoordinator = new OneCoordinator('fenced', {
      room: () => ({ kind: 'ok', meeting: undefined, next: 5 }),
    });
    seeker.startCreating();
    expect(seeker.asked('lock')[0]?.input).toMatchObject({
      group: named(5),
      request: { val: 0n, generation: 5 },
    });
  });

  test.each(['fenced', 'plain'] as const)(
    'in %s mode it begins with the keys that are remembered as kicked, and with its door closed',
    (mode) => {
      const seeker = new OneCoordinator(mode);
      seeker.kickedKeys = [7, 8].map((key) => new Uint8Array(32).fill(key));
      seeker.startCreating();
      seeker.run(0);
      const parameters = { kickedKeys: seeker.kickedKeys, admission: 'ask' };
      expect(seeker.asked('create-group')[0]?.input.parameters).toMatchObject(parameters);
      expect(seeker.epochs[0]?.parameters).toMatchObject(parameters);
    },
  );

  test('and one came to life meanwhile, that is joined once the counter says so', () => {
    const rooms: Answer<'room'>[] = [{ kind: 'ok', meeting: undefined, next: 1 }];
    const seeker = new OneCoordinator('fenced', {
      room: () => rooms.shift() ?? { kind: 'ok', meeting: 0, next: 1 },
      lock: () => ({ kind: 'alive', retryLaterMs: millis(60_000) }),
    });
    seeker.startJoining();
    seeker.run(1_000);
    expect(seeker.asked('enter-group')[0]?.input.group).toEqual(named(0));
    expect(seeker.asked('create-group')).toEqual([]);
  });

  test('the counter is asked until it answers', () => {
    const answers: Answer<'room'>[] = [
      unreachable,
      { kind: 'refused', status: 403, reason: 'no' },
      { kind: 'unauthorized' },
    ];
    const seeker = new OneCoordinator('fenced', {
      room: () => answers.shift() ?? { kind: 'ok', meeting: 0, next: 1 },
    });
    seeker.startJoining();
    seeker.run(8_000);
    expect(seeker.asked('room').map(({ at }) => at)).toEqual([0, 500, 1_500, 3_500]);
    expect(steps(seeker)).toEqual([
      'seeking',
      'counter-unreachable',
      'counter-refusing',
      'counter-unauthorized',
      'waiting-for-member',
    ]);
  });
});

describe('where there is none', () => {
  test('it is made, saved, and is ours with the counter’s receipt of epoch 0', () => {
    const made: CreatedGroup[] = [];
    const creator: OneCoordinator = new OneCoordinator('fenced', {
      'create-group': ({ group, parameters }) => {
        expect(parameters.mode).toBe('fenced');
        const created = creator.mls.createGroup(group);
        made.push(created);
        return created;
      },
    });
    creator.startCreating();
    expect(kinds(creator).slice(0, 7)).toEqual([
      'room',
      'lock',
      'create-group',
      'save',
      'increment',
      'enter-group',
      'save',
    ]);
    expect(steps(creator)).toEqual(['seeking', 'creating', 'member']);
    const [lock] = creator.asked('lock');
    expect(lock?.input).toEqual({
      group: creator.group,
      request: {
        mode: 'fenced',
        val: GENESIS,
        nonce: expect.objectContaining({ length: 16 }) as Uint8Array,
        generation: 0,
      },
    });
    expect(creator.asked('increment')[0]?.input).toEqual({
      group: creator.group,
      request: {
        mode: 'fenced',
        val: GENESIS,
        token: 'token',
        commit: made[0]?.groupContext,
        transcript: new Uint8Array(0),
        nextKey: made[0]?.view.epochKey,
      },
    });
    const [first, last] = creator.asked('save').map(({ input }) => input.record);
    const { senderId } = creator.asked('enter-group')[0]?.input ?? {};
    const record = {
      generation: 0,
      senderId,
      joins: { since: epoch(0n), past: [], known: [] },
      recipients: [],
    };
    expect(first).toEqual({ ...record, creating: true, log: [] });
    expect(last).toMatchObject({ ...record, creating: false, log: [{ epoch: GENESIS, commit: undefined }] });
    expect(creator.events.find(({ kind }) => kind === 'epoch')).toMatchObject({
      receipt: { receipt: { time: 1_000_000 } },
      by: undefined,
    });
  });

  test('in plain mode there is no nonce, no token and no receipt', () => {
    const creator = new OneCoordinator('plain');
    creator.startCreating();
    expect(creator.asked('lock')[0]?.input.request).toEqual({ mode: 'plain', val: GENESIS });
    expect(creator.asked('increment')[0]?.input.request).toEqual({ mode: 'plain' });
    expect(creator.asked('save').at(-1)?.input.record).toMatchObject({ creating: false, log: [] });
    expect(creator.epochs.map((view) => view.epoch)).toEqual([0n]);
  });

  test('and somebody is making it, one waits as told, and says so', () => {
    const answers: Answer<'lock'>[] = [
      { kind: 'locked', retryLaterMs: millis(1_234) },
      { kind: 'locked', retryLaterMs: millis(2_000) },
    ];
    const seeker: OneCoordinator = new OneCoordinator('fenced', {
      lock: () => {
        const answer = answers.shift();
        if (answer !== undefined) return answer;
        seeker.current = GENESIS;
        return { kind: 'counter-error', current: GENESIS };
      },
    });
    seeker.startCreating();
    seeker.run(5_000);
    expect(seeker.asked('lock').map(({ at }) => at)).toEqual([0, 1_234, 3_234]);
    const nonces = seeker
      .asked('lock')
      .map(({ input: { request } }) => (request.mode === 'fenced' ? String(request.nonce) : ''));
    expect(new Set(nonces).size).toBe(1);
    expect(steps(seeker)).toEqual([
      'seeking',
      'waiting-for-creator',
      'waiting-for-creator',
      'waiting-for-member',
    ]);
  });

  test('nothing of the room is looked at before: what comes in is about no group of ours', () => {
    const seeker = new OneCoordinator('fenced', {
      lock: () => ({ kind: 'locked', retryLaterMs: millis(1_000) }),
    });
    seeker.startCreating();
    const { length } = seeker.asks;
    seeker.input({ kind: 'update' });
    seeker.input({ kind: 'reconnected' });
    expect(seeker.asks.length).toBe(length);
  });
});

describe('an increment to epoch 0', () => {
  /** A creator whose increments are answered so, one after the other, and then well. */
  function creatorWith(answers: IncrementOutcome[], lock?: () => Answer<'lock'>): OneCoordinator {
    const creator: OneCoordinator = new OneCoordinator('fenced', {
      ...(lock === undefined ? {} : { lock }),
      increment: ({ request }) => {
        const answer = answers.shift();
        if (answer !== undefined) return answer;
        if (request.mode === 'plain') throw new Error('fenced');
        creator.current = GENESIS;
        return {
          kind: 'ok',
          receipt: creator.receipt(GENESIS, request.transcript, { commit: request.commit }),
        };
      },
    });
    creator.startCreating();
    creator.run(20_000);
    return creator;
  }

  test('whose lock ran out is tried with another lock, under the same nonce', () => {
    const creator = creatorWith([{ kind: 'not-locked' }]);
    expect(kinds(creator).slice(0, 8)).toEqual([
      'room',
      'lock',
      'create-group',
      'save',
      'increment',
      'lock',
      'increment',
      'enter-group',
    ]);
    const nonces = creator
      .asked('lock')
      .map(({ input: { request } }) => (request.mode === 'fenced' ? String(request.nonce) : ''));
    expect(new Set(nonces).size).toBe(1);
    expect(creator.epochs.length).toBe(1);
  });

  test('is repeated while the counter does not answer', () => {
    const creator = creatorWith([unreachable, unreachable]);
    expect(creator.asked('increment').map(({ at }) => at)).toEqual([0, 500, 1_500]);
    expect(creator.asked('create-group').length).toBe(1);
    expect(creator.epochs.length).toBe(1);
  });

  test('whose answer was lost is found in the log, and the group is ours', () => {
    const logged: Uint8Array[] = [];
    const creator: OneCoordinator = new OneCoordinator('fenced', {
      increment: ({ request }) => {
        if (request.mode === 'plain') throw new Error('fenced');
        const receipt = creator.receipt(GENESIS, request.transcript, { commit: request.commit });
        logged.push(receipt);
        creator.current = GENESIS;
        // Another entry beside it, which is not of epoch 0.
        creator.logged = [
          {
            epoch: epoch(1n),
            attempt: 0,
            commit: undefined,
            receipt: creator.receipt(epoch(1n), new Uint8Array(32)),
          },
          { epoch: GENESIS, attempt: 0, commit: undefined, receipt },
        ];
        return { kind: 'counter-error', current: GENESIS };
      },
    });
    creator.startCreating();
    expect(creator.asked('history')[0]?.input).toEqual({ group: creator.group, from: GENESIS });
    expect(creator.epochs.map((view) => view.epoch)).toEqual([0n]);
    expect(creator.asked('save').at(-1)?.input.record.log[0]?.receipt).toEqual(logged[0]);
    expect(creator.asked('forget-group')).toEqual([]);
  });

  test.each<[string, (creator: OneCoordinator, context: Uint8Array) => Uint8Array | undefined]>([
    ['names a group that somebody else made', (creator) => creator.receipt(GENESIS, new Uint8Array(0))],
    ['is of another epoch', (creator, commit) => creator.receipt(epoch(1n), new Uint8Array(0), { commit })],
    [
      'is of another room',
      (creator, commit) => creator.receipt(GENESIS, new Uint8Array(0), { commit, group: new Uint8Array(16) }),
    ],
    ['is none', () => new Uint8Array(8)],
    ['is missing', () => undefined],
    [
      'is signed by somebody else',
      (_, commit) => new OneCoordinator('fenced').receipt(GENESIS, new Uint8Array(0), { commit }),
    ],
  ])('whose receipt %s makes us drop our group and look again', (_, receiptOf) => {
    let asked = 0;
    const creator: OneCoordinator = new OneCoordinator('fenced', {
      increment: ({ request }) => {
        if (request.mode === 'plain') throw new Error('fenced');
        creator.current = GENESIS;
        asked += 1;
        return { kind: 'ok', receipt: receiptOf(creator, request.commit) };
      },
    });
    creator.startCreating();
    expect(asked).toBe(1);
    expect(kinds(creator).slice(5, 8)).toEqual(['forget-group', 'erase', 'room']);
    expect(creator.epochs).toEqual([]);
    expect(steps(creator)).toEqual(['seeking', 'creating', 'seeking', 'waiting-for-member']);
  });

  test('of somebody else came first in the log: ours is dropped', () => {
    const creator: OneCoordinator = new OneCoordinator('fenced', {
      increment: () => {
        creator.current = GENESIS;
        creator.logged = [
          {
            epoch: GENESIS,
            attempt: 0,
            commit: undefined,
            receipt: creator.receipt(GENESIS, new Uint8Array(0)),
          },
        ];
        return { kind: 'counter-error', current: GENESIS };
      },
    });
    creator.startCreating();
    expect(kinds(creator)).toContain('forget-group');
    expect(creator.epochs).toEqual([]);
  });

  test('is not made in fenced mode with a lock that has no token', () => {
    const locks: Answer<'lock'>[] = [{ ...granted, token: undefined }];
    const creator = creatorWith([], () => locks.shift() ?? { kind: 'counter-error', current: GENESIS });
    expect(creator.asked('increment')).toEqual([]);
    expect(kinds(creator)).toEqual(expect.arrayContaining(['forget-group', 'erase']));
  });
});

describe('a creation that a crash interrupted', () => {
  test('goes on under a new lock, with the group that was saved', () => {
    const creator = new OneCoordinator('fenced');
    creator.current = undefined;
    creator.startAsMember(true);
    expect(kinds(creator).slice(0, 3)).toEqual(['lock', 'increment', 'enter-group']);
    expect(creator.epochs.map((view) => view.epoch)).toEqual([0n]);
  });

  test('and that somebody else has overtaken is dropped', () => {
    const creator = new OneCoordinator('fenced');
    creator.startAsMember(true);
    expect(kinds(creator).slice(0, 5)).toEqual(['lock', 'history', 'forget-group', 'erase', 'room']);
    expect(creator.epochs).toEqual([]);
  });

  test('in plain mode is dropped where a group exists: nothing tells whose it is', () => {
    const creator = new OneCoordinator('plain');
    creator.startAsMember(true);
    expect(kinds(creator).slice(0, 4)).toEqual(['lock', 'forget-group', 'erase', 'lock']);
  });
});

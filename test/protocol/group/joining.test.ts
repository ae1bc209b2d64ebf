import { describe, expect, test } from 'vitest';
import { DEFAULT_TIMING } from '../../../src/protocol/group/coordination/timing.ts';
import type { Answer } from '../../../src/protocol/group/coordination/asks.ts';
import type { MasterKey, OwnKeyPackage } from '../../../src/protocol/group/mls.ts';
import { epoch } from '../../../src/protocol/units.ts';
import type { Epoch } from '../../../src/protocol/units.ts';
import { fakeEpochKey } from '../../harness/group/fake-mls.ts';
import { OneCoordinator } from './one-coordinator.ts';

const REAL = new Uint8Array([1, 2, 3]);
const NEXT = epoch(6n);
const transcript = new Uint8Array(32).fill(7);

/** A joiner of a group that the counter has seen in epoch 5; only {@link REAL} lets it in. */
function setUp(): {
  joiner: OneCoordinator;
  object: (of: Epoch, object: number, payload: Uint8Array) => void;
  junk: (of: Epoch, object: number) => void;
  receipt: () => void;
} {
  const joiner: OneCoordinator = new OneCoordinator('fenced', {
    join: ({ welcome }) => {
      if (!Buffer.from(welcome).equals(REAL)) return { kind: 'refused', reason: 'junk' };
      const { group, view, masterKey } = joiner.mls.createGroup(joiner.group);
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
  const object = (of: Epoch, id: number, payload: Uint8Array): void => {
    joiner.input({ kind: 'welcome-object', object: { epoch: of, object: id, payload } });
  };
  let made = 0;
  const junk = (of: Epoch, id: number): void => {
    made += 1;
    object(of, id, new Uint8Array([0xba, made % 256, Math.floor(made / 256)]));
  };
  const receipt = (): void => {
    joiner.current = NEXT;
    object(NEXT, 1, joiner.receipt(NEXT, transcript));
  };
  return { joiner, object, junk, receipt };
}

test.each<[string, (at: number) => [epoch: bigint, object: number]]>([
  ['epochs that are long past', (at) => [BigInt(at % 5), 2 * at]],
  ['epochs that are far ahead', (at) => [(1n << 60n) + BigInt(at), 0]],
  ['the very epoch, at other attempts', (at) => [6n, 2 + 2 * at]],
])('any number of Welcomes of %s keep nobody out', (_, place) => {
  const { joiner, object, junk, receipt } = setUp();
  for (let at = 0; at < 100; at += 1) {
    const [of, id] = place(at);
    junk(epoch(of), id);
    joiner.run(50);
  }
  object(NEXT, 0, REAL);
  joiner.run(20);
  for (let at = 100; at < 105; at += 1) {
    const [of, id] = place(at);
    junk(epoch(of), id);
  }
  receipt();
  joiner.run(20);
  expect(joiner.epochs.map((view) => view.epoch)).toEqual([6n]);
});

test('a Welcome at the place of another takes its place', () => {
  const { joiner, object, junk, receipt } = setUp();
  junk(NEXT, 0);
  object(NEXT, 0, REAL);
  receipt();
  joiner.run(20);
  expect(joiner.epochs.length).toBe(1);
});

test('a receipt that comes before its Welcome is kept, whatever else waits', () => {
  const { joiner, object, junk, receipt } = setUp();
  junk(epoch(1n << 60n), 0);
  receipt();
  object(NEXT, 0, REAL);
  joiner.run(20);
  expect(joiner.epochs.length).toBe(1);
});

test('a Welcome whose receipt was lost is used when the counter has it', () => {
  const { joiner, object } = setUp();
  object(NEXT, 0, REAL);
  joiner.run(2_000);
  joiner.current = NEXT;
  joiner.logged = [{ epoch: NEXT, attempt: 0, commit: undefined, receipt: joiner.receipt(NEXT, transcript) }];
  joiner.run(4_000);
  expect(joiner.epochs.length).toBe(1);
});

test('junk makes nobody ask the counter often, and what the counter denies is asked about once', () => {
  const { joiner, junk } = setUp();
  for (let at = 0; at < 300; at += 1) {
    junk(epoch(at % 2 === 0 ? 1n << 60n : 2n), 0);
    joiner.run(100);
  }
  // In 30 s: not more than the shared back-off gives, which begins anew with each KeyPackage.
  expect(joiner.asked('history').length).toBeLessThan(20);
  const { joiner: other, junk: once } = setUp();
  for (let at = 0; at < 8; at += 1) once(epoch((1n << 60n) + BigInt(at)), 0);
  other.run(25_000);
  expect(other.asked('history').length).toBe(1);
});

test('a Welcome is not used for a receipt of another group of the same counter', () => {
  const { joiner, object } = setUp();
  joiner.current = NEXT;
  object(NEXT, 0, REAL);
  object(NEXT, 1, joiner.receipt(NEXT, transcript, { group: new Uint8Array(16) }));
  joiner.run(100);
  expect(joiner.asked('join')).toEqual([]);
});

test('a group with other parameters than the invitation’s is left at once, and its key erased', () => {
  const masterKey = new Uint8Array(32).fill(1) as MasterKey;
  const joiner: OneCoordinator = new OneCoordinator('fenced', {
    join: () => {
      const { group, view } = joiner.mls.createGroup(joiner.group);
      const parameters = { ...view.parameters, profile: '1999-12' };
      return {
        kind: 'joined',
        group,
        view: { ...view, epoch: NEXT, transcript, epochKey: fakeEpochKey(transcript), parameters },
        masterKey,
      };
    },
  });
  joiner.current = NEXT;
  joiner.startJoining();
  joiner.input({ kind: 'welcome-object', object: { epoch: NEXT, object: 0, payload: REAL } });
  const receipt = joiner.receipt(NEXT, transcript);
  joiner.input({ kind: 'welcome-object', object: { epoch: NEXT, object: 1, payload: receipt } });
  expect(joiner.events.at(-1)).toEqual({ kind: 'stopped', reason: 'parameters-differ' });
  expect(joiner.asked('forget-group').length).toBe(1);
  expect(joiner.epochs).toEqual([]);
  expect(masterKey).toEqual(new Uint8Array(32));
});

test.each([
  ['another transcript', NEXT, new Uint8Array(32).fill(8), fakeEpochKey(transcript)],
  ['another epoch', epoch(7n), transcript, fakeEpochKey(transcript)],
  ['another epoch key', NEXT, transcript, new Uint8Array(32).fill(8)],
])(
  'a Welcome that leads to %s than the receipt of its epoch says is not used',
  (_, at, leadsTo, epochKey) => {
    const joiner: OneCoordinator = new OneCoordinator('fenced', {
      join: () => {
        const { view, ...created } = joiner.mls.createGroup(joiner.group);
        return { kind: 'joined', ...created, view: { ...view, epoch: at, transcript: leadsTo, epochKey } };
      },
    });
    joiner.current = NEXT;
    joiner.startJoining();
    for (const [object, payload] of [
      [0, REAL],
      [1, joiner.receipt(NEXT, transcript)],
    ] as const) {
      joiner.input({ kind: 'welcome-object', object: { epoch: NEXT, object, payload } });
    }
    joiner.run(1_000);
    expect(joiner.asked('join').length).toBe(1);
    expect(joiner.asked('forget-group').length).toBe(1);
    expect(joiner.epochs).toEqual([]);
  },
);

test('in plain mode a group is given up after 30 s in which somebody could have been heard', () => {
  const joiner = new OneCoordinator('plain');
  joiner.startJoining();
  const hasGivenUp = (): boolean => joiner.asks.some(({ ask }) => ask.kind === 'forget-key-packages');
  joiner.run(20_000);
  joiner.input({ kind: 'disconnected' });
  joiner.run(120_000);
  expect(hasGivenUp()).toBe(false);
  joiner.input({ kind: 'reconnected' });
  joiner.run(29_999);
  expect(hasGivenUp()).toBe(false);
  joiner.run(1);
  expect(hasGivenUp()).toBe(true);
});

describe('a joiner that waits', () => {
  const { abandoned } = DEFAULT_TIMING;
  const sent = (joiner: OneCoordinator): [number, Uint8Array][] =>
    joiner.asked('publish-key-package').map(({ at, input }) => [at, input.keyPackage]);
  const steps = (joiner: OneCoordinator): string[] =>
    joiner.events.flatMap((event) => (event.kind === 'status' ? [event.step] : []));

  test('follows the tracks first, then sends its KeyPackage under the same SenderId', () => {
    const { joiner } = setUp();
    const kinds = joiner.asks.map(({ ask }) => ask.kind);
    expect(kinds.slice(-4)).toEqual(['enter-group', 'probe', 'make-key-package', 'publish-key-package']);
    expect(joiner.asked('make-key-package')[0]?.input).toMatchObject({ group: joiner.group, asOf: 5n });
    const [entered] = joiner.asked('enter-group');
    const [asked] = joiner.asked('publish-key-package');
    expect(entered?.input.group).toEqual(joiner.group);
    expect(asked?.input).toMatchObject({ group: joiner.group, senderId: entered?.input.senderId });
    expect(steps(joiner)).toEqual(['seeking', 'waiting-for-member']);
  });

  const made = (joiner: OneCoordinator): [number, bigint][] =>
    joiner.asked('make-key-package').map(({ at, input }) => [at, input.asOf]);
  const joins = (joiner: OneCoordinator): Set<string> =>
    new Set(joiner.asked('publish-key-package').map(({ input }) => Buffer.from(input.senderId).toString()));

  test('repeats its KeyPackage later and later, the same while the counter stands still', () => {
    const { joiner } = setUp();
    joiner.run(29_000);
    const times = sent(joiner).map(([at]) => at);
    expect(times).toEqual([0, 1_000, 3_000, 7_000, 15_000, 23_000]);
    const packages = sent(joiner).map(([, keyPackage]) => Buffer.from(keyPackage).toString());
    expect(new Set(packages).size).toBe(1);
    expect(joins(joiner).size).toBe(1);
  });

  test('waits longer by up to a quarter, as chance will have it', () => {
    const { joiner } = setUp();
    joiner.chance = 255;
    joiner.run(10_000);
    expect(sent(joiner).map(([at]) => at)).toEqual([0, 1_000, 3_498, 8_494]);
  });

  test('makes a KeyPackage as of the new epoch for the same join once the counter has moved', () => {
    const { joiner } = setUp();
    joiner.run(500);
    joiner.current = epoch(6n);
    joiner.run(4_000);
    joiner.current = epoch(9n);
    joiner.run(4_000);
    expect(made(joiner)).toEqual([
      [0, 5n],
      [1_000, 6n],
      [7_000, 9n],
    ]);
    expect(sent(joiner).map(([at]) => at)).toEqual([0, 1_000, 3_000, 7_000]);
    expect(joins(joiner).size).toBe(1);
  });

  test('begins a new join when the counter moves and no Welcome comes for 10 s, then for 20 s', () => {
    const { joiner } = setUp();
    for (let at = 5; at < 60; at += 1) {
      joiner.current = epoch(BigInt(at));
      joiner.run(1_000);
    }
    const [first, second, third, ...others] = joiner.asked('enter-group');
    expect([first?.at, second?.at, third?.at, others]).toEqual([0, 15_000, 38_000, []]);
    expect(joins(joiner).size).toBe(3);
    // What was made for a join that is over can be used no more.
    expect(joiner.asked('forget-key-packages').map(({ at }) => at)).toEqual([15_000, 38_000]);
  });

  test('opens no other generation while the counter moves', () => {
    const { joiner } = setUp();
    for (let at = 5; at < 70; at += 1) {
      joiner.current = epoch(BigInt(at));
      joiner.run(1_000);
    }
    expect(joiner.asked('lock')).toEqual([]);
  });

  test('makes nothing before it knows the counter’s epoch, and says when it cannot', () => {
    let answer: Answer<'probe'> = { kind: 'unreachable', reason: 'away' };
    const joiner: OneCoordinator = new OneCoordinator('fenced', {
      probe: ({ group }) =>
        group.join() === joiner.group.join() ? answer : { kind: 'ok', current: undefined },
    });
    joiner.startJoining();
    expect([made(joiner), steps(joiner).at(-1)]).toEqual([[], 'counter-unreachable']);
    // One that has lost its data is given it back by the members.
    answer = { kind: 'ok', current: undefined };
    joiner.run(2_000);
    expect([made(joiner), steps(joiner).at(-1)]).toEqual([[], 'waiting-for-member']);
    answer = { kind: 'ok', current: epoch(7n) };
    joiner.run(4_000);
    expect(made(joiner).map(([, asOf]) => asOf)).toEqual([7n]);
  });

  test('does so at once, and on tracks that are followed anew, when the relay is reached again', () => {
    const { joiner } = setUp();
    joiner.run(8_000);
    joiner.input({ kind: 'reconnected' });
    expect(joiner.asked('enter-group').length).toBe(2);
    joiner.run(1_000);
    expect(
      sent(joiner)
        .slice(-2)
        .map(([at]) => at),
    ).toEqual([8_000, 9_000]);
  });

  test.each(['reached', 'not reached'])(
    'stays in the meeting while it is alive, however long, the relay %s',
    (relay) => {
      const { joiner } = setUp();
      if (relay === 'not reached') joiner.input({ kind: 'disconnected' });
      joiner.run(30 * 60_000);
      expect(joiner.asked('forget-key-packages')).toEqual([]);
      expect([...joiner.asked('lock'), ...joiner.asked('create-group')]).toEqual([]);
    },
  );

  test('begins the next generation soon after the lease of the one that it asked has ended', () => {
    const { joiner } = setUp();
    joiner.run(7_000);
    joiner.current = undefined;
    joiner.run(DEFAULT_TIMING.room);
    expect(joiner.asked('forget-key-packages').map(({ input }) => input.group)).toEqual([joiner.group]);
    expect(joiner.asked('create-group').length).toBe(1);
  });

  test('goes where the counter says that the meeting is', () => {
    const { joiner } = setUp();
    joiner.elsewhere = 3;
    joiner.run(DEFAULT_TIMING.room);
    expect(joiner.asked('enter-group').at(-1)?.input.group).not.toEqual(joiner.group);
    expect(joiner.asked('create-group')).toEqual([]);
  });

  test('does not guess while the counter does not answer, and says so', () => {
    let fails = false;
    const joiner: OneCoordinator = new OneCoordinator('fenced', {
      room: () => (fails ? { kind: 'unreachable', reason: 'away' } : { kind: 'ok', meeting: 0, next: 1 }),
    });
    joiner.startJoining();
    fails = true;
    joiner.run(30 * 60_000);
    expect([...joiner.asked('lock'), ...joiner.asked('create-group')]).toEqual([]);
    expect(steps(joiner).at(-1)).toBe('counter-unreachable');
  });

  test('in plain mode opens the next generation after 30 s without a sign of anybody, and its KeyPackages are forgotten', () => {
    const joiner = new OneCoordinator('plain');
    joiner.startJoining();
    joiner.run(abandoned - 1);
    expect(joiner.asked('forget-key-packages')).toEqual([]);
    joiner.run(1);
    expect(joiner.asked('forget-key-packages').map(({ input }) => input.group)).toEqual([joiner.group]);
    const { group } = joiner.asked('lock').at(-1)?.input ?? {};
    expect(group).not.toEqual(joiner.group);
    expect(steps(joiner).slice(2)).toContain('seeking');
  });

  test('in plain mode takes anything on the commits track for a sign of life', () => {
    const joiner = new OneCoordinator('plain');
    joiner.current = epoch(5n);
    joiner.startJoining();
    joiner.run(abandoned - 1);
    joiner.input({ kind: 'commit-object', object: { epoch: NEXT, object: 1, payload: REAL } });
    joiner.run(1);
    expect(joiner.asked('forget-key-packages')).toEqual([]);
    joiner.run(abandoned - 1);
    expect(joiner.asked('forget-key-packages').length).toBe(1);
  });

  test('takes no Commit at an even place for a receipt, and no Welcome at an odd one', () => {
    const { joiner, object } = setUp();
    const payload = joiner.receipt(NEXT, transcript);
    joiner.input({ kind: 'commit-object', object: { epoch: NEXT, object: 0, payload } });
    object(NEXT, 1, REAL);
    joiner.run(10_000);
    expect([joiner.asked('join'), joiner.asked('history')]).toEqual([[], []]);
  });

  test('says so again when a Welcome could not be used, and goes on', () => {
    const { joiner, object, junk, receipt } = setUp();
    junk(NEXT, 0);
    receipt();
    expect(steps(joiner).slice(-2)).toEqual(['welcomed', 'waiting-for-member']);
    object(NEXT, 2, REAL);
    expect(steps(joiner).slice(-2)).toEqual(['welcomed', 'member']);
  });
});

test('whoever was let in forgets its KeyPackages, and keeps the receipt and the names of its joins', () => {
  const made: OwnKeyPackage[] = [];
  const joiner: OneCoordinator = new OneCoordinator('fenced', {
    'make-key-package': () => {
      const own = joiner.mls.makeKeyPackage();
      made.push(own);
      return own;
    },
    join: () => {
      const { group, view, masterKey } = joiner.mls.createGroup(joiner.group);
      return {
        kind: 'joined',
        group,
        view: { ...view, epoch: NEXT, transcript, epochKey: fakeEpochKey(transcript) },
        masterKey,
      };
    },
  });
  joiner.startJoining();
  joiner.run(100);
  joiner.current = epoch(5n);
  joiner.run(4_000);
  const receipt = joiner.receipt(NEXT, transcript);
  joiner.current = NEXT;
  joiner.input({ kind: 'welcome-object', object: { epoch: NEXT, object: 0, payload: REAL } });
  joiner.input({ kind: 'welcome-object', object: { epoch: NEXT, object: 1, payload: receipt } });
  expect(joiner.asked('forget-key-packages').map(({ input }) => input.group)).toEqual([joiner.group]);
  expect(joiner.asked('save').at(-1)?.input.record).toEqual({
    generation: 0,
    senderId: joiner.asked('enter-group')[0]?.input.senderId,
    creating: false,
    log: [{ epoch: NEXT, receipt, commit: undefined }],
    joins: { since: NEXT, past: [], known: [] },
    recipients: [],
  });
  expect(made.length).toBe(2);
  const [begun] = joiner.events.flatMap((event) => (event.kind === 'epoch' ? [event] : []));
  expect(begun).toMatchObject({
    by: undefined,
    receipt: { receipt: { time: 1_000_000 } },
    change: { added: [], removed: [] },
  });
});

describe('the counter’s log, asked for a missing receipt,', () => {
  test('is asked from the Welcome’s epoch on, 0.7 s after the Welcome came', () => {
    const { joiner, object } = setUp();
    joiner.run(100);
    object(NEXT, 0, REAL);
    joiner.run(699);
    expect(joiner.asked('history')).toEqual([]);
    joiner.run(1);
    expect(joiner.asked('history').map(({ input }) => input)).toEqual([{ group: joiner.group, from: NEXT }]);
  });

  test('is asked again, later and later, while the epoch may still begin', () => {
    const { joiner, object } = setUp();
    object(NEXT, 0, REAL);
    joiner.run(6_000);
    const times = joiner.asked('history').map(({ at }) => at);
    expect(times).toEqual([700, 1_400, 2_400, 4_400]);
  });

  test('gives receipts of epochs that are waited for only', () => {
    const { joiner, object } = setUp();
    const wrong = new Uint8Array(32).fill(8);
    object(NEXT, 0, REAL);
    joiner.current = epoch(7n);
    joiner.logged = [
      { epoch: epoch(7n), attempt: 0, commit: undefined, receipt: joiner.receipt(epoch(7n), wrong) },
      { epoch: NEXT, attempt: 0, commit: undefined, receipt: joiner.receipt(NEXT, transcript) },
    ];
    joiner.run(700);
    expect(joiner.epochs.length).toBe(1);
  });

  test('of a counter that is not reached is asked again after a pause, which is told', () => {
    const joiner = new OneCoordinator('fenced', { history: () => ({ kind: 'unreachable', reason: 'away' }) });
    joiner.startJoining();
    joiner.input({ kind: 'welcome-object', object: { epoch: NEXT, object: 0, payload: REAL } });
    joiner.run(4_900);
    expect(joiner.asked('history').map(({ at }) => at)).toEqual([700, 1_200, 2_200, 4_200]);
    expect(joiner.events.at(-1)).toEqual({ kind: 'status', step: 'counter-unreachable' });
  });
});

test('a counter that answers again is not said to be out of reach any longer', () => {
  let fails = true;
  const joiner: OneCoordinator = new OneCoordinator('fenced', {
    history: () =>
      fails
        ? { kind: 'unreachable', reason: 'no answer' }
        : { kind: 'ok', current: epoch(5n), entries: [], nextFrom: undefined },
  });
  const steps = (): unknown[] =>
    joiner.events.flatMap((event) => (event.kind === 'status' ? [event.step] : []));
  joiner.current = epoch(5n);
  joiner.startJoining();
  joiner.input({ kind: 'welcome-object', object: { epoch: NEXT, object: 0, payload: REAL } });
  joiner.run(1_000);
  expect(steps().at(-1)).toBe('counter-unreachable');
  fails = false;
  joiner.run(10_000);
  expect(steps().at(-1)).toBe('waiting-for-member');
});

import { describe, expect, test } from 'vitest';
import { COUNTER_LIMITS } from '../../../src/protocol/counter/client.ts';
import { MAX_WAITING_JOINS, PendingWork } from '../../../src/protocol/group/coordination/pending-work.ts';
import type { WaitingJoin } from '../../../src/protocol/group/coordination/waiting-join.ts';
import type {
  BegunByCommit,
  PendingDoor,
  PlannedCommit,
} from '../../../src/protocol/group/coordination/pending-work.ts';
import { MAX_KICKED_KEYS } from '../../../src/protocol/group/meeting-parameters.ts';
import { MAX_MEMBERS, PATH_BYTES } from '../../../src/protocol/group/coordination/commit-size.ts';
import { DEFAULT_TIMING } from '../../../src/protocol/group/coordination/timing.ts';
import type { MlsSuite } from '../../../src/protocol/group/mls.ts';
import type { Fingerprint, SenderId } from '../../../src/protocol/group/names.ts';
import { leafIndex } from '../../../src/protocol/group/roster.ts';
import type { Member } from '../../../src/protocol/group/roster.ts';
import { epoch, millis } from '../../../src/protocol/units.ts';
import type { Millis } from '../../../src/protocol/units.ts';
import { testParameters } from '../../harness/group/membership.ts';

const { batch, step, grace } = DEFAULT_TIMING;
const keyOf = (number: number): Uint8Array =>
  new Uint8Array(32)
    .fill(1)
    .with(0, number % 256)
    .with(1, number >> 8);
const senderOf = (key: number): SenderId => new Uint8Array([key]) as SenderId;
const member = (leaf: number, key = leaf): Member => ({
  leaf: leafIndex(leaf),
  signatureKey: keyOf(key),
  fingerprint: keyOf(key) as Fingerprint,
  senderId: senderOf(key),
  asOf: epoch(0n),
});
/** Somebody who waits. @param version - which of its KeyPackages. */
const joiner = (key: number, since = 0, version = 0, asOf = 0): WaitingJoin => ({
  ref: new Uint8Array([key % 256, key >> 8, version]),
  keyPackage: new Uint8Array([key % 256, key >> 8, version]),
  senderId: senderOf(key),
  signatureKey: keyOf(key),
  fingerprint: keyOf(key) as Fingerprint,
  asOf: epoch(BigInt(asOf)),
  displayName: undefined,
  since: millis(since),
});
const roster = [member(0), member(1), member(2), member(3)];
/** A door that is open. */
const open: PendingDoor = {
  turnOf: () => ({ kind: 'members' }),
  lets: () => true,
  isOrganiser: () => true,
};
const fresh = (now = 0): PendingWork => new PendingWork(DEFAULT_TIMING, millis(now), open);
const OWN = leafIndex(2);

const plan = (
  work: PendingWork,
  now = 0,
  kicked: Uint8Array[] = [],
  of = roster,
  suite: MlsSuite = 0x0001,
): PlannedCommit | undefined =>
  work.plan(of, OWN, millis(now), { ...testParameters, kickedKeys: kicked }, suite);
/** Who is let in and who removed. */
const adds = (planned: PlannedCommit | undefined): number[] =>
  planned?.joins.map(({ signatureKey: [low = 0, high = 0] }) => low + 256 * high) ?? [];
/** When there is something to do other than to renew a key that has grown old. */
const due = (work: PendingWork, now = 0, own = OWN): number | undefined => {
  const at = work.dueAt(roster, own, millis(now));
  return at !== undefined && at >= DEFAULT_TIMING.renewAfter ? undefined : at;
};
/** An epoch begins by a Commit of whoever, without a path unless it says so. */
const settle = (
  work: PendingWork,
  begun: Omit<BegunByCommit, 'committer' | 'renews'> & Partial<BegunByCommit>,
  now: Millis,
): void => {
  work.settle({ committer: begun.byUs ? OWN : leafIndex(0), renews: false, ...begun }, now);
};
const NEXT = epoch(1n);
const none = { added: [], removed: [] };

describe('a plan of a group that is full', () => {
  const full = (suite: MlsSuite, less = 0): Member[] =>
    Array.from({ length: MAX_MEMBERS[suite] - less }, (_, leaf) => member(leaf));

  test.each([0x0001, 0x0053] as const)('lets nobody in before somebody leaves, in suite %i', (suite) => {
    const work = fresh();
    work.join(joiner(5_000));
    work.join(joiner(5_001));
    expect(plan(work, 0, [], full(suite), suite)).toBeUndefined();
    expect(work.isFull).toBe(true);
    // Others have left: the first who waited comes in, the second still waits.
    expect(adds(plan(work, 0, [], full(suite, 1), suite))).toEqual([5_000]);
    expect(work.isFull).toBe(true);
    work.remove(leafIndex(0), millis(0));
    work.remove(leafIndex(1), millis(0));
    const planned = plan(work, 0, [], full(suite), suite);
    expect([adds(planned), planned?.plan.removes, work.isFull]).toEqual([[5_000, 5_001], [0, 1], false]);
  });

  test('leaves room for the path of a Commit that changes settings', () => {
    const many = full(0x0053, 105);
    const work = fresh();
    const bytes = 2_700;
    for (let key = 5_000; key < 5_105; key += 1) {
      work.join({ ...joiner(key), keyPackage: new Uint8Array(bytes) });
    }
    work.settings.admission('ask', millis(0));
    const planned = plan(work, 0, [], many, 0x0053);
    const path = many.length * PATH_BYTES[0x0053];
    expect(path + (planned?.joins.length ?? 0) * bytes).toBeLessThan(COUNTER_LIMITS.commit);
  });

  test('gives whoever comes back its own place', () => {
    const work = fresh();
    work.join(joiner(5_000));
    work.join(joiner(7));
    const planned = plan(work, 0, [], full(0x0053), 0x0053);
    expect([adds(planned), planned?.plan.removes, work.isFull]).toEqual([[7], [7], true]);
    settle(
      work,
      {
        epoch: epoch(1n),
        change: { added: [], removed: [] },
        byUs: true,
        addedRefs: [joiner(5_000).ref, joiner(7).ref],
      },
      millis(0),
    );
    expect(work.isFull).toBe(false);
  });
});

test('a plan has half as many joins after one that was too large for the counter, and never none', () => {
  const work = fresh();
  for (let key = 10; key < 20; key += 1) work.join(joiner(key));
  work.tooLarge(10);
  expect(adds(plan(work))).toHaveLength(5);
  work.tooLarge(1);
  expect(adds(plan(work))).toHaveLength(1);
});

describe('a plan', () => {
  test('is none when there is nothing to do', () => {
    expect([plan(fresh()), due(fresh())]).toEqual([undefined, undefined]);
  });

  test('lets in those who wait, each with its newest KeyPackage, in the order in which they came', () => {
    const work = fresh();
    for (const each of [joiner(9), joiner(7), joiner(8), joiner(7, 0, 1)]) work.join(each);
    const planned = plan(work);
    expect(adds(planned)).toEqual([9, 7, 8]);
    expect(planned?.plan).toEqual({
      adds: [joiner(9), joiner(7, 0, 1), joiner(8)].map(({ keyPackage }) => keyPackage),
      removes: [],
      kicks: [],
    });
    expect(planned?.doesMore).toBe(false);
  });

  test('removes who left, who was kicked, and who vanished for longer than its grace; never ourselves', () => {
    const work = fresh();
    work.remove(leafIndex(0), millis(0));
    work.kick(keyOf(1), millis(0));
    work.vanished(leafIndex(3), millis(100));
    work.kick(keyOf(2), millis(0));
    work.vanished(OWN, millis(0));
    expect(plan(work, 99 + grace)?.plan).toEqual({ adds: [], removes: [0, 1], kicks: [keyOf(1)] });
    expect(plan(work, 100 + grace)).toMatchObject({
      plan: { adds: [], removes: [0, 1, 3], kicks: [keyOf(1)] },
      doesMore: true,
    });
  });

  test('kicks who left as well as was kicked, whichever came first', () => {
    const [first, second] = [fresh(), fresh()];
    first.kick(keyOf(0), millis(0));
    first.remove(leafIndex(0), millis(0));
    second.remove(leafIndex(0), millis(0));
    second.kick(keyOf(0), millis(0));
    for (const work of [first, second])
      expect(plan(work)?.plan).toMatchObject({ kicks: [keyOf(0)], removes: [0] });
  });

  test('kicks whoever was to be, though it has another leaf by now, until it is barred', () => {
    const work = fresh();
    work.kick(keyOf(3), millis(0));
    const change = { added: [member(9, 3)], removed: [member(3)] };
    settle(work, { change, byUs: false, addedRefs: [], epoch: NEXT }, millis(10));
    const after = [member(0), member(1), member(2), member(9, 3)];
    expect(plan(work, 10, [], after)?.plan).toEqual({ adds: [], removes: [9], kicks: [keyOf(3)] });
    expect(plan(work, 10, [keyOf(3)], roster)).toBeUndefined();
    expect(plan(work, 10, [], after)).toBeUndefined();
  });

  test('replaces the leaf of a member that joins again, but not ours', () => {
    const work = fresh();
    work.join(joiner(1));
    work.join(joiner(2));
    expect(plan(work)).toMatchObject({ plan: { removes: [1], kicks: [] }, doesMore: false });
    work.remove(leafIndex(1), millis(0));
    expect(plan(work)).toMatchObject({ plan: { removes: [1] }, doesMore: false });
    work.remove(leafIndex(3), millis(0));
    expect(plan(work)).toMatchObject({ plan: { removes: [1, 3] }, doesMore: true });
  });

  test('lets in nobody who is to be kicked, whether it is there or has left', () => {
    const work = fresh();
    for (const each of [joiner(3), joiner(7), joiner(8)]) work.join(each);
    work.kick(keyOf(3), millis(0));
    work.kick(keyOf(7), millis(0));
    expect(adds(plan(work))).toEqual([8]);
    expect(work.joins.map(({ signatureKey }) => signatureKey)).toEqual([keyOf(8)]);
  });

  test('opens no door that was to be opened before somebody was kicked', () => {
    const closed = { ...testParameters, admission: 'ask' as const };
    const work = fresh();
    work.settings.admission('open', millis(0));
    work.kick(keyOf(1), millis(1));
    const planned = work.plan(roster, OWN, millis(2), closed, 0x0001);
    expect(planned?.plan).toEqual({ adds: [], removes: [1], kicks: [keyOf(1)] });
    const change = { added: [], removed: [member(1)] };
    settle(work, { change, byUs: true, addedRefs: [], epoch: NEXT }, millis(3));
    const kicked = { ...closed, kickedKeys: [keyOf(1)] };
    work.settings.settle(kicked, roster);
    expect(work.plan(roster, OWN, millis(4), kicked, 0x0001)).toBeUndefined();
    // It is opened for whoever wants it now.
    work.settings.admission('open', millis(5));
    expect(work.plan(roster, OWN, millis(6), kicked, 0x0001)?.plan.settings?.admission).toBe('open');
  });

  test('lets in nobody who was kicked, then or now', () => {
    const work = fresh();
    for (const key of [7, 8, 0]) work.join(joiner(key));
    work.kick(keyOf(0), millis(0));
    expect(adds(plan(work, 0, [keyOf(8)]))).toEqual([7]);
    expect(adds(plan(work, 0))).toEqual([7]);
  });

  test('is one for an update alone', () => {
    const work = fresh();
    work.update(millis(0));
    expect(plan(work)).toEqual({
      plan: { adds: [], removes: [], kicks: [] },
      joins: [],
      doesMore: false,
    });
  });

  test('does not remove members that are there no more', () => {
    const work = fresh();
    work.remove(leafIndex(9), millis(0));
    expect(plan(work)).toBeUndefined();
  });
});

describe('who waits', () => {
  test('are 256 at most, but a newer KeyPackage of one of them has room', () => {
    const work = fresh();
    for (let key = 0; key < MAX_WAITING_JOINS; key += 1) expect(work.join(joiner(key + 10))).toBe(true);
    expect(work.join(joiner(1_000))).toBe(false);
    expect(work.join(joiner(10, 0, 1))).toBe(true);
    expect(plan(work)?.plan.adds.length).toBe(MAX_WAITING_JOINS);
    expect(plan(work)?.plan.adds[0]).toEqual(joiner(10, 0, 1).keyPackage);
  });

  test('are those whom the last Commit has not let in', () => {
    const work = fresh();
    for (const key of [7, 8, 9]) work.join(joiner(key));
    settle(
      work,
      { change: none, byUs: false, addedRefs: [joiner(8).ref, joiner(7, 0, 1).ref], epoch: NEXT },
      millis(0),
    );
    expect(adds(plan(work))).toEqual([7, 9]);
  });
});

describe('a new epoch', () => {
  test('ends all work about leaves that were removed or belong to somebody else now', () => {
    const work = fresh();
    work.remove(leafIndex(0), millis(0));
    work.remove(leafIndex(1), millis(0));
    work.vanished(leafIndex(3), millis(0));
    settle(
      work,
      { change: { added: [member(3, 9)], removed: [member(0)] }, byUs: false, addedRefs: [], epoch: NEXT },
      millis(0),
    );
    expect(plan(work, grace)?.plan).toEqual({ adds: [], removes: [1], kicks: [] });
  });

  test('ends our wish for new keys only when the Commit was ours', () => {
    const work = fresh();
    work.update(millis(0));
    settle(work, { change: none, byUs: false, addedRefs: [], epoch: NEXT }, millis(0));
    expect(plan(work)).toBeDefined();
    settle(work, { change: none, byUs: true, addedRefs: [], epoch: NEXT }, millis(0));
    expect(plan(work)).toBeUndefined();
  });
});

describe('a turn', () => {
  test.each([
    [0, 0],
    [1, 1],
    [2, 2],
    [3, 3],
  ])('of leaf %d comes after %d members before it', (own, rank) => {
    const work = fresh();
    work.join(joiner(9, 1_000));
    expect(due(work, 5_000, leafIndex(own))).toBe(1_000 + batch + rank * step);
  });

  test('does not wait for members that are leaving or have vanished', () => {
    const work = fresh();
    work.join(joiner(9, 0));
    work.vanished(leafIndex(0), millis(0));
    expect(due(work)).toBe(batch + step);
    work.alive(leafIndex(0));
    expect(due(work)).toBe(batch + 2 * step);
    work.remove(leafIndex(1), millis(0));
    expect(due(work)).toBe(batch + step);
  });

  test('of a kick is at once, whatever others have to do and however often the keys change meanwhile', () => {
    const work = fresh();
    work.kick(keyOf(3), millis(2_000));
    expect(due(work, 2_000)).toBe(2_000 + batch);
    settle(work, { change: none, byUs: false, addedRefs: [], epoch: NEXT }, millis(2_020));
    expect(due(work, 2_020)).toBe(2_000 + batch);
    // It is nothing that the kicked one could do.
    expect(due(work, 2_020, leafIndex(3))).toBeUndefined();
    work.join(joiner(9, 3_000));
    expect(work.dueAt(roster, leafIndex(3), millis(3_000))).toBe(3_000 + batch + 3 * step);
  });

  test('is counted from the oldest work, and not from before the epoch', () => {
    const work = fresh();
    work.join(joiner(9, 3_000));
    work.remove(leafIndex(3), millis(2_000));
    expect(due(work, 4_000)).toBe(2_000 + batch + 2 * step);
    // Said again it is as old as before.
    work.remove(leafIndex(3), millis(3_500));
    expect(due(work, 4_000)).toBe(2_000 + batch + 2 * step);
    settle(work, { change: none, byUs: false, addedRefs: [], epoch: NEXT }, millis(6_000));
    expect(due(work, 6_000)).toBe(6_000 + batch + 2 * step);
    expect(due(fresh(500))).toBeUndefined();
    const later = fresh(5_000);
    later.join(joiner(9, 1_000));
    expect(due(later, 5_000)).toBe(5_000 + batch + 2 * step);
  });

  test('comes for whoever vanished when its grace has ended', () => {
    const work = fresh();
    work.vanished(leafIndex(3), millis(1_000));
    work.vanished(leafIndex(3), millis(2_000));
    expect(due(work, 999 + grace)).toBeUndefined();
    expect([work.graceEnd(millis(0)), work.graceEnd(millis(1_000 + grace))]).toEqual([
      1_000 + grace,
      undefined,
    ]);
    expect(due(work, 1_000 + grace)).toBe(1_000 + grace + batch + 2 * step);
    work.vanished(leafIndex(1), millis(5_000));
    expect(work.graceEnd(millis(1_000 + grace))).toBe(5_000 + grace);
  });

  test('is not needed for an update, which nobody else can make', () => {
    const work = fresh();
    work.update(millis(700));
    work.update(millis(900));
    expect(due(work, 1_000)).toBe(700);
    work.join(joiner(9, 0));
    expect(due(work, 1_000)).toBe(700);
    const other = fresh();
    other.join(joiner(9, 0));
    other.update(millis(5_000));
    expect(due(other, 5_000)).toBe(batch + 2 * step);
  });

  test('does not come for our own removal', () => {
    const work = fresh();
    work.remove(OWN, millis(0));
    expect(due(work)).toBeUndefined();
  });
});

describe('a plan that MLS refused', () => {
  const refuse = (work: PendingWork): void => {
    const planned = plan(work);
    if (planned === undefined) throw new Error('nothing planned');
    work.refused(planned);
  };

  test('is halved until one KeyPackage was refused by itself; that one is dropped, and all others come back', () => {
    const work = fresh();
    for (const key of [7, 8, 9, 10, 11]) work.join(joiner(key));
    const sizes = [];
    for (let times = 0; times < 3; times += 1) {
      sizes.push(adds(plan(work)).length);
      refuse(work);
    }
    expect(sizes).toEqual([5, 2, 1]);
    expect(adds(plan(work))).toEqual([8, 9, 10, 11]);
  });

  test('of removals and one joiner is tried without the joiner first, then with the joiner alone', () => {
    const work = fresh();
    work.join(joiner(9));
    work.remove(leafIndex(3), millis(0));
    work.vanished(leafIndex(1), millis(0 - grace));
    refuse(work);
    expect([adds(plan(work)), plan(work)?.plan.removes]).toEqual([[], [1, 3]]);
    refuse(work);
    expect([adds(plan(work)), plan(work)?.plan.removes]).toEqual([[9], []]);
  });

  test('of an update alone is given up', () => {
    const work = fresh();
    work.update(millis(0));
    refuse(work);
    expect(plan(work)).toBeUndefined();
  });

  test('finds its joiners again when the removals that were to be tried alone are done', () => {
    const work = fresh();
    work.join(joiner(9));
    work.remove(leafIndex(3), millis(0));
    refuse(work);
    expect(adds(plan(work, 0, [], roster.slice(0, 3)))).toEqual([9]);
  });

  test('and was small is large again in the next epoch', () => {
    const work = fresh();
    for (const key of [7, 8, 9, 10]) work.join(joiner(key));
    refuse(work);
    expect(adds(plan(work))).toEqual([7, 8]);
    settle(
      work,
      { change: none, byUs: true, addedRefs: [joiner(7).ref, joiner(8).ref], epoch: NEXT },
      millis(0),
    );
    work.join(joiner(11));
    expect(adds(plan(work))).toEqual([9, 10, 11]);
  });

  test('for one KeyPackage may be tried again with it, once, in the epoch after', () => {
    const work = fresh();
    work.join(joiner(9));
    refuse(work);
    expect(work.takeRefused(joiner(9).ref)).toBe(false);
    settle(work, { change: none, byUs: false, addedRefs: [], epoch: NEXT }, millis(0));
    expect(work.takeRefused(joiner(8).ref)).toBe(false);
    expect(work.takeRefused(joiner(9).ref)).toBe(true);
    expect(work.takeRefused(joiner(9).ref)).toBe(false);
    const other = fresh();
    other.join(joiner(9));
    refuse(other);
    settle(other, { change: none, byUs: false, addedRefs: [], epoch: NEXT }, millis(0));
    settle(other, { change: none, byUs: false, addedRefs: [], epoch: NEXT }, millis(0));
    expect(other.takeRefused(joiner(9).ref)).toBe(false);
  });

  test('remembers 256 KeyPackages at most', () => {
    const work = fresh();
    for (let key = 0; key <= MAX_WAITING_JOINS; key += 1) {
      work.join(joiner(key + 10));
      refuse(work);
    }
    settle(work, { change: none, byUs: false, addedRefs: [], epoch: NEXT }, millis(0));
    const again = Array.from({ length: MAX_WAITING_JOINS + 1 }, (_, key) =>
      work.takeRefused(joiner(key + 10).ref),
    );
    expect(again.filter(Boolean).length).toBe(MAX_WAITING_JOINS);
  });
});

describe('a joiner with several KeyPackages', () => {
  test('is let in by the one of the latest epoch, whatever comes last', () => {
    const work = fresh();
    expect(work.join(joiner(7, 0, 1, 5))).toBe(true);
    expect(work.join(joiner(7, 0, 2, 4))).toBe(true);
    expect(plan(work)?.joins.map(({ asOf }) => asOf)).toEqual([5n]);
    work.join(joiner(7, 0, 3, 6));
    expect(plan(work)?.joins.map(({ asOf }) => asOf)).toEqual([6n]);
  });

  test('waits no longer once it is in the tree as of that epoch, or a later one', () => {
    const settled = (asOf: number, senderId = senderOf(8)): PlannedCommit | undefined => {
      const work = fresh();
      work.join(joiner(7, 0, 1, asOf));
      const change = { added: [{ ...member(9, 7), senderId, asOf: epoch(5n) }], removed: [] };
      settle(work, { change, byUs: false, addedRefs: [], epoch: epoch(6n) }, millis(0));
      return plan(work);
    };
    expect([4, 5, 6].map((asOf) => settled(asOf) === undefined)).toEqual([true, true, false]);
    // Of one join, whatever it is as of.
    expect(settled(6, senderOf(7))).toBeUndefined();
  });

  test('waits no longer once its KeyPackage is too old', () => {
    const settled = (at: bigint): PlannedCommit | undefined => {
      const work = fresh();
      work.join(joiner(7, 0, 1, 5));
      settle(work, { change: none, byUs: false, addedRefs: [], epoch: epoch(at) }, millis(0));
      return plan(work);
    };
    expect([13n, 14n].map((at) => settled(at) === undefined)).toEqual([false, true]);
  });
});

describe('a kick for which the list has no room', () => {
  /** All that can be kicked, less some. */
  const listed = (less: number): Uint8Array[] =>
    Array.from({ length: MAX_KICKED_KEYS - less }, (_, at) => keyOf(10_000 + at));

  test('is a removal all the same, and is told', () => {
    const work = fresh();
    work.kick(keyOf(1), millis(0));
    work.kick(keyOf(3), millis(0));
    // It may ask to come in again: not by the very Commit that removes it.
    work.join(joiner(3));
    const planned = plan(work, 0, listed(1));
    // At least the door is closed.
    const settings = { admission: 'ask', organisers: testParameters.organisers };
    expect(planned?.plan).toEqual({ adds: [], removes: [1, 3], kicks: [keyOf(1)], settings });
    expect(work.takeUnlisted()).toBe(false);
    const change = { added: [], removed: [member(1), member(3)] };
    settle(work, { change, byUs: true, addedRefs: [], epoch: NEXT }, millis(0));
    expect([work.takeUnlisted(), work.takeUnlisted()]).toEqual([true, false]);
    // Each of them has closed the door.
    work.settings.settle({ admission: 'ask', organisers: [] }, roster);
    // Whoever comes back is in: it is not removed again and again.
    expect(plan(work, 0, [...listed(1), keyOf(1)])).toBeUndefined();
  });

  test('is one where there is room after all', () => {
    const work = fresh();
    work.kick(keyOf(1), millis(0));
    expect(plan(work, 0, listed(0))?.plan).toMatchObject({ adds: [], removes: [1], kicks: [] });
    expect(plan(work, 0, listed(1))?.plan).toEqual({ adds: [], removes: [1], kicks: [keyOf(1)] });
    settle(
      work,
      { change: { added: [], removed: [member(1)] }, byUs: true, addedRefs: [], epoch: NEXT },
      millis(0),
    );
    expect(work.takeUnlisted()).toBe(false);
  });
});

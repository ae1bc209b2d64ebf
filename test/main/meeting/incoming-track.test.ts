import { describe, expect, test } from 'vitest';
import { HeldObjects, HOLD_LIMIT_MS } from '../../../src/main/meeting/held-objects.ts';
import { IncomingTrack, type Opened } from '../../../src/main/meeting/incoming-track.ts';
import { encodeUtf8 } from '../../../src/protocol/bytes/utf8.ts';
import { groupId, objectId, subgroupId, type MoqtObject } from '../../../src/protocol/moqt/model.ts';
import { epoch, millis } from '../../../src/protocol/units.ts';

const NOTHING = new Uint8Array(0);

function object(group: number, bytes = 10): MoqtObject {
  return {
    location: { group: groupId(BigInt(group)), object: objectId(0n) },
    subgroup: subgroupId(0n),
    publisherPriority: 0,
    forwarding: 'subgroup',
    properties: NOTHING,
    content: { kind: 'payload', payload: new Uint8Array(bytes) },
  };
}
const groups = (objects: readonly MoqtObject[]): number[] =>
  objects.map(({ location }) => Number(location.group));

describe('objects that wait for their key', () => {
  test('are given back in order of arrival, once, by epoch', () => {
    const held = new HeldObjects();
    held.hold(object(3), epoch(7n), millis(0));
    held.hold(object(1), epoch(8n), millis(1));
    held.hold(object(2), epoch(7n), millis(2));
    expect(groups(held.take(epoch(7n)))).toEqual([3, 2]);
    expect(groups(held.take(epoch(7n)))).toEqual([]);
    expect(groups(held.take(epoch(8n)))).toEqual([1]);
  });

  test('wait no longer than their time', () => {
    const held = new HeldObjects();
    held.hold(object(1), epoch(7n), millis(0));
    held.hold(object(2), epoch(7n), millis(500));
    expect(held.expire(millis(HOLD_LIMIT_MS))).toBe(0);
    expect(held.expire(millis(HOLD_LIMIT_MS + 1))).toBe(1);
    expect(groups(held.take(epoch(7n)))).toEqual([2]);
  });

  test('are 256 at most, and the oldest goes first', () => {
    const held = new HeldObjects();
    let given = 0;
    for (let group = 0; group < 300; group += 1) given += held.hold(object(group), epoch(7n), millis(0));
    const kept = groups(held.take(epoch(7n)));
    expect([given, kept.length, kept[0]]).toEqual([44, 256, 44]);
  });

  test('are 4 MiB at most, also after some were taken', () => {
    const held = new HeldObjects();
    const MIB = 1024 * 1024;
    for (let group = 0; group < 4; group += 1)
      expect(held.hold(object(group, MIB), epoch(7n), millis(0))).toBe(0);
    expect(held.hold(object(4, MIB), epoch(8n), millis(0))).toBe(1);
    expect(groups(held.take(epoch(7n)))).toEqual([1, 2, 3]);
    for (let group = 5; group < 8; group += 1)
      expect(held.hold(object(group, MIB), epoch(8n), millis(0))).toBe(0);
    expect(held.hold(object(8, 5 * MIB), epoch(8n), millis(0))).toBe(5);
  });
});

/** A track whose objects open from the epoch of their group on. */
function track(known: { epoch: number }): {
  incoming: IncomingTrack;
  opened: number[];
  waiting: number[];
  unreadable: () => number;
} {
  const opened: number[] = [];
  const waiting: number[] = [];
  let unreadable = 0;
  const open = (group: bigint): Opened =>
    group <= BigInt(known.epoch)
      ? { kind: 'opened', payload: NOTHING, encryptedProperties: NOTHING }
      : { kind: 'unknown-key', epoch: epoch(group) };
  const incoming = new IncomingTrack({ namespace: [encodeUtf8('n')], name: encodeUtf8('o') }, open, {
    opened: ({ group }) => opened.push(Number(group)),
    waitingForKey: (of) => waiting.push(Number(of)),
    unreadable: () => {
      unreadable += 1;
    },
  });
  return { incoming, opened, waiting, unreadable: () => unreadable };
}

describe('a track of another member', () => {
  test('holds what is sealed in a later epoch and opens it when the key comes', () => {
    const known = { epoch: 3 };
    const { incoming, opened, waiting, unreadable } = track(known);
    incoming.receive(object(4), epoch(3n), millis(0));
    incoming.receive(object(5), epoch(3n), millis(0));
    expect([opened, waiting]).toEqual([[], [4, 5]]);
    known.epoch = 4;
    incoming.keyArrived(epoch(4n), millis(10));
    expect(opened).toEqual([4]);
    known.epoch = 5;
    incoming.keyArrived(epoch(5n), millis(20));
    expect([opened, unreadable()]).toEqual([[4, 5], 0]);
  });

  test('counts what it gives up, also when the key comes too late', () => {
    const known = { epoch: 3 };
    const { incoming, opened, unreadable } = track(known);
    incoming.receive(object(4), epoch(3n), millis(0));
    known.epoch = 4;
    incoming.keyArrived(epoch(4n), millis(HOLD_LIMIT_MS + 1));
    expect([opened, unreadable()]).toEqual([[], 1]);
    incoming.receive(object(6), epoch(4n), millis(10_000));
    incoming.expire(millis(13_000));
    expect(unreadable()).toBe(2);
  });

  test('waits for no key of an epoch that is over', () => {
    const { incoming, waiting, unreadable } = track({ epoch: 3 });
    incoming.receive(object(4), epoch(4n), millis(0));
    expect([waiting, unreadable()]).toEqual([[], 1]);
  });
});

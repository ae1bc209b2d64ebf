import { describe, expect, test } from 'vitest';
import { HeldObjects, HOLD_LIMIT_MS } from '../../../src/protocol/meeting/held-objects.ts';
import type { MoqtObject } from '../../../src/protocol/moqt/model.ts';
import { epoch, millis } from '../../../src/protocol/units.ts';
import { object } from '../../harness/moqt/names.ts';

const sized = (group: number, bytes = 10): MoqtObject => object(group, 0, new Uint8Array(bytes));
const groups = (objects: readonly MoqtObject[]): number[] =>
  objects.map(({ location }) => Number(location.group));

describe('objects that wait for their key', () => {
  test('are given back in order of arrival, once, by epoch', () => {
    const held = new HeldObjects();
    held.hold(sized(3), epoch(7n), millis(0));
    held.hold(sized(1), epoch(8n), millis(1));
    held.hold(sized(2), epoch(7n), millis(2));
    expect(groups(held.take(epoch(7n)))).toEqual([3, 2]);
    expect(groups(held.take(epoch(7n)))).toEqual([]);
    expect(groups(held.take(epoch(8n)))).toEqual([1]);
  });

  test('wait no longer than their time', () => {
    const held = new HeldObjects();
    held.hold(sized(1), epoch(7n), millis(0));
    held.hold(sized(2), epoch(7n), millis(500));
    expect(held.expire(millis(HOLD_LIMIT_MS))).toBe(0);
    expect(held.expire(millis(HOLD_LIMIT_MS + 1))).toBe(1);
    expect(groups(held.take(epoch(7n)))).toEqual([2]);
  });

  test('are 256 at most, and the oldest goes first', () => {
    const held = new HeldObjects();
    let given = 0;
    for (let group = 0; group < 300; group += 1) given += held.hold(sized(group), epoch(7n), millis(0));
    const kept = groups(held.take(epoch(7n)));
    expect([given, kept.length, kept[0]]).toEqual([44, 256, 44]);
  });

  test('are 4 MiB at most, also after some were taken', () => {
    const held = new HeldObjects();
    const MIB = 1024 * 1024;
    for (let group = 0; group < 4; group += 1)
      expect(held.hold(sized(group, MIB), epoch(7n), millis(0))).toBe(0);
    expect(held.hold(sized(4, MIB), epoch(8n), millis(0))).toBe(1);
    expect(groups(held.take(epoch(7n)))).toEqual([1, 2, 3]);
    for (let group = 5; group < 8; group += 1)
      expect(held.hold(sized(group, MIB), epoch(8n), millis(0))).toBe(0);
    expect(held.hold(sized(8, 5 * MIB), epoch(8n), millis(0))).toBe(5);
  });

  test('are 4 MiB at most with their properties', () => {
    const held = new HeldObjects();
    const properties = new Uint8Array(64 * 1024 - 1);
    for (let group = 0; group < 64; group += 1)
      expect(held.hold(object(group, 0, new Uint8Array(1), { properties }), epoch(7n), millis(0))).toBe(0);
    expect(held.hold(sized(64, 1), epoch(7n), millis(0))).toBe(1);
  });
});

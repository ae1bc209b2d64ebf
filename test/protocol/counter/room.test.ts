import { describe, expect, test } from 'vitest';
import {
  begun,
  closed,
  DEFAULT_TIMES,
  heard,
  mayBegin,
  meetingOf,
  NEW_ROOM,
} from '../../../src/protocol/counter/room.ts';
import type { RoomRecord } from '../../../src/protocol/counter/room.ts';
import { unixMillis } from '../../../src/protocol/units.ts';

const TIMES = DEFAULT_TIMES;
const MINUTE = 60_000;
const START = 1e12;
const at = (ms: number) => unixMillis(START + ms);
const begin = (room: RoomRecord, generation: number, ms: number) => begun(room, generation, at(ms), TIMES);
const hear = (room: RoomRecord, generation: number, ms: number) => heard(room, generation, at(ms), TIMES);
const close = (room: RoomRecord, generation: number, ms: number, isAtZero = false) =>
  closed(room, generation, at(ms), TIMES, isAtZero);

describe('the last member says good-bye', () => {
  test('over and over, while a later generation goes on: its own never comes back', () => {
    let room = begin(begin(NEW_ROOM, 0, 0), 1, 5 * MINUTE);
    for (let minute = 14; minute < 900; minute += 9) {
      room = hear(room, 1, minute * MINUTE) ?? room;
      room = close(room, 0, minute * MINUTE) ?? room;
    }
    expect(hear(room, 0, 900 * MINUTE)).toBeUndefined();
    expect(meetingOf(room, at(896 * MINUTE))).toBe(1);
  });

  test('right after a sign of life, which drew nobody: its own never comes back', () => {
    const both = begin(begin(NEW_ROOM, 0, 0), 1, 2 * MINUTE);
    const revived = hear(both, 0, 3 * MINUTE) ?? NEW_ROOM;
    expect(meetingOf(revived, at(3 * MINUTE))).toBe(0);
    const left = close(revived, 0, 3 * MINUTE + 5) ?? NEW_ROOM;
    expect(left.generations.map(({ generation }) => generation)).toEqual([1]);
    expect(hear(left, 0, 3 * MINUTE + 6)).toBeUndefined();
  });

  test('before a later one begins: another member opens it again, for ten minutes from then', () => {
    const left = close(begin(NEW_ROOM, 0, 0), 0, 10) ?? NEW_ROOM;
    expect(meetingOf(left, at(10))).toBeUndefined();
    const overtaken = begin(left, 1, MINUTE);
    expect(meetingOf(hear(overtaken, 0, 11 * MINUTE) ?? NEW_ROOM, at(11 * MINUTE))).toBe(0);
    expect(hear(overtaken, 0, 11 * MINUTE + 1)).toBeUndefined();
  });

  test('and never got beyond epoch 0: nothing of it is left but the number that comes next', () => {
    let room = NEW_ROOM;
    for (let generation = 0; generation < 100; generation += 1) {
      room = close(begin(room, generation, generation), generation, generation, true) ?? NEW_ROOM;
      expect(hear(room, generation, generation)).toBeUndefined();
    }
    expect(room).toEqual({ next: 100, generations: [] });
    expect(mayBegin(room, at(100), TIMES)).toEqual({ kind: 'may' });
  });

  test('and no clock that is set back takes that back', () => {
    const left = close(hear(begin(NEW_ROOM, 0, 0), 0, 100) ?? NEW_ROOM, 0, 5000) ?? NEW_ROOM;
    for (const ms of [5000, 4000, 100, 50, -MINUTE]) expect(meetingOf(left, at(ms))).toBeUndefined();
  });
});

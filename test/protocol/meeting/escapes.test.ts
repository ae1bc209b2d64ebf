/** Whose turn it is to move a meeting whose line is broken, by who is there. @see docs/protocol.md#a-broken-line */
import { describe, expect, test } from 'vitest';
import { leafIndex } from '../../../src/protocol/group/roster.ts';
import { Escapes, type EscapeStep } from '../../../src/protocol/meeting/escapes.ts';
import { Room } from '../../../src/protocol/meeting/room.ts';
import type { MeetingView, ParticipantView } from '../../../src/protocol/meeting/view.ts';
import { millis } from '../../../src/protocol/units.ts';

/** A room whose line is broken, with people of these leaves, of whom the last is ourselves. */
function broken(...people: readonly Partial<ParticipantView>[]): Room {
  const room = new Room(0, 'conclave://join/a', millis(0));
  const participants = people.map((person, leaf) => ({
    id: String(leaf),
    member: { leaf: leafIndex(leaf), fingerprint: new Uint8Array([leaf]) },
    self: leaf === people.length - 1,
    role: 'member',
    heard: true,
    leaving: false,
    ...person,
  }));
  room.view = {
    line: { kind: 'line-broken', author: undefined },
    connection: { kind: 'connected' },
    group: { participants },
  } as unknown as MeetingView;
  return room;
}

/** When something is to be done where nothing else happens, ms, and what. */
function stepIn(room: Room): [number, EscapeStep['kind']] {
  const escapes = new Escapes(() => new Uint8Array(1));
  for (let at = 0; at < 100_000; at += 100) {
    const step = escapes.look(room, undefined, millis(at));
    if (step !== undefined) return [at, step.kind];
  }
  throw new Error('nothing is done');
}

describe('where the line is broken', () => {
  test('each waits for those before it who are there, organisers first', () => {
    expect(stepIn(broken({}, {}, {}))).toEqual([8_000, 'move']);
    expect(stepIn(broken({}, {}, { role: 'organiser' }))).toEqual([2_000, 'move']);
  });

  test('nobody waits for whoever is in the tree and not heard, or has said good-bye', () => {
    expect(stepIn(broken({ heard: false }, { leaving: true }, {}, {}))).toEqual([5_000, 'move']);
  });

  test('nobody moves alone, though others are in the tree', () => {
    expect(stepIn(broken({ heard: false }, { heard: false }, {}))).toEqual([15_000, 'abandon']);
  });
});

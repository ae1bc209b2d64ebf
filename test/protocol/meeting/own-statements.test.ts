import { expect, test } from 'vitest';
import { groupId, objectId } from '../../../src/protocol/moqt/model.ts';
import { OwnStatements } from '../../../src/protocol/meeting/own-statements.ts';
import { decodeStatement } from '../../../src/protocol/meeting/statement.ts';
import type { MemberTrackKind } from '../../../src/protocol/meeting/track-instance.ts';

const TAG = new Uint8Array(8);
const note = (statements: OwnStatements, track: MemberTrackKind, group: number, object = 0): void => {
  statements.note(track, {
    location: { group: groupId(BigInt(group)), object: objectId(BigInt(object)) },
    tag: TAG,
  });
};

/** The next statement: its number, and what it is about of a track. */
function taken(
  statements: OwnStatements,
  track: MemberTrackKind = 'audio',
  again = false,
): (string | number)[] {
  const statement = decodeStatement(statements.take(again));
  if (statement === undefined) throw new Error('no statement');
  const { after, last } = statement.tracks[track];
  const text = (at: typeof last): string =>
    at === undefined ? '-' : `${String(at.group)}/${String(at.object)}`;
  return [statement.number, text(after), text(last)];
}

test('each is about what was sealed since the one before', () => {
  const statements = new OwnStatements();
  expect(taken(statements)).toEqual([0, '-', '-']);
  note(statements, 'audio', 0);
  note(statements, 'audio', 1);
  expect(taken(statements)).toEqual([1, '-', '1/0']);
  expect(taken(statements)).toEqual([2, '1/0', '1/0']);
  note(statements, 'audio', 2);
  note(statements, 'video', 5, 3);
  expect(taken(statements)).toEqual([3, '1/0', '2/0']);
  expect(taken(statements, 'video')).toEqual([4, '5/3', '5/3']);
});

test('one may be about all of the last four again', () => {
  const statements = new OwnStatements();
  for (let group = 0; group < 7; group += 1) {
    note(statements, 'audio', group);
    if (group < 6) statements.take(false);
  }
  expect(taken(statements, 'audio', true)).toEqual([6, '1/0', '6/0']);
  expect(taken(statements)).toEqual([7, '6/0', '6/0']);
  // However much there was of it.
  for (let group = 7; group < 400; group += 1) note(statements, 'audio', group);
  expect(taken(statements)).toEqual([8, '6/0', '399/0']);
  expect(taken(statements, 'audio', true)).toEqual([9, '271/0', '399/0']);
});

test('one is due when something was sealed that carries none, and at once when there is much', () => {
  const statements = new OwnStatements();
  expect(statements.isDue).toBe(false);
  note(statements, 'catalog', 0);
  expect(statements.isDue).toBe(true);
  statements.take(false);
  note(statements, 'control', 0);
  expect(statements.isDue).toBe(false);
  note(statements, 'control', 1);
  expect([statements.isDue, statements.isFull]).toEqual([true, false]);
  for (let group = 0; group < 398; group += 1) note(statements, 'audio', group);
  expect(statements.isFull).toBe(true);
  statements.take(false);
  expect([statements.isDue, statements.isFull]).toEqual([false, false]);
});

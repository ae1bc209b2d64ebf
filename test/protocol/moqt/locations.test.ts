import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MAX_VI64 } from '../../../src/protocol/bytes/vi64.ts';
import {
  endAfter,
  endsBefore,
  fetchEnd,
  lastIncluded,
  nextGroup,
  nextInGroup,
} from '../../../src/protocol/moqt/locations.ts';
import { compareLocations, groupId, objectId } from '../../../src/protocol/moqt/model.ts';
import type { Location } from '../../../src/protocol/moqt/model.ts';
import { at } from '../../harness/moqt/names.ts';

const u64 = fc.oneof(fc.bigInt(0n, MAX_VI64), fc.bigInt(0n, 4n), fc.constant(MAX_VI64));
const location: fc.Arbitrary<Location> = fc.record({ group: u64.map(groupId), object: u64.map(objectId) });

test('an end is one past the last object; the end of a whole group has object 0', () => {
  expect(endAfter(at(3, 4))).toEqual(at(3, 5));
  expect(lastIncluded(at(3, 5))).toEqual(at(3, 4));
  expect(lastIncluded(at(3, 0))).toEqual({ group: groupId(3n), object: objectId(MAX_VI64) });
  fc.assert(
    fc.property(location, (last) => {
      expect(lastIncluded(endAfter(last))).toEqual(last);
    }),
  );
});

test('a range ends before its start when its last location does', () => {
  expect(endsBefore(at(3, 4), at(3, 4))).toBe(true);
  expect(endsBefore(at(3, 5), at(3, 4))).toBe(false);
  expect(endsBefore(at(3, 0), at(3, 400))).toBe(false);
  expect(endsBefore(at(2, 0), at(3, 0))).toBe(true);
});

test('an answer to FETCH ends where it was asked to or where the track does', () => {
  expect(fetchEnd(at(3, 5), at(3, 4))).toEqual(at(3, 5));
  expect(fetchEnd(at(3, 5), at(9, 0))).toEqual(at(3, 5));
  expect(fetchEnd(at(3, 9), at(3, 4))).toEqual(at(3, 5));
  expect(fetchEnd(at(3, 0), at(3, 4))).toEqual(at(3, 5));
  fc.assert(
    fc.property(location, location, (asked, largest) => {
      const last = lastIncluded(fetchEnd(asked, largest));
      expect(compareLocations(last, largest)).toBeLessThanOrEqual(0);
      expect(compareLocations(last, lastIncluded(asked))).toBeLessThanOrEqual(0);
    }),
  );
});

test('what follows a location is in its group or begins the next one', () => {
  expect(nextInGroup(at(3, 4))).toEqual(at(3, 5));
  expect(nextGroup(at(3, 4))).toEqual(at(4, 0));
});

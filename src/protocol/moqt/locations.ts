/**
 * Reckoning with locations, and with the ends of ranges as FETCH writes them: one past the last object, where object 0
 * stands for the whole of the group.
 */
import { MAX_VI64 } from '../bytes/vi64.ts';
import { compareLocations, groupId, objectId } from './model.ts';
import type { Location } from './model.ts';

/** Where a track begins. */
export const ORIGIN: Location = { group: groupId(0n), object: objectId(0n) };

/** Where the next object of the group would be. */
export function nextInGroup(location: Location): Location {
  return { group: location.group, object: objectId(location.object + 1n) };
}

/** Where the next group begins. */
export function nextGroup(location: Location): Location {
  return { group: groupId(location.group + 1n), object: objectId(0n) };
}

/** The larger of two locations, either of which may be missing. */
export function largerOf(a: Location | undefined, b: Location | undefined): Location | undefined {
  if (a === undefined) return b;
  if (b === undefined) return a;
  return compareLocations(a, b) >= 0 ? a : b;
}

/**
 * Whether a range with this end cannot hold `start`.
 * @param end - one past the last object; object 0: the whole of its group.
 * @see moqt-18 #standalone-fetch
 */
export function endsBefore(end: Location, start: Location): boolean {
  return compareLocations(lastIncluded(end), start) < 0;
}

/** The last location of a range with this end. */
export function lastIncluded(end: Location): Location {
  return { group: end.group, object: objectId(end.object === 0n ? MAX_VI64 : end.object - 1n) };
}

/** The end of a range whose last location is `last`. */
export function endAfter(last: Location): Location {
  return { group: last.group, object: objectId(last.object === MAX_VI64 ? 0n : last.object + 1n) };
}

/** The end of a FETCH answer: what was asked for, or what there is. @see moqt-18 #message-fetch-ok */
export function fetchEnd(asked: Location, largest: Location): Location {
  return compareLocations(lastIncluded(asked), largest) <= 0 ? asked : endAfter(largest);
}

/** Whether a location lies in a range, both ends included. */
export function isBetween(location: Location, start: Location, end: Location): boolean {
  return compareLocations(location, start) >= 0 && compareLocations(location, end) <= 0;
}

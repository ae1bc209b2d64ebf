/** Ends of ranges as FETCH writes them: one past the last object, object 0 for the whole of a group. */
import { MAX_VI64 } from '../bytes/vi64.ts';
import { compareLocations, objectId } from './model.ts';
import type { Location } from './model.ts';

/**
 * Whether a range with this end cannot hold `start`.
 * @param end - one past the last object; object 0: the whole of its group.
 * @see moqt-18 #standalone-fetch
 */
export function endsBefore(end: Location, start: Location): boolean {
  if (end.group !== start.group) return end.group < start.group;
  return end.object !== 0n && end.object <= start.object;
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

/** Which objects a subscription covers. @see moqt-18 #subscription-filters */
import { compareLocations, groupId, objectId } from './model.ts';
import type { GroupId, Location, SubscriptionFilter } from './model.ts';

/** A filter in absolute terms. */
export interface Coverage {
  readonly start: Location;
  readonly endGroup: GroupId | undefined;
}

const ORIGIN: Location = { group: groupId(0n), object: objectId(0n) };

/** Everything: the coverage of a subscription without a filter. */
export const UNFILTERED: Coverage = { start: ORIGIN, endGroup: undefined };

/**
 * Resolves a filter when the publisher processes it.
 * @param largest - largest location of the track then; undefined when it has no objects.
 */
export function resolveFilter(
  filter: SubscriptionFilter | undefined,
  largest: Location | undefined,
): Coverage {
  switch (filter?.kind) {
    case undefined:
      return UNFILTERED;
    case 'absolute-start':
      return { start: filter.start, endGroup: undefined };
    case 'absolute-range':
      return { start: filter.start, endGroup: filter.endGroup };
    case 'largest-object':
      if (largest === undefined) return UNFILTERED;
      return { start: { group: largest.group, object: objectId(largest.object + 1n) }, endGroup: undefined };
    case 'next-group-start':
      if (largest === undefined) return UNFILTERED;
      return { start: { group: groupId(largest.group + 1n), object: objectId(0n) }, endGroup: undefined };
  }
}

/** Whether an object passes. */
export function covers(coverage: Coverage, at: Location): boolean {
  return (
    compareLocations(at, coverage.start) >= 0 &&
    (coverage.endGroup === undefined || at.group <= coverage.endGroup)
  );
}

/** The larger of two locations, either of which may be missing. */
export function largerOf(a: Location | undefined, b: Location | undefined): Location | undefined {
  if (a === undefined) return b;
  if (b === undefined) return a;
  return compareLocations(a, b) >= 0 ? a : b;
}

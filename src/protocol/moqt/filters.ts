/** Which objects a subscription covers. @see moqt-18 #subscription-filters */
import { nextGroup, nextInGroup, ORIGIN } from './locations.ts';
import { compareLocations } from './model.ts';
import type { GroupId, Location, SubscriptionFilter } from './model.ts';

/** A filter in absolute terms. */
export interface Coverage {
  readonly start: Location;
  readonly endGroup: GroupId | undefined;
}

/** Everything: the coverage of a subscription without a filter. */
export const UNFILTERED: Coverage = { start: ORIGIN, endGroup: undefined };

/**
 * Resolves a filter when the publisher processes it.
 * @param largest - largest location of the track then; undefined when it has no objects.
 */
export function resolveFilter(filter: SubscriptionFilter, largest: Location | undefined): Coverage {
  switch (filter.kind) {
    case 'absolute-start':
      return { start: filter.start, endGroup: undefined };
    case 'absolute-range':
      return { start: filter.start, endGroup: filter.endGroup };
    case 'largest-object':
      if (largest === undefined) return UNFILTERED;
      return { start: nextInGroup(largest), endGroup: undefined };
    case 'next-group-start':
      if (largest === undefined) return UNFILTERED;
      return { start: nextGroup(largest), endGroup: undefined };
  }
}

/** Whether an object passes. */
export function covers(coverage: Coverage, at: Location): boolean {
  return (
    compareLocations(at, coverage.start) >= 0 &&
    (coverage.endGroup === undefined || at.group <= coverage.endGroup)
  );
}

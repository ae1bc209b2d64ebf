/** Transport priorities: larger is more urgent. @see moqt-18 #scheduling-algorithm */
import type { GroupId, GroupOrder, SubgroupId } from './model.ts';

const GROUP_BITS = 10;
const SUBGROUP_BITS = 4;
const GROUPS = 1 << GROUP_BITS;
const SUBGROUPS = 1 << SUBGROUP_BITS;

/** Control streams before everything. */
export const CONTROL_PRIORITY = 0x7fff_ffff;
/** Request streams before all objects. */
export const REQUEST_PRIORITY = 0x7fff_fffe;
/** Priority that a subscriber has who names none. */
export const DEFAULT_SUBSCRIBER_PRIORITY = 128;

/**
 * Priority of a stream with objects: subscriber priority, then publisher priority, then group in the order of the
 * subscription, then the lower subgroup. Groups are compared modulo 1,024 and subgroups up to 15, so that the
 * number fits 30 bits; streams that far apart are not queued side by side.
 */
export function objectPriority(
  subscriberPriority: number,
  publisherPriority: number,
  order: GroupOrder,
  group: GroupId,
  subgroup: SubgroupId,
): number {
  const phase = Number(group & BigInt(GROUPS - 1));
  const groupRank = order === 'ascending' ? GROUPS - 1 - phase : phase;
  const subgroupRank = SUBGROUPS - 1 - (subgroup < BigInt(SUBGROUPS) ? Number(subgroup) : SUBGROUPS - 1);
  const stream = groupRank * SUBGROUPS + subgroupRank;
  return ((255 - subscriberPriority) * 256 + (255 - publisherPriority)) * GROUPS * SUBGROUPS + stream;
}

/** Priority of the stream that answers a FETCH; its objects have publisher priorities of their own. */
export function fetchPriority(subscriberPriority: number): number {
  return ((255 - subscriberPriority) * 256 + 127) * GROUPS * SUBGROUPS;
}

/** The Track Properties that a relay acts upon; all are handed on byte for byte. @see moqt-18 #moqt-properties */
import { decodeKeyValuePairs } from '../bytes/key-value-pairs.ts';
import { millis } from '../units.ts';
import type { Millis } from '../units.ts';
import type { GroupOrder } from '../moqt/model.ts';

/** 0: none. */
export interface DeliveryTimeouts {
  readonly object: Millis;
  readonly subgroup: Millis;
}

/** What a relay reads in Track Properties. */
export interface RelayedProperties {
  readonly timeouts: DeliveryTimeouts;
  readonly groupOrder: GroupOrder;
  /** Subscribers may ask for a new group. */
  readonly dynamicGroups: boolean;
  /** Longest time that an object may be served from a cache; absent: as long as the relay likes. */
  readonly maxCacheDuration: Millis | undefined;
}

const PropertyType = {
  OBJECT_DELIVERY_TIMEOUT: 0x02n,
  MAX_CACHE_DURATION: 0x04n,
  SUBGROUP_DELIVERY_TIMEOUT: 0x06n,
  IMMUTABLE: 0x0bn,
  DEFAULT_PUBLISHER_GROUP_ORDER: 0x22n,
  DYNAMIC_GROUPS: 0x30n,
} as const;

/** Longer than any meeting; keeps sums of times exact. */
const LONGEST = 2n ** 40n;

/**
 * Reads Track Properties that the session has checked.
 * @param block - Key-Value-Pairs; not kept.
 */
export function readRelayedProperties(block: Uint8Array | undefined): RelayedProperties {
  let object = millis(0);
  let subgroup = millis(0);
  let dynamicGroups = false;
  let groupOrder: GroupOrder = 'ascending';
  let maxCacheDuration: Millis | undefined;
  for (const { type, value } of block === undefined ? [] : decodeKeyValuePairs(block)) {
    if (typeof value !== 'bigint') continue;
    const duration = millis(Number(value < LONGEST ? value : LONGEST));
    if (type === PropertyType.OBJECT_DELIVERY_TIMEOUT) object = duration;
    else if (type === PropertyType.SUBGROUP_DELIVERY_TIMEOUT) subgroup = duration;
    else if (type === PropertyType.MAX_CACHE_DURATION) maxCacheDuration = duration;
    else if (type === PropertyType.DEFAULT_PUBLISHER_GROUP_ORDER && value === 2n) groupOrder = 'descending';
    else if (type === PropertyType.DYNAMIC_GROUPS) dynamicGroups = value === 1n;
  }
  return { timeouts: { object, subgroup }, groupOrder, dynamicGroups, maxCacheDuration };
}

/** The Immutable Properties in an object's properties that the session has checked, if there are any. */
export function immutableProperties(block: Uint8Array): Uint8Array | undefined {
  for (const { type, value } of decodeKeyValuePairs(block)) {
    if (type === PropertyType.IMMUTABLE && typeof value !== 'bigint') return value;
  }
  return undefined;
}

/** The smaller of two timeouts, where 0 and absence mean none. @see moqt-18 #delivery-timeouts */
export function smallerTimeout(a: Millis, b: Millis | undefined): Millis {
  if (b === undefined || b === 0) return a;
  return a === 0 || b < a ? b : a;
}

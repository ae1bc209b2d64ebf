/** Properties of tracks and objects: kept byte for byte, checked for form. @see moqt-18 #properties */
import type { KeyValuePair } from '../../bytes/key-value-pairs.ts';
import { PeerViolation } from '../../errors.ts';
import { MalformedTrack } from '../malformed-track.ts';
import type { GroupOrder, Location } from '../model.ts';
import type { TrackProperties } from '../messages.ts';
import { SessionCode } from '../codes.ts';
import { readPairs } from './key-value-pairs.ts';
import { violation } from './violations.ts';

const PropertyType = {
  IMMUTABLE: 0x0bn,
  DEFAULT_PUBLISHER_PRIORITY: 0x0en,
  DEFAULT_PUBLISHER_GROUP_ORDER: 0x22n,
  DYNAMIC_GROUPS: 0x30n,
  PRIOR_GROUP_ID_GAP: 0x3cn,
  PRIOR_OBJECT_ID_GAP: 0x3en,
} as const;

/** We understand no mandatory property: none is registered. @see moqt-18 #mandatory-track-properties */
const MANDATORY = { first: 0x4000n, last: 0x7fffn } as const;

const NO_PROPERTIES: TrackProperties = {
  block: new Uint8Array(0),
  publisherPriority: 128,
  groupOrder: 'ascending',
  dynamicGroups: false,
  unknownMandatory: undefined,
};

/**
 * Reads what a session needs of Track Properties.
 * @param block - the last field of a message; kept, so the caller hands it over.
 * @throws {PeerViolation} when the block is not made of pairs or a known property has a forbidden value.
 */
export function readTrackProperties(block: Uint8Array): TrackProperties {
  if (block.length === 0) return NO_PROPERTIES;
  let publisherPriority = NO_PROPERTIES.publisherPriority;
  let groupOrder: GroupOrder = NO_PROPERTIES.groupOrder;
  let dynamicGroups = NO_PROPERTIES.dynamicGroups;
  let unknownMandatory: bigint | undefined;
  for (const { type, value } of withImmutable(block, trackFault)) {
    if (type >= MANDATORY.first && type <= MANDATORY.last) unknownMandatory ??= type;
    if (typeof value !== 'bigint') continue;
    if (type === PropertyType.DEFAULT_PUBLISHER_PRIORITY) {
      if (value > 255n) throw violation('publisher-priority', 'the priority is larger than 255');
      publisherPriority = Number(value);
    } else if (type === PropertyType.DEFAULT_PUBLISHER_GROUP_ORDER) {
      if (value !== 1n && value !== 2n) throw violation('group-order-pref', 'the order is neither 1 nor 2');
      groupOrder = value === 1n ? 'ascending' : 'descending';
    } else if (type === PropertyType.DYNAMIC_GROUPS) {
      if (value > 1n) throw violation('dynamic-groups', 'the value is larger than 1');
      dynamicGroups = value === 1n;
    }
  }
  return { block, publisherPriority, groupOrder, dynamicGroups, unknownMandatory };
}

/**
 * Checks the properties of an object; they are handed on unchanged.
 * @throws {PeerViolation} when the block is not made of pairs.
 * @throws {MalformedTrack} when the pairs break a rule that makes the track malformed.
 */
export function checkObjectProperties(block: Uint8Array, at: Location): void {
  let groupGaps = 0;
  let objectGaps = 0;
  for (const { type, value } of withImmutable(block, objectFault)) {
    if (type >= MANDATORY.first && type <= MANDATORY.last) {
      throw new MalformedTrack(
        'moqt-18#mandatory-track-properties',
        'an object has a mandatory track property',
      );
    }
    if (type === PropertyType.PRIOR_GROUP_ID_GAP) {
      groupGaps += 1;
      if (groupGaps > 1 || (value as bigint) > at.group) {
        throw new MalformedTrack('moqt-18#prior-group-id-gap', 'the gap is repeated or too large');
      }
    } else if (type === PropertyType.PRIOR_OBJECT_ID_GAP) {
      objectGaps += 1;
      if (objectGaps > 1 || (value as bigint) > at.object) {
        throw new MalformedTrack('moqt-18#prior-object-id-gap', 'the gap is repeated or too large');
      }
    }
  }
}

/** All pairs of a block, those inside Immutable Properties in their place. */
function withImmutable(block: Uint8Array, fault: (detail: string) => Error): readonly KeyValuePair[] {
  const outer = readPairs(block);
  const at = outer.findIndex(({ type }) => type === PropertyType.IMMUTABLE);
  if (at < 0) return outer;
  if (outer.slice(at + 1).some(({ type }) => type === PropertyType.IMMUTABLE)) {
    throw fault('Immutable Properties are repeated');
  }
  const inner = immutablePairs(outer[at]?.value, fault);
  if (inner.some(({ type }) => type === PropertyType.IMMUTABLE)) {
    throw fault('Immutable Properties are inside Immutable Properties');
  }
  return [...outer.slice(0, at), ...inner, ...outer.slice(at + 1)];
}

function immutablePairs(value: unknown, fault: (detail: string) => Error): readonly KeyValuePair[] {
  if (!(value instanceof Uint8Array)) return [];
  try {
    return readPairs(value);
  } catch (error) {
    if (error instanceof PeerViolation) throw fault('Immutable Properties cannot be parsed');
    throw error;
  }
}

function trackFault(detail: string): Error {
  return violation('immutable-properties', detail, SessionCode.KEY_VALUE_FORMATTING_ERROR);
}

function objectFault(detail: string): Error {
  return new MalformedTrack('moqt-18#immutable-properties', detail);
}

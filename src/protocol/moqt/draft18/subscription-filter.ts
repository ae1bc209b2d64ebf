/** The Subscription Filter structure. @see moqt-18 #subscription-filters */
import { ByteReader } from '../../bytes/byte-reader.ts';
import { ByteWriter } from '../../bytes/byte-writer.ts';
import { MAX_VI64 } from '../../bytes/vi64.ts';
import { invariant, unreachable } from '../../errors.ts';
import { groupId } from '../model.ts';
import type { SubscriptionFilter } from '../model.ts';
import { readLocation, writeLocation } from './structures.ts';
import { violation, whole } from './violations.ts';

const FilterType = { NEXT_GROUP_START: 0x1, LARGEST_OBJECT: 0x2, ABSOLUTE_START: 0x3, ABSOLUTE_RANGE: 0x4 };
const CLAUSE = 'subscription-filters';

/**
 * Reads a filter.
 * @param bytes - the whole structure.
 * @throws {PeerViolation} for an unknown type, an end beyond 2^64 - 1, or bytes too few or too many.
 */
export function readFilter(bytes: Uint8Array): SubscriptionFilter {
  const reader = new ByteReader(bytes);
  const filter = whole(CLAUSE, () => readFields(reader));
  if (reader.remaining > 0) throw violation(CLAUSE, 'bytes follow the filter');
  return filter;
}

/** Bytes of a filter. */
export function writeFilter(filter: SubscriptionFilter): Uint8Array {
  const writer = new ByteWriter();
  switch (filter.kind) {
    case 'next-group-start':
      return writer.vi64(FilterType.NEXT_GROUP_START).finish();
    case 'largest-object':
      return writer.vi64(FilterType.LARGEST_OBJECT).finish();
    case 'absolute-start':
      writeLocation(writer.vi64(FilterType.ABSOLUTE_START), filter.start);
      return writer.finish();
    case 'absolute-range':
      invariant(filter.endGroup >= filter.start.group, 'a filter ends no earlier than it starts');
      writeLocation(writer.vi64(FilterType.ABSOLUTE_RANGE), filter.start);
      return writer.vi64(filter.endGroup - filter.start.group).finish();
    default:
      return unreachable(filter);
  }
}

function readFields(reader: ByteReader): SubscriptionFilter {
  const type = reader.vi64Number();
  if (type === FilterType.NEXT_GROUP_START) return { kind: 'next-group-start' };
  if (type === FilterType.LARGEST_OBJECT) return { kind: 'largest-object' };
  if (type !== FilterType.ABSOLUTE_START && type !== FilterType.ABSOLUTE_RANGE) {
    throw violation(CLAUSE, 'the filter type is unknown');
  }
  const start = readLocation(reader);
  if (type === FilterType.ABSOLUTE_START) return { kind: 'absolute-start', start };
  const endGroup = start.group + reader.vi64();
  if (endGroup > MAX_VI64) throw violation(CLAUSE, 'the end group is larger than 2^64 - 1');
  return { kind: 'absolute-range', start, endGroup: groupId(endGroup) };
}

/** The stream that answers a FETCH. @see moqt-18 #fetch-header */
import type { ByteReader } from '../../bytes/byte-reader.ts';
import { ByteWriter } from '../../bytes/byte-writer.ts';
import { MAX_VI64 } from '../../bytes/vi64.ts';
import { invariant } from '../../errors.ts';
import type { ChunkQueue } from '../chunk-queue.ts';
import type { FetchWriter, StreamItem } from '../draft.ts';
import type { SessionLimits } from '../limits.ts';
import { groupId, objectId, subgroupId } from '../model.ts';
import type { GroupOrder, Location, MoqtObject, RequestId, SubgroupId } from '../model.ts';
import { StreamType } from './codes.ts';
import { NO_BYTES, payloadOf, readLength, readProperties } from './objects.ts';
import { checkObjectProperties } from './properties.ts';
import { readLocation, writeLocation } from './structures.ts';
import { violation } from './violations.ts';

const Flag = { OBJECT: 0x04, GROUP: 0x08, PRIORITY: 0x10, PROPERTIES: 0x20, DATAGRAM: 0x40 };
const SubgroupMode = { MASK: 0x03, ZERO: 0, SAME: 1, NEXT: 2, PRESENT: 3 };
const END_OF_NON_EXISTENT_RANGE = 0x8c;
const END_OF_UNKNOWN_RANGE = 0x10c;
const CLAUSE = 'flags';

/** What flags refer to as "prior Object". @see moqt-18 #end-of-range */
interface Prior {
  location: Location | undefined;
  subgroup: SubgroupId | undefined;
  priority: number | undefined;
}

interface Head {
  readonly location: Location;
  readonly subgroup: SubgroupId | undefined;
  readonly priority: number;
  readonly properties: Uint8Array;
  readonly length: number;
  readonly datagram: boolean;
}

type Gap = Extract<StreamItem, { kind: 'gap' }>;

/** Reads what follows a FETCH_HEADER. */
export class FetchReader {
  readonly #limits: SessionLimits;
  readonly #prior: Prior = { location: undefined, subgroup: undefined, priority: undefined };
  #order: GroupOrder = 'ascending';
  #head: Head | undefined;

  constructor(limits: SessionLimits) {
    this.#limits = limits;
  }

  /** Whether the stream may end here. */
  get atBoundary(): boolean {
    return this.#head === undefined;
  }

  order(groups: GroupOrder): void {
    this.#order = groups;
  }

  /** The next object or end of range whose bytes are all there. */
  next(queue: ChunkQueue): Extract<StreamItem, { kind: 'object' | 'gap' }> | undefined {
    if (this.#head === undefined) {
      const item = queue.read((reader) => this.#readItem(reader));
      if (item === undefined) return undefined;
      if ('kind' in item) {
        this.#prior.location = item.end;
        return item;
      }
      this.#head = item;
    }
    const head = this.#head;
    if (queue.available < head.length) return undefined;
    this.#head = undefined;
    this.#prior.location = head.location;
    this.#prior.priority = head.priority;
    if (head.subgroup !== undefined) this.#prior.subgroup = head.subgroup;
    if (head.properties.length > 0) checkObjectProperties(head.properties, head.location);
    return {
      kind: 'object',
      object: {
        location: head.location,
        subgroup: head.subgroup,
        publisherPriority: head.priority,
        forwarding: head.datagram ? 'datagram' : 'subgroup',
        properties: head.properties,
        content: { kind: 'payload', payload: queue.take(head.length) },
      },
    };
  }

  #readItem(reader: ByteReader): Head | Gap {
    const flags = reader.vi64();
    if (flags === BigInt(END_OF_NON_EXISTENT_RANGE) || flags === BigInt(END_OF_UNKNOWN_RANGE)) {
      // "The Group ID and Object ID fields are present", not their deltas.
      const known = flags === BigInt(END_OF_UNKNOWN_RANGE) ? 'unknown' : 'non-existent';
      return { kind: 'gap', end: readLocation(reader), known };
    }
    if (flags >= 0x80n)
      throw violation('fetch-header', `serialization flags ${String(flags)} are not defined`);
    return this.#readHead(reader, Number(flags));
  }

  #readHead(reader: ByteReader, flags: number): Head {
    const group = this.#readGroup(reader, flags);
    const datagram = (flags & Flag.DATAGRAM) !== 0;
    const subgroup = datagram ? undefined : this.#readSubgroup(reader, flags & SubgroupMode.MASK);
    const object = this.#readObject(reader, flags);
    const priority = (flags & Flag.PRIORITY) !== 0 ? reader.u8() : this.#prior.priority;
    if (priority === undefined)
      throw violation(CLAUSE, 'the priority refers to a prior object that is not there');
    const properties =
      (flags & Flag.PROPERTIES) === 0 ? NO_BYTES : readProperties(reader, this.#limits.propertiesBytes);
    const length = readLength(reader, this.#limits.objectBytes, 'payload');
    const location = { group: groupId(group), object: objectId(object) };
    return { location, subgroup, priority, properties, length, datagram };
  }

  #readGroup(reader: ByteReader, flags: number): bigint {
    const prior = this.#prior.location?.group;
    if ((flags & Flag.GROUP) === 0) {
      if (prior === undefined) throw violation(CLAUSE, 'the first object has no Group ID');
      return prior;
    }
    const delta = reader.vi64();
    if (prior === undefined) return delta;
    const group = this.#order === 'ascending' ? prior + delta + 1n : prior - delta - 1n;
    if (group < 0n || group > MAX_VI64) throw violation(CLAUSE, 'a Group ID is below 0 or above 2^64 - 1');
    return group;
  }

  #readSubgroup(reader: ByteReader, mode: number): SubgroupId {
    if (mode === SubgroupMode.ZERO) return subgroupId(0n);
    if (mode === SubgroupMode.PRESENT) return subgroupId(reader.vi64());
    const prior = this.#prior.subgroup;
    if (prior === undefined)
      throw violation(CLAUSE, 'the subgroup refers to a prior object that is not there');
    if (mode === SubgroupMode.SAME) return prior;
    if (prior === MAX_VI64) throw violation(CLAUSE, 'a Subgroup ID is above 2^64 - 1');
    return subgroupId(prior + 1n);
  }

  #readObject(reader: ByteReader, flags: number): bigint {
    const prior = this.#prior.location?.object;
    if ((flags & Flag.OBJECT) === 0) {
      if (prior === undefined) throw violation(CLAUSE, 'the first object has no Object ID');
      if (prior === MAX_VI64) throw violation(CLAUSE, 'an Object ID is above 2^64 - 1');
      return prior + 1n;
    }
    const delta = reader.vi64();
    if (prior === undefined || (flags & Flag.GROUP) !== 0) return delta;
    if (prior + delta > MAX_VI64) throw violation(CLAUSE, 'an Object ID is above 2^64 - 1');
    return prior + delta;
  }
}

/** Writes a FETCH answer. */
export class Draft18FetchWriter implements FetchWriter {
  readonly #request: RequestId;
  readonly #order: GroupOrder;
  readonly #prior: Prior = { location: undefined, subgroup: undefined, priority: undefined };

  constructor(request: RequestId, order: GroupOrder) {
    this.#request = request;
    this.#order = order;
  }

  header(): Uint8Array {
    return new ByteWriter().vi64(StreamType.FETCH_HEADER).vi64(this.#request).finish();
  }

  object(object: MoqtObject): Uint8Array {
    invariant(object.content.kind === 'payload', 'a FETCH carries no object status');
    const payload = payloadOf(object);
    const { location, subgroup, publisherPriority } = object;
    const prior = this.#prior;
    const sameGroup = prior.location?.group === location.group;
    const writer = new ByteWriter(payload.length + object.properties.length + 48);
    const mode = this.#subgroupMode(subgroup);
    const nextObject = prior.location !== undefined && location.object === prior.location.object + 1n;
    const flags =
      mode |
      (sameGroup ? 0 : Flag.GROUP) |
      (nextObject ? 0 : Flag.OBJECT) |
      (prior.priority === publisherPriority ? 0 : Flag.PRIORITY) |
      (object.properties.length > 0 ? Flag.PROPERTIES : 0);
    writer.vi64(flags);
    if (!sameGroup) writer.vi64(this.#groupDelta(location));
    if (mode === SubgroupMode.PRESENT) writer.vi64(subgroup ?? 0n);
    if (!nextObject) writer.vi64(this.#objectDelta(location, sameGroup));
    if (prior.priority !== publisherPriority) writer.u8(publisherPriority);
    if (object.properties.length > 0) writer.lengthPrefixed(object.properties);
    prior.location = location;
    prior.priority = publisherPriority;
    // A datagram leaves nothing to refer to: readers differ in what they would take.
    prior.subgroup = subgroup;
    return writer.lengthPrefixed(payload).finish();
  }

  gap(end: Location, known: 'non-existent' | 'unknown'): Uint8Array {
    const writer = new ByteWriter().vi64(
      known === 'unknown' ? END_OF_UNKNOWN_RANGE : END_OF_NON_EXISTENT_RANGE,
    );
    writeLocation(writer, end);
    this.#prior.location = end;
    return writer.finish();
  }

  #subgroupMode(subgroup: SubgroupId | undefined): number {
    if (subgroup === undefined) return Flag.DATAGRAM;
    if (subgroup === 0n) return SubgroupMode.ZERO;
    const prior = this.#prior.subgroup;
    if (prior === subgroup) return SubgroupMode.SAME;
    return prior !== undefined && prior + 1n === subgroup ? SubgroupMode.NEXT : SubgroupMode.PRESENT;
  }

  #groupDelta(location: Location): bigint {
    const prior = this.#prior.location;
    if (prior === undefined) return location.group;
    const step = this.#order === 'ascending' ? location.group - prior.group : prior.group - location.group;
    invariant(step > 0n, 'groups of a FETCH are sent in the order asked for');
    return step - 1n;
  }

  #objectDelta(location: Location, sameGroup: boolean): bigint {
    const prior = this.#prior.location;
    if (prior === undefined || !sameGroup) return location.object;
    invariant(location.object > prior.object, 'objects of a group are sent in ascending order');
    return location.object - prior.object;
  }
}

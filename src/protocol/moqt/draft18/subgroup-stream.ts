/** Subgroup headers and the objects that follow them. @see moqt-18 #subgroup-header */
import type { ByteReader } from '../../bytes/byte-reader.ts';
import { ByteWriter } from '../../bytes/byte-writer.ts';
import { MAX_VI64 } from '../../bytes/vi64.ts';
import { invariant } from '../../errors.ts';
import type { ChunkQueue } from '../chunk-queue.ts';
import type { StreamItem } from '../draft.ts';
import type { SessionLimits } from '../limits.ts';
import { groupId, objectId, subgroupId } from '../model.ts';
import type { GroupId, MoqtObject, ObjectId, ObjectStatus, SubgroupId, TrackAlias } from '../model.ts';
import type { SubgroupHeader } from '../session-api.ts';
import {
  checkStatusHasNone,
  NO_BYTES,
  payloadOf,
  readLength,
  readProperties,
  readStatus,
  writeContent,
} from './objects.ts';
import { checkObjectProperties } from './properties.ts';
import { violation } from './violations.ts';

const Bit = { PROPERTIES: 0x01, END_OF_GROUP: 0x08, FORM: 0x10, DEFAULT_PRIORITY: 0x20, FIRST_OBJECT: 0x40 };
const SubgroupMode = { MASK: 0x06, ZERO: 0x00, FIRST_OBJECT_ID: 0x02, PRESENT: 0x04, RESERVED: 0x06 };

/** Whether a stream type has the form 0b0XX1XXXX. */
export function isSubgroupType(type: bigint): boolean {
  return type < 0x80n && (Number(type) & Bit.FORM) !== 0;
}

interface Head {
  readonly id: ObjectId;
  readonly properties: Uint8Array;
  readonly length: number;
  readonly status: ObjectStatus | undefined;
}

/** Reads the header behind the type, then objects. */
export class SubgroupReader {
  readonly #limits: SessionLimits;
  readonly #type: number;
  readonly #group: GroupId;
  #subgroup: SubgroupId | undefined;
  #priority: number | undefined;
  #previous: ObjectId | undefined;
  /** Header of the object whose payload is not complete yet. */
  #head: Head | undefined;
  readonly header: Extract<StreamItem, { kind: 'subgroup' }>;

  constructor(type: number, reader: ByteReader, limits: SessionLimits) {
    const mode = type & SubgroupMode.MASK;
    if (mode === SubgroupMode.RESERVED)
      throw violation('subgroup-header', 'the Subgroup ID mode is reserved');
    this.#limits = limits;
    this.#type = type;
    const alias = reader.vi64() as TrackAlias;
    this.#group = groupId(reader.vi64());
    if (mode === SubgroupMode.ZERO) this.#subgroup = subgroupId(0n);
    else if (mode === SubgroupMode.PRESENT) this.#subgroup = subgroupId(reader.vi64());
    if ((type & Bit.DEFAULT_PRIORITY) === 0) this.#priority = reader.u8();
    this.header = {
      kind: 'subgroup',
      alias,
      group: this.#group,
      subgroup: this.#subgroup,
      endOfGroup: (type & Bit.END_OF_GROUP) !== 0,
      firstObject: (type & Bit.FIRST_OBJECT) !== 0,
    };
  }

  /** Whether the stream may end here. */
  get atBoundary(): boolean {
    return this.#head === undefined;
  }

  inherit(priority: number): void {
    this.#priority ??= priority;
  }

  /** The next object whose bytes are all there. */
  next(queue: ChunkQueue): MoqtObject | undefined {
    this.#head ??= queue.read((reader) => this.#readHead(reader));
    const head = this.#head;
    if (head === undefined || queue.available < head.length) return undefined;
    this.#head = undefined;
    this.#previous = head.id;
    this.#subgroup ??= subgroupId(head.id);
    invariant(this.#priority !== undefined, 'the priority to inherit is told before objects are read');
    const location = { group: this.#group, object: head.id };
    if (head.properties.length > 0) checkObjectProperties(head.properties, location);
    return {
      location,
      subgroup: this.#subgroup,
      publisherPriority: this.#priority,
      forwarding: 'subgroup',
      properties: head.properties,
      content:
        head.status === undefined
          ? { kind: 'payload', payload: queue.take(head.length) }
          : { kind: 'status', status: head.status },
    };
  }

  #readHead(reader: ByteReader): Head {
    const delta = reader.vi64();
    const id = this.#previous === undefined ? delta : this.#previous + delta + 1n;
    if (id > MAX_VI64) throw violation('subgroup-header', 'an Object ID is larger than 2^64 - 1');
    const properties =
      (this.#type & Bit.PROPERTIES) === 0 ? NO_BYTES : readProperties(reader, this.#limits.propertiesBytes);
    const length = readLength(reader, this.#limits.objectBytes, 'payload');
    const status = length === 0 ? readStatus(reader) : undefined;
    checkStatusHasNone(status, properties);
    return { id: objectId(id), properties, length, status };
  }
}

/**
 * Writes a header; all objects of the stream then have a Properties field.
 * @param firstId - ID of the object that will be written first.
 */
export function encodeSubgroupHeader(
  writer: ByteWriter,
  alias: TrackAlias,
  header: SubgroupHeader,
  firstId: bigint,
): void {
  writeHeader(writer, alias, header, firstId, true);
}

/** Writes the next object of a stream whose header {@link encodeSubgroupHeader} wrote. */
export function encodeSubgroupObject(
  writer: ByteWriter,
  object: MoqtObject,
  previous: bigint | undefined,
): void {
  writeObject(writer, object, previous, true);
}

/** The whole stream of a subgroup that has one object. */
export function encodeSingleObject(alias: TrackAlias, object: MoqtObject, endOfGroup: boolean): Uint8Array {
  invariant(object.subgroup !== undefined, 'an object on a stream has a subgroup');
  const withProperties = object.properties.length > 0;
  const writer = new ByteWriter(payloadOf(object).length + object.properties.length + 48);
  const header = {
    group: object.location.group,
    subgroup: object.subgroup,
    publisherPriority: object.publisherPriority,
    endOfGroup,
    firstObject: true,
  };
  writeHeader(writer, alias, header, object.location.object, withProperties);
  writeObject(writer, object, undefined, withProperties);
  return writer.finish();
}

function writeHeader(
  writer: ByteWriter,
  alias: TrackAlias,
  header: SubgroupHeader,
  firstId: bigint,
  withProperties: boolean,
): void {
  const mode =
    header.subgroup === 0n
      ? SubgroupMode.ZERO
      : header.subgroup === firstId
        ? SubgroupMode.FIRST_OBJECT_ID
        : SubgroupMode.PRESENT;
  const type =
    Bit.FORM |
    mode |
    (withProperties ? Bit.PROPERTIES : 0) |
    (header.endOfGroup ? Bit.END_OF_GROUP : 0) |
    (header.firstObject ? Bit.FIRST_OBJECT : 0);
  writer.vi64(type).vi64(alias).vi64(header.group);
  if (mode === SubgroupMode.PRESENT) writer.vi64(header.subgroup);
  writer.u8(header.publisherPriority);
}

function writeObject(
  writer: ByteWriter,
  object: MoqtObject,
  previous: bigint | undefined,
  withProperties: boolean,
): void {
  const id = object.location.object;
  invariant(previous === undefined || id > previous, 'Object IDs ascend within a subgroup');
  writer.vi64(previous === undefined ? id : id - previous - 1n);
  if (withProperties) writer.lengthPrefixed(object.properties);
  writeContent(writer, object);
}

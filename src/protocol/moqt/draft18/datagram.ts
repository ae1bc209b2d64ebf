/** Objects in datagrams. @see moqt-18 #object-datagram */
import { ByteReader } from '../../bytes/byte-reader.ts';
import { ByteWriter } from '../../bytes/byte-writer.ts';
import { invariant } from '../../errors.ts';
import type { IncomingDatagram } from '../draft.ts';
import type { SessionLimits } from '../limits.ts';
import { groupId, objectId } from '../model.ts';
import type { MoqtObject, TrackAlias } from '../model.ts';
import { PADDING_DATAGRAM } from './codes.ts';
import {
  checkStatusHasNone,
  NO_BYTES,
  payloadOf,
  readProperties,
  readStatus,
  statusCode,
} from './objects.ts';
import { checkObjectProperties } from './properties.ts';
import { violation, whole } from './violations.ts';

const Bit = {
  PROPERTIES: 0x01,
  END_OF_GROUP: 0x02,
  ZERO_OBJECT_ID: 0x04,
  DEFAULT_PRIORITY: 0x08,
  STATUS: 0x20,
  FORM: 0xd0,
};
const CLAUSE = 'object-datagram';

/**
 * Reads a datagram.
 * @param bytes - handed over: the payload may be a view of them.
 * @returns undefined for padding.
 * @throws {PeerViolation} for an invalid type or fields.
 * @throws {MalformedTrack} for properties that make the track malformed.
 */
export function decodeDatagram(bytes: Uint8Array, limits: SessionLimits): IncomingDatagram | undefined {
  const reader = new ByteReader(bytes);
  return whole(CLAUSE, () => readDatagram(reader, limits));
}

/** A datagram with one object; the priority is always written. */
export function encodeDatagram(alias: TrackAlias, object: MoqtObject, endOfGroup: boolean): Uint8Array {
  const { location, content, properties } = object;
  invariant(!(endOfGroup && content.kind === 'status'), 'a status does not signal the end of a group');
  const payload = payloadOf(object);
  const type =
    (properties.length > 0 ? Bit.PROPERTIES : 0) |
    (endOfGroup ? Bit.END_OF_GROUP : 0) |
    (location.object === 0n ? Bit.ZERO_OBJECT_ID : 0) |
    (content.kind === 'status' ? Bit.STATUS : 0);
  const writer = new ByteWriter(payload.length + properties.length + 48);
  writer.vi64(type).vi64(alias).vi64(location.group);
  if (location.object !== 0n) writer.vi64(location.object);
  writer.u8(object.publisherPriority);
  if (properties.length > 0) writer.lengthPrefixed(properties);
  if (content.kind === 'status') writer.vi64(statusCode(content.status));
  return writer.bytes(payload).finish();
}

function readDatagram(reader: ByteReader, limits: SessionLimits): IncomingDatagram | undefined {
  const wireType = reader.vi64();
  if (wireType === BigInt(PADDING_DATAGRAM)) return undefined;
  const type = wireType < 0x100n ? Number(wireType) : Bit.FORM;
  if ((type & Bit.FORM) !== 0) throw violation(CLAUSE, `datagram type ${String(wireType)} is unknown`);
  const endOfGroup = (type & Bit.END_OF_GROUP) !== 0;
  const hasStatus = (type & Bit.STATUS) !== 0;
  if (endOfGroup && hasStatus) throw violation(CLAUSE, 'a status signals the end of a group');
  const alias = reader.vi64() as TrackAlias;
  const group = groupId(reader.vi64());
  const object = objectId((type & Bit.ZERO_OBJECT_ID) !== 0 ? 0n : reader.vi64());
  const priority = (type & Bit.DEFAULT_PRIORITY) !== 0 ? undefined : reader.u8();
  const properties =
    (type & Bit.PROPERTIES) === 0 ? NO_BYTES : readProperties(reader, limits.propertiesBytes);
  if ((type & Bit.PROPERTIES) !== 0 && properties.length === 0) {
    throw violation(CLAUSE, 'the PROPERTIES bit is set and Properties Length is 0');
  }
  const status = hasStatus ? readStatus(reader) : undefined;
  checkStatusHasNone(status, properties);
  if (hasStatus && reader.remaining > 0) throw violation(CLAUSE, 'bytes follow the Object Status');
  const location = { group, object };
  if (properties.length > 0) checkObjectProperties(properties, location);
  const payload = reader.rest();
  return {
    alias,
    endOfGroup,
    object: (inheritedPriority) => ({
      location,
      subgroup: undefined,
      publisherPriority: priority ?? inheritedPriority,
      forwarding: 'datagram',
      properties,
      content: status === undefined ? { kind: 'payload', payload } : { kind: 'status', status },
    }),
  };
}

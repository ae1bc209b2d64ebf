/** Objects in datagrams. @see moqt-18 #object-datagram */
import { ByteReader } from '../../bytes/byte-reader.ts';
import { ByteWriter } from '../../bytes/byte-writer.ts';
import { invariant } from '../../errors.ts';
import type { IncomingDatagram } from '../draft.ts';
import { MalformedTrack } from '../malformed-track.ts';
import { groupId, objectId } from '../model.ts';
import type { Location, MoqtObject, TrackAlias } from '../model.ts';
import { PADDING_DATAGRAM } from './codes.ts';
import { checkStatusHasNone, NO_BYTES, payloadOf, readStatus, statusCode } from './objects.ts';
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
 * @returns undefined for padding; `object` throws when the properties make the track malformed.
 * @throws {PeerViolation} for an invalid type or fields.
 */
export function decodeDatagram(bytes: Uint8Array): IncomingDatagram | undefined {
  const reader = new ByteReader(bytes);
  return whole(CLAUSE, () => readDatagram(reader));
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

function readDatagram(reader: ByteReader): IncomingDatagram | undefined {
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
    (type & Bit.PROPERTIES) === 0 ? NO_BYTES : new Uint8Array(reader.lengthPrefixed(reader.remaining));
  if ((type & Bit.PROPERTIES) !== 0 && properties.length === 0) {
    throw violation(CLAUSE, 'the PROPERTIES bit is set and Properties Length is 0');
  }
  const status = hasStatus ? readStatus(reader) : undefined;
  checkStatusHasNone(status, properties);
  if (hasStatus && reader.remaining > 0) throw violation(CLAUSE, 'bytes follow the Object Status');
  const location = { group, object };
  const fault = properties.length === 0 ? undefined : malformation(properties, location);
  const payload = reader.rest();
  return {
    alias,
    endOfGroup,
    object: (inheritedPriority) => {
      if (fault !== undefined) throw fault;
      return {
        location,
        subgroup: undefined,
        publisherPriority: priority ?? inheritedPriority,
        forwarding: 'datagram',
        properties,
        content: status === undefined ? { kind: 'payload', payload } : { kind: 'status', status },
      };
    },
  };
}

/** What makes the track malformed. It is told with the object, since only then is the subscription known. */
function malformation(properties: Uint8Array, location: Location): MalformedTrack | undefined {
  try {
    checkObjectProperties(properties, location);
    return undefined;
  } catch (error) {
    if (error instanceof MalformedTrack) return error;
    throw error;
  }
}

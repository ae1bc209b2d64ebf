/** What objects have in common on subgroup streams, FETCH streams and in datagrams. @see moqt-18 #message-object */
import type { ByteReader } from '../../bytes/byte-reader.ts';
import type { ByteWriter } from '../../bytes/byte-writer.ts';
import { invariant } from '../../errors.ts';
import { LimitExceeded } from '../limits.ts';
import type { MoqtObject, ObjectStatus } from '../model.ts';
import { violation } from './violations.ts';

const Status = { NORMAL: 0x0n, END_OF_GROUP: 0x3n, END_OF_TRACK: 0x4n } as const;

/** No properties, no payload. */
export const NO_BYTES: Uint8Array = new Uint8Array(0);

/** Reads an Object Status; undefined is Normal. @see moqt-18 #object-status */
export function readStatus(reader: ByteReader): ObjectStatus | undefined {
  const status = reader.vi64();
  if (status === Status.NORMAL) return undefined;
  if (status === Status.END_OF_GROUP) return 'end-of-group';
  if (status === Status.END_OF_TRACK) return 'end-of-track';
  throw violation('object-status', `status ${String(status)} is unknown`);
}

/** Number of a status on the wire. */
export function statusCode(status: ObjectStatus): bigint {
  return status === 'end-of-group' ? Status.END_OF_GROUP : Status.END_OF_TRACK;
}

/** Reads Object Properties into fresh bytes. @see moqt-18 #object-properties */
export function readProperties(reader: ByteReader, limit: number): Uint8Array {
  const length = readLength(reader, limit, 'properties');
  return length === 0 ? NO_BYTES : new Uint8Array(reader.bytes(length));
}

/** Reads a length that we may refuse without blaming the peer. */
export function readLength(reader: ByteReader, limit: number, what: string): number {
  const length = reader.vi64();
  if (length > BigInt(limit))
    throw new LimitExceeded(`${what} of an object are longer than ${String(limit)} bytes`);
  return Number(length);
}

/** Only Normal objects have properties. @see moqt-18 #object-properties */
export function checkStatusHasNone(status: ObjectStatus | undefined, properties: Uint8Array): void {
  if (status !== undefined && properties.length > 0) {
    throw violation('object-properties', 'an object whose status is not Normal has properties');
  }
}

/** Payload of an object, empty when it has a status. */
export function payloadOf(object: MoqtObject): Uint8Array {
  invariant(
    object.content.kind === 'payload' || object.properties.length === 0,
    'an object with a status has no properties',
  );
  return object.content.kind === 'payload' ? object.content.payload : NO_BYTES;
}

/** Writes length, status and payload as subgroup streams have them. */
export function writeContent(writer: ByteWriter, object: MoqtObject): void {
  const payload = payloadOf(object);
  writer.vi64(payload.length);
  if (payload.length > 0) writer.bytes(payload);
  else writer.vi64(object.content.kind === 'status' ? statusCode(object.content.status) : Status.NORMAL);
}

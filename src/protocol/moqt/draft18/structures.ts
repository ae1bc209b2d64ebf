/** Structures that several messages share. @see moqt-18 #notational-conventions */
import type { ByteReader } from '../../bytes/byte-reader.ts';
import type { ByteWriter } from '../../bytes/byte-writer.ts';
import { decodeUtf8, encodeUtf8 } from '../../bytes/utf8.ts';
import { invariant } from '../../errors.ts';
import { millis } from '../../units.ts';
import type { Millis } from '../../units.ts';
import { groupId, objectId } from '../model.ts';
import type { FullTrackName, Location, TrackNamespace } from '../model.ts';
import { violation } from './violations.ts';

const MAX_FIELDS = 32;
const MAX_NAME_BYTES = 4096;
const MAX_REASON_BYTES = 1024;

/**
 * Reads a Track Namespace, prefix or suffix: 0 to 32 fields of at least one byte, 4,096 bytes in sum.
 * @returns fields as fresh bytes.
 * @see moqt-18 #track-name
 */
export function readNamespace(reader: ByteReader): TrackNamespace {
  const count = reader.vi64();
  if (count > BigInt(MAX_FIELDS)) throw violation('track-name', 'a namespace has more than 32 fields');
  const fields: Uint8Array[] = [];
  let total = 0;
  for (let at = 0n; at < count; at += 1n) {
    const field = reader.lengthPrefixed(0xffff);
    if (field.length === 0) throw violation('track-name', 'a namespace field is empty');
    total += field.length;
    if (total > MAX_NAME_BYTES) throw violation('track-name', 'a namespace is longer than 4,096 bytes');
    fields.push(new Uint8Array(field));
  }
  return fields;
}

/** Writes a Track Namespace. @see moqt-18 #track-name */
export function writeNamespace(writer: ByteWriter, namespace: TrackNamespace): void {
  invariant(namespace.length <= MAX_FIELDS, 'a namespace has at most 32 fields');
  writer.vi64(namespace.length);
  let total = 0;
  for (const field of namespace) {
    invariant(field.length > 0, 'a namespace field is not empty');
    total += field.length;
    writer.lengthPrefixed(field);
  }
  invariant(total <= MAX_NAME_BYTES, 'a namespace is at most 4,096 bytes long');
}

/** Reads Track Namespace and Track Name, 4,096 bytes in sum. @see moqt-18 #track-name */
export function readFullTrackName(reader: ByteReader): FullTrackName {
  const namespace = readNamespace(reader);
  const name = new Uint8Array(reader.lengthPrefixed(0xffff));
  checkFullLength(namespace, name);
  return { namespace, name };
}

/** Writes Track Namespace and Track Name. */
export function writeFullTrackName(writer: ByteWriter, track: FullTrackName): void {
  invariant(fullLength(track.namespace, track.name) <= MAX_NAME_BYTES, 'a track name is at most 4,096 bytes');
  writeNamespace(writer, track.namespace);
  writer.lengthPrefixed(track.name);
}

/** Reads a Location. @see moqt-18 #location-structure */
export function readLocation(reader: ByteReader): Location {
  return { group: groupId(reader.vi64()), object: objectId(reader.vi64()) };
}

/** Writes a Location. */
export function writeLocation(writer: ByteWriter, location: Location): void {
  writer.vi64(location.group).vi64(location.object);
}

/** Reads a Reason Phrase; bytes that are not UTF-8 are shown as nothing. @see moqt-18 #reason-phrase */
export function readReason(reader: ByteReader): string {
  const length = reader.vi64();
  if (length > BigInt(MAX_REASON_BYTES)) throw violation('reason-phrase', 'it is longer than 1,024 bytes');
  return decodeUtf8(reader.bytes(Number(length))) ?? '';
}

/** Writes a Reason Phrase, cut before a character that does not fit into 1,024 bytes. */
export function writeReason(writer: ByteWriter, reason: string): void {
  const bytes = encodeUtf8(reason);
  let length = Math.min(bytes.length, MAX_REASON_BYTES);
  // Bytes 10xxxxxx continue a character.
  while (length < bytes.length && ((bytes[length] ?? 0) & 0xc0) === 0x80) length -= 1;
  writer.lengthPrefixed(bytes.subarray(0, length));
}

/** Reads a duration in milliseconds; durations beyond the safe integers are as good as endless. */
export function readMillis(reader: ByteReader): Millis {
  return toMillis(reader.vi64());
}

/** A duration as the number that we calculate with. */
export function toMillis(value: bigint): Millis {
  return millis(Number(value < BigInt(Number.MAX_SAFE_INTEGER) ? value : Number.MAX_SAFE_INTEGER));
}

/** Reads an error code; one that no table knows is INTERNAL_ERROR to us in any case. @see moqt-18 #grease */
export function readCode(reader: ByteReader): number {
  const code = reader.vi64();
  return code <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(code) : 0;
}

/** @throws {PeerViolation} when name and namespace together are too long. */
export function checkFullLength(namespace: TrackNamespace, name: Uint8Array): void {
  if (fullLength(namespace, name) > MAX_NAME_BYTES) {
    throw violation('track-name', 'a full track name is longer than 4,096 bytes');
  }
}

function fullLength(namespace: TrackNamespace, name: Uint8Array): number {
  return namespace.reduce((sum, field) => sum + field.length, name.length);
}

/** SUBSCRIBE, SUBSCRIBE_OK, TRACK_STATUS, PUBLISH and PUBLISH_DONE. @see moqt-18 #message-subscribe-req */
import type { ByteReader } from '../../bytes/byte-reader.ts';
import type { ByteWriter } from '../../bytes/byte-writer.ts';
import type { Message } from '../messages.ts';
import type { RequestId, TrackAlias } from '../model.ts';
import { readParameters, writeParameters } from './parameters.ts';
import { readTrackProperties } from './properties.ts';
import { readCode, readFullTrackName, readReason, writeFullTrackName, writeReason } from './structures.ts';

type Subscribe = Extract<Message, { kind: 'subscribe' | 'track-status' }>;
type SubscribeOk = Extract<Message, { kind: 'subscribe-ok' }>;
type Publish = Extract<Message, { kind: 'publish' }>;
type PublishDone = Extract<Message, { kind: 'publish-done' }>;

/** Reads a SUBSCRIBE or a TRACK_STATUS, which look the same. @see moqt-18 #message-track-status */
export function readSubscribe(reader: ByteReader, kind: 'subscribe' | 'track-status'): Subscribe {
  const id = reader.vi64() as RequestId;
  const track = readFullTrackName(reader);
  const parameters = readParameters(reader, kind === 'subscribe' ? 'SUBSCRIBE' : 'TRACK_STATUS');
  return { kind, id, track, parameters };
}

/** Writes a SUBSCRIBE or a TRACK_STATUS. */
export function writeSubscribe(writer: ByteWriter, message: Subscribe): void {
  writer.vi64(message.id);
  writeFullTrackName(writer, message.track);
  writeParameters(writer, message.kind === 'subscribe' ? 'SUBSCRIBE' : 'TRACK_STATUS', message.parameters);
}

/** Reads a SUBSCRIBE_OK. @see moqt-18 #message-subscribe-ok */
export function readSubscribeOk(reader: ByteReader): SubscribeOk {
  const alias = reader.vi64() as TrackAlias;
  const parameters = readParameters(reader, 'SUBSCRIBE_OK');
  return { kind: 'subscribe-ok', alias, parameters, properties: readPropertiesBlock(reader) };
}

/** Writes a SUBSCRIBE_OK. */
export function writeSubscribeOk(writer: ByteWriter, message: SubscribeOk): void {
  writer.vi64(message.alias);
  writeParameters(writer, 'SUBSCRIBE_OK', message.parameters);
  writer.bytes(message.properties);
}

/** Reads a PUBLISH. @see moqt-18 #message-publish */
export function readPublish(reader: ByteReader): Publish {
  const id = reader.vi64() as RequestId;
  const track = readFullTrackName(reader);
  const alias = reader.vi64() as TrackAlias;
  const parameters = readParameters(reader, 'PUBLISH');
  return { kind: 'publish', id, track, alias, parameters, properties: readPropertiesBlock(reader) };
}

/** Writes a PUBLISH. */
export function writePublish(writer: ByteWriter, message: Publish): void {
  writer.vi64(message.id);
  writeFullTrackName(writer, message.track);
  writer.vi64(message.alias);
  writeParameters(writer, 'PUBLISH', message.parameters);
  writer.bytes(message.properties);
}

/** Reads a PUBLISH_DONE. @see moqt-18 #message-publish-done */
export function readPublishDone(reader: ByteReader): PublishDone {
  const code = readCode(reader);
  const streamCount = reader.vi64();
  return { kind: 'publish-done', code, streamCount, reason: readReason(reader) };
}

/** Writes a PUBLISH_DONE. */
export function writePublishDone(writer: ByteWriter, message: PublishDone): void {
  writer.vi64(message.code).vi64(message.streamCount);
  writeReason(writer, message.reason);
}

/** Takes the rest of a message as Track Properties, checked and copied. */
export function readPropertiesBlock(reader: ByteReader): Uint8Array {
  return readTrackProperties(new Uint8Array(reader.rest())).block;
}

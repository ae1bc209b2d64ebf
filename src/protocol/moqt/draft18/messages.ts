/** Which message is which, where each may stand, and its frame. @see moqt-18 #message */
import { ByteReader } from '../../bytes/byte-reader.ts';
import { ByteWriter } from '../../bytes/byte-writer.ts';
import { invariant, unreachable } from '../../errors.ts';
import type { Message, MessagePlace, RequestKind } from '../messages.ts';
import {
  readRequestError,
  readRequestOk,
  readRequestUpdate,
  writeRequestError,
  writeRequestOk,
  writeRequestUpdate,
} from './answers.ts';
import { MessageType } from './codes.ts';
import { readFetch, readFetchOk, writeFetch, writeFetchOk } from './fetches.ts';
import { readGoaway, writeGoaway } from './goaway.ts';
import {
  readNamespaceNews,
  readNamespaceRequest,
  readPublishBlocked,
  writeNamespaceRequest,
  writePublishBlocked,
} from './namespaces.ts';
import { readSetup, writeSetup } from './setup.ts';
import { writeNamespace } from './structures.ts';
import {
  readPublish,
  readPublishDone,
  readSubscribe,
  readSubscribeOk,
  writePublish,
  writePublishDone,
  writeSubscribe,
  writeSubscribeOk,
} from './subscriptions.ts';
import { violation, whole } from './violations.ts';

type RequestPlace = Extract<MessagePlace, { stream: 'request' }>;

const MAX_PAYLOAD = 0xffff;

/** Anchor of the clause that defines each message. */
const CLAUSES: ReadonlyMap<number, string> = new Map([
  [MessageType.REQUEST_UPDATE, 'message-request-update'],
  [MessageType.SUBSCRIBE, 'message-subscribe-req'],
  [MessageType.SUBSCRIBE_OK, 'message-subscribe-ok'],
  [MessageType.REQUEST_ERROR, 'message-request-error'],
  [MessageType.PUBLISH_NAMESPACE, 'message-pub-ns'],
  [MessageType.REQUEST_OK, 'message-request-ok'],
  [MessageType.NAMESPACE, 'message-namespace'],
  [MessageType.PUBLISH_DONE, 'message-publish-done'],
  [MessageType.TRACK_STATUS, 'message-track-status'],
  [MessageType.NAMESPACE_DONE, 'message-namespace-done'],
  [MessageType.PUBLISH_BLOCKED, 'message-publish-blocked'],
  [MessageType.GOAWAY, 'message-goaway'],
  [MessageType.FETCH, 'message-fetch'],
  [MessageType.FETCH_OK, 'message-fetch-ok'],
  [MessageType.PUBLISH, 'message-publish'],
  [MessageType.SUBSCRIBE_NAMESPACE, 'message-subscribe-ns'],
  [MessageType.SUBSCRIBE_TRACKS, 'message-subscribe-tracks'],
  [MessageType.SETUP, 'message-setup'],
]);

/**
 * Reads one message.
 * @param type - as read from the frame.
 * @param payload - as long as the frame said; byte strings of the result are copies.
 * @param place - where the message stands.
 * @throws {PeerViolation} when it may not stand there or is not well-formed.
 */
export function decodeMessage(type: number, payload: Uint8Array, place: MessagePlace): Message {
  const clause = CLAUSES.get(type);
  if (clause === undefined) throw violation('message', `message type ${String(type)} is unknown`);
  const reader = new ByteReader(payload);
  const message = whole(clause, () => readPlaced(type, reader, place));
  if (reader.remaining > 0) throw violation('message', `bytes follow the last field [#${clause}]`);
  return message;
}

/** Writes one message with its frame, as fresh bytes. */
export function encodeMessage(message: Message): Uint8Array {
  const writer = new ByteWriter();
  const type = writePayload(writer, message);
  const payload = writer.finish();
  invariant(payload.length <= MAX_PAYLOAD, 'a message is at most 65,535 bytes long');
  return new ByteWriter(payload.length + 8).vi64(type).u16(payload.length).bytes(payload).finish();
}

function readPlaced(type: number, reader: ByteReader, place: MessagePlace): Message {
  switch (place.stream) {
    case 'control':
      return readOnControl(type, reader, place);
    case 'new-request':
      return readNewRequest(type, reader);
    case 'request':
      return readOnRequest(type, reader, place);
    default:
      return unreachable(place);
  }
}

function readOnControl(
  type: number,
  reader: ByteReader,
  place: Extract<MessagePlace, { stream: 'control' }>,
): Message {
  if (place.first) {
    if (type !== MessageType.SETUP)
      throw violation('session-init', 'the control stream begins without SETUP');
    return { kind: 'setup', options: readSetup(reader, place.from) };
  }
  if (type === MessageType.GOAWAY)
    return readGoaway(reader, true, place.from === 'client' ? 'server' : 'client');
  throw violation('message', `message type ${String(type)} does not belong on a control stream`);
}

function readNewRequest(type: number, reader: ByteReader): Message {
  switch (type) {
    case MessageType.SUBSCRIBE:
      return readSubscribe(reader, 'subscribe');
    case MessageType.TRACK_STATUS:
      return readSubscribe(reader, 'track-status');
    case MessageType.PUBLISH:
      return readPublish(reader);
    case MessageType.FETCH:
      return readFetch(reader);
    case MessageType.PUBLISH_NAMESPACE:
      return readNamespaceRequest(reader, 'publish-namespace');
    case MessageType.SUBSCRIBE_NAMESPACE:
      return readNamespaceRequest(reader, 'subscribe-namespace');
    case MessageType.SUBSCRIBE_TRACKS:
      return readNamespaceRequest(reader, 'subscribe-tracks');
    default:
      throw violation('session-init', `a request stream begins with message type ${String(type)}`);
  }
}

function readOnRequest(type: number, reader: ByteReader, place: RequestPlace): Message {
  switch (type) {
    case MessageType.REQUEST_OK:
      return readRequestOk(reader, place);
    case MessageType.REQUEST_ERROR:
      return readRequestError(reader, place);
    case MessageType.REQUEST_UPDATE:
      return readRequestUpdate(reader, place);
    case MessageType.GOAWAY:
      return readGoaway(reader, false, place.receiver);
    case MessageType.PUBLISH_DONE:
      need(type, place, place.from === 'responder' ? 'subscribe' : 'publish');
      return readPublishDone(reader);
    default:
      if (place.from !== 'responder') break;
      return readResponse(type, reader, place);
  }
  throw violation('message', `message type ${String(type)} does not belong on this request stream`);
}

/** Messages that only the receiver of a request sends. */
function readResponse(type: number, reader: ByteReader, place: RequestPlace): Message {
  switch (type) {
    case MessageType.SUBSCRIBE_OK:
      need(type, place, 'subscribe', 'unanswered');
      return readSubscribeOk(reader);
    case MessageType.FETCH_OK:
      need(type, place, 'fetch', 'unanswered');
      return readFetchOk(reader);
    case MessageType.NAMESPACE:
      need(type, place, 'subscribe-namespace', 'answered');
      return readNamespaceNews(reader, 'namespace');
    case MessageType.NAMESPACE_DONE:
      need(type, place, 'subscribe-namespace', 'answered');
      return readNamespaceNews(reader, 'namespace-done');
    case MessageType.PUBLISH_BLOCKED:
      need(type, place, 'subscribe-tracks', 'answered');
      return readPublishBlocked(reader);
    default:
      throw violation('message', `message type ${String(type)} does not belong on this request stream`);
  }
}

function need(
  type: number,
  place: RequestPlace,
  request: RequestKind,
  state?: 'answered' | 'unanswered',
): void {
  const clause = CLAUSES.get(type) ?? 'message';
  if (place.request !== request) throw violation(clause, `it does not belong to ${place.request}`);
  const unanswered = place.answers === request;
  if (state === 'unanswered' && !unanswered) throw violation(clause, `${request} was answered before`);
  if (state === 'answered' && unanswered) throw violation(clause, `${request} is to be answered first`);
}

/** @returns the message's type. */
function writePayload(writer: ByteWriter, message: Message): number {
  switch (message.kind) {
    case 'setup':
      writeSetup(writer, message.options);
      return MessageType.SETUP;
    case 'goaway':
      writeGoaway(writer, message);
      return MessageType.GOAWAY;
    case 'subscribe':
      writeSubscribe(writer, message);
      return MessageType.SUBSCRIBE;
    case 'track-status':
      writeSubscribe(writer, message);
      return MessageType.TRACK_STATUS;
    case 'subscribe-ok':
      writeSubscribeOk(writer, message);
      return MessageType.SUBSCRIBE_OK;
    case 'publish':
      writePublish(writer, message);
      return MessageType.PUBLISH;
    case 'publish-done':
      writePublishDone(writer, message);
      return MessageType.PUBLISH_DONE;
    case 'fetch':
      writeFetch(writer, message);
      return MessageType.FETCH;
    case 'fetch-ok':
      writeFetchOk(writer, message);
      return MessageType.FETCH_OK;
    case 'request-ok':
      writeRequestOk(writer, message);
      return MessageType.REQUEST_OK;
    case 'request-error':
      writeRequestError(writer, message);
      return MessageType.REQUEST_ERROR;
    case 'request-update':
      writeRequestUpdate(writer, message);
      return MessageType.REQUEST_UPDATE;
    case 'publish-namespace':
      writeNamespaceRequest(writer, message);
      return MessageType.PUBLISH_NAMESPACE;
    case 'subscribe-namespace':
      writeNamespaceRequest(writer, message);
      return MessageType.SUBSCRIBE_NAMESPACE;
    case 'subscribe-tracks':
      writeNamespaceRequest(writer, message);
      return MessageType.SUBSCRIBE_TRACKS;
    case 'namespace':
      writeNamespace(writer, message.suffix);
      return MessageType.NAMESPACE;
    case 'namespace-done':
      writeNamespace(writer, message.suffix);
      return MessageType.NAMESPACE_DONE;
    case 'publish-blocked':
      writePublishBlocked(writer, message);
      return MessageType.PUBLISH_BLOCKED;
    default:
      return unreachable(message);
  }
}

/** REQUEST_OK, REQUEST_ERROR and REQUEST_UPDATE. @see moqt-18 #message-request-ok */
import type { ByteReader } from '../../bytes/byte-reader.ts';
import type { ByteWriter } from '../../bytes/byte-writer.ts';
import { decodeUtf8, encodeUtf8 } from '../../bytes/utf8.ts';
import { invariant } from '../../errors.ts';
import { millis } from '../../units.ts';
import type { Answered, Message, MessagePlace, Redirect, UpdatedRequest } from '../messages.ts';
import type { RequestId } from '../model.ts';
import { RequestErrorCode } from '../codes.ts';
import { readParameters, writeParameters } from './parameters.ts';
import type { ParameterScope } from './parameters.ts';
import { readTrackProperties } from './properties.ts';
import {
  checkFullLength,
  readCode,
  readMillis,
  readNamespace,
  readReason,
  writeNamespace,
  writeReason,
} from './structures.ts';
import { violation } from './violations.ts';

type RequestPlace = Extract<MessagePlace, { stream: 'request' }>;
type RequestOk = Extract<Message, { kind: 'request-ok' }>;
type RequestError = Extract<Message, { kind: 'request-error' }>;
type RequestUpdate = Extract<Message, { kind: 'request-update' }>;

/** Reads the REQUEST_OK that answers `place.answers`. */
export function readRequestOk(reader: ByteReader, place: RequestPlace): RequestOk {
  const answers = place.answers;
  if (answers === undefined || answers === 'subscribe' || answers === 'fetch') {
    throw violation('message-request-ok', 'nothing is to be answered by REQUEST_OK');
  }
  const parameters = readParameters(reader, okScope(answers));
  const properties = new Uint8Array(reader.rest());
  if (properties.length > 0 && answers !== 'track-status') {
    throw violation('message-request-ok', 'it has Track Properties but does not answer TRACK_STATUS');
  }
  readTrackProperties(properties);
  return { kind: 'request-ok', answers, parameters, properties };
}

/** Writes a REQUEST_OK. */
export function writeRequestOk(writer: ByteWriter, message: RequestOk): void {
  writeParameters(writer, okScope(message.answers), message.parameters);
  writer.bytes(message.properties);
}

/** Reads a REQUEST_ERROR. @see moqt-18 #message-request-error */
export function readRequestError(reader: ByteReader, place: RequestPlace): RequestError {
  if (place.answers === undefined) throw violation('message-request-error', 'nothing is to be answered');
  const code = readCode(reader);
  const interval = readMillis(reader);
  const reason = readReason(reader);
  const retryAfter = interval === 0 ? {} : { retryAfter: millis(interval - 1) };
  if (code !== RequestErrorCode.REDIRECT) return { kind: 'request-error', code, reason, ...retryAfter };
  return { kind: 'request-error', code, reason, ...retryAfter, redirect: readRedirect(reader, place) };
}

/** Writes a REQUEST_ERROR. */
export function writeRequestError(writer: ByteWriter, message: RequestError): void {
  const redirects = message.code === RequestErrorCode.REDIRECT;
  invariant(redirects === (message.redirect !== undefined), 'REDIRECT and only it says where to');
  writer.vi64(message.code).vi64(message.retryAfter === undefined ? 0 : Math.ceil(message.retryAfter) + 1);
  writeReason(writer, message.reason);
  if (message.redirect === undefined) return;
  writer.lengthPrefixed(encodeUtf8(message.redirect.uri));
  writeNamespace(writer, message.redirect.track.namespace);
  writer.lengthPrefixed(message.redirect.track.name);
}

/** Reads a REQUEST_UPDATE. @see moqt-18 #message-request-update */
export function readRequestUpdate(reader: ByteReader, place: RequestPlace): RequestUpdate {
  const updates = updatedRequest(place);
  const id = reader.vi64() as RequestId;
  return { kind: 'request-update', id, updates, parameters: readParameters(reader, updateScope(updates)) };
}

/** Writes a REQUEST_UPDATE. */
export function writeRequestUpdate(writer: ByteWriter, message: RequestUpdate): void {
  writer.vi64(message.id);
  writeParameters(writer, updateScope(message.updates), message.parameters);
}

function readRedirect(reader: ByteReader, place: RequestPlace): Redirect {
  const uri = decodeUtf8(reader.lengthPrefixed(0xffff));
  if (uri === undefined) throw violation('redirect-structure', 'the URI is not text');
  if (place.receiver === 'server' && uri !== '') {
    throw violation('redirect-structure', 'a client redirects a server to a URI');
  }
  const namespace = readNamespace(reader);
  const name = new Uint8Array(reader.lengthPrefixed(0xffff));
  checkFullLength(namespace, name);
  const ofNamespace = place.request.endsWith('namespace') || place.request === 'subscribe-tracks';
  if (ofNamespace && name.length > 0) {
    throw violation('redirect-structure', 'a namespace request is redirected to a track name');
  }
  return { uri, track: { namespace, name } };
}

function okScope(answers: Answered): ParameterScope {
  switch (answers) {
    case 'publish':
      return 'PUBLISH_OK';
    case 'request-update':
      return 'UPDATE_OK';
    case 'track-status':
      return 'TRACK_STATUS_OK';
    default:
      return 'NAMESPACE_OK';
  }
}

/** Whose parameters an update carries follows from the request and the side that sends it. */
function updatedRequest(place: RequestPlace): UpdatedRequest {
  const { request, from } = place;
  if (request === 'track-status') throw violation('message-track-status', 'TRACK_STATUS cannot be updated');
  if (from === 'responder') {
    if (request === 'publish') return 'subscription';
    throw violation('message-request-update', 'only the sender of this request can update it');
  }
  if (request === 'subscribe') return 'subscription';
  if (request === 'fetch') return 'fetch';
  return request === 'subscribe-namespace' || request === 'subscribe-tracks' ? 'prefix' : 'namespace';
}

function updateScope(updates: UpdatedRequest): ParameterScope {
  switch (updates) {
    case 'subscription':
      return 'UPDATE_OF_SUBSCRIPTION';
    case 'fetch':
      return 'UPDATE_OF_FETCH';
    case 'prefix':
      return 'UPDATE_OF_PREFIX';
    case 'namespace':
      return 'UPDATE_OF_NAMESPACE';
  }
}

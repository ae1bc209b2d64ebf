import type { Draft } from '../draft.ts';
import { decodeDatagram, encodeDatagram } from './datagram.ts';
import { Draft18FetchWriter } from './fetch-stream.ts';
import { FrameReader } from './message-stream.ts';
import { decodeMessage, encodeMessage } from './messages.ts';
import { readTrackProperties } from './properties.ts';
import { encodeSingleObject, encodeSubgroupHeader, encodeSubgroupObject } from './subgroup-stream.ts';
import { UniStream } from './uni-stream.ts';
import { violation } from './violations.ts';

/** Draft-18 of MOQT, as ALPN and WebTransport name it `moqt-18`. */
export const draft18: Draft = {
  protocol: 'moqt-18',
  violation,
  messageStream: () => new FrameReader(),
  decodeMessage: ({ type, payload }, place) => decodeMessage(type, payload, place),
  encodeMessage,
  readTrackProperties,
  incomingStream: (limits) => new UniStream(limits),
  decodeDatagram,
  encodeSubgroupHeader,
  encodeSubgroupObject,
  encodeSingleObject,
  encodeDatagram,
  fetchWriter: (request, order) => new Draft18FetchWriter(request, order),
};

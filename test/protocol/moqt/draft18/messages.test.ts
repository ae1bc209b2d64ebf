import { describe, expect, test } from 'vitest';
import { encodeHex } from '../../../../src/protocol/bytes/hex.ts';
import { PeerViolation } from '../../../../src/protocol/errors.ts';
import { draft18 } from '../../../../src/protocol/moqt/draft18/draft18.ts';
import type { Message, MessagePlace, RequestKind } from '../../../../src/protocol/moqt/messages.ts';
import { bytesOf } from '../../../harness/moqt/hex.ts';
import { MESSAGE_VECTORS } from '../../../vectors/moqt-18/messages.ts';

/** Reads the one message that these bytes are. */
function decode(bytes: Uint8Array, place: MessagePlace): Message {
  const stream = draft18.messageStream();
  stream.push(bytes);
  const frame = stream.next();
  if (frame === undefined) throw new Error('the message is not complete');
  expect(stream.buffered).toBe(0);
  return draft18.decodeMessage(frame, place);
}

/** The message without members that are undefined, which an absent parameter may be. */
const plain = (message: Message): unknown => expect.objectContaining(message);

describe.each(MESSAGE_VECTORS)('$name', ({ bytes, place, message }) => {
  const wire = bytesOf(...bytes.map(([hex]) => hex));

  test('is read as the draft says', () => {
    expect(decode(wire, place)).toEqual(plain(message));
  });

  test('is written so that it reads the same', () => {
    const written = draft18.encodeMessage(message);
    expect(decode(written, place)).toEqual(plain(message));
    // What we write is canonical: never longer than the vector, and equal when that is canonical too.
    expect(written.length).toBeLessThanOrEqual(wire.length);
    if (written.length === wire.length) expect(encodeHex(written)).toBe(encodeHex(wire));
  });

  test('cut anywhere is not complete yet', () => {
    for (let length = 0; length < wire.length; length += 1) {
      const stream = draft18.messageStream();
      stream.push(wire.subarray(0, length));
      expect(stream.next()).toBeUndefined();
    }
  });
});

const first: MessagePlace = { stream: 'new-request' };
const answerTo = (request: RequestKind): MessagePlace => ({
  stream: 'request',
  request,
  from: 'responder',
  answers: request,
  receiver: 'client',
});
const updateOf = (request: RequestKind): MessagePlace => ({
  stream: 'request',
  request,
  from: 'requester',
  answers: undefined,
  receiver: 'server',
});
const setupFrom = (from: 'client' | 'server'): MessagePlace => ({ stream: 'control', first: true, from });
const control: MessagePlace = { stream: 'control', first: false, from: 'server' };

/** SUBSCRIBE, Request ID 0, track ("a")/"t", with this parameter block; the length is filled in. */
const subscribe = (parameters: string): string => frame('03', `00 01 01 61 01 74 ${parameters}`);

function frame(type: string, payload: string): string {
  const { length } = bytesOf(payload);
  return `${type} ${length.toString(16).padStart(4, '0')} ${payload}`;
}

const PROTOCOL_VIOLATION = 0x3;
const INVALID_REQUEST_ID = 0x4;
const KEY_VALUE_FORMATTING_ERROR = 0x6;

describe('malformed messages', () => {
  test.each<[name: string, bytes: string, place: MessagePlace, code: number, clause: string]>([
    ['unknown type', frame('3f', ''), first, PROTOCOL_VIOLATION, 'message'],
    ['reserved type of an old SETUP', frame('20', ''), control, PROTOCOL_VIOLATION, 'message'],
    [
      'control stream without SETUP',
      frame('10', '00 00 00'),
      setupFrom('server'),
      PROTOCOL_VIOLATION,
      'session-init',
    ],
    ['SETUP twice', frame('af00', ''), control, PROTOCOL_VIOLATION, 'message'],
    ['request on the control stream', subscribe('00'), control, PROTOCOL_VIOLATION, 'message'],
    ['answer as first message of a stream', frame('07', '00'), first, PROTOCOL_VIOLATION, 'session-init'],
    ['payload too short', frame('03', '00 01'), first, PROTOCOL_VIOLATION, 'message-subscribe-req'],
    ['payload too long', subscribe('00 00'), first, PROTOCOL_VIOLATION, 'message'],
    [
      'namespace with 33 fields',
      frame('06', `00 21 ${'01 61'.repeat(33)} 00`),
      first,
      PROTOCOL_VIOLATION,
      'track-name',
    ],
    ['empty namespace field', frame('06', '00 01 00 00'), first, PROTOCOL_VIOLATION, 'track-name'],
    [
      'namespace of 4,097 bytes',
      frame('06', `00 01 9001 ${'61'.repeat(4097)} 00`),
      first,
      PROTOCOL_VIOLATION,
      'track-name',
    ],
    [
      'full name of 4,097 bytes',
      frame('03', `00 01 9000 ${'61'.repeat(4096)} 01 74 00`),
      first,
      PROTOCOL_VIOLATION,
      'track-name',
    ],
    ['unknown parameter', subscribe('01 05 00'), first, PROTOCOL_VIOLATION, 'message-params'],
    ['repeated parameter', subscribe('02 10 01 00 01'), first, PROTOCOL_VIOLATION, 'message-params'],
    [
      'parameter type beyond 2^64 - 1',
      subscribe('02 10 01 ffffffffffffffffff'),
      first,
      PROTOCOL_VIOLATION,
      'message-params',
    ],
    ['parameter that belongs elsewhere', subscribe('01 08 01'), first, PROTOCOL_VIOLATION, 'parameter-scope'],
    [
      'delivery parameter in TRACK_STATUS',
      frame('0d', '00 01 01 61 01 74 01 20 80'),
      first,
      PROTOCOL_VIOLATION,
      'parameter-scope',
    ],
    ['FORWARD = 2', subscribe('01 10 02'), first, PROTOCOL_VIOLATION, 'forward-parameter'],
    ['GROUP_ORDER = 0', subscribe('01 22 00'), first, PROTOCOL_VIOLATION, 'group-order'],
    ['unknown filter type', subscribe('01 21 01 05'), first, PROTOCOL_VIOLATION, 'subscription-filters'],
    [
      'filter with bytes left',
      subscribe('01 21 02 01 00'),
      first,
      PROTOCOL_VIOLATION,
      'subscription-filters',
    ],
    [
      'filter that ends beyond 2^64 - 1',
      subscribe('01 21 0c 04 ffffffffffffffffff 00 01'),
      first,
      PROTOCOL_VIOLATION,
      'subscription-filters',
    ],
    [
      'token with unknown alias type',
      subscribe('01 03 02 04 00'),
      first,
      KEY_VALUE_FORMATTING_ERROR,
      'authorization-token',
    ],
    ['token cut short', subscribe('01 03 01 03'), first, KEY_VALUE_FORMATTING_ERROR, 'authorization-token'],
    [
      'token alias with something behind it',
      subscribe('01 03 03 02 07 00'),
      first,
      KEY_VALUE_FORMATTING_ERROR,
      'authorization-token',
    ],
    [
      'token alias in SETUP',
      frame('af00', '03 02 02 07'),
      setupFrom('client'),
      PROTOCOL_VIOLATION,
      'authorization-token',
    ],
    ['PATH from a server', frame('af00', '01 01 2f'), setupFrom('server'), 0x8, 'path'],
    ['PATH that is none', frame('af00', '01 02 2f20'), setupFrom('client'), 0x9, 'path'],
    ['AUTHORITY from a server', frame('af00', '05 01 68'), setupFrom('server'), 0x19, 'authority'],
    ['AUTHORITY that is none', frame('af00', '05 02 3a31'), setupFrom('client'), 0x1a, 'authority'],
    [
      'setup option repeated',
      frame('af00', '07 01 61 00 01 61'),
      setupFrom('client'),
      PROTOCOL_VIOLATION,
      'message-setup',
    ],
    [
      'setup option cut short',
      frame('af00', '07 05 61'),
      setupFrom('client'),
      KEY_VALUE_FORMATTING_ERROR,
      'key-value-pair-structure',
    ],
    [
      'setup option of 65,536 bytes',
      frame('af00', '07 c10000'),
      setupFrom('client'),
      PROTOCOL_VIOLATION,
      'key-value-pair-structure',
    ],
    [
      'option type beyond 2^64 - 1',
      frame('af00', '02 00 ffffffffffffffffff 00'),
      setupFrom('client'),
      PROTOCOL_VIOLATION,
      'key-value-pair-structure',
    ],
    ['GOAWAY URI of 8,193 bytes', frame('10', 'a001'), control, PROTOCOL_VIOLATION, 'message-goaway'],
    [
      'GOAWAY URI from a client',
      frame('10', '01 75 00 01'),
      { stream: 'control', first: false, from: 'client' },
      PROTOCOL_VIOLATION,
      'message-goaway',
    ],
    [
      'GOAWAY with the other side’s Request ID',
      frame('10', '00 00 01'),
      control,
      INVALID_REQUEST_ID,
      'message-goaway',
    ],
    [
      'reason of 1,025 bytes',
      frame('05', '00 00 8401'),
      answerTo('subscribe'),
      PROTOCOL_VIOLATION,
      'reason-phrase',
    ],
    [
      'REQUEST_OK to SUBSCRIBE',
      frame('07', '00'),
      answerTo('subscribe'),
      PROTOCOL_VIOLATION,
      'message-request-ok',
    ],
    [
      'PUBLISH_OK with track properties',
      frame('07', '00 0e 40'),
      answerTo('publish'),
      PROTOCOL_VIOLATION,
      'message-request-ok',
    ],
    [
      'SUBSCRIBE_OK to FETCH',
      frame('04', '00 00'),
      answerTo('fetch'),
      PROTOCOL_VIOLATION,
      'message-subscribe-ok',
    ],
    [
      'SUBSCRIBE_OK twice',
      frame('04', '00 00'),
      { ...answerTo('subscribe'), answers: undefined } as MessagePlace,
      PROTOCOL_VIOLATION,
      'message-subscribe-ok',
    ],
    [
      'answer to nothing',
      frame('05', '00 00 00'),
      { ...answerTo('publish'), answers: undefined } as MessagePlace,
      PROTOCOL_VIOLATION,
      'message-request-error',
    ],
    [
      'NAMESPACE before REQUEST_OK',
      frame('08', '00'),
      answerTo('subscribe-namespace'),
      PROTOCOL_VIOLATION,
      'message-namespace',
    ],
    [
      'PUBLISH_DONE from a subscriber',
      frame('0b', '00 00 00'),
      updateOf('subscribe'),
      PROTOCOL_VIOLATION,
      'message-publish-done',
    ],
    [
      'REQUEST_UPDATE of TRACK_STATUS',
      frame('02', '02 00'),
      updateOf('track-status'),
      PROTOCOL_VIOLATION,
      'message-track-status',
    ],
    [
      'prefix in the update of a subscription',
      frame('02', '02 01 34 00'),
      updateOf('subscribe'),
      PROTOCOL_VIOLATION,
      'parameter-scope',
    ],
    [
      'redirect of a namespace to a track name',
      frame('05', '34 00 00 00 00 01 74'),
      answerTo('publish-namespace'),
      PROTOCOL_VIOLATION,
      'redirect-structure',
    ],
    [
      'redirect without its structure',
      frame('05', '34 00 00'),
      answerTo('fetch'),
      PROTOCOL_VIOLATION,
      'message-request-error',
    ],
    ['unknown Fetch Type', frame('16', '00 04'), first, PROTOCOL_VIOLATION, 'message-fetch'],
    [
      'FETCH that ends before it starts',
      frame('16', '00 01 01 01 61 01 74 02 00 01 05 00'),
      first,
      PROTOCOL_VIOLATION,
      'fetch-handling',
    ],
    [
      'End Of Track = 2',
      frame('18', '02 00 00 00'),
      answerTo('fetch'),
      PROTOCOL_VIOLATION,
      'message-fetch-ok',
    ],
    [
      'track priority of 256',
      frame('04', '00 00 0e 8100'),
      answerTo('subscribe'),
      PROTOCOL_VIOLATION,
      'publisher-priority',
    ],
    [
      'track group order of 3',
      frame('04', '00 00 22 03'),
      answerTo('subscribe'),
      PROTOCOL_VIOLATION,
      'group-order-pref',
    ],
    [
      'DYNAMIC_GROUPS = 2 inside Immutable Properties',
      frame('04', '00 00 0b 02 30 02'),
      answerTo('subscribe'),
      PROTOCOL_VIOLATION,
      'dynamic-groups',
    ],
    [
      'Immutable Properties that cannot be parsed',
      frame('04', '00 00 0b 01 30'),
      answerTo('subscribe'),
      KEY_VALUE_FORMATTING_ERROR,
      'immutable-properties',
    ],
  ])('%s', (_, bytes, place, code, clause) => {
    const violation = thrownBy(() => decode(bytesOf(bytes), place));
    expect(violation).toBeInstanceOf(PeerViolation);
    expect(violation).toMatchObject({ code, clause: `moqt-18#${clause}` });
  });

  test('unknown setup options and error codes are no reason to end a session', () => {
    expect(decode(bytesOf(frame('af00', '809d 01 61 00 01 62')), setupFrom('client'))).toEqual({
      kind: 'setup',
      options: {},
    });
    expect(decode(bytesOf(frame('05', 'ffffffffffffffffff 00 00')), answerTo('subscribe'))).toMatchObject({
      code: 0,
    });
  });
});

function thrownBy(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    return error;
  }
}

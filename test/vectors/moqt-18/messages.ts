/**
 * One message of each type, byte by byte, derived by hand from the text of draft-ietf-moq-transport-18.
 * Each entry of `bytes` is one field: its bytes in hexadecimal and what they are.
 */
import { encodeUtf8 } from '../../../src/protocol/bytes/utf8.ts';
import type { Message, MessagePlace, RequestKind } from '../../../src/protocol/moqt/messages.ts';
import type { RequestId, TrackAlias } from '../../../src/protocol/moqt/model.ts';
import { groupId } from '../../../src/protocol/moqt/model.ts';
import { millis } from '../../../src/protocol/units.ts';
import { at, namespace, track } from '../../harness/moqt/names.ts';

export interface MessageVector {
  readonly name: string;
  /** Anchor in the draft. */
  readonly clause: string;
  readonly place: MessagePlace;
  readonly bytes: readonly (readonly [hex: string, meaning: string])[];
  readonly message: Message;
}

const first: MessagePlace = { stream: 'new-request' };
const fromServer: MessagePlace = { stream: 'control', first: false, from: 'server' };
const id = (value: number): RequestId => BigInt(value) as RequestId;
const alias = (value: number): TrackAlias => BigInt(value) as TrackAlias;
const NONE = new Uint8Array(0);

/** The responder's first message, read by the client that made the request. */
const answer = (request: RequestKind): MessagePlace => ({
  stream: 'request',
  request,
  from: 'responder',
  answers: request,
  receiver: 'client',
});

/** A message of the responder after it accepted. */
const later = (request: RequestKind): MessagePlace => ({
  stream: 'request',
  request,
  from: 'responder',
  answers: undefined,
  receiver: 'client',
});

const TRACK = track('a/bc', 't');
/** Track Namespace ("a", "bc") and Track Name "t". */
const TRACK_BYTES = [
  ['02', 'Number of Track Namespace Fields = 2'],
  ['01 61', 'field "a"'],
  ['02 6263', 'field "bc"'],
  ['01 74', 'Track Name "t"'],
] as const;
const NAMESPACE_BYTES = TRACK_BYTES.slice(0, 3);

export const MESSAGE_VECTORS: readonly MessageVector[] = [
  {
    name: 'SETUP of a client on native QUIC',
    clause: 'message-setup',
    place: { stream: 'control', first: true, from: 'client' },
    bytes: [
      ['af00', 'Type = 0x2F00: 10|101111 00000000'],
      ['0013', 'Length = 19'],
      ['01', 'Delta Type: 0 + 1 = PATH'],
      ['02 2f70', 'value "/p"'],
      ['02', 'Delta Type: 1 + 2 = AUTHORIZATION_TOKEN'],
      ['03 03 00 aa', 'Token, 3 bytes: USE_VALUE, type 0, value AA'],
      ['02', 'Delta Type: 3 + 2 = AUTHORITY'],
      ['03 683a31', 'value "h:1"'],
      ['02', 'Delta Type: 5 + 2 = MOQT_IMPLEMENTATION'],
      ['03 782f31', 'value "x/1"'],
    ],
    message: {
      kind: 'setup',
      options: {
        path: '/p',
        tokens: [{ type: 0n, value: new Uint8Array([0xaa]) }],
        authority: 'h:1',
        implementation: 'x/1',
      },
    },
  },
  {
    name: 'GOAWAY on the control stream',
    clause: 'message-goaway',
    place: fromServer,
    bytes: [
      ['10', 'Type = 0x10'],
      ['0007', 'Length = 7'],
      ['03 753a2f', 'New Session URI "u:/"'],
      ['83e8', 'Timeout = 1000: 10|000011 11101000'],
      ['04', 'Request ID = 4'],
    ],
    message: { kind: 'goaway', uri: 'u:/', timeout: millis(1000), requestId: id(4) },
  },
  {
    name: 'GOAWAY on a request stream',
    clause: 'message-goaway',
    place: later('subscribe'),
    bytes: [
      ['10', 'Type = 0x10'],
      ['0002', 'Length = 2'],
      ['00', 'New Session URI Length = 0'],
      ['00', 'Timeout = 0; no Request ID here'],
    ],
    message: { kind: 'goaway', uri: '', timeout: millis(0), requestId: undefined },
  },
  {
    name: 'SUBSCRIBE with every parameter it may have',
    clause: 'message-subscribe-req',
    place: first,
    bytes: [
      ['03', 'Type = 0x3'],
      ['0023', 'Length = 35'],
      ['00', 'Request ID = 0'],
      ...TRACK_BYTES,
      ['09', 'Number of Parameters = 9'],
      ['02 64', '+2 = 0x02 OBJECT_DELIVERY_TIMEOUT = 100'],
      ['01 03 03 05 bb', '+1 = 0x03 AUTHORIZATION_TOKEN: 3 bytes, USE_VALUE, type 5, value BB'],
      ['01 05', '+1 = 0x04 RENDEZVOUS_TIMEOUT = 5'],
      ['02 06', '+2 = 0x06 SUBGROUP_DELIVERY_TIMEOUT = 6'],
      ['0a 00', '+10 = 0x10 FORWARD = 0 (uint8)'],
      ['10 80', '+16 = 0x20 SUBSCRIBER_PRIORITY = 128 (uint8, one byte)'],
      ['01 04 04 01 02 03', '+1 = 0x21 SUBSCRIPTION_FILTER: 4 bytes, AbsoluteRange {1, 2}, End Group Delta 3'],
      ['01 02', '+1 = 0x22 GROUP_ORDER = Descending'],
      ['10 00', '+16 = 0x32 NEW_GROUP_REQUEST = 0'],
    ],
    message: {
      kind: 'subscribe',
      id: id(0),
      track: TRACK,
      parameters: {
        objectDeliveryTimeout: millis(100),
        tokens: [{ type: 5n, value: new Uint8Array([0xbb]) }],
        rendezvousTimeout: millis(5),
        subgroupDeliveryTimeout: millis(6),
        forward: false,
        subscriberPriority: 128,
        filter: { kind: 'absolute-range', start: at(1, 2), endGroup: groupId(4n) },
        groupOrder: 'descending',
        newGroupRequest: 0n,
      },
    },
  },
  ...(
    [
      ['Next Group Start', ['01 01', 'Length 1, type 0x1'], { kind: 'next-group-start' }],
      ['Largest Object', ['01 02', 'Length 1, type 0x2'], { kind: 'largest-object' }],
      ['AbsoluteStart', ['03 03 07 00', 'Length 3, type 0x3, {7, 0}'], { kind: 'absolute-start', start: at(7, 0) }],
    ] as const
  ).map(
    ([name, filterBytes, filter]): MessageVector => ({
      name: `SUBSCRIBE with filter ${name}`,
      clause: 'subscription-filters',
      place: first,
      bytes: [
        ['03', 'Type = 0x3'],
        [name === 'AbsoluteStart' ? '000f' : '000d', 'Length'],
        ['02', 'Request ID = 2'],
        ...TRACK_BYTES,
        ['01', 'Number of Parameters = 1'],
        ['21', '0x21 SUBSCRIPTION_FILTER'],
        filterBytes,
      ],
      message: { kind: 'subscribe', id: id(2), track: TRACK, parameters: { filter } },
    }),
  ),
  {
    name: 'SUBSCRIBE_OK with track properties',
    clause: 'message-subscribe-ok',
    place: answer('subscribe'),
    bytes: [
      ['04', 'Type = 0x4'],
      ['000a', 'Length = 10'],
      ['8100', 'Track Alias = 256'],
      ['02', 'Number of Parameters = 2'],
      ['08 3c', '+8 = 0x08 EXPIRES = 60'],
      ['01 0a 03', '+1 = 0x09 LARGEST_OBJECT = {10, 3}, bare Location'],
      ['0e 40', 'Track Properties: 0x0E DEFAULT_PUBLISHER_PRIORITY = 64'],
    ],
    message: {
      kind: 'subscribe-ok',
      alias: alias(256),
      parameters: { expires: millis(60), largest: at(10, 3) },
      properties: new Uint8Array([0x0e, 0x40]),
    },
  },
  {
    name: 'REQUEST_OK for PUBLISH',
    clause: 'message-request-ok',
    place: answer('publish'),
    bytes: [
      ['07', 'Type = 0x7'],
      ['0005', 'Length = 5'],
      ['02', 'Number of Parameters = 2'],
      ['10 01', '0x10 FORWARD = 1'],
      ['10 ff', '+16 = 0x20 SUBSCRIBER_PRIORITY = 255'],
    ],
    message: {
      kind: 'request-ok',
      answers: 'publish',
      parameters: { forward: true, subscriberPriority: 255 },
      properties: NONE,
    },
  },
  {
    name: 'REQUEST_OK for TRACK_STATUS',
    clause: 'message-request-ok',
    place: answer('track-status'),
    bytes: [
      ['07', 'Type = 0x7'],
      ['0006', 'Length = 6'],
      ['01', 'Number of Parameters = 1'],
      ['09 05 00', '0x09 LARGEST_OBJECT = {5, 0}'],
      ['30 01', 'Track Properties: 0x30 DYNAMIC_GROUPS = 1'],
    ],
    message: {
      kind: 'request-ok',
      answers: 'track-status',
      parameters: { largest: at(5, 0) },
      properties: new Uint8Array([0x30, 0x01]),
    },
  },
  {
    name: 'REQUEST_ERROR to be retried',
    clause: 'message-request-error',
    place: answer('subscribe'),
    bytes: [
      ['05', 'Type = 0x5'],
      ['0006', 'Length = 6'],
      ['10', 'Error Code = DOES_NOT_EXIST'],
      ['8064', 'Retry Interval = 100, so after 99 ms; written in two bytes'],
      ['02 6e6f', 'Error Reason "no"'],
    ],
    message: { kind: 'request-error', code: 0x10, retryAfter: millis(99), reason: 'no' },
  },
  {
    name: 'REQUEST_ERROR with Redirect',
    clause: 'redirect-structure',
    place: answer('fetch'),
    bytes: [
      ['05', 'Type = 0x5'],
      ['000e', 'Length = 14'],
      ['34', 'Error Code = REDIRECT'],
      ['00', 'Retry Interval = 0: not to be retried here'],
      ['00', 'Error Reason ""'],
      ['02 753a', 'Connect URI "u:"'],
      ...TRACK_BYTES,
    ],
    message: { kind: 'request-error', code: 0x34, reason: '', redirect: { uri: 'u:', track: TRACK } },
  },
  {
    name: 'REQUEST_UPDATE of a subscription',
    clause: 'message-request-update',
    place: { stream: 'request', request: 'subscribe', from: 'requester', answers: undefined, receiver: 'server' },
    bytes: [
      ['02', 'Type = 0x2'],
      ['0004', 'Length = 4'],
      ['06', 'Request ID = 6'],
      ['01', 'Number of Parameters = 1'],
      ['10 01', '0x10 FORWARD = 1'],
    ],
    message: { kind: 'request-update', id: id(6), updates: 'subscription', parameters: { forward: true } },
  },
  {
    name: 'REQUEST_UPDATE of a prefix',
    clause: 'track-namespace-prefix-param',
    place: {
      stream: 'request',
      request: 'subscribe-tracks',
      from: 'requester',
      answers: undefined,
      receiver: 'server',
    },
    bytes: [
      ['02', 'Type = 0x2'],
      ['0009', 'Length = 9'],
      ['08', 'Request ID = 8'],
      ['01', 'Number of Parameters = 1'],
      ['34', '0x34 TRACK_NAMESPACE_PREFIX'],
      ...NAMESPACE_BYTES,
    ],
    message: {
      kind: 'request-update',
      id: id(8),
      updates: 'prefix',
      parameters: { prefix: namespace('a', 'bc') },
    },
  },
  {
    name: 'PUBLISH',
    clause: 'message-publish',
    place: first,
    bytes: [
      ['1d', 'Type = 0x1D'],
      ['0012', 'Length = 18'],
      ['01', 'Request ID = 1, from a server'],
      ...TRACK_BYTES,
      ['07', 'Track Alias = 7'],
      ['02', 'Number of Parameters = 2'],
      ['09 02 01', '0x09 LARGEST_OBJECT = {2, 1}'],
      ['07 00', '+7 = 0x10 FORWARD = 0'],
      ['22 02', 'Track Properties: 0x22 DEFAULT_PUBLISHER_GROUP_ORDER = Descending'],
    ],
    message: {
      kind: 'publish',
      id: id(1),
      track: TRACK,
      alias: alias(7),
      parameters: { largest: at(2, 1), forward: false },
      properties: new Uint8Array([0x22, 0x02]),
    },
  },
  {
    name: 'PUBLISH_DONE',
    clause: 'message-publish-done',
    place: later('subscribe'),
    bytes: [
      ['0b', 'Type = 0xB'],
      ['0006', 'Length = 6'],
      ['02', 'Status Code = TRACK_ENDED'],
      ['03', 'Stream Count = 3'],
      ['03 627965', 'Error Reason "bye"'],
    ],
    message: { kind: 'publish-done', code: 2, streamCount: 3n, reason: 'bye' },
  },
  {
    name: 'FETCH, standalone',
    clause: 'standalone-fetch',
    place: first,
    bytes: [
      ['16', 'Type = 0x16'],
      ['0013', 'Length = 19'],
      ['04', 'Request ID = 4'],
      ['01', 'Fetch Type = Standalone'],
      ...TRACK_BYTES,
      ['01 02', 'Start Location {1, 2}'],
      ['03 00', 'End Location {3, 0}: the whole of group 3'],
      ['02', 'Number of Parameters = 2'],
      ['0a 00', '0x0A FILL_TIMEOUT = 0'],
      ['18 01', '+24 = 0x22 GROUP_ORDER = Ascending'],
    ],
    message: {
      kind: 'fetch',
      id: id(4),
      range: { kind: 'standalone', track: TRACK, start: at(1, 2), end: at(3, 0) },
      parameters: { fillTimeout: millis(0), groupOrder: 'ascending' },
    },
  },
  {
    name: 'FETCH, relative joining',
    clause: 'joining-fetches',
    place: first,
    bytes: [
      ['16', 'Type = 0x16'],
      ['0005', 'Length = 5'],
      ['06', 'Request ID = 6'],
      ['02', 'Fetch Type = Relative Joining'],
      ['00', 'Joining Request ID = 0'],
      ['03', 'Joining Start = 3 groups before'],
      ['00', 'Number of Parameters = 0'],
    ],
    message: {
      kind: 'fetch',
      id: id(6),
      range: { kind: 'relative-joining', joins: id(0), groups: 3n },
      parameters: {},
    },
  },
  {
    name: 'FETCH, absolute joining',
    clause: 'joining-fetches',
    place: first,
    bytes: [
      ['16', 'Type = 0x16'],
      ['0005', 'Length = 5'],
      ['08', 'Request ID = 8'],
      ['03', 'Fetch Type = Absolute Joining'],
      ['02', 'Joining Request ID = 2'],
      ['09', 'Joining Start = group 9'],
      ['00', 'Number of Parameters = 0'],
    ],
    message: {
      kind: 'fetch',
      id: id(8),
      range: { kind: 'absolute-joining', joins: id(2), startGroup: groupId(9n) },
      parameters: {},
    },
  },
  {
    name: 'FETCH_OK',
    clause: 'message-fetch-ok',
    place: answer('fetch'),
    bytes: [
      ['18', 'Type = 0x18'],
      ['0004', 'Length = 4'],
      ['01', 'End Of Track = 1'],
      ['03 02', 'End Location {3, 2}: the last object is {3, 1}'],
      ['00', 'Number of Parameters = 0'],
    ],
    message: { kind: 'fetch-ok', end: at(3, 2), endOfTrack: true, parameters: {}, properties: NONE },
  },
  {
    name: 'TRACK_STATUS',
    clause: 'message-track-status',
    place: first,
    bytes: [
      ['0d', 'Type = 0xD'],
      ['000a', 'Length = 10'],
      ['0a', 'Request ID = 10'],
      ...TRACK_BYTES,
      ['00', 'Number of Parameters = 0'],
    ],
    message: { kind: 'track-status', id: id(10), track: TRACK, parameters: {} },
  },
  ...(
    [
      ['PUBLISH_NAMESPACE', 'message-pub-ns', '06', 'publish-namespace'],
      ['SUBSCRIBE_NAMESPACE', 'message-subscribe-ns', '50', 'subscribe-namespace'],
      ['SUBSCRIBE_TRACKS', 'message-subscribe-tracks', '51', 'subscribe-tracks'],
    ] as const
  ).map(
    ([name, clause, type, kind]): MessageVector => ({
      name,
      clause,
      place: first,
      bytes: [
        [type, `Type = 0x${type}`],
        ['0008', 'Length = 8'],
        ['0c', 'Request ID = 12'],
        ...NAMESPACE_BYTES,
        ['00', 'Number of Parameters = 0'],
      ],
      message: { kind, id: id(12), namespace: namespace('a', 'bc'), parameters: {} },
    }),
  ),
  {
    name: 'SUBSCRIBE_TRACKS of everything, not forwarded',
    clause: 'message-subscribe-tracks',
    place: first,
    bytes: [
      ['51', 'Type = 0x51'],
      ['0005', 'Length = 5'],
      ['0e', 'Request ID = 14'],
      ['00', 'Number of Track Namespace Fields = 0'],
      ['01', 'Number of Parameters = 1'],
      ['10 00', '0x10 FORWARD = 0'],
    ],
    message: { kind: 'subscribe-tracks', id: id(14), namespace: [], parameters: { forward: false } },
  },
  {
    name: 'NAMESPACE',
    clause: 'message-namespace',
    place: later('subscribe-namespace'),
    bytes: [['08', 'Type = 0x8'], ['0006', 'Length = 6'], ...NAMESPACE_BYTES],
    message: { kind: 'namespace', suffix: namespace('a', 'bc') },
  },
  {
    name: 'NAMESPACE_DONE of the prefix itself',
    clause: 'message-namespace-done',
    place: later('subscribe-namespace'),
    bytes: [
      ['0e', 'Type = 0xE'],
      ['0001', 'Length = 1'],
      ['00', 'Number of Track Namespace Fields = 0'],
    ],
    message: { kind: 'namespace-done', suffix: [] },
  },
  {
    name: 'PUBLISH_BLOCKED',
    clause: 'message-publish-blocked',
    place: later('subscribe-tracks'),
    bytes: [['0f', 'Type = 0xF'], ['0008', 'Length = 8'], ...TRACK_BYTES],
    message: { kind: 'publish-blocked', suffix: namespace('a', 'bc'), name: encodeUtf8('t') },
  },
];

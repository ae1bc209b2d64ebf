/** Data streams and datagrams, byte by byte, derived by hand from the text of draft-ietf-moq-transport-18. */
import type { IncomingDatagram, StreamItem } from '../../../src/protocol/moqt/draft.ts';
import { groupId, subgroupId } from '../../../src/protocol/moqt/model.ts';
import type { GroupOrder, MoqtObject, RequestId, TrackAlias } from '../../../src/protocol/moqt/model.ts';
import { at, object } from '../../harness/moqt/names.ts';
import { bytesOf } from '../../harness/moqt/hex.ts';

type Annotated = readonly (readonly [hex: string, meaning: string])[];

export interface StreamVector {
  readonly name: string;
  readonly clause: string;
  readonly bytes: Annotated;
  /** Order that the FETCH asked for. */
  readonly order?: GroupOrder;
  readonly items: readonly StreamItem[];
}

export interface DatagramVector {
  readonly name: string;
  readonly bytes: Annotated;
  readonly alias: IncomingDatagram['alias'];
  readonly endOfGroup: boolean;
  readonly object: MoqtObject;
}

/** Priority that objects inherit in these vectors. */
export const INHERITED_PRIORITY = 77;

const alias = (value: number): TrackAlias => BigInt(value) as TrackAlias;
const item = (one: MoqtObject): StreamItem => ({ kind: 'object', object: one });
const status = (one: MoqtObject, value: 'end-of-group' | 'end-of-track'): StreamItem =>
  item({ ...one, content: { kind: 'status', status: value } });

export const STREAM_VECTORS: readonly StreamVector[] = [
  {
    name: 'the subgroup of the example',
    clause: 'examples',
    bytes: [
      ['14', 'Type = 0x14: Subgroup ID present'],
      ['02', 'Track Alias = 2'],
      ['00', 'Group ID = 0'],
      ['00', 'Subgroup ID = 0'],
      ['00', 'Publisher Priority = 0'],
      ['00', 'Object ID Delta = 0: Object ID 0'],
      ['04 61626364', 'payload "abcd"'],
      ['00', 'Object ID Delta = 0: Object ID 1'],
      ['04 65666768', 'payload "efgh"'],
    ],
    items: [
      {
        kind: 'subgroup',
        alias: alias(2),
        group: groupId(0n),
        subgroup: subgroupId(0n),
        endOfGroup: false,
        firstObject: false,
      },
      item(object(0, 0, 'abcd', { priority: 0 })),
      item(object(0, 1, 'efgh', { priority: 0 })),
      { kind: 'end' },
    ],
  },
  {
    name: 'the group of the example, with properties',
    clause: 'examples',
    bytes: [
      ['35', 'Type = 0x35: properties, Subgroup ID present, default priority'],
      ['02 00 00', 'Track Alias 2, Group ID 0, Subgroup ID 0'],
      ['00', 'Object ID Delta = 0'],
      ['16', 'Properties Length = 22'],
      ['04 f08257dcd3', 'Type 4 = 2186796243'],
      ['49 0e 747261636549443a313233343536', 'Type 4 + 73 = 77, 14 bytes "traceID:123456"'],
      ['04 61626364', 'payload "abcd"'],
      ['00', 'Object ID Delta = 0: Object ID 1'],
      ['00', 'Properties Length = 0'],
      ['04 65666768', 'payload "efgh"'],
    ],
    items: [
      {
        kind: 'subgroup',
        alias: alias(2),
        group: groupId(0n),
        subgroup: subgroupId(0n),
        endOfGroup: false,
        firstObject: false,
      },
      item(
        object(0, 0, 'abcd', {
          priority: INHERITED_PRIORITY,
          properties: bytesOf('04 f08257dcd3 49 0e 747261636549443a313233343536'),
        }),
      ),
      item(object(0, 1, 'efgh', { priority: INHERITED_PRIORITY })),
      { kind: 'end' },
    ],
  },
  {
    name: 'a subgroup named by its first object, from its beginning to the end of the group',
    clause: 'subgroup-header',
    bytes: [
      ['5a', 'Type = 0x5A: FIRST_OBJECT, END_OF_GROUP, Subgroup ID is the first Object ID'],
      ['09 03', 'Track Alias 9, Group ID 3'],
      ['ff', 'Publisher Priority = 255'],
      ['05', 'Object ID Delta = 5: Object ID 5'],
      ['00 00', 'Payload Length 0, Status Normal'],
      ['02', 'Object ID Delta = 2: Object ID 5 + 2 + 1 = 8'],
      ['00 03', 'Payload Length 0, Status END_OF_GROUP'],
    ],
    items: [
      {
        kind: 'subgroup',
        alias: alias(9),
        group: groupId(3n),
        subgroup: undefined,
        endOfGroup: true,
        firstObject: true,
      },
      item(object(3, 5, '', { subgroup: 5, priority: 255 })),
      status(object(3, 8, '', { subgroup: 5, priority: 255 }), 'end-of-group'),
      { kind: 'end' },
    ],
  },
  {
    name: 'a FETCH answer in ascending order',
    clause: 'fetch-header',
    bytes: [
      ['05 04', 'FETCH_HEADER, Request ID 4'],
      ['1f', 'flags: Subgroup ID present, Object ID Delta, Group ID Delta, Priority'],
      ['03 02 01 10', 'Group ID 3, Subgroup ID 2, Object ID 1, Priority 16'],
      ['01 61', 'payload "a"'],
      ['01', 'flags: same subgroup; Object ID is prior + 1 = 2'],
      ['01 62', 'payload "b"'],
      ['26', 'flags: Subgroup ID is prior + 1 = 3, Object ID Delta, properties'],
      ['05', 'Object ID Delta = 5, same group: 2 + 5 = 7'],
      ['02 3c 00', 'Properties Length 2: PRIOR_GROUP_ID_GAP = 0'],
      ['01 63', 'payload "c"'],
      ['0c', 'flags: Subgroup ID zero, Object ID Delta, Group ID Delta'],
      ['01 00', 'Group ID 3 + 1 + 1 = 5, Object ID 0'],
      ['00', 'payload ""'],
      ['810c', 'End of Unknown Range (0x10C in two bytes)'],
      ['06 04', 'at Group ID 6, Object ID 4'],
      ['03', 'flags: Subgroup ID present; group 6, Object ID 4 + 1 = 5, priority 16'],
      ['09', 'Subgroup ID 9'],
      ['01 64', 'payload "d"'],
      ['48', 'flags: datagram, Group ID Delta; Object ID is prior + 1 = 6'],
      ['00', 'Group ID 6 + 0 + 1 = 7'],
      ['01 65', 'payload "e"'],
    ],
    items: [
      { kind: 'fetch', request: 4n as RequestId },
      item(object(3, 1, 'a', { subgroup: 2, priority: 16 })),
      item(object(3, 2, 'b', { subgroup: 2, priority: 16 })),
      item(object(3, 7, 'c', { subgroup: 3, priority: 16, properties: bytesOf('3c00') })),
      item(object(5, 0, '', { subgroup: 0, priority: 16 })),
      { kind: 'gap', end: at(6, 4), known: 'unknown' },
      item(object(6, 5, 'd', { subgroup: 9, priority: 16 })),
      item({ ...object(7, 6, 'e', { priority: 16 }), subgroup: undefined, forwarding: 'datagram' }),
      { kind: 'end' },
    ],
  },
  {
    name: 'a FETCH answer in descending order',
    clause: 'flags',
    order: 'descending',
    bytes: [
      ['05 02', 'FETCH_HEADER, Request ID 2'],
      ['1c 09 00 80', 'Group ID 9, Object ID 0, Priority 128, Subgroup ID zero'],
      ['01 61', 'payload "a"'],
      ['0c 01 00', 'Group ID 9 - (1 + 1) = 7, Object ID 0'],
      ['01 62', 'payload "b"'],
      ['808c 05 03', 'End of Non-Existent Range (0x8C in two bytes) at {5, 3}'],
    ],
    items: [
      { kind: 'fetch', request: 2n as RequestId },
      item(object(9, 0, 'a')),
      item(object(7, 0, 'b')),
      { kind: 'gap', end: at(5, 3), known: 'non-existent' },
      { kind: 'end' },
    ],
  },
  {
    name: 'padding',
    clause: 'padding-streams',
    bytes: [
      ['f0132b3e28', 'Type = 0x132B3E28 in five bytes'],
      ['000000', 'padding'],
    ],
    items: [{ kind: 'padding' }, { kind: 'end' }],
  },
];

export const DATAGRAM_VECTORS: readonly DatagramVector[] = [
  {
    name: 'payload with everything in the header',
    bytes: [
      ['03', 'Type = 0x03: properties, END_OF_GROUP'],
      ['01 02 03 04', 'Track Alias 1, Group ID 2, Object ID 3, Priority 4'],
      ['02 3e 01', 'Properties Length 2: PRIOR_OBJECT_ID_GAP = 1'],
      ['6869', 'payload "hi"'],
    ],
    alias: alias(1),
    endOfGroup: true,
    object: {
      ...object(2, 3, 'hi', { priority: 4, properties: bytesOf('3e01') }),
      subgroup: undefined,
      forwarding: 'datagram',
    },
  },
  {
    name: 'Object ID 0 with the default priority',
    bytes: [
      ['0c', 'Type = 0x0C: ZERO_OBJECT_ID, DEFAULT_PRIORITY'],
      ['01 02', 'Track Alias 1, Group ID 2'],
      ['78', 'payload "x"'],
    ],
    alias: alias(1),
    endOfGroup: false,
    object: { ...object(2, 0, 'x', { priority: INHERITED_PRIORITY }), subgroup: undefined, forwarding: 'datagram' },
  },
  {
    name: 'a status',
    bytes: [
      ['20', 'Type = 0x20: STATUS'],
      ['01 02 03 04', 'Track Alias 1, Group ID 2, Object ID 3, Priority 4'],
      ['04', 'Object Status = END_OF_TRACK'],
    ],
    alias: alias(1),
    endOfGroup: false,
    object: {
      ...object(2, 3, '', { priority: 4 }),
      subgroup: undefined,
      forwarding: 'datagram',
      content: { kind: 'status', status: 'end-of-track' },
    },
  },
];

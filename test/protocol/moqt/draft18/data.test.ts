import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteWriter } from '../../../../src/protocol/bytes/byte-writer.ts';
import { concat } from '../../../../src/protocol/bytes/concat.ts';
import { encodeHex } from '../../../../src/protocol/bytes/hex.ts';
import { PeerViolation } from '../../../../src/protocol/errors.ts';
import type { StreamItem } from '../../../../src/protocol/moqt/draft.ts';
import { draft18 } from '../../../../src/protocol/moqt/draft18/draft18.ts';
import { DEFAULT_LIMITS, LimitExceeded } from '../../../../src/protocol/moqt/limits.ts';
import { MalformedTrack } from '../../../../src/protocol/moqt/malformed-track.ts';
import type { GroupOrder, MoqtObject, RequestId, TrackAlias } from '../../../../src/protocol/moqt/model.ts';
import { groupId, objectId, subgroupId } from '../../../../src/protocol/moqt/model.ts';
import { bytesOf } from '../../../harness/moqt/hex.ts';
import { bytewise, randomChunks, unchunked } from '../../../harness/moqt/wire.ts';
import type { Chunking } from '../../../harness/moqt/wire.ts';
import { DATAGRAM_VECTORS, INHERITED_PRIORITY, STREAM_VECTORS } from '../../../vectors/moqt-18/data.ts';
import { MESSAGE_VECTORS } from '../../../vectors/moqt-18/messages.ts';

const RUNS = { numRuns: Number(process.env.CONCLAVE_PROPERTY_RUNS ?? 300) };
const LIMITS = { ...DEFAULT_LIMITS, objectBytes: 5000, propertiesBytes: 1000 };

/** All items of a stream, its bytes cut in some way. */
function read(
  bytes: Uint8Array,
  chunking: Chunking,
  order: GroupOrder = 'ascending',
  fin = true,
): StreamItem[] {
  const stream = draft18.incomingStream(LIMITS);
  const items: StreamItem[] = [];
  let at = 0;
  const pieces = bytes.length === 0 ? [0] : chunking(bytes.length);
  pieces.forEach((length, index) => {
    stream.push(new Uint8Array(bytes.subarray(at, at + length)), fin && index === pieces.length - 1);
    at += length;
    for (let item = stream.next(); item !== undefined; item = stream.next()) {
      items.push(item);
      if (item.kind === 'subgroup') stream.inherit(INHERITED_PRIORITY);
      if (item.kind === 'fetch') stream.order(order);
    }
  });
  return items;
}

/** What became of reading: items, or the kind of error and its clause. */
function outcome(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    if (error instanceof PeerViolation || error instanceof MalformedTrack) return [error.name, error.clause];
    if (error instanceof LimitExceeded) return [error.name];
    throw error;
  }
}

describe.each(STREAM_VECTORS)('$name', ({ bytes, items, order }) => {
  const wire = bytesOf(...bytes.map(([hex]) => hex));

  test.each([
    ['whole', unchunked],
    ['byte by byte', bytewise],
    ['in random pieces', randomChunks(11)],
  ])('is read %s', (_, chunking) => {
    expect(read(wire, chunking, order)).toEqual(items);
  });

  test('FIN inside it is a violation, and no FIN is nothing at all', () => {
    const whole = read(wire, unchunked, order, false);
    expect(whole).toEqual(items.slice(0, -1));
    for (let length = 0; length < wire.length; length += 1) {
      const result = outcome(() => read(wire.subarray(0, length), unchunked, order));
      const ended = Array.isArray(result) && (result.at(-1) as StreamItem | undefined)?.kind === 'end';
      expect(ended || (result as unknown[])[0] === 'PeerViolation').toBe(true);
    }
  });
});

describe.each(DATAGRAM_VECTORS)('datagram: $name', (vector) => {
  const wire = bytesOf(...vector.bytes.map(([hex]) => hex));

  test('is read as the draft says and written back', () => {
    const datagram = draft18.decodeDatagram(wire);
    expect(datagram).toMatchObject({ alias: vector.alias, endOfGroup: vector.endOfGroup });
    expect(datagram?.object(INHERITED_PRIORITY)).toEqual(vector.object);
    const written = draft18.encodeDatagram(vector.alias, vector.object, vector.endOfGroup);
    expect(draft18.decodeDatagram(written)?.object(0)).toEqual(vector.object);
    if (written.length === wire.length) expect(encodeHex(written)).toBe(encodeHex(wire));
  });
});

test('a padding datagram is nothing', () => {
  expect(draft18.decodeDatagram(bytesOf('f0132b3e29 0000'))).toBeUndefined();
});

describe('malformed data streams', () => {
  test.each<[name: string, bytes: string, outcome: readonly string[]]>([
    ['unknown stream type', '04', ['PeerViolation', 'stream-types']],
    ['stream type 0x80 and more', '8080 00', ['PeerViolation', 'stream-types']],
    ['reserved Subgroup ID mode', '16 00 00', ['PeerViolation', 'subgroup-header']],
    ['FIN inside a header', '14 00', ['PeerViolation', 'streams']],
    ['FIN inside an object', '10 00 00 00 00 05 61', ['PeerViolation', 'streams']],
    ['unknown Object Status', '10 00 00 00 00 00 01', ['PeerViolation', 'object-status']],
    ['properties on END_OF_GROUP', '11 00 00 00 00 02 3c00 00 03', ['PeerViolation', 'object-properties']],
    [
      'Object ID above 2^64 - 1',
      '10 00 00 00 ffffffffffffffffff 01 61 00 01 61',
      ['PeerViolation', 'subgroup-header'],
    ],
    ['object larger than our limit', '10 00 00 00 00 9389', ['LimitExceeded']],
    ['properties larger than our limit', '11 00 00 00 00 83e9', ['LimitExceeded']],
    [
      'properties that are no pairs',
      '11 00 00 00 00 01 3c 01 61',
      ['PeerViolation', 'key-value-pair-structure'],
    ],
    [
      'mandatory track property on an object',
      '11 00 00 00 00 04 c04000 00 01 61',
      ['MalformedTrack', 'mandatory-track-properties'],
    ],
    [
      'Immutable Properties in themselves',
      '11 00 00 00 00 04 0b 02 0b00 01 61',
      ['MalformedTrack', 'immutable-properties'],
    ],
    [
      'Immutable Properties twice',
      '11 00 00 00 00 04 0b00 0000 01 61',
      ['MalformedTrack', 'immutable-properties'],
    ],
    [
      'Immutable Properties that are no pairs',
      '11 00 00 00 00 03 0b 01 3c 01 61',
      ['MalformedTrack', 'immutable-properties'],
    ],
    [
      'group gap larger than the group',
      '11 00 02 00 00 02 3c03 01 61',
      ['MalformedTrack', 'prior-group-id-gap'],
    ],
    [
      'object gap larger than the object',
      '11 00 02 00 01 02 3e02 01 61',
      ['MalformedTrack', 'prior-object-id-gap'],
    ],
    ['object gap twice', '11 00 02 00 05 04 3e01 0001 01 61', ['MalformedTrack', 'prior-object-id-gap']],
    ['FETCH flags that are not defined', '05 00 8080', ['PeerViolation', 'fetch-header']],
    ['first FETCH object without group', '05 00 14 00 00 00', ['PeerViolation', 'flags']],
    ['first FETCH object without object', '05 00 18 00 00 00', ['PeerViolation', 'flags']],
    ['first FETCH object without priority', '05 00 0c 00 00 00', ['PeerViolation', 'flags']],
    ['first FETCH object in the prior subgroup', '05 00 1d 00 00 00 00', ['PeerViolation', 'flags']],
    ['prior priority after a range only', '05 00 808c 00 00 0c 00 00 00', ['PeerViolation', 'flags']],
    [
      'FETCH group above 2^64 - 1',
      '05 00 1c ffffffffffffffffff 00 00 00 0c 00 00 00',
      ['PeerViolation', 'flags'],
    ],
  ])('%s', (_, bytes, expected) => {
    const [name, clause] = expected;
    const wanted = clause === undefined ? [name] : [name, `moqt-18#${clause}`];
    for (const chunking of [unchunked, bytewise]) {
      expect(outcome(() => read(bytesOf(bytes), chunking))).toEqual(wanted);
    }
  });

  test('a FETCH in descending order cannot go below group 0', () => {
    const wire = bytesOf('05 00 1c 00 00 00 00 0c 00 00 00');
    expect(outcome(() => read(wire, unchunked, 'descending'))).toEqual(['PeerViolation', 'moqt-18#flags']);
  });

  test.each<[name: string, bytes: string, outcome: readonly string[]]>([
    ['unknown type', '10 00', ['PeerViolation', 'object-datagram']],
    ['STATUS with END_OF_GROUP', '22 00 00 00 00 00', ['PeerViolation', 'object-datagram']],
    ['PROPERTIES with length 0', '01 00 00 00 00 00 61', ['PeerViolation', 'object-datagram']],
    ['properties on a status', '21 00 00 00 00 02 3c00 03', ['PeerViolation', 'object-properties']],
    ['bytes behind a status', '20 00 00 00 00 03 61', ['PeerViolation', 'object-datagram']],
    ['properties longer than the datagram', '01 00 00 00 00 80ffff 61', ['PeerViolation', 'object-datagram']],
    ['cut short', '00 00', ['PeerViolation', 'object-datagram']],
  ])('datagram: %s', (_, bytes, expected) => {
    const [name, clause] = expected;
    expect(outcome(() => draft18.decodeDatagram(bytesOf(bytes)))).toEqual([
      name,
      `moqt-18#${String(clause)}`,
    ]);
  });
});

const vi64 = fc.oneof(fc.nat({ max: 300 }).map(BigInt), fc.bigInt({ min: 0n, max: (1n << 62n) - 1n }));
const propertiesOf = fc.constantFrom('', '3c00', '3801', '390161', '0b023a05').map((hex) => bytesOf(hex));
const objectOf = (location: { group: bigint; object: bigint }, subgroup: bigint): fc.Arbitrary<MoqtObject> =>
  fc.record({
    location: fc.constant({ group: groupId(location.group), object: objectId(location.object) }),
    subgroup: fc.constant(subgroupId(subgroup)),
    publisherPriority: fc.nat({ max: 255 }),
    forwarding: fc.constant('subgroup' as const),
    properties: propertiesOf,
    content: fc.uint8Array({ maxLength: 300 }).map((payload) => ({ kind: 'payload' as const, payload })),
  });

/** Objects in ascending groups, and ascending within each. */
const fetchObjects = fc
  .array(fc.tuple(fc.nat({ max: 3 }), fc.nat({ max: 3 }), fc.nat({ max: 4 })), { maxLength: 12 })
  .chain((steps) => {
    let group = 0n;
    let object = -1n;
    const objects = steps.map(([groups, ids, subgroup]) => {
      if (groups > 0) object = -1n;
      group += BigInt(groups);
      object += BigInt(ids) + 1n;
      return objectOf({ group, object }, BigInt(subgroup));
    });
    return fc.tuple(...objects);
  });

describe('properties of the codec', () => {
  test('a subgroup is read as it was written, however it is cut', () => {
    const subgroup = fc
      .record({
        alias: vi64,
        group: vi64,
        id: vi64,
        first: vi64,
        steps: fc.array(fc.nat({ max: 200 }), { maxLength: 6 }),
      })
      .chain(({ alias, group, id, first, steps }) => {
        let object = first;
        const ids = [first, ...steps.map((step) => (object += BigInt(step) + 1n))];
        return fc.record({
          alias: fc.constant(alias as TrackAlias),
          objects: fc.tuple(...ids.map((each) => objectOf({ group, object: each }, id))),
          priority: fc.nat({ max: 255 }),
          endOfGroup: fc.boolean(),
          firstObject: fc.boolean(),
          seed: fc.nat(),
        });
      });
    fc.assert(
      fc.property(subgroup, ({ alias, objects, priority, endOfGroup, firstObject, seed }) => {
        const [head] = objects;
        if (head?.subgroup === undefined) return;
        const { group, object: firstId } = head.location;
        const header = {
          group,
          subgroup: head.subgroup,
          publisherPriority: priority,
          endOfGroup,
          firstObject,
        };
        const writer = new ByteWriter();
        draft18.encodeSubgroupHeader(writer, alias, header, firstId);
        let previous: bigint | undefined;
        for (const each of objects) {
          draft18.encodeSubgroupObject(writer, each, previous);
          previous = each.location.object;
        }
        const items = read(writer.finish(), randomChunks(seed));
        expect(items[0]).toMatchObject({ kind: 'subgroup', alias, group, endOfGroup, firstObject });
        expect(items.slice(1, -1)).toEqual(
          objects.map((each) => ({ kind: 'object', object: { ...each, publisherPriority: priority } })),
        );
      }),
      RUNS,
    );
  });

  test('a FETCH answer is read as it was written, in both orders', () => {
    fc.assert(
      fc.property(fetchObjects, fc.boolean(), fc.nat(), (ascending, descends, seed) => {
        const order = descends ? 'descending' : 'ascending';
        const groups = [...new Set(ascending.map(({ location }) => location.group))];
        const objects = descends
          ? groups.reverse().flatMap((group) => ascending.filter(({ location }) => location.group === group))
          : ascending;
        const writer = draft18.fetchWriter(6n as RequestId, order);
        const bytes = concat(writer.header(), ...objects.map((each) => writer.object(each)));
        expect(read(bytes, randomChunks(seed), order)).toEqual([
          { kind: 'fetch', request: 6n },
          ...objects.map((object) => ({ kind: 'object', object })),
          { kind: 'end' },
        ]);
      }),
      RUNS,
    );
  });

  test('any bytes give items or a named violation, the same for any chunking', () => {
    const hints = STREAM_VECTORS.map(({ bytes }) => bytesOf(...bytes.map(([hex]) => hex)));
    const garbage = fc.oneof(
      fc.uint8Array({ maxLength: 120 }),
      fc.tuple(fc.constantFrom(...hints), fc.nat(), fc.nat({ max: 255 })).map(([hint, position, value]) => {
        const bytes = new Uint8Array(hint);
        bytes[position % bytes.length] = value;
        return bytes;
      }),
    );
    fc.assert(
      fc.property(garbage, fc.nat(), (bytes, seed) => {
        const whole = outcome(() => read(bytes, unchunked));
        expect(outcome(() => read(bytes, bytewise))).toEqual(whole);
        expect(outcome(() => read(bytes, randomChunks(seed)))).toEqual(whole);
      }),
      RUNS,
    );
  });

  test('any datagram gives an object or a named violation', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        outcome(() => draft18.decodeDatagram(bytes)?.object(0));
      }),
      RUNS,
    );
  });

  test('any message bytes give a message or a named violation, and what is read can be written', () => {
    const changed = fc
      .tuple(fc.constantFrom(...MESSAGE_VECTORS), fc.nat(), fc.nat({ max: 255 }))
      .map(([{ bytes, place }, position, value]) => {
        const wire = bytesOf(...bytes.map(([hex]) => hex));
        wire[position % wire.length] = value;
        return { wire, place };
      });
    fc.assert(
      fc.property(changed, ({ wire, place }) => {
        outcome(() => {
          const stream = draft18.messageStream();
          stream.push(wire);
          const frame = stream.next();
          if (frame === undefined) return;
          const message = draft18.decodeMessage(frame, place);
          const again = draft18.messageStream();
          again.push(draft18.encodeMessage(message));
          const reread = again.next();
          expect(reread && draft18.decodeMessage(reread, place)).toEqual(message);
        });
      }),
      RUNS,
    );
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeUtf8 } from '../../../src/protocol/bytes/utf8.ts';
import { compareLocations, groupId, objectId, type Location } from '../../../src/protocol/moqt/model.ts';
import {
  decodeStatement,
  encodeStatement,
  signedStatement,
  wordOn,
  type SealedAt,
} from '../../../src/protocol/meeting/statement.ts';
import { MEMBER_TRACK_KINDS, type MemberTrackKind } from '../../../src/protocol/meeting/track-instance.ts';
import { objectTag } from '../../../src/protocol/secure-objects/object-tag.ts';
import { epoch } from '../../../src/protocol/units.ts';
import { nodeGroupCrypto } from '../../../src/main/mls/node-group-crypto.ts';

const at = (group: number | bigint, object: number | bigint): Location => ({
  group: groupId(BigInt(group)),
  object: objectId(BigInt(object)),
});
/** A tag that tells the location. */
const tagOf = ({ group, object }: Location): Uint8Array => {
  const tag = new Uint8Array(8);
  new DataView(tag.buffer).setBigUint64(0, BigInt.asUintN(64, group * 1_000_003n + object));
  return tag;
};
const sealedAt = (location: Location): SealedAt => ({ location, tag: tagOf(location) });
interface Told {
  readonly after: Location | undefined;
  readonly sealed: readonly SealedAt[];
}
const NOTHING: Told = { after: undefined, sealed: [] };
const encoded = (tracks: Partial<Record<MemberTrackKind, Told>>, number = 0): Uint8Array =>
  encodeStatement(number, { control: NOTHING, catalog: NOTHING, audio: NOTHING, video: NOTHING, ...tracks });
const ONES = new Array<number>(8).fill(1);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** What somebody sealed of a track: a place after which, and ascending places, of groups in a row and of ones with gaps. */
const told: fc.Arbitrary<Told> = fc
  .tuple(
    fc.option(fc.nat(3)),
    fc.array(fc.record({ skip: fc.nat(2), objects: fc.integer({ min: 1, max: 5 }), from: fc.nat(2) }), {
      maxLength: 12,
    }),
  )
  .map(([before, groups]) => {
    const after = before === null ? undefined : at(before, 1);
    const sealed: SealedAt[] = [];
    let group = before === null ? 0 : before + 1;
    for (const { skip, objects, from } of groups) {
      group += skip;
      for (let object = from; object < from + objects; object += 1) sealed.push(sealedAt(at(group, object)));
      group += 1;
    }
    return { after, sealed };
  });

describe('a statement', () => {
  test('has the bytes of docs/protocol.md', () => {
    const audio = { after: at(6, 0), sealed: [7, 8, 9].map((group) => sealedAt(at(group, 0))) };
    const video = { after: undefined, sealed: [0, 1].map((object) => sealedAt(at(0, object))) };
    const bytes = encoded({ audio, video }, 5);
    const tags = (each: Told): string => each.sealed.map(({ tag }) => hex(tag)).join('');
    expect(hex(bytes)).toBe(
      // number; control and catalog: nothing before, no runs
      `0500000000` +
        // after group 6 object 0; one run from 7/0, three groups on end
        `070001070005${tags(audio)}` +
        // nothing before; one run from 0/0, two objects of one group
        `0001000002${tags(video)}`,
    );
  });

  test('says of each object that it is about whether it is its owner’s, and of no other anything', () => {
    fc.assert(
      fc.property(told, fc.nat(), (track, number) => {
        const statement = decodeStatement(encoded({ video: track }, number));
        expect(statement?.number).toBe(number);
        const said = statement?.tracks.video;
        if (said === undefined) throw new Error('no statement');
        const last = track.sealed.at(-1)?.location ?? track.after;
        expect([said.after, said.last]).toEqual([track.after, last]);
        for (let group = 0; group < 45; group += 1)
          for (let object = 0; object < 9; object += 1) {
            const object_ = sealedAt(at(group, object));
            const isAbout =
              last !== undefined &&
              compareLocations(object_.location, last) <= 0 &&
              (track.after === undefined || compareLocations(object_.location, track.after) > 0);
            const isSealed = track.sealed.some(
              ({ location }) => compareLocations(location, object_.location) === 0,
            );
            expect(wordOn(said, object_)).toBe(isAbout ? (isSealed ? 'sealed' : 'not-sealed') : 'nothing');
            const other = {
              ...object_,
              tag: object_.tag.map((byte, index) => (index === 7 ? byte ^ 1 : byte)),
            };
            expect(wordOn(said, other)).toBe(isAbout ? 'not-sealed' : 'nothing');
          }
      }),
      { numRuns: 30 },
    );
  });

  test('of half a second of sound and pictures fits 512 bytes when it is sealed', () => {
    const audio = {
      after: at(99_999, 0),
      sealed: [...Array(25).keys()].map((n) => sealedAt(at(100_000 + n, 0))),
    };
    const video = { after: at(300, 20), sealed: [...Array(15).keys()].map((n) => sealedAt(at(300, 21 + n))) };
    const control = { after: at(400, 3), sealed: [4, 5].map((n) => sealedAt(at(400, n))) };
    const catalog = { after: at(9, 0), sealed: [] };
    // Type, length and signature, and what sealing adds at least.
    expect(encoded({ audio, video, control, catalog }, 10_000).length + 67 + 29).toBeLessThanOrEqual(512);
  });

  test.each<[string, number[]]>([
    ['that ends too soon', [0, 0, 0, 0, 0, 0, 0, 0]],
    ['with something behind it', [0, 0, 0, 0, 0, 0, 0, 0, 0, 9]],
    [
      'with a run that does not come after the place before',
      [0, 0, 0, 0, 0, 7, 0, 1, 6, 0, 0, ...ONES, 0, 0],
    ],
    ['with runs that do not ascend', [0, 0, 0, 0, 0, 0, 2, 6, 0, 0, ...ONES, 6, 0, 0, ...ONES, 0, 0]],
    [
      'with more tags than one may have',
      [0, 0, 0, 0, 0, 0, 1, 6, 0, 0x90, 0, ...new Array<number>(8_300).fill(1), 0, 0],
    ],
    [
      'of groups beyond all counting',
      [0, 0, 0, 0, 0, 0, 1, 0xff, ...new Array<number>(8).fill(0xff), 0, 0, ...ONES, 0, 0],
    ],
  ])('%s is none', (_, bytes) => {
    expect(decodeStatement(new Uint8Array(bytes))).toBeUndefined();
  });

  test('is read from any bytes or not at all', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        const statement = decodeStatement(bytes);
        if (statement === undefined) return;
        for (const kind of MEMBER_TRACK_KINDS) wordOn(statement.tracks[kind], sealedAt(at(1, 1)));
      }),
      { numRuns: 2_000 },
    );
  });

  test('is signed for one track, epoch and content', () => {
    const track = { namespace: [encodeUtf8('g'), encodeUtf8('control')], name: encodeUtf8('o') };
    const other = { namespace: [encodeUtf8('g'), encodeUtf8('kontrol')], name: encodeUtf8('o') };
    const body = encoded({});
    const signed = [
      signedStatement(track, epoch(1n), body),
      signedStatement(other, epoch(1n), body),
      signedStatement(track, epoch(2n), body),
      signedStatement(track, epoch(1n), encoded({}, 1)),
    ];
    expect(new Set(signed.map(hex)).size).toBe(4);
    expect(hex(signed[0]!)).toBe(
      `${hex(encodeUtf8('conclave statement v1'))}02016707${hex(encodeUtf8('control'))}016f0000000000000001${hex(body)}`,
    );
  });
});

test('the tag of an object is of all that opening it depends on', () => {
  const header = { group: groupId(1n), object: objectId(2n), priority: 3 };
  const [immutable, payload] = [Uint8Array.of(2, 7), Uint8Array.of(9, 9, 9)];
  const tag = (h = header, i = immutable, p = payload): string => hex(objectTag(nodeGroupCrypto, h, i, p));
  expect(tag()).toBe(
    hex(
      nodeGroupCrypto.sha256(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 3, 0, 0, 0, 2, 2, 7, 9, 9, 9)),
    ).slice(0, 16),
  );
  const others = [
    tag({ ...header, group: groupId(2n) }),
    tag({ ...header, object: objectId(1n) }),
    tag({ ...header, priority: 4 }),
    tag(header, Uint8Array.of(2, 8)),
    tag(header, Uint8Array.of(2), Uint8Array.of(7, 9, 9, 9)),
    tag(header, immutable, Uint8Array.of(9, 9, 8)),
  ];
  expect(new Set([tag(), ...others]).size).toBe(7);
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeUtf8, encodeUtf8 } from '../../../src/protocol/bytes/utf8.ts';
import { InvariantError, PeerViolation } from '../../../src/protocol/errors.ts';
import {
  applyCatalogObject,
  encodeCatalog,
  MAX_CATALOG_BYTES,
  MAX_CATALOG_TRACKS,
} from '../../../src/protocol/media/catalog.ts';
import type { Catalog, CatalogTrack } from '../../../src/protocol/media/catalog.ts';

const audio: CatalogTrack = {
  kind: 'audio',
  name: 'audio',
  isLive: true,
  codec: 'opus',
  bitrate: 32_000,
  renderGroup: 1,
  sampleRate: 48_000,
  channels: 2,
};
const video: CatalogTrack = {
  kind: 'video',
  namespace: 'conference.2eexample-alice',
  name: '1080p-video',
  isLive: true,
  codec: 'av01.0.08M.10.0.110.09',
  bitrate: 1_500_000,
  renderGroup: 1,
  width: 1920,
  height: 1080,
  framerate: 30,
};
const catalog: Catalog = { generatedAt: 1_746_104_606_044, tracks: [video, audio] };
const json = (value: unknown): Uint8Array => encodeUtf8(JSON.stringify(value));
const delta = (...deltaUpdate: readonly unknown[]): Uint8Array => json({ generatedAt: 5, deltaUpdate });

/** The encrypted example of msf-01, without its key fields, which we never send. */
const example = {
  version: 'draft-01',
  generatedAt: 1_746_104_606_044,
  tracks: [
    {
      name: '1080p-video',
      namespace: 'conference.2eexample-alice',
      packaging: 'loc',
      isLive: true,
      targetLatency: 2000,
      role: 'video',
      renderGroup: 1,
      codec: 'av01.0.08M.10.0.110.09',
      width: 1920,
      height: 1080,
      framerate: 30,
      bitrate: 1_500_000,
      encryptionScheme: 'moq-secure-objects',
      cipherSuite: 'aes-128-gcm-sha256',
    },
    {
      name: 'audio',
      packaging: 'loc',
      isLive: true,
      role: 'audio',
      renderGroup: 1,
      codec: 'opus',
      samplerate: 48_000,
      channelConfig: '2',
      bitrate: 32_000,
    },
  ],
};

describe('catalog', () => {
  test('the example of msf-01 is read', () => {
    expect(applyCatalogObject(undefined, json(example))).toEqual(catalog);
  });

  test('what is written has the fields of msf-01', () => {
    const text = decodeUtf8(encodeCatalog({ generatedAt: 7, tracks: [audio] })) ?? '';
    expect(JSON.parse(text)).toEqual({
      version: 'draft-01',
      generatedAt: 7,
      tracks: [
        {
          name: 'audio',
          packaging: 'loc',
          isLive: true,
          role: 'audio',
          renderGroup: 1,
          codec: 'opus',
          bitrate: 32_000,
          samplerate: 48_000,
          channelConfig: '2',
        },
      ],
    });
    expect(text).not.toMatch(/key/i);
  });

  test('what is written is read', () => {
    const name = fc.string({ minLength: 1, maxLength: 40 }).filter((text) => !text.includes('\n'));
    const common = { name, isLive: fc.boolean(), codec: name, bitrate: fc.integer({ min: 1, max: 1e9 }) };
    const track: fc.Arbitrary<CatalogTrack> = fc.oneof(
      fc.record({
        kind: fc.constant('audio' as const),
        ...common,
        sampleRate: fc.integer({ min: 8_000, max: 384_000 }),
        channels: fc.integer({ min: 1, max: 8 }),
      }),
      fc.record({
        kind: fc.constant('video' as const),
        ...common,
        width: fc.integer({ min: 1, max: 16_384 }),
        height: fc.integer({ min: 1, max: 16_384 }),
        framerate: fc.integer({ min: 1, max: 240 }),
      }),
    );
    const tracks = fc.uniqueArray(track, { selector: (entry) => entry.name, maxLength: 8 });
    fc.assert(
      fc.property(tracks, fc.nat(), (list, generatedAt) => {
        const value = { generatedAt, tracks: list };
        expect(applyCatalogObject(undefined, encodeCatalog(value))).toEqual(value);
      }),
    );
  });

  test('any JSON and any bytes give a catalog or a named violation', () => {
    const field = fc.constantFrom(
      'version',
      'tracks',
      'deltaUpdate',
      'generatedAt',
      'op',
      'name',
      'packaging',
      'role',
    );
    const nearly = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        fc.constantFrom<unknown>('draft-01', 'loc', 'audio', 'video', 'add', 'update', true, 1, null),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(field, tie('value'), { maxKeys: 6 }),
      ),
    })).value;
    const bytes = fc.oneof(fc.uint8Array({ maxLength: 60 }), fc.json().map(encodeUtf8), nearly.map(json));
    fc.assert(
      fc.property(bytes, fc.boolean(), (input, later) => {
        try {
          applyCatalogObject(later ? catalog : undefined, input);
        } catch (cause) {
          expect(cause).toBeInstanceOf(PeerViolation);
          expect((cause as PeerViolation).clause).toMatch(/^msf-01#/);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('tracks of other packagings are left out, unknown fields do no harm', () => {
    const tracks = [
      { name: 'log', packaging: 'moqlog', isLive: true },
      { ...example.tracks[1], somethingNew: [1] },
    ];
    expect(applyCatalogObject(undefined, json({ ...example, tracks })).tracks).toEqual([audio]);
  });

  test.each([
    ['an unknown version', { ...example, version: 'draft-02' }],
    ['no tracks', { version: 'draft-01' }],
    ['two tracks of one name', { ...example, tracks: [example.tracks[1], example.tracks[1]] }],
    [
      'an audio track without a sample rate',
      { ...example, tracks: [{ ...example.tracks[1], samplerate: undefined }] },
    ],
    ['a video track of no width', { ...example, tracks: [{ ...example.tracks[0], width: 0 }] }],
    ['nine channels', { ...example, tracks: [{ ...example.tracks[1], channelConfig: '9' }] }],
    ['a name of 600 characters', { ...example, tracks: [{ ...example.tracks[1], name: 'x'.repeat(600) }] }],
    [
      'too many tracks',
      {
        ...example,
        tracks: Array.from({ length: MAX_CATALOG_TRACKS + 1 }, (_, at) => ({
          ...example.tracks[1],
          name: `a${String(at)}`,
        })),
      },
    ],
    ['an array', []],
  ])('%s is refused', (_name, value) => {
    expect(() => applyCatalogObject(undefined, json(value))).toThrow(PeerViolation);
  });

  test('a catalog that is too long is not parsed', () => {
    const long = json({ ...example, padding: 'x'.repeat(MAX_CATALOG_BYTES) });
    expect(() => applyCatalogObject(undefined, long)).toThrow(/too long/);
    expect(() => encodeCatalog({ generatedAt: 1, tracks: Array<CatalogTrack>(65).fill(audio) })).toThrow(
      InvariantError,
    );
  });
});

describe('delta', () => {
  const muted = { op: 'remove', tracks: [{ name: 'audio' }] };

  test('adds, removes, clones and updates in order', () => {
    const after = applyCatalogObject(
      catalog,
      delta(
        muted,
        { op: 'add', tracks: [{ ...example.tracks[1], name: 'audio-2' }] },
        {
          op: 'clone',
          tracks: [
            {
              parentName: '1080p-video',
              parentNamespace: 'conference.2eexample-alice',
              name: '720p-video',
              width: 1280,
              height: 720,
            },
          ],
        },
        { op: 'update', tracks: [{ parentName: 'audio-2', isLive: false }] },
      ),
    );
    expect(after.generatedAt).toBe(5);
    expect(after.tracks).toEqual([
      video,
      { ...video, name: '720p-video', width: 1280, height: 720 },
      { ...audio, name: 'audio-2', isLive: false },
    ]);
    expect(catalog.tracks).toEqual([video, audio]);
  });

  test.each([
    ['a delta before a catalog', undefined, delta(muted)],
    ['no operation', catalog, delta()],
    [
      'fields of a complete catalog',
      catalog,
      json({ version: 'draft-01', generatedAt: 1, deltaUpdate: [muted] }),
    ],
    ['no time', catalog, json({ deltaUpdate: [muted] })],
    ['an unknown operation', catalog, delta({ op: 'move', tracks: [{ name: 'audio' }] })],
    ['a track that is there already', catalog, delta({ op: 'add', tracks: [example.tracks[1]] })],
    [
      'a track that comes back to life',
      { ...catalog, tracks: [{ ...audio, isLive: false }] },
      delta({ op: 'update', tracks: [{ parentName: 'audio', isLive: true }] }),
    ],
  ])('%s is refused', (_name, before, bytes) => {
    expect(() => applyCatalogObject(before, bytes)).toThrow(PeerViolation);
  });
});

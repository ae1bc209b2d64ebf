import fc from 'fast-check';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { encodeUtf8 } from '../../../src/protocol/bytes/utf8.ts';
import { decodeControlMessage } from '../../../src/protocol/group/control.ts';
import type { UplinkItem } from '../../../src/protocol/media/encoded-media.ts';
import { follows } from '../../../src/protocol/meeting/instance-chain.ts';
import { OwnTracks } from '../../../src/protocol/meeting/own-tracks.ts';
import { timeOf } from '../../../src/protocol/meeting/track-instance.ts';
import { TrackSealer } from '../../../src/protocol/secure-objects/track-sealer.ts';
import { trackNameKey } from '../../../src/protocol/moqt/names.ts';
import { namespaceText } from '../../../src/protocol/moqt/name-text.ts';
import { millis } from '../../../src/protocol/units.ts';
import { TIME_ORIGIN } from '../../harness/meeting/core.ts';
import { kindOf, OwnTracksScene, SENDER } from './own-tracks-scene.ts';
import { GROUP } from './people.ts';

type Chunk = Extract<UplinkItem, { kind: 'uplink-chunk' }>;

const HELLO = { kind: 'hello', displayName: 'Ana', microphone: true, camera: true } as const;
const OPUS = {
  kind: 'uplink-config',
  config: { kind: 'audio', codec: 'opus', sampleRate: 48_000, channels: 1 },
  bitrate: 24_000,
} as const;
const VP8 = {
  kind: 'uplink-config',
  config: { kind: 'video', codec: 'vp8', width: 640, height: 360, framerate: 30 },
  bitrate: 700_000,
} as const;

const picture = (text: string, keyframe: boolean): Chunk => ({
  kind: 'uplink-chunk',
  media: 'video',
  timestamp: 40_000.4,
  keyframe,
  bytes: encodeUtf8(text),
});
const sound = (text: string, level?: number): Chunk => ({
  kind: 'uplink-chunk',
  media: 'audio',
  timestamp: 20_000,
  keyframe: true,
  bytes: encodeUtf8(text),
  ...(level === undefined ? {} : { level }),
});

let scene: OwnTracksScene;
beforeEach(() => {
  scene = new OwnTracksScene();
});

describe('our catalog', () => {
  test('says what each encoder is set to, and whether it is live', () => {
    scene.begin(0n);
    scene.attach();
    scene.media.setSending({ microphone: true, camera: true });
    scene.media.take(OPUS);
    scene.media.take(VP8);
    scene.core.tasks.advance(millis(1_500));
    scene.own.sendCatalog();
    scene.media.take({ ...VP8, bitrate: 250_000, config: { ...VP8.config, width: 320, height: 180 } });
    scene.media.take({ kind: 'uplink-off', media: 'audio' });
    scene.own.sendCatalog();
    const [audio, video] = (['audio', 'video'] as const).map((kind) => {
      const offer = scene.pair.requests('publish').find(({ track }) => kindOf(track) === kind);
      return { namespace: namespaceText(offer?.track.namespace ?? []), name: 'o', renderGroup: 1, kind };
    });
    const opus = { ...audio, codec: 'opus', bitrate: 24_000, sampleRate: 48_000, channels: 1 };
    const vp8 = { ...video, codec: 'vp8', framerate: 30 };
    expect(scene.catalogs()).toEqual([
      { generatedAt: TIME_ORIGIN, tracks: [] },
      {
        generatedAt: TIME_ORIGIN + 1_500,
        tracks: [
          { ...opus, isLive: true },
          { ...vp8, isLive: true, bitrate: 700_000, width: 640, height: 360 },
        ],
      },
      {
        generatedAt: TIME_ORIGIN + 1_500,
        tracks: [
          { ...opus, isLive: false },
          { ...vp8, isLive: true, bitrate: 250_000, width: 320, height: 180 },
        ],
      },
    ]);
  });
});

describe('our pictures', () => {
  test('begin with a key frame, which is asked for', () => {
    scene.begin(0n);
    scene.attach();
    scene.log.length = 0;
    scene.own.send(picture('delta', false));
    expect(scene.log).toEqual(['key frame wanted']);
    scene.own.send(picture('key', true));
    scene.own.send(picture('delta', false));
    expect(scene.texts('video')).toEqual(['0/0 key', '0/1 delta']);
    expect(scene.arrived('video').map(({ loc }) => loc)).toEqual([
      {
        timestamp: 40_000n,
        timescale: 1_000_000n,
        videoFrameMarking: { independent: true, discardable: false },
      },
      {
        timestamp: 40_000n,
        timescale: 1_000_000n,
        videoFrameMarking: { independent: false, discardable: false },
      },
    ]);
    expect(scene.log).toEqual(['key frame wanted']);
  });

  test('are not sent between off and the next key frame, and each group begins with one', () => {
    type Move = 'off' | 'key' | 'delta';
    const moves = fc.array(fc.constantFrom<Move>('off', 'key', 'delta', 'delta'), { maxLength: 24 });
    fc.assert(
      fc.property(moves, (sequence) => {
        const each = new OwnTracksScene();
        each.begin(0n);
        each.attach();
        sequence.forEach((move, index) => {
          if (move === 'off') each.own.pause('video');
          else each.own.send(picture(`${move} ${String(index)}`, move === 'key'));
        });
        const sent = sequence.flatMap((move, index) => {
          const before = sequence.slice(0, index);
          const flows = before.lastIndexOf('key') > before.lastIndexOf('off');
          return move === 'key' || (move === 'delta' && flows) ? [`${move} ${String(index)}`] : [];
        });
        const arrived = each.texts('video').map((text) => {
          const [at = '', move = '', index = ''] = text.split(' ');
          expect(at.endsWith('/0')).toBe(move === 'key');
          return `${move} ${index}`;
        });
        // Streams of different groups may overtake each other.
        expect(arrived.sort()).toEqual(sent.sort());
        const groups = each.pair.relay.of('subgroup-end');
        expect(groups.every(({ complete, endOfGroup }) => complete && endOfGroup)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  test('whose group ends with off end it at the relay too', () => {
    scene.begin(0n);
    scene.attach();
    scene.own.send(picture('key', true));
    scene.pair.run();
    const video = scene.pair.requests('publish').find(({ track }) => kindOf(track) === 'video')?.id;
    const ends = (): unknown[] => scene.pair.relay.of('subgroup-end').filter(({ id }) => id === video);
    expect(ends()).toEqual([]);
    scene.own.pause('video');
    scene.pair.run();
    expect(ends()).toMatchObject([{ complete: true, endOfGroup: true }]);
    scene.log.length = 0;
    scene.own.send(picture('delta', false));
    expect(scene.log).toEqual(['key frame wanted']);
  });

  test('that wait too long for the relay are given up, with fewer bits and a key frame wanted', () => {
    scene.begin(0n);
    scene.attach();
    scene.log.length = 0;
    scene.own.send({ ...picture('', true), bytes: new Uint8Array(192 * 1024) });
    scene.own.send(picture('delta', false));
    expect(scene.log).toEqual(['congested', 'key frame wanted']);
    scene.own.send(picture('key', true));
    expect(scene.texts('video').at(-1)).toBe('1/0 key');
  });
});

describe('our sound', () => {
  test('is a group for each packet, with how loud it is', () => {
    scene.begin(0n);
    scene.attach();
    for (const level of [49.6, 49.4, 200, -3, undefined]) scene.own.send(sound('packet', level));
    const arrived = scene.arrived('audio');
    expect(arrived.map(({ at }) => at)).toEqual(['0/0', '1/0', '2/0', '3/0', '4/0']);
    expect(arrived.map(({ loc }) => loc.audioLevel)).toEqual([
      { voice: false, level: 50 },
      { voice: true, level: 49 },
      { voice: false, level: 127 },
      { voice: true, level: 0 },
      { voice: false, level: 127 },
    ]);
    expect(arrived[0]?.loc).toMatchObject({ timestamp: 20_000n, timescale: 1_000_000n });
  });
});

describe('our tracks', () => {
  test('are announced and offered, the most urgent first, each sealed by its own key', () => {
    scene.begin(0n);
    scene.attach();
    const offers = scene.pair.requests('publish');
    expect(offers.map(({ track }) => kindOf(track))).toEqual(['control', 'catalog', 'audio', 'video']);
    const announced = scene.pair
      .requests('publish-namespace')
      .map(({ namespace }) => namespaceText(namespace));
    // All fields of their names but the instance.
    const prefixes = new Set(offers.map(({ track }) => namespaceText(track.namespace.slice(0, 3))));
    expect(announced).toEqual([...prefixes]);
    expect(scene.pair.relay.of('request-cancelled')).toEqual([]);
    expect(scene.own.sendControl(HELLO)).toBe(true);
    scene.own.send(sound('packet'));
    scene.own.send(picture('key', true));
    expect(scene.arrived('control').map(({ payload }) => decodeControlMessage(payload))).toEqual([HELLO]);
    for (const kind of ['catalog', 'audio', 'video'] as const) expect(scene.arrived(kind)).toHaveLength(1);
    const priorities = scene.pair.relay.of('object').map(({ object }) => object.publisherPriority);
    expect(priorities.sort((one, other) => one - other)).toEqual([8, 16, 32, 128]);
  });

  test('begin with who we are, what we send and a key frame, as soon as somebody hears them', () => {
    scene.begin(0n);
    scene.own.attach(scene.pair.client);
    scene.pair.run();
    expect([scene.log, scene.catalogs()]).toEqual([[], []]);
    scene.accept();
    expect(scene.log).toEqual(['hello wanted', 'key frame wanted']);
    expect(scene.catalogs()).toHaveLength(1);
  });

  test('are sealed under the newest key, and without one nothing is sent', () => {
    scene.attach();
    expect([scene.own.sendControl(HELLO), scene.own.sendCatalog()]).toEqual([false, false]);
    scene.own.send(sound('packet'));
    scene.own.send(picture('key', true));
    scene.pair.run();
    expect(scene.pair.relay.of('object')).toEqual([]);
    scene.begin(0n);
    scene.begin(1n);
    scene.own.send(sound('packet'));
    // The other member came in the newest epoch and has no key of the one before.
    expect(scene.texts('audio')).toEqual(['0/0 packet']);
  });

  test('are stated in time, though a relay has the catalog sent again and again', () => {
    scene.begin(0n);
    scene.attach();
    const { session } = scene.pair.relay;
    const catalog = scene.pair.requests('publish').find(({ track }) => kindOf(track) === 'catalog');
    if (catalog === undefined) throw new Error('none is published');
    for (let turn = 0; turn < 700; turn += 1)
      for (const forward of [false, true]) {
        session.updateSubscription(catalog.id, { forward });
        scene.pair.run();
      }
    scene.core.tasks.advance(millis(500));
    scene.own.tick();
    expect(scene.catalogs().length).toBeGreaterThan(600);
  });

  test('have names of their own each time, so that nothing is sealed twice', () => {
    const again = new OwnTracks(scene.core, { group: GROUP, senderId: SENDER }, scene.keys, scene.media, {
      helloWanted: () => undefined,
      keyframeWanted: () => undefined,
      congested: () => undefined,
      rekeyWanted: () => undefined,
    });
    scene.own.attach(scene.pair.client);
    again.attach(scene.pair.client);
    scene.pair.run();
    const tracks = scene.pair.requests('publish').map(({ track }) => track);
    const names = tracks.map(trackNameKey);
    expect([names.length, new Set(names).size]).toEqual([8, 8]);
    // Who knows the ones knows the others, in whichever join they are.
    const [before, after] = [tracks[0], tracks[4]].map((track) => timeOf(track?.namespace.at(-1) ?? SENDER));
    expect(follows(after ?? '', before ?? '', scene.core.options.groupCrypto)).toBe(true);
  });

  test('are found by their names', () => {
    scene.begin(0n);
    scene.attach();
    const [control] = scene.pair.requests('publish');
    if (control === undefined) throw new Error('nothing was offered');
    expect(scene.own.find(control.track)?.largest).toBeUndefined();
    scene.own.sendControl(HELLO);
    expect(scene.own.find(control.track)?.largest).toEqual({ group: 0n, object: 0n });
    expect(scene.own.find({ ...control.track, name: encodeUtf8('p') })).toBeUndefined();
  });

  test('ask for a key frame when somebody begins to watch', () => {
    scene.begin(0n);
    scene.own.attach(scene.pair.client);
    scene.pair.run();
    const { session } = scene.pair.relay;
    for (const { id } of scene.pair.requests('publish')) session.acceptPublish(id, { forward: false });
    scene.pair.run();
    expect(scene.log).toEqual([]);
    for (const { id, track } of scene.pair.requests('publish'))
      if (kindOf(track) !== 'control') session.updateSubscription(id, { forward: true });
    scene.pair.run();
    expect(scene.log).toEqual(['key frame wanted']);
  });

  test('that are over say so, and what was announced is withdrawn', () => {
    scene.begin(0n);
    scene.attach();
    scene.own.end('left');
    scene.pair.run();
    expect(scene.pair.relay.of('publish-done').map(({ reason }) => reason)).toEqual(
      new Array(4).fill('left'),
    );
    const announced = scene.pair.requests('publish-namespace').map(({ id }) => id);
    const withdrawn = scene.pair.relay.of('request-cancelled').map(({ id }) => id);
    expect(announced.every((id) => withdrawn.includes(id))).toBe(true);
    const before = scene.pair.relay.of('object').length;
    scene.own.sendControl(HELLO);
    scene.pair.run();
    expect(scene.pair.relay.of('object')).toHaveLength(before);
  });

  test('are sent though the relay lets us announce nothing', () => {
    scene.begin(0n);
    scene.own.attach(scene.pair.client);
    scene.pair.run();
    const { session } = scene.pair.relay;
    for (const { id } of scene.pair.requests('publish-namespace'))
      session.reject(id, { code: 1, reason: 'no' });
    for (const { id } of scene.pair.requests('publish')) session.acceptPublish(id, { forward: true });
    scene.pair.run();
    scene.own.sendControl(HELLO);
    expect(scene.arrived('control')).toHaveLength(1);
    scene.own.end('left');
    scene.pair.run();
    expect(scene.pair.relay.of('publish-done')).toHaveLength(4);
  });

  test('are sent on the newest session only, and withdrawn there', () => {
    scene.begin(0n);
    scene.attach();
    const former = scene.pair;
    scene.reconnect();
    scene.attach();
    scene.own.sendControl(HELLO);
    scene.own.end('left');
    former.run();
    expect([former.relay.of('publish-done'), former.relay.of('request-cancelled')]).toEqual([[], []]);
    // What was sealed last is stated before the end.
    expect(scene.arrived('control').map(({ payload }) => decodeControlMessage(payload)?.kind)).toEqual([
      'hello',
      'statement',
    ]);
  });

  test('that are over before the relay answered withdraw what it accepts late', () => {
    scene.begin(0n);
    scene.own.attach(scene.pair.client);
    scene.own.end('left');
    scene.accept();
    const announced = scene.pair.requests('publish-namespace').map(({ id }) => id);
    const withdrawn = scene.pair.relay.of('request-cancelled').map(({ id }) => id);
    expect(announced.every((id) => withdrawn.includes(id))).toBe(true);
    expect(scene.pair.relay.of('publish-done')).toHaveLength(4);
  });

  test('go on over the next session under other names, which nobody can have taken', () => {
    const names = (): string[] => scene.pair.requests('publish').map(({ track }) => trackNameKey(track));
    scene.begin(0n);
    scene.attach();
    const before = names();
    scene.own.send(sound('first'));
    scene.own.send(picture('key', true));
    expect(scene.texts('audio')).toEqual(['0/0 first']);
    scene.reconnect();
    scene.own.send(sound('nobody hears it'));
    scene.attach();
    scene.own.send(sound('second'));
    expect(scene.texts('audio')).toEqual(['0/0 second']);
    expect(names()).toHaveLength(4);
    expect(names().filter((name) => before.includes(name))).toEqual([]);
    // Pictures begin anew with one that can be decoded by itself.
    scene.log.length = 0;
    scene.own.send(picture('delta', false));
    expect(scene.texts('video')).toEqual([]);
    expect(scene.log).toEqual(['key frame wanted']);
  });

  test('keep no key of the names that they had', () => {
    const keyed = vi.spyOn(TrackSealer.prototype, 'setKey');
    scene.begin(0n);
    const former = keyed.mock.contexts.slice() as TrackSealer[];
    scene.attach();
    scene.reconnect();
    expect(former.map(({ epoch }) => epoch)).toEqual([0n, 0n, 0n, 0n]);
    scene.attach();
    expect(former.map(({ epoch }) => epoch)).toEqual([undefined, undefined, undefined, undefined]);
    keyed.mockClear();
    scene.begin(1n);
    expect(keyed).toHaveBeenCalledTimes(4);
    vi.restoreAllMocks();
  });
});

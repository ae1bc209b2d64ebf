import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { BATCH_LIMIT } from '../../src/contract/batcher.ts';
import type { DownlinkItem, UplinkItem } from '../../src/contract/media.ts';
import { MediaBridge, type Port } from '../../src/main/media-bridge.ts';

class FakePort implements Port {
  readonly posted: unknown[] = [];
  closed = false;
  #listener: (event: { data: unknown }) => void = () => undefined;
  postMessage(message: unknown): void {
    this.posted.push(message);
  }
  on(_event: 'message', listener: (event: { data: unknown }) => void): void {
    this.#listener = listener;
  }
  start(): void {
    // Messages are delivered by hand.
  }
  close(): void {
    this.closed = true;
  }
  deliver(data: unknown): void {
    this.#listener({ data });
  }
}

let taken: UplinkItem[];
let asked: string[];
let bridge: MediaBridge;
let uplink: FakePort;
let downlink: FakePort;
beforeEach(() => {
  vi.useFakeTimers();
  taken = [];
  asked = [];
  bridge = new MediaBridge({
    uplink: (item) => taken.push(item),
    feedback: ({ participant }) => asked.push(participant),
  });
  uplink = new FakePort();
  downlink = new FakePort();
  bridge.connect(uplink, downlink);
});
afterEach(() => {
  vi.useRealTimers();
});

const chunk = {
  kind: 'uplink-chunk',
  media: 'video',
  timestamp: 1,
  keyframe: true,
  bytes: new Uint8Array(4),
} as const;
const off: DownlinkItem = { kind: 'track-off', participant: 'p', media: 'audio' };

describe('media from the renderer', () => {
  test('is taken when it fits', () => {
    const config = { kind: 'audio', codec: 'opus', sampleRate: 48_000, channels: 1 };
    uplink.deliver([
      chunk,
      { kind: 'uplink-config', config, bitrate: 32_000 },
      { ...chunk, level: 30 },
      { kind: 'uplink-off', media: 'audio' },
    ]);
    expect(taken.map(({ kind }) => kind)).toEqual([
      'uplink-chunk',
      'uplink-config',
      'uplink-chunk',
      'uplink-off',
    ]);
  });

  test.each([
    ['a time that is infinite', { ...chunk, timestamp: Infinity }],
    ['a time that is no number', { ...chunk, timestamp: NaN }],
    ['a time that is beyond all clocks', { ...chunk, timestamp: 1e300 }],
    ['a track of another kind', { ...chunk, media: 'control' }],
    ['bytes that are none', { ...chunk, bytes: [1, 2, 3] }],
    ['a chunk of more than 4 MiB', { ...chunk, bytes: new Uint8Array(4 * 1024 * 1024 + 1) }],
    ['fields that nobody knows', { ...chunk, key: 'secret' }],
    [
      'a codec that is not ours',
      { kind: 'uplink-config', config: { kind: 'audio', codec: 'mp3' }, bitrate: 1 },
    ],
    [
      'a rate that is none',
      { kind: 'uplink-config', config: { kind: 'audio', codec: 'opus', sampleRate: 48_000, channels: 1 } },
    ],
    ['nothing', undefined],
  ])('is dropped with %s, and what follows is taken', (_, item) => {
    uplink.deliver([item, chunk]);
    expect(taken).toEqual([chunk]);
  });

  test('is dropped as a whole when it is no list, or one without end', () => {
    uplink.deliver(chunk);
    uplink.deliver(Array.from({ length: BATCH_LIMIT + 1 }, () => chunk));
    expect(taken).toEqual([]);
  });

  test('asks for key frames in its own words only', () => {
    downlink.deliver({ kind: 'keyframe-needed', participant: 'p' });
    downlink.deliver({ kind: 'keyframe-needed', participant: 'p'.repeat(129) });
    downlink.deliver({ kind: 'remove', participant: 'p' });
    expect(asked).toEqual(['p']);
  });
});

describe('media to the renderer', () => {
  test('is gathered for 5 ms, in order', () => {
    bridge.send(off);
    bridge.send({ kind: 'keyframe-wanted' });
    expect(downlink.posted).toEqual([]);
    vi.advanceTimersByTime(5);
    bridge.send(off);
    vi.advanceTimersByTime(5);
    expect(downlink.posted).toEqual([[off, { kind: 'keyframe-wanted' }], [off]]);
  });

  test('is sent at once when much waits', () => {
    for (let at = 0; at <= BATCH_LIMIT; at += 1) bridge.send(off);
    expect(downlink.posted).toEqual([Array.from({ length: BATCH_LIMIT }, () => off)]);
    vi.advanceTimersByTime(5);
    expect(downlink.posted[1]).toEqual([off]);
  });

  test('goes to the newest page only, and to none before there is one', () => {
    bridge.send(off);
    const next = new FakePort();
    bridge.connect(new FakePort(), next);
    vi.advanceTimersByTime(5);
    expect([uplink.closed, downlink.closed, downlink.posted, next.posted]).toEqual([true, true, [], []]);
    bridge.send(off);
    vi.advanceTimersByTime(5);
    expect(next.posted).toEqual([[off]]);
    const unconnected = new MediaBridge({ uplink: () => undefined, feedback: () => undefined });
    unconnected.send(off);
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  KEYFRAME_REQUEST_INTERVAL,
  MAX_WAITING_FRAMES,
  VIDEO_GAP_PATIENCE,
  VideoOrder,
} from '../../../src/protocol/media/video-order.ts';
import type { VideoFrame } from '../../../src/protocol/media/video-order.ts';
import { millis } from '../../../src/protocol/units.ts';

const frame = (group: number, object: number): VideoFrame<string> => ({
  group,
  object,
  keyframe: object === 0,
  payload: `${String(group)}/${String(object)}`,
});

function feed(order: VideoOrder<string>, frames: readonly (readonly [number, number])[], now = 0): string[] {
  return frames.flatMap(([group, object]) => order.push(frame(group, object), millis(now)).deliver);
}

describe('video order', () => {
  test('frames in order are handed on at once', () => {
    expect(
      feed(new VideoOrder(), [
        [1, 0],
        [1, 1],
        [2, 0],
        [2, 1],
      ]),
    ).toEqual(['1/0', '1/1', '2/0', '2/1']);
  });

  test('a frame that comes early waits for its predecessor', () => {
    expect(
      feed(new VideoOrder(), [
        [1, 0],
        [1, 2],
        [1, 1],
      ]),
    ).toEqual(['1/0', '1/1', '1/2']);
  });

  test('frames before the first key frame ask for one, once a while', () => {
    const order = new VideoOrder<string>();
    expect(order.push(frame(1, 5), millis(0))).toEqual({ deliver: [], keyframeNeeded: true });
    expect(order.push(frame(1, 6), millis(40))).toEqual({ deliver: [], keyframeNeeded: false });
    expect(order.push(frame(1, 7), KEYFRAME_REQUEST_INTERVAL).keyframeNeeded).toBe(true);
  });

  test('frames that overtook their key frame are decoded after it', () => {
    expect(
      feed(new VideoOrder(), [
        [3, 1],
        [3, 2],
        [3, 0],
      ]),
    ).toEqual(['3/0', '3/1', '3/2']);
  });

  test('a newer key frame cuts the older group short, and its stragglers are dropped', () => {
    const order = new VideoOrder<string>();
    expect(
      feed(order, [
        [1, 0],
        [2, 0],
        [1, 1],
        [2, 1],
      ]),
    ).toEqual(['1/0', '2/0', '2/1']);
  });

  test('a gap that stays open ends in waiting for the next key frame', () => {
    const order = new VideoOrder<string>();
    feed(order, [
      [1, 0],
      [1, 2],
    ]);
    expect(order.expire(millis(VIDEO_GAP_PATIENCE - 1))).toEqual({ deliver: [], keyframeNeeded: false });
    expect(order.deadline).toBe(VIDEO_GAP_PATIENCE);
    expect(order.expire(VIDEO_GAP_PATIENCE)).toEqual({ deliver: [], keyframeNeeded: true });
    expect(order.deadline).toBeUndefined();
    expect(
      feed(
        order,
        [
          [1, 1],
          [1, 3],
        ],
        200,
      ),
    ).toEqual([]);
    expect(
      feed(
        order,
        [
          [2, 0],
          [2, 1],
        ],
        300,
      ),
    ).toEqual(['2/0', '2/1']);
  });

  test('patience begins anew when a gap has closed', () => {
    const order = new VideoOrder<string>();
    feed(order, [
      [1, 0],
      [1, 2],
      [1, 4],
    ]);
    feed(order, [[1, 1]], 100);
    expect(order.deadline).toBe(100 + VIDEO_GAP_PATIENCE);
  });

  test('after a decoder failure only a newer key frame is decoded', () => {
    const order = new VideoOrder<string>();
    feed(order, [
      [1, 0],
      [1, 1],
    ]);
    expect(order.lost(millis(50))).toBe(true);
    expect(order.lost(millis(60))).toBe(false);
    expect(
      feed(
        order,
        [
          [1, 2],
          [1, 3],
          [2, 0],
        ],
        70,
      ),
    ).toEqual(['2/0']);
  });

  test('what waits is bounded', () => {
    const order = new VideoOrder<string>();
    feed(order, [[1, 0]]);
    const steps = Array.from({ length: MAX_WAITING_FRAMES + 1 }, (_, at) =>
      order.push(frame(1, at + 2), millis(1)),
    );
    expect(steps.some(({ keyframeNeeded }) => keyframeNeeded)).toBe(true);
  });

  test('whatever comes, a frame is handed on once, after all before it in its group, and groups only go forward', () => {
    const frames = fc.array(fc.tuple(fc.nat(4), fc.nat(6), fc.nat(60)), { maxLength: 80 });
    fc.assert(
      fc.property(frames, (list) => {
        const order = new VideoOrder<string>();
        let now = 0;
        let last = { group: -1, object: -1 };
        for (const [group, object, pause] of list) {
          now += pause;
          const late = order.expire(millis(now));
          const step = order.push(frame(group, object), millis(now));
          for (const payload of [...late.deliver, ...step.deliver]) {
            const [g = 0, o = 0] = payload.split('/').map(Number);
            if (o === 0) expect(g).toBeGreaterThan(last.group);
            else expect({ group: g, object: o - 1 }).toEqual(last);
            last = { group: g, object: o };
          }
        }
      }),
    );
  });
});

import { describe, expect, test } from 'vitest';
import { loudness, LoudnessMeter, meterShare, SILENCE } from '../../../src/renderer/media/level.ts';
import { SpeakingDetector } from '../../../src/renderer/media/speaking.ts';
import {
  bestPicture,
  DEFAULT_VIDEO_BITRATE,
  videoSettings,
} from '../../../src/renderer/media/video-settings.ts';

describe('loudness', () => {
  test.each([
    [1, 0],
    [0.1, 10],
    [1e-6, 60],
    [0, SILENCE],
    [1e-30, SILENCE],
    [4, 0],
    [Number.NaN, SILENCE],
  ])('power %f is -%d dBov', (power, level) => {
    expect(loudness(power)).toBe(level);
  });

  test('is the mean over all that was added, and begins anew', () => {
    const meter = new LoudnessMeter();
    meter.add(new Float32Array(100).fill(1));
    meter.add(new Float32Array(900));
    expect(meter.take()).toBe(10);
    expect(meter.take()).toBe(SILENCE);
  });

  test('fills a meter from silence to full scale', () => {
    expect([127, 60, 30, 0].map(meterShare)).toEqual([0, 0, 0.5, 1]);
  });
});

describe('speaking', () => {
  test('who is loud speaks, for a moment longer than that', () => {
    const detector = new SpeakingDetector();
    detector.hear('ana', 30, 1000);
    detector.hear('bo', 90, 1000);
    expect([...detector.speakers(1100)]).toEqual(['ana']);
    expect([...detector.speakers(1900)]).toEqual([]);
  });

  test('a speaker who becomes a little quieter goes on speaking, a quiet room does not begin to', () => {
    const detector = new SpeakingDetector();
    detector.hear('ana', 40, 0);
    for (let now = 100; now <= 2000; now += 100) {
      detector.hear('ana', 50, now);
      detector.hear('bo', 50, now);
    }
    expect([...detector.speakers(2000)]).toEqual(['ana']);
  });

  test('who has muted no longer speaks', () => {
    const detector = new SpeakingDetector();
    detector.hear('ana', 30, 0);
    detector.forget('ana');
    expect(detector.speakers(1).size).toBe(0);
  });
});

describe('video settings', () => {
  test('are 640x360 at 30 by default', () => {
    expect(videoSettings({ width: 1280, height: 720 }, undefined, 8)).toEqual({
      width: 640,
      height: 360,
      framerate: 30,
      bitsPerSecond: DEFAULT_VIDEO_BITRATE,
    });
  });

  test.each([
    [{ width: 640, height: 480 }, undefined],
    [{ width: 480, height: 640 }, 200_000],
    [{ width: 1921, height: 1081 }, 100_000],
    [{ width: 160, height: 121 }, 1],
    [{ width: 1, height: 5000 }, undefined],
  ])('keep the shape of %o, with even sides, never larger', (source, wish) => {
    const { width, height } = videoSettings(source, wish, 8);
    expect([width % 2, height % 2]).toEqual([0, 0]);
    expect(width * height).toBeLessThanOrEqual(640 * 360 * 1.02);
    if (source.width > 2) expect(width / height / (source.width / source.height)).toBeCloseTo(1, 1);
  });

  test('a machine with few cores is asked for less', () => {
    const camera = { width: 1280, height: 720 };
    expect(videoSettings(camera, undefined, 2)).toMatchObject({ width: 320, height: 180, framerate: 15 });
    expect(videoSettings(camera, undefined, 4)).toMatchObject({ width: 480, height: 270, framerate: 20 });
    expect(bestPicture(16)).toMatchObject({ width: 640, height: 360, framerate: 30 });
  });

  test('fewer bits make smaller and fewer pictures, and wishes are bounded', () => {
    const camera = { width: 640, height: 360 };
    const poor = videoSettings(camera, 100_000, 8);
    expect(poor).toMatchObject({ width: 320, height: 180, framerate: 15 });
    expect(videoSettings(camera, 0, 8).bitsPerSecond).toBeGreaterThan(0);
    expect(videoSettings(camera, 1e9, 8).bitsPerSecond).toBe(DEFAULT_VIDEO_BITRATE);
  });
});

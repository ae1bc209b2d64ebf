import { describe, expect, test } from 'vitest';
import {
  likeness,
  pictureFromPng,
  pictureFromBytes,
  similarity,
  type Picture,
} from '../e2e/harness/picture.ts';
import { people, framesOf } from '../e2e/harness/recordings.ts';
import { PNG } from 'pngjs';

/** A picture drawn by a function of x and y, both 0–1. */
function drawn(width: number, height: number, brightness: (x: number, y: number) => number): Picture {
  const luma = Float32Array.from({ length: width * height }, (_, at) =>
    brightness(((at % width) + 0.5) / width, (Math.floor(at / width) + 0.5) / height),
  );
  return { width, height, luma };
}

const waves = (x: number, y: number) => 128 + 60 * Math.sin(9 * x + 4 * y) + 40 * Math.cos(13 * y - 3 * x);

/** The painted picture of a frame: another size, less contrast, darker, noisy, as after encoding. */
function painted(frame: Picture, width: number, height: number): Picture {
  let state = 7;
  const noise = () => (state = (state * 48271) % 2147483647) / 2147483647 - 0.5;
  return drawn(width, height, (x, y) => {
    const column = Math.min(frame.width - 1, Math.floor(x * frame.width));
    const row = Math.min(frame.height - 1, Math.floor(y * frame.height));
    return 0.8 * frame.luma[row * frame.width + column]! + 10 + 20 * noise();
  });
}

describe('likeness of pictures', () => {
  test('survives another size, brightness and contrast', () => {
    expect(
      similarity(
        drawn(640, 360, waves),
        drawn(320, 180, (x, y) => 0.5 * waves(x, y) + 30),
      ),
    ).toBeGreaterThan(0.999);
  });

  test('is low for another picture, and nothing is like a plain surface', () => {
    expect(
      similarity(
        drawn(640, 360, waves),
        drawn(640, 360, (x, y) => waves(y, 1 - x)),
      ),
    ).toBeLessThan(0.5);
    expect(
      similarity(
        drawn(640, 360, waves),
        drawn(640, 360, () => 90),
      ),
    ).toBe(0);
    expect(
      similarity(
        drawn(9, 9, () => 0),
        drawn(9, 9, () => 0),
      ),
    ).toBe(0);
  });

  test('compares the middle where the painted box has another shape', () => {
    const square = drawn(360, 360, (x, y) => waves((x * 360 + 140) / 640, y));
    expect(likeness(square, [drawn(640, 360, waves)]).score).toBeGreaterThan(0.999);
    expect(likeness(drawn(360, 360, waves), [drawn(640, 360, waves)]).score).toBeLessThan(0.95);
  });

  test('knows mirror images and regions', () => {
    const mirror = drawn(640, 360, (x, y) => waves(1 - x, y));
    expect(likeness(mirror, [drawn(640, 360, waves)]).score).toBeLessThan(0.9);
    expect(likeness(mirror, [drawn(640, 360, waves)], { mirrored: true }).score).toBeGreaterThan(0.999);
    const region = { left: 0.4, top: 0, right: 1, bottom: 0.7 };
    const labelled = drawn(640, 360, (x, y) => (x < 0.38 || y > 0.72 ? 255 : waves(x, y)));
    expect(likeness(labelled, [drawn(640, 360, waves)], { region }).score).toBeGreaterThan(0.999);
    const mirroredLabel = drawn(640, 360, (x, y) => (x < 0.38 || y > 0.72 ? 255 : waves(1 - x, y)));
    const options = { region, mirrored: true };
    expect(likeness(mirroredLabel, [drawn(640, 360, waves)], options).score).toBeGreaterThan(0.999);
  });

  test('reads screenshots', () => {
    const png = new PNG({ width: 2, height: 1 });
    png.data.set([255, 255, 255, 255, 0, 0, 0, 255]);
    expect([...pictureFromPng(PNG.sync.write(png)).luma].map(Math.round)).toEqual([255, 0]);
    expect([...pictureFromBytes(1, 1, Uint8Array.of(0, 100, 0), 3).luma].map(Math.round)).toEqual([59]);
  });

  test('tells the recordings apart, and finds the frame', () => {
    for (const person of people) {
      const frames = framesOf(person);
      expect(frames.length, person).toBeGreaterThan(25);
      const shown = painted(frames[20]!, 320, 180);
      const own = likeness(shown, frames);
      expect(own.score, person).toBeGreaterThan(0.99);
      expect(similarity(frames[own.frame]!, frames[20]!), person).toBeGreaterThan(0.99);
      for (const other of people.filter((name) => name !== person)) {
        expect(likeness(shown, framesOf(other)).score, `${person} as ${other}`).toBeLessThan(0.6);
      }
    }
  });
});

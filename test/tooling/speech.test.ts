import { describe, expect, test } from 'vitest';
import { people, speechOf, type Person } from '../e2e/harness/recordings.ts';
import { bestHeard, heard, resample, soundFromWav, type Sound } from '../e2e/harness/speech.ts';

/** What a window plays of a looped recording: from a place in it, at 48 kHz, quieter and with noise. */
function played(person: Person, from: number, seconds: number, others: Sound[] = []): Sound {
  let state = 11;
  const noise = () => (state = (state * 48271) % 2147483647) / 2147483647 - 0.5;
  const voice = ({ rate, samples }: Sound, at: number) => {
    const place = ((from + at) * rate) % samples.length;
    const [one, two] = [samples[Math.floor(place)]!, samples[Math.ceil(place) % samples.length]!];
    return one + (two - one) * (place % 1);
  };
  const sources = [speechOf(person), ...others];
  const samples = Float32Array.from({ length: seconds * 48000 }, (_, index) => {
    return 0.4 * sources.reduce((sum, source) => sum + voice(source, index / 48000), 0) + 0.002 * noise();
  });
  return { rate: 48000, samples };
}

describe('likeness of speech', () => {
  test('finds the place in a looped recording', () => {
    const windows = heard(played('ana', 3.25, 4), speechOf('ana'));
    expect(windows.map(({ at }) => at)).toEqual([0, 2]);
    for (const { at, score, position } of windows) {
      expect(score).toBeGreaterThan(0.95);
      expect(position).toBeCloseTo(3.25 + at, 2);
    }
  });

  test('follows the recording over its end', () => {
    const { rate, samples } = speechOf('eli');
    expect(bestHeard(played('eli', samples.length / rate - 1, 2), speechOf('eli'))).toBeGreaterThan(0.95);
  });

  test('tells the speakers apart', () => {
    for (const person of people) {
      const sound = played(person, 0.3, 2);
      expect(bestHeard(sound, speechOf(person)), person).toBeGreaterThan(0.95);
      for (const other of people.filter((name) => name !== person)) {
        expect(bestHeard(sound, speechOf(other)), `${person} as ${other}`).toBeLessThan(0.4);
      }
    }
  });

  test('hears both of two voices at once, less clearly', () => {
    const both = played('ana', 0.5, 2, [speechOf('chen')]);
    for (const person of ['ana', 'chen'] as const) {
      expect(bestHeard(both, speechOf(person)), person).toBeGreaterThan(0.4);
    }
    expect(bestHeard(both, speechOf('bo'))).toBeLessThan(0.4);
  });

  test('hears nothing in silence and noise', () => {
    const silence = { rate: 48000, samples: new Float32Array(4 * 48000) };
    expect(heard(silence, speechOf('bo'))).toEqual([]);
    let state = 5;
    const noise = Float32Array.from(
      { length: 96000 },
      () => (state = (state * 48271) % 2147483647) / 2147483647 - 0.5,
    );
    expect(bestHeard({ rate: 48000, samples: noise }, speechOf('bo'))).toBeLessThan(0.2);
  });

  test('brings a tone to the common rate without changing it, and keeps out what lies above', () => {
    const tone = (hertz: number): Sound => ({
      rate: 48000,
      samples: Float32Array.from({ length: 48000 }, (_, at) => Math.sin((2 * Math.PI * hertz * at) / 48000)),
    });
    const level = (samples: Float32Array) =>
      Math.sqrt(samples.reduce((sum, value) => sum + value ** 2, 0) / samples.length);
    expect(resample(tone(440))).toHaveLength(8000);
    expect(level(resample(tone(440)))).toBeCloseTo(Math.SQRT1_2, 2);
    expect(level(resample(tone(6000)))).toBeLessThan(0.01);
  });

  test('refuses what is no WAV file', () => {
    expect(() => soundFromWav(new Uint8Array(64))).toThrow('not a WAV file');
  });
});

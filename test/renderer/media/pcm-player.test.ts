import { describe, expect, test } from 'vitest';
import { PcmPlayer } from '../../../src/renderer/media/pcm-player.ts';

const RATE = 48_000;
const PACKET = 960;
const QUANTUM = 128;

/** A tone that goes on from packet to packet. */
const toneAt = (index: number): number => 0.5 * Math.sin((2 * Math.PI * 440 * index) / RATE);
const tone = (packet: number): Float32Array<ArrayBuffer> =>
  Float32Array.from({ length: PACKET }, (_, index) => toneAt(packet * PACKET + index));

/** Plays packets that come when they are made, but for those in `missing`. */
function playTone(
  packets: number,
  missing: readonly number[] = [],
  delay = (_packet: number): number => 0,
): Float32Array {
  const player = new PcmPlayer(RATE);
  const output = new Float32Array(Math.ceil((packets * PACKET) / QUANTUM) * QUANTUM + 400 * QUANTUM);
  let next = 0;
  for (let start = 0; start < output.length; start += QUANTUM) {
    const now = (start * 1000) / RATE;
    while (next < packets && next * 20 + delay(next) <= now) {
      if (!missing.includes(next)) player.push({ timestamp: next * 20_000, samples: tone(next) }, now);
      next += 1;
    }
    player.render(output.subarray(start, start + QUANTUM), now);
  }
  return output;
}

/** Largest step between neighbouring samples: a click is a large one. */
function largestStep(samples: Float32Array): number {
  let largest = 0;
  for (let at = 1; at < samples.length; at += 1)
    largest = Math.max(largest, Math.abs((samples[at] ?? 0) - (samples[at - 1] ?? 0)));
  return largest;
}

const begin = (samples: Float32Array): number => samples.findIndex((sample) => sample !== 0);
/** Of the tone itself. */
const SMOOTH = 0.5 * 2 * Math.PI * (440 / RATE) * 1.01;

describe('PCM player', () => {
  test('plays a steady tone sample by sample', () => {
    const output = playTone(50);
    const start = begin(output) - 1;
    const length = 40 * PACKET;
    expect(largestStep(output.subarray(start, start + length))).toBeLessThan(SMOOTH);
    for (let at = 0; at < length; at += 97) expect(output[start + at]).toBeCloseTo(toneAt(at), 5);
  });

  test('fills a lost packet with sound that does not click', () => {
    const output = playTone(50, [20]);
    const start = begin(output) - 1 + 20 * PACKET;
    const filled = output.subarray(start, start + PACKET);
    expect(Math.max(...filled)).toBeGreaterThan(0.2);
    expect(largestStep(output.subarray(start - PACKET, start + 2 * PACKET))).toBeLessThan(0.3);
  });

  test('is silent, not noisy, when nothing comes', () => {
    const player = new PcmPlayer(RATE);
    const output = new Float32Array(QUANTUM).fill(1);
    player.render(output, 0);
    expect(output.every((sample) => sample === 0)).toBe(true);
  });

  test('a stall loses nothing, and the delay it made is worked off by leaving out short pieces', () => {
    const stall = (packet: number): number => (packet >= 100 && packet < 115 ? (115 - packet) * 20 : 0);
    const output = playTone(600, [], stall);
    const last = output.length - [...output].reverse().findIndex((sample) => sample !== 0);
    // 12 s of sound; the stall took 0.3 s, of which little is left at the end.
    expect(last / RATE).toBeGreaterThan(12);
    expect(last / RATE).toBeLessThan(12.2);
    expect(largestStep(output.subarray(150 * PACKET))).toBeLessThan(0.1);
  });
});

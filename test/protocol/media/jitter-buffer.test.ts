import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  JitterBuffer,
  MAX_TARGET_DELAY,
  MIN_TARGET_DELAY,
} from '../../../src/protocol/media/jitter-buffer.ts';
import type { AudioPacket, Playout } from '../../../src/protocol/media/jitter-buffer.ts';
import { micros, millis } from '../../../src/protocol/units.ts';

const PACKET = 20;
const packet = (at: number, duration = PACKET): AudioPacket<number> => ({
  timestamp: micros(at * duration * 1000),
  duration: micros(duration * 1000),
  payload: at,
});

/** One packet that comes in. */
interface Coming {
  readonly at: number;
  readonly time: number;
}

/** Plays what comes for so long, a millisecond at a time, as a player whose clock is exact. */
function play(
  coming: readonly Coming[],
  until: number,
): { played: number[]; silent: number; buffer: JitterBuffer<number> } {
  const buffer = new JitterBuffer<number>();
  const played: number[] = [];
  const inOrder = [...coming].sort((a, b) => a.time - b.time);
  let busyUntil = 0;
  let silent = 0;
  for (let now = 0; now < until; now += 1) {
    while (inOrder[0] !== undefined && inOrder[0].time <= now) {
      const { at } = inOrder.shift() ?? { at: 0 };
      buffer.push(packet(at), millis(now));
    }
    if (now < busyUntil) continue;
    const playout: Playout<number> = buffer.pull(millis(now));
    if (playout.kind === 'play') {
      played.push(playout.packet.payload);
      busyUntil = now + playout.packet.duration / 1000 - (playout.shorten ? 2 : 0);
    } else if (playout.kind === 'conceal') busyUntil = now + playout.duration / 1000;
    else silent += 1;
  }
  return { played, silent, buffer };
}

const steady = (count: number, delay: (at: number) => number): Coming[] =>
  Array.from({ length: count }, (_, at) => ({ at, time: at * PACKET + delay(at) }));
const range = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

describe('jitter buffer', () => {
  test('packets that come evenly are played without a gap, after a short delay', () => {
    const { played, silent, buffer } = play(
      steady(200, () => 30),
      4100,
    );
    expect(played).toEqual(range(200));
    expect(silent).toBeLessThan(30 + 45 + 60);
    expect(buffer.counts.concealed).toBeLessThanOrEqual(3);
    expect(buffer.targetDelay).toBeLessThan(45);
  });

  test('jitter raises the target delay, and then nothing is late', () => {
    const jitter = (at: number): number => 30 + ((at * 7919) % 80);
    const { played, buffer } = play(steady(400, jitter), 8200);
    expect(buffer.targetDelay).toBeGreaterThan(60);
    expect(buffer.targetDelay).toBeLessThanOrEqual(MAX_TARGET_DELAY);
    expect(played.filter((at) => at >= 100)).toEqual(range(400).slice(100));
  });

  test('the target delay falls again when the jitter is over', () => {
    const { buffer } = play(
      steady(1000, (at) => (at < 100 ? 30 + ((at * 7919) % 80) : 30)),
      20_200,
    );
    expect(buffer.targetDelay).toBe(MIN_TARGET_DELAY);
  });

  test('order of arrival does not matter within the delay', () => {
    const { played } = play(
      steady(100, (at) => (at % 2 === 0 ? 45 : 5)),
      2200,
    );
    expect(played.slice(4)).toEqual(range(100).slice(4));
  });

  test('a lost packet is concealed for its length, and the rest is played on time', () => {
    const coming = steady(100, () => 10).filter(({ at }) => at !== 50);
    const { played, buffer } = play(coming, 2100);
    expect(played).toEqual(range(100).filter((at) => at !== 50));
    expect(buffer.counts.concealed).toBeGreaterThanOrEqual(1);
    expect(buffer.counts.late).toBe(0);
  });

  test('a packet that comes after its time is dropped and counted', () => {
    const coming = steady(100, (at) => (at === 50 ? 300 : 10));
    const { played, buffer } = play(coming, 2100);
    expect(played).not.toContain(50);
    expect(buffer.counts.late).toBe(1);
  });

  test('a pause of the network loses nothing: playback waits and then catches up', () => {
    const stall = (at: number): number => Math.max(10, at >= 50 && at < 60 ? 1210 - at * PACKET : 10);
    const { played, buffer } = play(steady(400, stall), 8400);
    expect(played).toEqual(range(400));
    expect(buffer.counts.overflowed).toBe(0);
  });

  test('a long pause of the sender is skipped', () => {
    const coming = steady(100, () => 10).map(({ at, time }) => ({
      at: at < 50 ? at : at + 100,
      time: at < 50 ? time : time + 2000,
    }));
    const { played } = play(coming, 4500);
    expect(played).toEqual([...range(50), ...range(50).map((at) => at + 150)]);
  });

  test('a sender whose clock starts anew is heard again', () => {
    const buffer = new JitterBuffer<number>();
    buffer.push(packet(1_000_000), millis(0));
    expect(buffer.push(packet(0), millis(10))).toBe('restarted');
    expect(buffer.pull(millis(200))).toMatchObject({ kind: 'play', packet: { payload: 0 } });
  });

  test('what is said twice is heard once', () => {
    const buffer = new JitterBuffer<number>();
    expect(buffer.push(packet(0), millis(0))).toBe('queued');
    expect(buffer.push(packet(0), millis(1))).toBe('duplicate');
  });

  test('a flood keeps memory bounded and the newest sound', () => {
    const buffer = new JitterBuffer<number>();
    for (let at = 0; at < 200; at += 1) buffer.push(packet(at), millis(0));
    expect(buffer.counts.overflowed).toBeGreaterThan(0);
    const first = buffer.pull(millis(5000));
    expect(first).toMatchObject({ kind: 'play' });
    expect(first.kind === 'play' && first.packet.payload).toBeGreaterThan(100);
  });

  test('whatever comes is played at most once and in order', () => {
    const coming = fc.array(fc.record({ at: fc.nat(120), time: fc.nat(3000) }), { maxLength: 150 });
    fc.assert(
      fc.property(coming, (list) => {
        const { played } = play(list, 4000);
        for (const [index, at] of played.entries())
          if (index > 0) expect(at).toBeGreaterThan(played[index - 1] ?? 0);
      }),
    );
  });
});

/**
 * Decides when each packet of one audio track is played.
 *
 * Packets come in any order and at any time; whoever plays them asks for the next one each time it has played out what
 * it had. The buffer holds playback back by a target delay that follows the jitter it observes, conceals what is missing,
 * and lets the delay grow (rather than lose sound) when packets come late. Memory is bounded.
 */
import { micros, millis } from '../units.ts';
import type { Micros, Millis } from '../units.ts';

/** One packet, decoded or not: the buffer never looks into `payload`. */
export interface AudioPacket<Payload> {
  /** Capture time of its first sample. */
  readonly timestamp: Micros;
  readonly duration: Micros;
  readonly payload: Payload;
}

/** What to play next. */
export type Playout<Payload> =
  | {
      readonly kind: 'play';
      readonly packet: AudioPacket<Payload>;
      /** More is waiting than is needed: a piece of it may be left out. */
      readonly shorten: boolean;
    }
  /** The next packet is missing: fill in for so long. */
  | { readonly kind: 'conceal'; readonly duration: Micros }
  /** Nothing to play now: silence. */
  | { readonly kind: 'wait' };

/** What became of a packet that came in. */
export type Arrival = 'queued' | 'late' | 'duplicate' | 'restarted';

/** Counts since the buffer was made. */
export interface JitterCounts {
  readonly played: number;
  readonly concealed: number;
  readonly late: number;
  readonly overflowed: number;
}

/** Lower bound of the target delay. */
export const MIN_TARGET_DELAY = millis(20);
/** Upper bound of the target delay. */
export const MAX_TARGET_DELAY = millis(500);

/** The adaptive buffer of one track. All times given to it are of one monotonic clock. */
export class JitterBuffer<Payload> {
  /** Ascending by timestamp; at most {@link MAX_PACKETS}. */
  readonly #queue: AudioPacket<Payload>[] = [];
  readonly #transits: number[] = [];
  #target: number = INITIAL_TARGET_DELAY;
  /** Capture time of what is played next; nothing before it is played any more. */
  #playhead: number | undefined;
  /** Playback waits until the target delay is there. */
  #holding = true;
  #emptyFor = 0;
  #played = 0;
  #concealed = 0;
  #late = 0;
  #overflowed = 0;

  /** How far playback is held behind the fastest packets seen. */
  get targetDelay(): Millis {
    return millis(this.#target);
  }

  get counts(): JitterCounts {
    return {
      played: this.#played,
      concealed: this.#concealed,
      late: this.#late,
      overflowed: this.#overflowed,
    };
  }

  /**
   * Takes a packet that came in.
   * @param packet - kept until it is played or dropped.
   * @param now - when it came.
   */
  push(packet: AudioPacket<Payload>, now: Millis): Arrival {
    const anchor = this.#playhead ?? this.#queue[0]?.timestamp;
    const restarted = anchor !== undefined && Math.abs(packet.timestamp - anchor) > RESTART_DISTANCE;
    if (restarted) this.#restart();
    this.#observe(now * 1000 - packet.timestamp);
    if (this.#playhead !== undefined && packet.timestamp < this.#playhead - TOLERANCE) {
      this.#late += 1;
      return 'late';
    }
    if (!this.#insert(packet)) return 'duplicate';
    if (this.#queue.length > MAX_PACKETS) this.#shed();
    return restarted ? 'restarted' : 'queued';
  }

  /**
   * Says what to play next; to be called when the previous answer has been played.
   * @param now - when the first sample of the answer is played.
   */
  pull(now: Millis): Playout<Payload> {
    const next = this.#queue[0];
    if (this.#holding || this.#playhead === undefined) return this.#begin(next, now);
    if (next === undefined) return this.#underrun(this.#playhead, now);
    this.#emptyFor = 0;
    const gap = next.timestamp - this.#playhead;
    if (gap <= TOLERANCE) return this.#play(next, now);
    if (gap <= LONGEST_CONCEALED_GAP) return this.#conceal(this.#playhead, gap, now);
    this.#holding = true;
    return this.#begin(next, now);
  }

  /** Playback starts, or starts again, once the oldest packet has waited for the target delay. */
  #begin(next: AudioPacket<Payload> | undefined, now: Millis): Playout<Payload> {
    if (next === undefined || this.#delay(next.timestamp, now) < this.#target) return { kind: 'wait' };
    return this.#play(next, now);
  }

  #play(packet: AudioPacket<Payload>, now: Millis): Playout<Payload> {
    this.#queue.shift();
    this.#holding = false;
    this.#playhead = packet.timestamp + packet.duration;
    this.#played += 1;
    const excess = this.#delay(packet.timestamp, now) - this.#target;
    return { kind: 'play', packet, shorten: excess > EXCESS && this.#queue.length > 0 };
  }

  /** A later packet is here: waits for the missing one while the delay is short, then goes on without it. */
  #conceal(playhead: number, gap: number, now: Millis): Playout<Payload> {
    const duration = Math.min(gap, CONCEAL_STEP);
    if (this.#delay(playhead, now) >= this.#target) this.#playhead = playhead + duration;
    this.#concealed += 1;
    return { kind: 'conceal', duration: micros(duration) };
  }

  /** The buffer is empty: conceals briefly without advancing, so that late packets are still played. */
  #underrun(playhead: number, now: Millis): Playout<Payload> {
    this.#emptyFor += 1;
    if (this.#emptyFor <= CONCEALED_STEPS_WHEN_EMPTY) {
      this.#concealed += 1;
      return { kind: 'conceal', duration: micros(CONCEAL_STEP) };
    }
    // Longer than any target delay: the sender paused, so the next packet waits for the target delay again.
    if (this.#delay(playhead, now) > this.#target + PAUSE) {
      this.#holding = true;
      this.#emptyFor = 0;
    }
    return { kind: 'wait' };
  }

  /** How long after the fastest packets' time the sample of capture time `timestamp` is played, in ms. */
  #delay(timestamp: number, now: Millis): number {
    return (now * 1000 - timestamp - this.#fastest()) / 1000;
  }

  #fastest(): number {
    let least = Infinity;
    for (const transit of this.#transits) least = Math.min(least, transit);
    return least;
  }

  /** Follows the spread of transit times: up at once, down slowly. */
  #observe(transit: number): void {
    this.#transits.push(transit);
    if (this.#transits.length > OBSERVED_PACKETS) this.#transits.shift();
    const sorted = [...this.#transits].sort((a, b) => a - b);
    const least = sorted[0] ?? transit;
    const high = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.95))] ?? transit;
    const wanted = clamp((high - least) / 1000 + MARGIN, MIN_TARGET_DELAY, MAX_TARGET_DELAY);
    this.#target = wanted > this.#target ? wanted : Math.max(wanted, this.#target - FALL_PER_PACKET);
  }

  /** @returns false when a packet of that time is there already. */
  #insert(packet: AudioPacket<Payload>): boolean {
    let at = this.#queue.length;
    while (at > 0) {
      const before = this.#queue[at - 1];
      if (before === undefined || before.timestamp < packet.timestamp) break;
      if (before.timestamp === packet.timestamp) return false;
      at -= 1;
    }
    this.#queue.splice(at, 0, packet);
    return true;
  }

  /** Keeps the newest packets that fill the target delay. */
  #shed(): void {
    const newest = this.#queue[this.#queue.length - 1];
    if (newest === undefined) return;
    const from = newest.timestamp - this.#target * 1000;
    const kept = this.#queue.filter((packet) => packet.timestamp >= from);
    this.#overflowed += this.#queue.length - kept.length;
    this.#queue.splice(0, this.#queue.length, ...kept);
    this.#holding = true;
  }

  #restart(): void {
    this.#queue.length = 0;
    this.#transits.length = 0;
    this.#playhead = undefined;
    this.#holding = true;
    this.#emptyFor = 0;
  }
}

const INITIAL_TARGET_DELAY = 40;
/** Added to the observed spread, ms. */
const MARGIN = 10;
const FALL_PER_PACKET = 0.5;
const OBSERVED_PACKETS = 150;
const MAX_PACKETS = 128;
/** ms above the target beyond which samples are skipped. */
const EXCESS = 40;
/** ms without a packet after which the sender counts as paused. */
const PAUSE = 300;
const CONCEALED_STEPS_WHEN_EMPTY = 3;
/** The following in µs. */
const CONCEAL_STEP = 20_000;
const LONGEST_CONCEALED_GAP = 400_000;
/** Packets that overlap or miss each other by less are neighbours: encoders round. */
const TOLERANCE = 2_500;
/** A jump of this size means that the sender's clock has restarted. */
const RESTART_DISTANCE = 5_000_000;

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}

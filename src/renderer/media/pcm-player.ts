/** Turns decoded packets into a continuous stream of samples, without clicks where something is missing or skipped. */
import { JitterBuffer } from '../../protocol/media/jitter-buffer.ts';
import { micros, millis } from '../../protocol/units.ts';
import type { DecodedAudio } from './messages.ts';

/** The player of one participant's sound. */
export class PcmPlayer {
  readonly #sampleRate: number;
  readonly #buffer = new JitterBuffer<Float32Array>();
  readonly #fade: number;
  /** The last samples that were played, to conceal gaps with. */
  readonly #recent: Float32Array;
  #current: Float32Array = none;
  #at = 0;
  /** Conceals what is missing, for as long as it is. */
  #filler: Filler | undefined;

  /** @param sampleRate - of the packets and of the output, in Hz. */
  constructor(sampleRate: number) {
    this.#sampleRate = sampleRate;
    this.#fade = Math.round(sampleRate * 0.0025);
    this.#recent = new Float32Array(Math.round(sampleRate * 0.02));
  }

  /**
   * Takes a decoded packet.
   * @param audio - kept.
   * @param now - ms of the clock that {@link PcmPlayer.render} is called with.
   */
  push({ timestamp, samples }: DecodedAudio, now: number): void {
    const duration = (samples.length * 1_000_000) / this.#sampleRate;
    this.#buffer.push(
      { timestamp: micros(timestamp), duration: micros(duration), payload: samples },
      millis(now),
    );
  }

  /**
   * Fills `output` completely; silence where there is nothing to play.
   * @param now - ms at which the first of these samples is played.
   */
  render(output: Float32Array, now: number): void {
    let filled = 0;
    while (filled < output.length) {
      if (this.#at >= this.#current.length && !this.#next(now + (filled * 1000) / this.#sampleRate)) {
        output.fill(0, filled);
        this.#remember(output.subarray(filled));
        return;
      }
      const count = Math.min(output.length - filled, this.#current.length - this.#at);
      output.set(this.#current.subarray(this.#at, this.#at + count), filled);
      this.#remember(output.subarray(filled, filled + count));
      this.#at += count;
      filled += count;
    }
  }

  /** @returns whether there is something to play. */
  #next(now: number): boolean {
    const playout = this.#buffer.pull(millis(now));
    this.#at = 0;
    switch (playout.kind) {
      case 'play': {
        const samples = playout.packet.payload;
        // The concealment fades into the samples that really come.
        if (this.#filler !== undefined) crossfade(this.#filler.take(this.#fade), samples);
        this.#filler = undefined;
        this.#current = playout.shorten ? shortened(samples, this.#fade) : samples;
        return this.#current.length > 0;
      }
      case 'conceal': {
        this.#filler ??= new Filler(this.#recent);
        this.#current = this.#filler.take(Math.round((playout.duration * this.#sampleRate) / 1_000_000));
        return this.#current.length > 0;
      }
      case 'wait':
        this.#filler = undefined;
        this.#current = none;
        return false;
    }
  }

  #remember(samples: Float32Array): void {
    const recent = this.#recent;
    if (samples.length >= recent.length) {
      recent.set(samples.subarray(samples.length - recent.length));
      return;
    }
    recent.copyWithin(0, samples.length);
    recent.set(samples, recent.length - samples.length);
  }
}

/** Plays the last samples back and forth, so that nothing jumps, and ever more quietly. */
class Filler {
  readonly #samples: Float32Array;
  readonly #decay: number;
  #gain = 1;
  #taken = 0;

  /** @param recent - copied; it halves in loudness with each of its lengths. */
  constructor(recent: Float32Array) {
    this.#samples = recent.slice();
    this.#decay = 0.5 ** (1 / recent.length);
  }

  take(length: number): Float32Array {
    const { length: period } = this.#samples;
    return Float32Array.from({ length }, () => {
      const at = this.#taken % (2 * period);
      this.#taken += 1;
      this.#gain *= this.#decay;
      return (this.#samples[at < period ? period - 1 - at : at - period] ?? 0) * this.#gain;
    });
  }
}

const none = new Float32Array(0);

/** Fades from `before` into the beginning of `samples`, in place. */
function crossfade(before: Float32Array, samples: Float32Array): void {
  const length = Math.min(before.length, samples.length);
  for (let at = 0; at < length; at += 1) {
    const share = at / length;
    samples[at] = (before[at] ?? 0) * (1 - share) + (samples[at] ?? 0) * share;
  }
}

/** Leaves a piece out of the middle: an eighth, at most as long as two fades cover. */
function shortened(samples: Float32Array, fade: number): Float32Array {
  const cut = Math.min(4 * fade, Math.floor(samples.length / 8));
  const overlap = Math.min(fade, cut);
  const start = Math.floor((samples.length - cut - overlap) / 2);
  const result = new Float32Array(samples.length - cut);
  result.set(samples.subarray(0, start + overlap));
  const rest = samples.slice(start + cut);
  crossfade(samples.subarray(start, start + overlap), rest);
  result.set(rest, start);
  return result;
}

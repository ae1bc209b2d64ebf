/** Silence in -dBov. @see RFC 6464 §3 */
export const SILENCE = 127;

/** Mean power of sound over an interval, as RFC 6464 measures loudness. */
export class LoudnessMeter {
  #sum = 0;
  #count = 0;

  /** @param samples - from -1 to 1; read only. */
  add(samples: Float32Array): void {
    for (const sample of samples) this.#sum += sample * sample;
    this.#count += samples.length;
  }

  /**
   * Loudness since the last call.
   * @returns 0 (loudest) to 127 (silence), in -dBov; 127 when nothing was added.
   */
  take(): number {
    const power = this.#count === 0 ? 0 : this.#sum / this.#count;
    this.#sum = 0;
    this.#count = 0;
    return loudness(power);
  }
}

/**
 * @param power - mean square of samples from -1 to 1.
 * @returns 0 to 127, in -dBov.
 */
export function loudness(power: number): number {
  if (!(power > 0)) return SILENCE;
  return Math.min(Math.max(Math.round(-10 * Math.log10(power)), 0), SILENCE);
}

/**
 * Share of a level meter to fill.
 * @param level - 0 to 127, in -dBov.
 * @returns 0 to 1; 0 at 60 dB below full scale and below.
 */
export function meterShare(level: number): number {
  return Math.min(Math.max((60 - level) / 60, 0), 1);
}

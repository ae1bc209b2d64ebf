/**
 * Compares what a window plays with the recording that its sender's microphone hears: normalised cross-correlation of
 * two-second windows at every shift, the recording being looped as Chromium's fake microphone loops it.
 */

/** Mono sound. */
export interface Sound {
  /** Samples a second. */
  readonly rate: number;
  /** −1 to 1. */
  readonly samples: Float32Array;
}

/** How well one window of played sound fits a recording. */
export interface Heard {
  /** Start of the window in what was played, seconds. */
  readonly at: number;
  /** 0 to 1: correlation at the best shift. */
  readonly score: number;
  /** Place in the recording that fits best, seconds. */
  readonly position: number;
}

const windowSeconds = 2;
/** All comparing is done at this rate: speech has what it needs below 4 kHz. */
const commonRate = 8000;
const windowLength = windowSeconds * commonRate;
/** Root mean square below which a window is silence and says nothing. */
const silence = 0.003;

/**
 * Compares every window of played sound with a looped recording.
 * @returns one entry a window that is not silent, in order.
 */
export function heard(played: Sound, recording: Sound): Heard[] {
  const looked = resample(played);
  const { length: recordingLength, energies, spectrum } = loopOf(recording);
  const length = windowLength;

  const found: Heard[] = [];
  for (let start = 0; start + length <= looked.length; start += length) {
    const window = looked.subarray(start, start + length);
    const energy = window.reduce((sum, value) => sum + value * value, 0);
    if (Math.sqrt(energy / length) < silence) continue;
    const products = correlate(spectrum, window);
    let score = 0;
    let position = 0;
    for (let shift = 0; shift < recordingLength; shift++) {
      // The energy floor keeps pauses of the recording from fitting everything.
      const denominator = Math.sqrt(energy * Math.max(energies[shift]!, length * silence ** 2));
      const value = Math.abs(products[shift]!) / denominator;
      if (value > score) [score, position] = [value, shift / commonRate];
    }
    found.push({ at: start / commonRate, score, position });
  }
  return found;
}

/** The best score of all windows; 0 when all is silence. */
export function bestHeard(played: Sound, recording: Sound): number {
  return Math.max(0, ...heard(played, recording).map(({ score }) => score));
}

/** Reads a WAV file of 16 bit samples; of several channels the first. */
export function soundFromWav(bytes: Uint8Array): Sound {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const word = (at: number) => String.fromCharCode(...bytes.subarray(at, at + 4));
  if (word(0) !== 'RIFF' || word(8) !== 'WAVE') throw new Error('not a WAV file');
  let rate = 0;
  let channels = 0;
  for (let at = 12; at + 8 <= bytes.length;) {
    const size = view.getUint32(at + 4, true);
    if (word(at) === 'fmt ') {
      channels = view.getUint16(at + 10, true);
      rate = view.getUint32(at + 12, true);
      if (view.getUint16(at + 22, true) !== 16) throw new Error('only 16 bit WAV files are read');
    } else if (word(at) === 'data') {
      const frames = Math.floor(Math.min(size, bytes.length - at - 8) / (2 * channels));
      const samples = Float32Array.from({ length: frames }, (_, frame) => {
        return view.getInt16(at + 8 + frame * 2 * channels, true) / 32768;
      });
      return { rate, samples };
    }
    at += 8 + size + (size % 2);
  }
  throw new Error('a WAV file without data');
}

/** Brings sound to the common rate through a windowed sinc that also keeps out what would fold back. */
export function resample({ rate, samples }: Sound): Float32Array {
  const ratio = rate / commonRate;
  const reach = Math.ceil(16 * Math.max(1, ratio));
  // With a whole ratio, which all rates of ours have, every output sample sees the same filter.
  const fixed = Number.isInteger(ratio) ? filter(0, reach, ratio) : undefined;
  return Float32Array.from({ length: Math.floor(samples.length / ratio) }, (_, index) => {
    const centre = Math.floor(index * ratio);
    const taps = fixed ?? filter(index * ratio - centre, reach, ratio);
    let sum = 0;
    for (let tap = 0; tap < taps.length; tap++) sum += taps[tap]! * (samples[centre + tap - reach] ?? 0);
    return sum;
  });
}

/** Taps from `-reach` to `reach` of a low-pass filter of gain 1 whose middle lies at `offset`. */
function filter(offset: number, reach: number, ratio: number): Float64Array {
  const cutoff = 0.9 * Math.min(1, 1 / ratio);
  const taps = Float64Array.from({ length: 2 * reach + 1 }, (_, tap) => {
    const distance = tap - reach - offset;
    if (Math.abs(distance) > reach) return 0;
    const phase = Math.PI * cutoff * distance;
    const window = 0.5 + 0.5 * Math.cos((Math.PI * distance) / reach);
    return (phase === 0 ? 1 : Math.sin(phase) / phase) * window;
  });
  const gain = taps.reduce((sum, tap) => sum + tap, 0);
  return taps.map((tap) => tap / gain);
}

interface Spectrum {
  readonly real: Float64Array;
  readonly imaginary: Float64Array;
}

interface Loop {
  /** Samples of one round. */
  readonly length: number;
  /** Energy of the window at each shift. */
  readonly energies: Float64Array;
  readonly spectrum: Spectrum;
}

const knownLoops = new WeakMap<Sound, Loop>();

/** A recording made ready for comparing: one round and as much of the next as a window may reach into. */
function loopOf(recording: Sound): Loop {
  const known = knownLoops.get(recording);
  if (known) return known;
  const round = resample(recording);
  const looped = Float32Array.from(
    { length: round.length + windowLength },
    (_, at) => round[at % round.length]!,
  );
  const loop = {
    length: round.length,
    energies: windowEnergies(looped, windowLength),
    spectrum: spectrumOf(looped, 2 ** Math.ceil(Math.log2(looped.length + windowLength))),
  };
  knownLoops.set(recording, loop);
  return loop;
}

/** Energy of `values[shift … shift + length)` for every shift. */
function windowEnergies(values: Float32Array, length: number): Float64Array {
  const sums = new Float64Array(values.length + 1);
  for (let at = 0; at < values.length; at++) sums[at + 1] = sums[at]! + values[at]! ** 2;
  return Float64Array.from(
    { length: values.length - length + 1 },
    (_, shift) => sums[shift + length]! - sums[shift]!,
  );
}

/** Sum over k of `long[shift + k] × short[k]` for every shift, `long` given by its spectrum. */
function correlate(long: Spectrum, short: Float32Array): Float64Array {
  const size = long.real.length;
  const { real, imaginary } = spectrumOf(short, size);
  for (let at = 0; at < size; at++) {
    const [ar, ai, br, bi] = [long.real[at]!, long.imaginary[at]!, real[at]!, imaginary[at]!];
    // long × conj(short), conjugated once more, so that the forward transform inverts it.
    real[at] = ar * br + ai * bi;
    imaginary[at] = ar * bi - ai * br;
  }
  transform(real, imaginary);
  return real.map((value) => value / size);
}

function spectrumOf(values: Float32Array, size: number): Spectrum {
  const real = new Float64Array(size);
  const imaginary = new Float64Array(size);
  real.set(values);
  transform(real, imaginary);
  return { real, imaginary };
}

/** Radix-2 Fourier transform in place. */
function transform(real: Float64Array, imaginary: Float64Array): void {
  const size = real.length;
  for (let at = 1, mirror = 0; at < size; at++) {
    let bit = size >> 1;
    for (; mirror & bit; bit >>= 1) mirror ^= bit;
    mirror ^= bit;
    if (at < mirror) {
      [real[at], real[mirror]] = [real[mirror]!, real[at]!];
      [imaginary[at], imaginary[mirror]] = [imaginary[mirror]!, imaginary[at]!];
    }
  }
  const cosines = Float64Array.from({ length: size / 2 }, (_, k) => Math.cos((-2 * Math.PI * k) / size));
  const sines = Float64Array.from({ length: size / 2 }, (_, k) => Math.sin((-2 * Math.PI * k) / size));
  for (let span = 2; span <= size; span *= 2) {
    const half = span / 2;
    const step = size / span;
    for (let start = 0; start < size; start += span) {
      for (let k = 0; k < half; k++) {
        const low = start + k;
        const high = low + half;
        const cosine = cosines[k * step]!;
        const sine = sines[k * step]!;
        const r = real[high]! * cosine - imaginary[high]! * sine;
        const i = real[high]! * sine + imaginary[high]! * cosine;
        real[high] = real[low]! - r;
        imaginary[high] = imaginary[low]! - i;
        real[low] = real[low]! + r;
        imaginary[low] = imaginary[low]! + i;
      }
    }
  }
}

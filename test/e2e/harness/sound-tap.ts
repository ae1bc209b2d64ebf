/**
 * Listens to what a page plays: every AudioWorkletNode is one voice, led into a tap before the voices are mixed, since
 * a mixture is like none of them.
 */
import type { Page } from '@playwright/test';
import type { Sound } from './speech.ts';

/** Installs the taps; before the page plays anything. */
export async function tapSound(page: Page): Promise<void> {
  await page.addInitScript(installTaps);
  await page.evaluate(installTaps);
}

/**
 * What each voice played in the next seconds.
 * @returns one sound a voice that was there; silence included.
 */
export async function listen(page: Page, seconds: number): Promise<Sound[]> {
  await page.evaluate(() => {
    for (const voice of (globalThis as unknown as Tapped).tappedVoices) voice.chunks.length = 0;
  });
  await page.waitForTimeout(seconds * 1000);
  const voices = await page.evaluate(() =>
    (globalThis as unknown as Tapped).tappedVoices.map(({ rate, chunks }) => {
      const samples = new Int16Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
      let at = 0;
      for (const chunk of chunks)
        for (const value of chunk) samples[at++] = Math.max(-1, Math.min(1, value)) * 32767;
      let text = '';
      const bytes = new Uint8Array(samples.buffer);
      for (let start = 0; start < bytes.length; start += 8192) {
        text += String.fromCharCode(...bytes.subarray(start, start + 8192));
      }
      return { rate, base64: btoa(text) };
    }),
  );
  return voices.map(({ rate, base64 }) => {
    const bytes = Buffer.from(base64, 'base64');
    const samples = Float32Array.from(
      { length: bytes.length / 2 },
      (_, at) => bytes.readInt16LE(2 * at) / 32768,
    );
    return { rate, samples };
  });
}

interface Tapped {
  tappedVoices: { rate: number; chunks: Float32Array[] }[];
}

/** Runs in the page. */
function installTaps(): void {
  const page = globalThis as unknown as Tapped & {
    AudioNode: { prototype: TappableNode };
    AudioWorkletNode: new () => TappableNode;
    MediaStreamTrackProcessor: new (options: { track: unknown; maxBufferSize: number }) => {
      readable: { getReader(): { read(): Promise<{ done: boolean; value?: TappedSound }> } };
    };
  };
  if (Reflect.has(page, 'tappedVoices')) return;
  page.tappedVoices = [];
  // A track of its own for each voice: nothing is lost while the page's thread is busy.
  const plainConnect = page.AudioNode.prototype.connect;
  const tapped = new WeakSet();
  page.AudioNode.prototype.connect = function (this: TappableNode, ...args: unknown[]): unknown {
    if (this instanceof page.AudioWorkletNode && !tapped.has(this)) {
      tapped.add(this);
      const voice = { rate: this.context.sampleRate, chunks: [] as Float32Array[] };
      page.tappedVoices.push(voice);
      const tap = this.context.createMediaStreamDestination();
      plainConnect.call(this, tap);
      const [track] = tap.stream.getAudioTracks();
      const reader = new page.MediaStreamTrackProcessor({ track, maxBufferSize: 1000 }).readable.getReader();
      const readOn = async (): Promise<void> => {
        for (let got = await reader.read(); got.value !== undefined; got = await reader.read()) {
          const samples = new Float32Array(got.value.numberOfFrames);
          got.value.copyTo(samples, { planeIndex: 0, format: 'f32-planar' });
          voice.rate = got.value.sampleRate;
          got.value.close();
          voice.chunks.push(samples);
          if (voice.chunks.length > 10_000) voice.chunks.shift();
        }
      };
      void readOn();
    }
    return plainConnect.apply(this, args);
  };
}

interface TappedSound {
  readonly numberOfFrames: number;
  readonly sampleRate: number;
  copyTo(target: Float32Array, options: { planeIndex: number; format: string }): void;
  close(): void;
}

interface TappableNode {
  readonly context: {
    readonly sampleRate: number;
    createMediaStreamDestination(): TappableNode & { stream: { getAudioTracks(): unknown[] } };
  };
  connect(...args: unknown[]): unknown;
}

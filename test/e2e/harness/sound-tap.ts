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
  };
  if (Reflect.has(page, 'tappedVoices')) return;
  page.tappedVoices = [];
  // ScriptProcessorNode is old, but it needs no module, which the page's content security policy would refuse.
  const plainConnect = page.AudioNode.prototype.connect;
  const tapped = new WeakSet();
  page.AudioNode.prototype.connect = function (this: TappableNode, ...args: unknown[]): unknown {
    if (this instanceof page.AudioWorkletNode && !tapped.has(this)) {
      tapped.add(this);
      const voice = { rate: this.context.sampleRate, chunks: [] as Float32Array[] };
      page.tappedVoices.push(voice);
      const tap = this.context.createScriptProcessor(4096, 1, 1);
      tap.onaudioprocess = ({ inputBuffer }) => {
        voice.chunks.push(inputBuffer.getChannelData(0).slice());
        if (voice.chunks.length > 1000) voice.chunks.shift();
      };
      plainConnect.call(this, tap);
      // A script processor runs only on the way to a destination; its own output is silence.
      plainConnect.call(tap, this.context.destination);
    }
    return plainConnect.apply(this, args);
  };
}

interface TappableNode {
  readonly context: {
    readonly sampleRate: number;
    readonly destination: unknown;
    createScriptProcessor(
      size: number,
      inputs: number,
      outputs: number,
    ): TappableNode & {
      onaudioprocess: (event: { inputBuffer: { getChannelData(channel: number): Float32Array } }) => void;
    };
  };
  connect(...args: unknown[]): unknown;
}

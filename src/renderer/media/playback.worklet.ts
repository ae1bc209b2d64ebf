/** AudioWorklet: plays one participant. The audio device's clock drives it, so nothing else can make it stutter. */
import type { DecodedAudio } from './messages.ts';
import { PcmPlayer } from './pcm-player.ts';

class PlaybackProcessor extends AudioWorkletProcessor {
  readonly #player = new PcmPlayer(sampleRate);
  #running = true;

  constructor() {
    super();
    // The node hands over the decoder's port, or nothing at its end.
    this.port.onmessage = ({ ports }) => {
      const source = ports[0];
      if (source === undefined) this.#running = false;
      else
        source.onmessage = ({ data }: MessageEvent<DecodedAudio>) => {
          this.#player.push(data, currentTime * 1000);
        };
    };
  }

  process(_inputs: readonly Float32Array[][], outputs: readonly Float32Array[][]): boolean {
    const output = outputs[0]?.[0];
    if (output !== undefined) this.#player.render(output, currentTime * 1000);
    return this.#running;
  }
}

registerProcessor('conclave-playback', PlaybackProcessor);

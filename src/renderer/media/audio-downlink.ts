/** Decodes the sound of one participant and hands it to the playback worklet. */
import type { TrackConfig } from '../../contract/media.ts';
import { toMono } from './audio-uplink.ts';
import type { DecodedAudio } from './messages.ts';

/** Packets in the decoder, above which new ones are dropped rather than delayed. */
const MAX_QUEUE = 64;

/** One participant's way from packets to samples. */
export class AudioDownlink {
  readonly #config: AudioDecoderConfig;
  #decoder: AudioDecoder | undefined;
  #sink: MessagePort | undefined;
  /**
   * Capture times of the packets in the decoder. It gives one output per packet, in order, but counts their times on from
   * the first, as if none were missing.
   */
  #timestamps: number[] = [];

  constructor(config: TrackConfig & { readonly kind: 'audio' }) {
    // Opus decodes to 48 kHz whatever was encoded; without a description it has one or two channels.
    this.#config = {
      codec: config.codec,
      sampleRate: 48_000,
      numberOfChannels: config.channels === 1 ? 1 : 2,
    };
  }

  /** Where samples go; until there is one they are dropped, as sound is worthless when late. */
  set sink(port: MessagePort) {
    this.#sink?.close();
    this.#sink = port;
  }

  /** @param bytes - one packet; read only. */
  take(timestamp: number, bytes: Uint8Array): void {
    const decoder = this.#running();
    if (decoder.decodeQueueSize > MAX_QUEUE) return;
    this.#timestamps.push(timestamp);
    decoder.decode(new EncodedAudioChunk({ type: 'key', timestamp, data: bytes }));
  }

  close(): void {
    if (this.#decoder !== undefined && this.#decoder.state !== 'closed') this.#decoder.close();
    this.#decoder = undefined;
    this.#sink?.close();
    this.#sink = undefined;
  }

  /** A decoder that failed is closed by the browser; the next packet starts another. */
  #running(): AudioDecoder {
    if (this.#decoder?.state === 'configured') return this.#decoder;
    this.#timestamps = [];
    const decoder = new AudioDecoder({
      output: (data) => {
        if (decoder === this.#decoder) this.#play(data);
        else data.close();
      },
      // Undecodable sound is silence, never noise.
      error: () => undefined,
    });
    decoder.configure(this.#config);
    this.#decoder = decoder;
    return decoder;
  }

  #play(data: AudioData): void {
    const samples = toMono(data);
    const timestamp = this.#timestamps.shift() ?? data.timestamp;
    data.close();
    const message: DecodedAudio = { timestamp, samples };
    this.#sink?.postMessage(message, [samples.buffer]);
  }
}

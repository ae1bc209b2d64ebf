/** Encodes one's own microphone as Opus, or only measures it. */
import type { UplinkItem } from '../../contract/media.ts';
import { LoudnessMeter } from './level.ts';

/** Bits per second; transparent for speech. */
const BITRATE = 32_000;
/** Of one packet, µs. */
const FRAME_DURATION = 20_000;
/** Packets waiting for the encoder, above which sound is dropped rather than delayed. */
const MAX_QUEUE = 25;
/** Interval between reports of one's own level, ms of sound. */
const LEVEL_INTERVAL = 60;

/** Where packets, levels and failures go. */
export interface AudioUplinkEvents {
  send(item: UplinkItem): void;
  /** Loudness of the last moment, 0–127 in -dBov. */
  level(level: number): void;
  failed(): void;
}

/** One microphone's way from samples to packets. */
export class AudioUplink {
  readonly #events: AudioUplinkEvents;
  readonly #ownMeter = new LoudnessMeter();
  readonly #packetMeter = new LoudnessMeter();
  #measured = 0;
  #encoder: AudioEncoder | undefined;
  #sampleRate = 0;
  #sending = false;

  constructor(events: AudioUplinkEvents) {
    this.#events = events;
  }

  /** Whether packets are made. Switching it off tells the other side that the track is off. */
  set sending(on: boolean) {
    this.#sending = on;
    if (!on) this.stop();
  }

  /** @param data - closed here. */
  take(data: AudioData): void {
    const samples = toMono(data);
    const { timestamp, sampleRate } = data;
    data.close();
    this.#measure(samples, sampleRate);
    if (!this.#sending) return;
    const encoder = this.#encoderFor(sampleRate);
    if (encoder.encodeQueueSize > MAX_QUEUE) return;
    this.#packetMeter.add(samples);
    const mono = new AudioData({
      format: 'f32-planar',
      sampleRate,
      numberOfFrames: samples.length,
      numberOfChannels: 1,
      timestamp,
      data: samples,
    });
    encoder.encode(mono);
    mono.close();
  }

  /** Ends the track; the next sound begins a new one. */
  stop(): void {
    if (this.#encoder === undefined) return;
    if (this.#encoder.state !== 'closed') this.#encoder.close();
    this.#encoder = undefined;
    this.#events.send({ kind: 'uplink-off', media: 'audio' });
  }

  /** There is a new port to main: what is on is announced again. */
  announce(): void {
    if (this.#encoder !== undefined) this.#sendConfig();
  }

  #measure(samples: Float32Array, sampleRate: number): void {
    this.#ownMeter.add(samples);
    this.#measured += samples.length;
    if (this.#measured < (sampleRate * LEVEL_INTERVAL) / 1000) return;
    this.#measured = 0;
    this.#events.level(this.#ownMeter.take());
  }

  #encoderFor(sampleRate: number): AudioEncoder {
    if (this.#encoder?.state === 'configured' && this.#sampleRate === sampleRate) return this.#encoder;
    if (this.#encoder !== undefined && this.#encoder.state !== 'closed') this.#encoder.close();
    const encoder = new AudioEncoder({
      output: (chunk) => {
        if (encoder === this.#encoder) this.#sendPacket(chunk);
      },
      error: () => {
        this.#events.failed();
      },
    });
    this.#encoder = encoder;
    this.#sampleRate = sampleRate;
    encoder.configure({
      codec: 'opus',
      sampleRate,
      numberOfChannels: 1,
      bitrate: BITRATE,
      opus: { frameDuration: FRAME_DURATION },
    });
    this.#sendConfig();
    return encoder;
  }

  #sendConfig(): void {
    // An Opus decoder always gives 48 kHz, whatever the encoder was fed with.
    this.#events.send({
      kind: 'uplink-config',
      config: { kind: 'audio', codec: 'opus', sampleRate: 48_000, channels: 1 },
      bitrate: BITRATE,
    });
  }

  #sendPacket(chunk: EncodedAudioChunk): void {
    const bytes = new Uint8Array(chunk.byteLength);
    chunk.copyTo(bytes);
    this.#events.send({
      kind: 'uplink-chunk',
      media: 'audio',
      timestamp: chunk.timestamp,
      keyframe: true,
      bytes,
      level: this.#packetMeter.take(),
    });
  }
}

/** All channels as one. @returns fresh samples. */
export function toMono(data: AudioData): Float32Array<ArrayBuffer> {
  const mono = new Float32Array(data.numberOfFrames);
  data.copyTo(mono, { planeIndex: 0, format: 'f32-planar' });
  if (data.numberOfChannels === 1) return mono;
  const plane = new Float32Array(data.numberOfFrames);
  for (let channel = 1; channel < data.numberOfChannels; channel += 1) {
    data.copyTo(plane, { planeIndex: channel, format: 'f32-planar' });
    for (const [at, sample] of plane.entries()) mono[at] = (mono[at] ?? 0) + sample;
  }
  return mono.map((sample) => sample / data.numberOfChannels);
}

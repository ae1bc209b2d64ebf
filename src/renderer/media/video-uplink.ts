/** Encodes one's own camera as VP8, one rendition. */
import type { UplinkItem } from '../../contract/media.ts';
import { videoSettings } from './video-settings.ts';
import type { VideoSettings } from './video-settings.ts';

const CODEC = 'vp8';
/** A key frame comes at least this often, µs. */
const KEYFRAME_INTERVAL = 4_000_000;
/** Requests for key frames closer together than this count as one, µs. */
const KEYFRAME_PAUSE = 500_000;
/** Pictures waiting for the encoder, above which new ones are dropped. */
const MAX_QUEUE = 2;
/** A failed encoder is not started again before this has passed, µs. */
const RESTART_PAUSE = 2_000_000;

/** Where frames and failures go. */
export interface VideoUplinkEvents {
  send(item: UplinkItem): void;
  failed(): void;
}

/** One camera's way from pictures to frames. */
export class VideoUplink {
  readonly #events: VideoUplinkEvents;
  #encoder: VideoEncoder | undefined;
  #settings: VideoSettings | undefined;
  #bitrateWish: number | undefined;
  #sending = false;
  #keyframeWanted = true;
  #lastKeyframe = -Infinity;
  #lastFrame = -Infinity;
  #failedAt = -Infinity;

  constructor(events: VideoUplinkEvents) {
    this.#events = events;
  }

  /** Whether frames are made. Switching it off tells the other side that the track is off. */
  set sending(on: boolean) {
    this.#sending = on;
    if (!on) this.stop();
  }

  /** Bits per second to stay within; undefined: the default. */
  set bitrateWish(bitsPerSecond: number | undefined) {
    this.#bitrateWish = bitsPerSecond;
  }

  /** Makes the next picture a key frame. */
  wantKeyframe(): void {
    this.#keyframeWanted = true;
  }

  /** @param frame - closed here. */
  take(frame: VideoFrame): void {
    try {
      if (this.#sending) this.#encode(frame);
    } finally {
      frame.close();
    }
  }

  /** Ends the track; the next picture begins a new one. */
  stop(): void {
    if (this.#encoder === undefined) return;
    if (this.#encoder.state !== 'closed') this.#encoder.close();
    this.#encoder = undefined;
    this.#settings = undefined;
    this.#events.send({ kind: 'uplink-off', media: 'video' });
  }

  /** There is a new port to main: what is on is announced again. */
  announce(): void {
    if (this.#settings === undefined) return;
    this.#sendConfig(this.#settings);
    this.#keyframeWanted = true;
    this.#lastKeyframe = -Infinity;
  }

  #encode(frame: VideoFrame): void {
    const { timestamp } = frame;
    if (timestamp - this.#failedAt < RESTART_PAUSE) return;
    const settings = videoSettings(
      { width: frame.displayWidth, height: frame.displayHeight },
      this.#bitrateWish,
      navigator.hardwareConcurrency,
    );
    // Cameras drift around their rate: up to a tenth of an interval early still counts as on time.
    if (timestamp - this.#lastFrame < 900_000 / settings.framerate) return;
    const encoder = this.#encoderFor(settings);
    if (encoder.encodeQueueSize > MAX_QUEUE) return;
    const age = timestamp - this.#lastKeyframe;
    const keyFrame = age >= KEYFRAME_INTERVAL || (this.#keyframeWanted && age >= KEYFRAME_PAUSE);
    if (keyFrame) {
      this.#keyframeWanted = false;
      this.#lastKeyframe = timestamp;
    }
    this.#lastFrame = timestamp;
    encoder.encode(frame, { keyFrame });
  }

  #encoderFor(settings: VideoSettings): VideoEncoder {
    const encoder = this.#encoder?.state === 'configured' ? this.#encoder : this.#start();
    const old = this.#settings;
    if (encoder === this.#encoder && old !== undefined && same(old, settings)) return encoder;
    encoder.configure({
      codec: CODEC,
      width: settings.width,
      height: settings.height,
      framerate: settings.framerate,
      bitrate: settings.bitsPerSecond,
      latencyMode: 'realtime',
    });
    this.#encoder = encoder;
    this.#settings = settings;
    this.#sendConfig(settings);
    // A lower bitrate alone needs no key frame, which would be the worst answer to a congested network.
    if (
      old?.width === settings.width &&
      old.height === settings.height &&
      old.framerate === settings.framerate
    )
      return encoder;
    this.#lastKeyframe = -Infinity;
    return encoder;
  }

  #start(): VideoEncoder {
    const encoder = new VideoEncoder({
      output: (chunk) => {
        if (encoder === this.#encoder) this.#sendFrame(chunk);
      },
      error: () => {
        this.#failedAt = this.#lastFrame;
        this.#events.failed();
      },
    });
    this.#settings = undefined;
    return encoder;
  }

  #sendConfig({ width, height, framerate, bitsPerSecond }: VideoSettings): void {
    this.#events.send({
      kind: 'uplink-config',
      config: { kind: 'video', codec: CODEC, width, height, framerate },
      bitrate: bitsPerSecond,
    });
  }

  #sendFrame(chunk: EncodedVideoChunk): void {
    const bytes = new Uint8Array(chunk.byteLength);
    chunk.copyTo(bytes);
    this.#events.send({
      kind: 'uplink-chunk',
      media: 'video',
      timestamp: chunk.timestamp,
      keyframe: chunk.type === 'key',
      bytes,
    });
  }
}

function same(a: VideoSettings, b: VideoSettings): boolean {
  return (
    a.width === b.width &&
    a.height === b.height &&
    a.framerate === b.framerate &&
    a.bitsPerSecond === b.bitsPerSecond
  );
}

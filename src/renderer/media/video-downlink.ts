/** Decodes the pictures of one participant and paints them. */
import type { TrackConfig } from '../../contract/media.ts';
import { VideoOrder } from '../../protocol/media/video-order.ts';
import type { VideoStep } from '../../protocol/media/video-order.ts';
import { millis } from '../../protocol/units.ts';

/** Frames in the decoder, above which it is taken to be too slow: it goes on at the next key frame. */
const MAX_QUEUE = 45;

/** One encoded frame as it came from main. */
export interface ReceivedFrame {
  readonly group: number;
  readonly object: number;
  readonly timestamp: number;
  readonly keyframe: boolean;
  readonly bytes: Uint8Array;
}

/** Where requests and failures go. */
export interface VideoDownlinkEvents {
  keyframeNeeded(): void;
}

/** One participant's way from frames to pictures. */
export class VideoDownlink {
  readonly #config: VideoDecoderConfig;
  readonly #events: VideoDownlinkEvents;
  readonly #order = new VideoOrder<ReceivedFrame>();
  #decoder: VideoDecoder | undefined;
  #painter: WritableStreamDefaultWriter<VideoFrame> | undefined;

  constructor(config: TrackConfig & { readonly kind: 'video' }, events: VideoDownlinkEvents) {
    // The bit stream carries the size; the catalog's could contradict it.
    this.#config = { codec: config.codec, optimizeForLatency: true };
    this.#events = events;
  }

  /** Where pictures go. */
  set sink(writable: WritableStream<VideoFrame>) {
    this.#endPainter();
    this.#painter = writable.getWriter();
    this.#painter.closed.catch(() => undefined);
  }

  /** @param now - ms of a monotonic clock. */
  take(frame: ReceivedFrame, now: number): void {
    const at = millis(now);
    this.#follow(this.#order.push({ ...frame, payload: frame }, at), now);
  }

  /** Gives up on gaps that have been open too long; to be called regularly. */
  tick(now: number): void {
    if (this.#order.deadline !== undefined) this.#follow(this.#order.expire(millis(now)), now);
  }

  close(): void {
    this.#closeDecoder();
    this.#endPainter();
  }

  #follow(step: VideoStep<ReceivedFrame>, now: number): void {
    for (const frame of step.deliver) this.#decode(frame, now);
    if (step.keyframeNeeded) this.#events.keyframeNeeded();
  }

  #decode(frame: ReceivedFrame, now: number): void {
    let decoder = this.#decoder;
    if (decoder?.state !== 'configured') {
      // A new decoder begins with a key frame.
      if (!frame.keyframe) {
        this.#lost(now);
        return;
      }
      decoder = this.#start();
    }
    if (decoder.decodeQueueSize > MAX_QUEUE) {
      decoder.reset();
      decoder.configure(this.#config);
      this.#lost(now);
      return;
    }
    const { timestamp, keyframe, bytes } = frame;
    decoder.decode(new EncodedVideoChunk({ type: keyframe ? 'key' : 'delta', timestamp, data: bytes }));
  }

  #start(): VideoDecoder {
    const decoder = new VideoDecoder({
      output: (frame) => {
        if (decoder === this.#decoder) this.#paint(frame);
        else frame.close();
      },
      error: () => {
        if (decoder === this.#decoder) this.#lost(performance.now());
      },
    });
    decoder.configure(this.#config);
    this.#decoder = decoder;
    return decoder;
  }

  #lost(now: number): void {
    if (this.#order.lost(millis(now))) this.#events.keyframeNeeded();
  }

  /** Hands the frame over, or drops it when the painter is behind: the newest picture counts. */
  #paint(frame: VideoFrame): void {
    const painter = this.#painter;
    if (painter === undefined || (painter.desiredSize ?? 0) <= 0) {
      frame.close();
      return;
    }
    painter.write(frame).catch(() => {
      frame.close();
    });
  }

  #closeDecoder(): void {
    if (this.#decoder !== undefined && this.#decoder.state !== 'closed') this.#decoder.close();
    this.#decoder = undefined;
  }

  #endPainter(): void {
    this.#painter?.close().catch(() => undefined);
    this.#painter = undefined;
  }
}

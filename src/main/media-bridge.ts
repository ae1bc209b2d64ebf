import * as v from 'valibot';
import { Batcher, BATCH_LIMIT } from '../contract/batcher.ts';
import type { DownlinkFeedback, DownlinkItem, UplinkItem } from '../contract/media.ts';

/** One end of a message port, as Electron gives it to main. */
export interface Port {
  postMessage(message: unknown): void;
  on(event: 'message', listener: (event: { data: unknown }) => void): unknown;
  start(): void;
  close(): void;
}

/** Who takes what the renderer sends. */
export interface MediaSink {
  uplink(item: UplinkItem): void;
  feedback(feedback: DownlinkFeedback): void;
}

/** Bits per second. */
const MAX_BITRATE = 1_000_000_000;
const MAX_CHUNK_BYTES = 4 * 1024 * 1024;

const bytes = v.pipe(
  v.instance(Uint8Array),
  v.check((value) => value.byteLength <= MAX_CHUNK_BYTES),
);
const media = v.picklist(['audio', 'video']);
/** Microseconds; what is more is no time, and no whole number. */
const timestamp = v.pipe(
  v.number(),
  v.minValue(-Number.MAX_SAFE_INTEGER),
  v.maxValue(Number.MAX_SAFE_INTEGER),
);
const positive = (most: number) => v.pipe(v.number(), v.minValue(1), v.maxValue(most));
const uplinkSchema = v.variant('kind', [
  v.strictObject({
    kind: v.literal('uplink-config'),
    config: v.variant('kind', [
      v.strictObject({
        kind: v.literal('audio'),
        codec: v.literal('opus'),
        sampleRate: positive(384_000),
        channels: positive(8),
      }),
      v.strictObject({
        kind: v.literal('video'),
        codec: v.pipe(v.string(), v.minLength(1), v.maxLength(64)),
        width: positive(16_384),
        height: positive(16_384),
        framerate: positive(240),
      }),
    ]),
    bitrate: positive(MAX_BITRATE),
  }),
  v.strictObject({
    kind: v.literal('uplink-chunk'),
    media,
    timestamp,
    keyframe: v.boolean(),
    bytes,
    level: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(127))),
  }),
  v.strictObject({ kind: v.literal('uplink-off'), media }),
]);
const feedbackSchema = v.strictObject({
  kind: v.literal('keyframe-needed'),
  participant: v.pipe(v.string(), v.maxLength(128)),
});

/**
 * Carries media between a meeting and the window: gathers what goes down into batches, and checks what comes up, since
 * main trusts nothing that the renderer sends.
 */
export class MediaBridge {
  readonly #sink: MediaSink;
  #ports: { readonly uplink: Port; readonly downlink: Port } | undefined;
  // The port copies; nothing is listed for transfer, since that loses the message (electron#34905).
  readonly #down = new Batcher<DownlinkItem>((items) => this.#ports?.downlink.postMessage(items));

  constructor(sink: MediaSink) {
    this.#sink = sink;
  }

  /** Takes fresh ports from the page; those before are closed. */
  connect(uplink: Port, downlink: Port): void {
    this.#ports?.uplink.close();
    this.#ports?.downlink.close();
    this.#ports = { uplink, downlink };
    this.#down.discard();
    uplink.on('message', ({ data }) => {
      if (!Array.isArray(data) || data.length > BATCH_LIMIT) return;
      for (const item of data as readonly unknown[]) {
        const parsed = v.safeParse(uplinkSchema, item);
        if (parsed.success) this.#sink.uplink(parsed.output);
      }
    });
    downlink.on('message', ({ data }) => {
      const parsed = v.safeParse(feedbackSchema, data);
      if (parsed.success) this.#sink.feedback(parsed.output);
    });
    uplink.start();
    downlink.start();
  }

  /** Sends an item to the renderer within a few milliseconds, in order. */
  send(item: DownlinkItem): void {
    if (this.#ports !== undefined) this.#down.add(item);
  }
}

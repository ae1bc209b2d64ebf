/**
 * Media between a meeting and the renderer: gathers what goes down for a few milliseconds, and checks what comes up.
 * A message costs more than the sealing of what it carries.
 */
import * as v from 'valibot';
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

const GATHER_MS = 5;
/** Items that may wait for a renderer that has no ports yet; older ones are of no use. */
const MAX_WAITING = 512;
const MAX_BATCH = 1_024;
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

/** See the module's description. */
export class MediaBridge {
  readonly #sink: MediaSink;
  #ports: { readonly uplink: Port; readonly downlink: Port } | undefined;
  #waiting: DownlinkItem[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(sink: MediaSink) {
    this.#sink = sink;
  }

  /** Takes fresh ports from the page; those before are closed. */
  connect(uplink: Port, downlink: Port): void {
    this.#ports?.uplink.close();
    this.#ports?.downlink.close();
    this.#ports = { uplink, downlink };
    this.#waiting = [];
    uplink.on('message', ({ data }) => {
      if (!Array.isArray(data) || data.length > MAX_BATCH) return;
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
    if (this.#ports === undefined) return;
    this.#waiting.push(item);
    if (this.#waiting.length > MAX_WAITING) this.#flush();
    else
      this.#timer ??= setTimeout(() => {
        this.#flush();
      }, GATHER_MS);
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const batch = this.#waiting;
    this.#waiting = [];
    // The port copies; nothing is listed for transfer, since that loses the message (electron#34905).
    if (batch.length > 0) this.#ports?.downlink.postMessage(batch);
  }
}

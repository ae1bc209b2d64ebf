/**
 * Platform classes that TypeScript's DOM types lack.
 * @see https://www.w3.org/TR/mediacapture-transform/ (and Chromium's earlier form of it, which has the generator)
 */

interface MediaStreamTrackProcessorInit {
  readonly track: MediaStreamTrack;
  readonly maxBufferSize?: number;
}

declare class MediaStreamTrackProcessor<Data extends AudioData | VideoFrame> {
  constructor(init: MediaStreamTrackProcessorInit);
  readonly readable: ReadableStream<Data>;
}

/** A track that shows the frames written to it. */
declare class MediaStreamTrackGenerator extends MediaStreamTrack {
  constructor(init: { readonly kind: 'video' });
  readonly writable: WritableStream<VideoFrame>;
}

/** Globals of an AudioWorklet. @see https://www.w3.org/TR/webaudio/#AudioWorkletGlobalScope */
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(name: string, processor: new () => AudioWorkletProcessor): void;
declare const currentTime: number;
declare const sampleRate: number;

/** Messages between the page, its two media workers and the playback worklet. */
import type { MediaKind } from '../../contract/media.ts';
import type { ParticipantId } from '../../contract/state.ts';

/** Page → encoder worker. Ports and streams are transferred. */
export type ToEncoder =
  /** The port to main; a new one takes the place of the one before. */
  | { readonly kind: 'uplink'; readonly port: MessagePort }
  /** The port on which the decoder worker passes main's requests to the encoder. */
  | { readonly kind: 'wishes'; readonly port: MessagePort }
  | { readonly kind: 'audio-source'; readonly readable: ReadableStream<AudioData> }
  | { readonly kind: 'video-source'; readonly readable: ReadableStream<VideoFrame> }
  | { readonly kind: 'source-off'; readonly media: MediaKind }
  /** Whether the sources are sent, or only measured. */
  | { readonly kind: 'send'; readonly on: boolean };

/** Decoder worker → encoder worker. */
export type EncoderWish =
  | { readonly kind: 'keyframe-wanted' }
  | { readonly kind: 'video-bitrate'; readonly bitsPerSecond: number | undefined };

/** Encoder worker → page. */
export type FromEncoder =
  /** Loudness of one's own microphone, 0–127 in -dBov. */
  { readonly kind: 'level'; readonly level: number } | { readonly kind: 'failed'; readonly media: MediaKind };

/** Page → decoder worker. */
export type ToDecoder =
  | { readonly kind: 'downlink'; readonly port: MessagePort }
  | { readonly kind: 'wishes'; readonly port: MessagePort }
  | { readonly kind: 'audio-sink'; readonly participant: ParticipantId; readonly port: MessagePort }
  | {
      readonly kind: 'video-sink';
      readonly participant: ParticipantId;
      readonly writable: WritableStream<VideoFrame>;
    }
  /** Whose pictures are decoded. */
  | { readonly kind: 'watch'; readonly participants: readonly ParticipantId[] }
  /** The meeting is over: all tracks end. */
  | { readonly kind: 'end' };

/** Decoder worker → page. */
export type FromDecoder =
  | { readonly kind: 'track-on'; readonly participant: ParticipantId; readonly media: MediaKind }
  | { readonly kind: 'track-off'; readonly participant: ParticipantId; readonly media: MediaKind }
  | { readonly kind: 'unsupported'; readonly participant: ParticipantId; readonly media: MediaKind }
  | { readonly kind: 'levels'; readonly levels: ReadonlyMap<ParticipantId, number> };

/** Decoder worker → playback worklet: decoded sound at the worklet's sample rate, one channel. */
export interface DecodedAudio {
  /** Microseconds of the sender's clock. */
  readonly timestamp: number;
  /** Transferred. */
  readonly samples: Float32Array<ArrayBuffer>;
}

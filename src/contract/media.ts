/**
 * Media between main and renderer, over one MessagePort per direction. Messages are arrays of items, gathered for a
 * few milliseconds, since a message costs more than the sealing of what it carries.
 * ArrayBuffers are copied, never transferred: transferring one to MessagePortMain loses the message (electron#34905).
 */
import type { ParticipantId } from './state.ts';

/** The two kinds of media. */
export type MediaKind = 'audio' | 'video';

/** How a track is encoded, as its catalog says. */
export type TrackConfig =
  | { readonly kind: 'audio'; readonly codec: 'opus'; readonly sampleRate: number; readonly channels: number }
  | {
      readonly kind: 'video';
      readonly codec: string;
      readonly width: number;
      readonly height: number;
      readonly framerate: number;
    };

/** Renderer → main: encoded media of this person. Times in microseconds of the capture clock. */
export type UplinkItem =
  /** Announces a track (again) before its first chunk; the track is on until `uplink-off`. */
  | { readonly kind: 'uplink-config'; readonly config: TrackConfig }
  | {
      readonly kind: 'uplink-chunk';
      readonly media: MediaKind;
      readonly timestamp: number;
      readonly keyframe: boolean;
      readonly bytes: Uint8Array;
      /** 0–127: loudness of this audio packet in -dBov (127 silence); audio only. */
      readonly level?: number;
    }
  | { readonly kind: 'uplink-off'; readonly media: MediaKind };

/** Main → renderer: opened media of others, and wishes to the encoder. */
export type DownlinkItem =
  | { readonly kind: 'track-on'; readonly participant: ParticipantId; readonly config: TrackConfig }
  | {
      readonly kind: 'chunk';
      readonly participant: ParticipantId;
      readonly media: MediaKind;
      /** MOQT group and object: order and gaps. */
      readonly group: number;
      readonly object: number;
      readonly timestamp: number;
      readonly keyframe: boolean;
      readonly bytes: Uint8Array;
      /** 0–127 in -dBov; audio only. */
      readonly level?: number;
    }
  | { readonly kind: 'track-off'; readonly participant: ParticipantId; readonly media: MediaKind }
  /** Somebody needs a key frame: encode the next picture as one. */
  | { readonly kind: 'keyframe-wanted' }
  /** Send queues are long: encode less (bits per second), or go back to the default (undefined). */
  | { readonly kind: 'video-bitrate'; readonly bitsPerSecond: number | undefined };

/** Renderer → main, on the downlink's port: what became of it. */
export type DownlinkFeedback = {
  /** The decoder needs a key frame of this participant's video. */
  readonly kind: 'keyframe-needed';
  readonly participant: ParticipantId;
};

/**
 * Encoded media between the meeting engine and whoever encodes, decodes and paints. Times in microseconds of the capture clock.
 */

/** Stable within a meeting: the fingerprint of that person's signature key, in base64url. */
export type ParticipantId = string;

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

/** Encoded media of this person, on its way up. */
export type UplinkItem =
  /** Announces a track (again) before its first chunk, and when its encoder is set anew; it is on until `uplink-off`. */
  | {
      readonly kind: 'uplink-config';
      readonly config: TrackConfig;
      /** Bits per second that the encoder is set to. */
      readonly bitrate: number;
    }
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

/** Opened media of others, and wishes to the encoder, on their way down. */
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

/** What became of the downlink. */
export type DownlinkFeedback = {
  /** The decoder needs a key frame of this participant's video. */
  readonly kind: 'keyframe-needed';
  readonly participant: ParticipantId;
};

/** Why nothing of a member is played: it cannot be told to be the member's own, or is proven to be somebody else's. */
export type Doubt = 'none' | 'unconfirmed' | 'forged';

/** Why a tile has no picture or no sound, or that it has. */
export type MediaState =
  /** Sending, and we open it. */
  | 'live'
  /** The sender has switched it off. */
  | 'off'
  /** Sending, but its keys are not here yet. */
  | 'waiting-for-keys'
  /** Announced, but nothing has come yet. */
  | 'starting'
  /** Objects came and could not be opened. */
  | 'unreadable'
  /** The sender's transport is silent. */
  | 'reconnecting'
  /** The codec of the sender is not known here. */
  | 'unsupported';

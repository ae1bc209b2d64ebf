/**
 * LOC properties: the metadata that travels with each encoded frame.
 *
 * In Conclave all of them are private: they are sealed together with the payload (the Key-Value-Pairs of property 0xA
 * of Secure Objects), since times and loudness tell a relay who speaks when. The LOC payload itself is the WebCodecs
 * chunk's internal data, unchanged.
 *
 * @see loc-00 #headers and #private-properties
 */
import { decodeKeyValuePairs, encodeKeyValuePairs } from '../bytes/key-value-pairs.ts';
import type { KeyValuePair } from '../bytes/key-value-pairs.ts';
import { OutOfRange } from '../bytes/out-of-range.ts';
import { Truncated } from '../bytes/truncated.ts';
import { InvariantError, PeerViolation } from '../errors.ts';

/** Types of LOC properties, each with its clause. @see loc-00 #headers */
export const locTypes = {
  /** @see loc-00 #timescale */
  timescale: 0x08n,
  /** @see loc-00 #video-frame-marking */
  videoFrameMarking: 0x09n,
  /** @see loc-00 #audio-level */
  audioLevel: 0x0cn,
  /** @see loc-00 #vconfig */
  videoConfig: 0x0dn,
  /** @see loc-00 #aconfig */
  audioConfig: 0x0fn,
  /** @see loc-00 #timestamp */
  timestamp: 0x10n,
} as const;

/** Timescale of Conclave's own tracks: the capture clock in microseconds. */
export const MICROSECOND_TIMESCALE = 1_000_000n;

/** Role of a frame in its track. @see RFC 9626 §3.2 */
export interface VideoFrameMarking {
  /** Decodable without any other frame. */
  readonly independent: boolean;
  /** No other frame needs it. */
  readonly discardable: boolean;
}

/** Loudness of an audio frame. @see RFC 6464 §3 */
export interface AudioLevel {
  /** The sender believes that somebody speaks. */
  readonly voice: boolean;
  /** 0 (loudest) to 127 (silence), in -dBov. */
  readonly level: number;
}

/** The properties of one object; absent ones were not sent. */
export interface LocProperties {
  /** In units of `timescale`; without one, microseconds since 1970. 0 to 2^64 - 1. */
  readonly timestamp?: bigint;
  /** Units of `timestamp` in a second. */
  readonly timescale?: bigint;
  readonly videoFrameMarking?: VideoFrameMarking;
  readonly audioLevel?: AudioLevel;
  /** `description` of a WebCodecs VideoDecoderConfig. */
  readonly videoConfig?: Uint8Array;
  /** `description` of a WebCodecs AudioDecoderConfig. */
  readonly audioConfig?: Uint8Array;
}

/**
 * Encodes properties as Key-Value-Pairs, ascending by type.
 * @param properties - read, not kept.
 * @returns fresh bytes; empty when there is no property.
 * @throws {InvariantError} when a value does not fit its property.
 * @see moqt-18 #key-value-pair-structure
 */
export function encodeLocProperties(properties: LocProperties): Uint8Array {
  const { timescale, videoFrameMarking, audioLevel, videoConfig, audioConfig, timestamp } = properties;
  const pairs: KeyValuePair[] = [];
  const add = (type: bigint, value: KeyValuePair['value'] | undefined): void => {
    if (value !== undefined) pairs.push({ type, value });
  };
  add(locTypes.timescale, timescale);
  add(locTypes.videoFrameMarking, videoFrameMarking && Uint8Array.of(markingOctet(videoFrameMarking)));
  add(locTypes.audioLevel, audioLevel && levelOctet(audioLevel));
  add(locTypes.videoConfig, videoConfig);
  add(locTypes.audioConfig, audioConfig);
  add(locTypes.timestamp, timestamp);
  return encodeKeyValuePairs(pairs);
}

/**
 * Decodes a complete block of Key-Value-Pairs; unknown types are passed over.
 *
 * A malformed block is the fault of the original sender, not of the relay: the receiver drops the object and keeps the
 * session.
 * @param bytes - read only; configs in the answer are copies.
 * @throws {PeerViolation} when the block breaks a clause.
 */
export function decodeLocProperties(bytes: Uint8Array): LocProperties {
  const found: Mutable<LocProperties> = {};
  let previous: bigint | undefined;
  for (const { type, value } of readPairs(bytes)) {
    if (type === previous && known.has(type)) throw malformed('the same property comes twice');
    previous = type;
    if (typeof value === 'bigint') takeInteger(found, type, value);
    else takeBytes(found, type, value);
  }
  return found;
}

type Mutable<Shape> = { -readonly [Key in keyof Shape]: Shape[Key] };

/** KEY_VALUE_FORMATTING_ERROR. @see moqt-18 #session-termination */
const KEY_VALUE_FORMATTING_ERROR = 0x6;
const known: ReadonlySet<bigint> = new Set(Object.values(locTypes));

const START_AND_END_OF_FRAME = 0xc0;
const INDEPENDENT = 0x20;
const DISCARDABLE = 0x10;
const VOICE = 0x80;

function takeInteger(found: Mutable<LocProperties>, type: bigint, value: bigint): void {
  switch (type) {
    case locTypes.timestamp:
      found.timestamp = value;
      return;
    case locTypes.timescale:
      if (value === 0n) throw malformed('the timescale is zero', 'loc-00#timescale');
      found.timescale = value;
      return;
    case locTypes.audioLevel:
      if (value > 0xffn) throw malformed('the audio level is larger than 255', 'loc-00#audio-level');
      found.audioLevel = { voice: (Number(value) & VOICE) !== 0, level: Number(value) & 0x7f };
      return;
  }
}

function takeBytes(found: Mutable<LocProperties>, type: bigint, value: Uint8Array): void {
  switch (type) {
    case locTypes.videoFrameMarking: {
      const flags = value[0];
      if (flags === undefined || value.length > 4)
        throw malformed('a video frame marking has 1 to 4 bytes', 'loc-00#video-frame-marking');
      found.videoFrameMarking = {
        independent: (flags & INDEPENDENT) !== 0,
        discardable: (flags & DISCARDABLE) !== 0,
      };
      return;
    }
    case locTypes.videoConfig:
      found.videoConfig = value.slice();
      return;
    case locTypes.audioConfig:
      found.audioConfig = value.slice();
      return;
  }
}

/** One object holds one whole frame, so it is both its start and its end. */
function markingOctet(marking: VideoFrameMarking): number {
  return (
    START_AND_END_OF_FRAME | (marking.independent ? INDEPENDENT : 0) | (marking.discardable ? DISCARDABLE : 0)
  );
}

function levelOctet({ voice, level }: AudioLevel): bigint {
  if (!Number.isInteger(level) || level < 0 || level > 127)
    throw new InvariantError('an audio level is a whole number from 0 to 127');
  return BigInt((voice ? VOICE : 0) | level);
}

function readPairs(block: Uint8Array): KeyValuePair[] {
  try {
    return decodeKeyValuePairs(block);
  } catch (cause) {
    if (cause instanceof Truncated) throw malformed('the properties end inside a pair');
    if (cause instanceof OutOfRange) throw malformed(cause.message);
    throw cause;
  }
}

function malformed(detail: string, clause = 'moqt-18#key-value-pair-structure'): PeerViolation {
  return new PeerViolation(KEY_VALUE_FORMATTING_ERROR, clause, detail);
}

import { millis } from '../units.ts';
import type { Millis } from '../units.ts';

/** What one session lets its peer take from us. */
export interface SessionLimits {
  /** Payload of one object in bytes. */
  readonly objectBytes: number;
  /** Properties of one object in bytes. */
  readonly propertiesBytes: number;
  /** Requests of the peer that are open at once. */
  readonly requests: number;
  /** Data streams of the peer that are open at once. */
  readonly dataStreams: number;
  /** Bytes of incomplete objects and of streams that wait for their Track Alias, in sum. */
  readonly bufferedBytes: number;
  /** Streams and datagrams that wait for their Track Alias. */
  readonly waitingStreams: number;
  /** Namespaces that one SUBSCRIBE_NAMESPACE of ours may bring. */
  readonly namespaces: number;
  /** Tokens that a client may register, in bytes as MAX_AUTH_TOKEN_CACHE_SIZE counts them. */
  readonly tokenCacheBytes: number;
  /** How long the peer may take for its SETUP. */
  readonly setupTimeout: Millis;
  /** How long a stream may wait for its Track Alias. */
  readonly aliasTimeout: Millis;
  /** How long streams of a subscription are awaited after PUBLISH_DONE, counted from the last byte. */
  readonly lateStreamTimeout: Millis;
}

/** Limits where none are given. */
export const DEFAULT_LIMITS: SessionLimits = {
  objectBytes: 4 * 1024 * 1024,
  propertiesBytes: 64 * 1024,
  requests: 4096,
  dataStreams: 4096,
  bufferedBytes: 64 * 1024 * 1024,
  waitingStreams: 1024,
  namespaces: 16_384,
  tokenCacheBytes: 4_096,
  setupTimeout: millis(10_000),
  aliasTimeout: millis(3_000),
  lateStreamTimeout: millis(2_000),
};

/** The peer asks more of us than we give: the stream concerned is given up, the session goes on. */
export class LimitExceeded extends Error {
  override readonly name = 'LimitExceeded';
}

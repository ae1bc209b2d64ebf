/** What a relay is willing to spend. */
import { millis } from '../units.ts';
import type { Millis } from '../units.ts';

/** Bounds of a relay, per session where the name says so. Sizes in bytes. */
export interface RelayLimits {
  readonly sessions: number;
  /** Requests of one session that are open at once, both sides' together. */
  readonly requestsPerSession: number;
  readonly tracksPerSession: number;
  readonly namespacesPerSession: number;
  readonly subscriptionsPerSession: number;
  readonly fetchesPerSession: number;
  /**
   * Fewest fields of what PUBLISH_NAMESPACE, SUBSCRIBE_NAMESPACE and SUBSCRIBE_TRACKS name; 1 keeps strangers from listing
   * all, and from being asked for all that others look for.
   */
  readonly minimumPrefixFields: number;

  /** Longest time that a SUBSCRIBE waits for a publisher. */
  readonly rendezvous: Millis;
  /** Longest wait for a publisher's answer to a request of ours. */
  readonly upstreamAnswer: Millis;
  /** Longest time in which a publisher may give a kept track what it had before it came, from the request to the end. */
  readonly backfill: Millis;
  /**
   * Longest time that a FETCH waits for that; then it is answered with what is there. One of a track that several write
   * does not wait once the relay has had the track for as long as {@link backfill}.
   */
  readonly backfillPatience: Millis;
  /** FETCHes of one track that wait for that at once; those beyond do not wait. */
  readonly waitingFetchesPerTrack: number;

  /** Bytes handed to the transport of a session ahead of what the network took. */
  readonly transportWindow: number;
  /** Media (whatever is not reliable) that waits for one session; beyond it whole groups are dropped. */
  readonly mediaBacklogBytes: number;
  readonly mediaBacklogAge: Millis;
  /** Objects of reliable tracks that wait for one session; beyond it the session is closed. */
  readonly reliableBacklogBytes: number;
  readonly reliableBacklogAge: Millis;
  /** Bytes that wait for one FETCH while its reader is slow. */
  readonly fetchBacklogBytes: number;
  /** Rate at which one session is served by FETCH, in bytes per second. */
  readonly fetchBytesPerSecond: number;

  readonly cacheBytes: number;
  readonly cacheBytesPerTrack: number;
  readonly cacheGroupsPerTrack: number;
  readonly cacheFor: Millis;
  /** Objects of kept tracks. */
  readonly keptBytes: number;
  readonly keptBytesPerTrack: number;
  readonly keptGroupsPerTrack: number;
  readonly keepFor: Millis;
}

const MIB = 1 << 20;

/** Bounds for an office of some hundred people on one machine. */
export const DEFAULT_LIMITS: RelayLimits = {
  sessions: 2_000,
  requestsPerSession: 8_192,
  tracksPerSession: 512,
  namespacesPerSession: 256,
  subscriptionsPerSession: 4_096,
  fetchesPerSession: 256,
  minimumPrefixFields: 1,
  rendezvous: millis(30_000),
  upstreamAnswer: millis(10_000),
  backfill: millis(10_000),
  // Conclave's members give up a FETCH after a second.
  backfillPatience: millis(500),
  waitingFetchesPerTrack: 1_024,
  transportWindow: 256 << 10,
  mediaBacklogBytes: MIB,
  mediaBacklogAge: millis(1_500),
  reliableBacklogBytes: 8 * MIB,
  reliableBacklogAge: millis(30_000),
  fetchBacklogBytes: 8 * MIB,
  fetchBytesPerSecond: 32 * MIB,
  cacheBytes: 256 * MIB,
  cacheBytesPerTrack: 8 * MIB,
  cacheGroupsPerTrack: 8,
  cacheFor: millis(30_000),
  keptBytes: 256 * MIB,
  keptBytesPerTrack: 16 * MIB,
  keptGroupsPerTrack: 1_024,
  keepFor: millis(24 * 60 * 60 * 1_000),
};

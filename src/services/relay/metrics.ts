import { Counter, Gauge } from 'prom-client';
import { createRegistry } from '../metrics.ts';
import type { RelayServerStatistics } from './relay-server.ts';

/** Name (after `conclave_relay_`), help, and where the value is. */
type Row = readonly [name: string, help: string, value: keyof RelayServerStatistics];

const GAUGES: readonly Row[] = [
  ['sessions', 'Sessions that are connected.', 'sessions'],
  ['tracks', 'Tracks that are published or kept.', 'tracks'],
  ['subscriptions', 'Subscriptions held by sessions.', 'subscriptions'],
  ['cache_bytes', 'Recent objects in memory.', 'cachedBytes'],
  ['kept_bytes', 'Objects of MLS tracks in memory.', 'keptBytes'],
  ['backlog_bytes', 'Objects that wait for slow sessions.', 'backlogBytes'],
];

/** They only grow. */
const COUNTERS: readonly Row[] = [
  ['sessions_accepted_total', 'Sessions accepted.', 'sessionsAccepted'],
  [
    'sessions_refused_total',
    'Sessions refused as the relay was full, or their address had too many.',
    'sessionsRefused',
  ],
  ['sessions_too_slow_total', 'Sessions closed since they lagged behind.', 'sessionsTooSlow'],
  ['objects_received_total', 'Objects received from publishers.', 'objectsReceived'],
  ['objects_duplicate_total', 'Objects that another publisher had sent.', 'objectsDuplicate'],
  ['objects_ignored_total', 'Objects of MLS tracks that came second, or are none.', 'objectsIgnored'],
  ['bytes_received_total', 'Payload and properties received.', 'bytesReceived'],
  ['groups_dropped_total', 'Groups dropped for slow subscribers.', 'groupsDropped'],
  ['tracks_malformed_total', 'Publishers cut off for a malformed track.', 'tracksMalformed'],
  ['requests_total', 'Requests received.', 'requests'],
  ['requests_refused_total', 'Requests refused.', 'requestsRefused'],
  ['fetches_cached_total', 'FETCHes answered from memory.', 'fetchesFromCache'],
  ['fetches_relayed_total', 'FETCHes sent on to a publisher.', 'fetchesFromPublisher'],
  ['faults_total', 'Faults of the relay itself.', 'faults'],
];

/** Metrics of the relay: its statistics, and those of the process. */
export class RelayMetrics {
  readonly #registry = createRegistry();
  readonly #gauges = GAUGES.map(([name, help, value]) => ({
    value,
    metric: new Gauge({ name: `conclave_relay_${name}`, help, registers: [this.#registry] }),
  }));
  readonly #counters = COUNTERS.map(([name, help, value]) => ({
    value,
    metric: new Counter({ name: `conclave_relay_${name}`, help, registers: [this.#registry] }),
  }));

  /** The media type of {@link page}. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The page that Prometheus reads. */
  async page(statistics: RelayServerStatistics): Promise<string> {
    for (const { metric, value } of this.#gauges) metric.set(statistics[value]);
    for (const { metric, value } of this.#counters) {
      metric.reset();
      metric.inc(statistics[value]);
    }
    return this.#registry.metrics();
  }
}

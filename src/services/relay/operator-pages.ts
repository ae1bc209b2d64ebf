/** What operators read: `/metrics` for Prometheus and `/healthz`. */
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { formatEndpoint } from '../endpoint.ts';
import type { Endpoint } from '../endpoint.ts';
import type { RelayServerStatistics } from './relay-server.ts';

interface Metric {
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly of: (statistics: RelayServerStatistics) => number;
}

const METRICS: Readonly<Record<string, Metric>> = {
  conclave_relay_sessions: { type: 'gauge', help: 'Sessions that are connected.', of: (s) => s.sessions },
  conclave_relay_tracks: { type: 'gauge', help: 'Tracks that are published or kept.', of: (s) => s.tracks },
  conclave_relay_subscriptions: {
    type: 'gauge',
    help: 'Subscriptions held by sessions.',
    of: (s) => s.subscriptions,
  },
  conclave_relay_cache_bytes: { type: 'gauge', help: 'Recent objects in memory.', of: (s) => s.cachedBytes },
  conclave_relay_kept_bytes: {
    type: 'gauge',
    help: 'Objects of MLS tracks in memory.',
    of: (s) => s.keptBytes,
  },
  conclave_relay_backlog_bytes: {
    type: 'gauge',
    help: 'Objects that wait for slow sessions.',
    of: (s) => s.backlogBytes,
  },
  conclave_relay_sessions_accepted_total: {
    type: 'counter',
    help: 'Sessions accepted.',
    of: (s) => s.sessionsAccepted,
  },
  conclave_relay_sessions_refused_total: {
    type: 'counter',
    help: 'Sessions refused as the relay was full.',
    of: (s) => s.sessionsRefused,
  },
  conclave_relay_sessions_too_slow_total: {
    type: 'counter',
    help: 'Sessions closed since they lagged behind.',
    of: (s) => s.sessionsTooSlow,
  },
  conclave_relay_objects_received_total: {
    type: 'counter',
    help: 'Objects received from publishers.',
    of: (s) => s.objectsReceived,
  },
  conclave_relay_objects_duplicate_total: {
    type: 'counter',
    help: 'Objects that another publisher had sent.',
    of: (s) => s.objectsDuplicate,
  },
  conclave_relay_bytes_received_total: {
    type: 'counter',
    help: 'Payload and properties received.',
    of: (s) => s.bytesReceived,
  },
  conclave_relay_groups_dropped_total: {
    type: 'counter',
    help: 'Groups dropped for slow subscribers.',
    of: (s) => s.groupsDropped,
  },
  conclave_relay_tracks_malformed_total: {
    type: 'counter',
    help: 'Publishers cut off for a malformed track.',
    of: (s) => s.tracksMalformed,
  },
  conclave_relay_requests_total: { type: 'counter', help: 'Requests received.', of: (s) => s.requests },
  conclave_relay_requests_refused_total: {
    type: 'counter',
    help: 'Requests refused.',
    of: (s) => s.requestsRefused,
  },
  conclave_relay_fetches_cached_total: {
    type: 'counter',
    help: 'FETCHes answered from memory.',
    of: (s) => s.fetchesFromCache,
  },
  conclave_relay_fetches_relayed_total: {
    type: 'counter',
    help: 'FETCHes sent on to a publisher.',
    of: (s) => s.fetchesFromPublisher,
  },
  conclave_relay_faults_total: { type: 'counter', help: 'Faults of the relay itself.', of: (s) => s.faults },
};

/** A running page server. */
export interface OperatorPages {
  /** Where the metrics are. */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Serves the pages.
 * @param isHealthy - false while the relay is closing.
 */
export async function serveOperatorPages(
  { host, port }: Endpoint,
  statistics: () => RelayServerStatistics,
  isHealthy: () => boolean,
): Promise<OperatorPages> {
  const server = createServer((request, response) => {
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    if (isRead && request.url === '/metrics') {
      response.setHeader('Content-Type', 'text/plain; version=0.0.4; charset=utf-8');
      response.end(renderMetrics(statistics()));
    } else if (isRead && request.url === '/healthz') {
      response.statusCode = isHealthy() ? 200 : 503;
      response.end(isHealthy() ? 'ok\n' : 'closing\n');
    } else {
      response.statusCode = isRead ? 404 : 405;
      response.end();
    }
  });
  await listen(server, host, port);
  const { port: bound } = server.address() as AddressInfo;
  return {
    url: `http://${formatEndpoint({ host, port: bound })}/metrics`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The numbers as a page. @see https://prometheus.io/docs/instrumenting/exposition_formats/ */
export function renderMetrics(statistics: RelayServerStatistics): string {
  return Object.entries(METRICS)
    .map(
      ([name, { type, help, of }]) =>
        `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${name} ${String(of(statistics))}\n`,
    )
    .join('');
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
}

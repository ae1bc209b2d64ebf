/** What operators read: `/metrics` for Prometheus and `/healthz`. */
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { formatEndpoint } from '../endpoint.ts';
import type { Endpoint } from '../endpoint.ts';
import { RelayMetrics } from './metrics.ts';
import type { RelayServerStatistics } from './relay-server.ts';

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
  const metrics = new RelayMetrics();
  const server = createServer((request, response) => {
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    if (isRead && request.url === '/metrics') {
      void metrics.page(statistics()).then(
        (page) => {
          response.setHeader('Content-Type', metrics.contentType);
          response.end(page);
        },
        (error: unknown) => {
          // A scrape that fails ends no meetings; Prometheus shows it as a target that is down.
          response.statusCode = 500;
          response.end(`${String(error)}\n`);
        },
      );
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

async function listen(server: Server, host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
}

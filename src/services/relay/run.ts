/** Runs a relay as a process: certificate, pages, signals, ready line. */
import { runCommand } from '../command-line.ts';
import { formatEndpoint } from '../endpoint.ts';
import { keepTlsRenewed, loadTls } from '../tls/tls-source.ts';
import type { Log } from './log.ts';
import { stderrLog } from './log.ts';
import { serveOperatorPages } from './operator-pages.ts';
import { HELP, parseCommandLine } from './options.ts';
import type { RelayOptions } from './options.ts';
import { RelayServer } from './relay-server.ts';
import type { RelayServerOptions } from './relay-server.ts';

/**
 * Does what the command line says. The process ends by a signal, or with an exit code when it cannot start.
 * @param observe - see {@link RelayServerOptions.observe}.
 */
export async function runRelay(
  args: readonly string[],
  observe?: RelayServerOptions['observe'],
): Promise<void> {
  await runCommand('conclave-relay', HELP, parseCommandLine(args), (options) => run(options, observe));
}

async function run(options: RelayOptions, observe: RelayServerOptions['observe']): Promise<void> {
  const log: Log = (event, fields) => {
    if (!options.isQuiet || event === 'fault') stderrLog(event, fields);
  };
  const { credentials, ready } = await loadTls(options.tls);
  const relay = await RelayServer.start({
    address: formatEndpoint({ port: options.listen.port, host: addressOf(options.listen.host) }),
    certPem: credentials.cert,
    keyPem: credentials.key,
    limits: options.limits,
    sessionsPerAddress: options.sessionsPerAddress,
    access: options.access,
    accessTokens: options.accessTokens,
    log,
    ...(observe === undefined ? {} : { observe }),
  });
  let isClosing = false;
  const pages = await serveOperatorPages(
    options.metrics,
    () => relay.statistics(),
    () => !isClosing,
  );

  keepTlsRenewed(
    options.tls,
    ({ cert, key }) => {
      relay.reloadCertificate(cert, key);
      log('certificate-reloaded');
    },
    (error) => {
      stderrLog('certificate-not-reloaded', {
        error: error instanceof Error ? error.message : String(error),
      });
    },
  );

  const stop = (signal: NodeJS.Signals): void => {
    if (isClosing) return;
    isClosing = true;
    log('closing', { signal, sessions: relay.statistics().sessions });
    void relay
      .drain(options.drainTimeout)
      .then(() => pages.close())
      .finally(() => {
        process.exit();
      });
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);

  const url = `https://${relay.localAddress}`;
  process.stdout.write(
    `${JSON.stringify({ event: 'ready', service: 'relay', url, metrics: pages.url, ...ready })}\n`,
  );
}

/** The QUIC addon binds addresses, not names. */
function addressOf(host: string): string {
  return host === 'localhost' ? '127.0.0.1' : host;
}

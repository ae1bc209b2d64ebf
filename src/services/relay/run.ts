/** Runs a relay as a process: certificate, pages, signals, ready line. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { ensureDevelopmentCertificate } from '../tls/development-ca.ts';
import type { Log } from './log.ts';
import { stderrLog } from './log.ts';
import { serveOperatorPages } from './operator-pages.ts';
import { HELP, parseCommandLine } from './options.ts';
import type { Endpoint, RelayOptions, TlsSource } from './options.ts';
import { RelayServer } from './relay-server.ts';
import type { RelayServerOptions } from './relay-server.ts';

const RENEWAL_MS = 6 * 60 * 60 * 1_000;

/**
 * Does what the command line says. The process ends by a signal, or with an exit code when it cannot start.
 * @param observe - see {@link RelayServerOptions.observe}.
 */
export async function runRelay(
  args: readonly string[],
  observe?: RelayServerOptions['observe'],
): Promise<void> {
  const commandLine = parseCommandLine(args);
  switch (commandLine.kind) {
    case 'help':
      process.stdout.write(HELP);
      return;
    case 'wrong':
      process.stderr.write(`conclave-relay: ${commandLine.reason}\nTry --help.\n`);
      process.exitCode = 2;
      return;
    case 'run':
      try {
        await run(commandLine.options, observe);
      } catch (error) {
        process.stderr.write(`conclave-relay: ${error instanceof Error ? error.message : String(error)}\n`);
        process.exitCode = 1;
      }
  }
}

async function run(options: RelayOptions, observe: RelayServerOptions['observe']): Promise<void> {
  const log: Log = (event, fields) => {
    if (!options.isQuiet || event === 'fault') stderrLog(event, fields);
  };
  const { certPem, keyPem, told } = await loadCertificate(options.tls);
  const relay = await RelayServer.start({
    address: addressOf(options.listen),
    certPem,
    keyPem,
    limits: options.limits,
    log,
    ...(observe === undefined ? {} : { observe }),
  });
  let isClosing = false;
  const pages = await serveOperatorPages(
    options.metrics.host,
    options.metrics.port,
    () => relay.statistics(),
    () => !isClosing,
  );

  const reload = (): void => {
    loadCertificate(options.tls).then(
      (loaded) => {
        relay.reloadCertificate(loaded.certPem, loaded.keyPem);
        log('certificate-reloaded');
      },
      (error: unknown) => {
        stderrLog('certificate-not-reloaded', {
          error: error instanceof Error ? error.message : String(error),
        });
      },
    );
  };
  const renewal = setInterval(reload, RENEWAL_MS);
  process.on('SIGHUP', reload);

  const stop = (signal: NodeJS.Signals): void => {
    if (isClosing) return;
    isClosing = true;
    log('closing', { signal, sessions: relay.statistics().sessions });
    clearInterval(renewal);
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
    `${JSON.stringify({ event: 'ready', service: 'relay', url, metrics: pages.url, ...told })}\n`,
  );
}

async function loadCertificate(
  source: TlsSource,
): Promise<{ certPem: string; keyPem: string; told: Readonly<Record<string, string>> }> {
  if (source.kind === 'files') {
    return {
      certPem: readFileSync(source.certFile, 'utf8'),
      keyPem: readFileSync(source.keyFile, 'utf8'),
      told: {},
    };
  }
  const { certPem, keyPem, caSha256 } = await ensureDevelopmentCertificate(source.directory, source.hosts);
  return {
    certPem,
    keyPem,
    told: {
      caFile: path.resolve(source.directory, 'ca.pem'),
      caSha256: Buffer.from(caSha256).toString('base64url'),
    },
  };
}

function addressOf({ host, port }: Endpoint): string {
  const name = host === 'localhost' ? '127.0.0.1' : host;
  return name.includes(':') ? `[${name}]:${String(port)}` : `${name}:${String(port)}`;
}

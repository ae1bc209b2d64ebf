/** `conclave-counter`: the epoch counter service as a process. */

import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { EpochCounter } from '../../protocol/counter/epoch-counter.ts';
import { millis, unixMillis } from '../../protocol/units.ts';
import { receiptVerifier } from '../../io/counter/receipt-crypto.ts';
import { ensureDevelopmentCertificate } from '../tls/development-ca.ts';
import { BearerTokens } from './bearer-tokens.ts';
import { HELP, parseCommandLine } from './options.ts';
import type { CounterOptions, TlsSource } from './options.ts';
import { startCounterServer } from './server.ts';
import type { TlsCredentials } from './server.ts';
import { ensureSigningKey } from './signing-key.ts';
import { SqliteCounterStore } from './sqlite-store.ts';

const RENEWAL_MS = 6 * 60 * 60 * 1000;
const GRACE_MS = millis(5000);

void main();

async function main(): Promise<void> {
  const commandLine = parseCommandLine(process.argv.slice(2));
  switch (commandLine.kind) {
    case 'help':
      process.stdout.write(HELP);
      return;
    case 'wrong':
      process.stderr.write(`conclave-counter: ${commandLine.reason}\nTry --help.\n`);
      process.exitCode = 2;
      return;
    case 'run':
      try {
        await run(commandLine.options);
      } catch (error) {
        process.stderr.write(`conclave-counter: ${error instanceof Error ? error.message : String(error)}\n`);
        process.exitCode = 1;
      }
  }
}

async function run(options: CounterOptions): Promise<void> {
  mkdirSync(options.dataDirectory, { recursive: true, mode: 0o700 });
  const tokens = options.tokenFile === undefined ? undefined : BearerTokens.fromFile(options.tokenFile);
  const { credentials, ready } = await loadCredentials(options.tls);
  const keyFile = options.receiptKeyFile ?? path.join(options.dataDirectory, 'receipt-key.pem');
  const store = new SqliteCounterStore(path.join(options.dataDirectory, 'counter.db'));
  const signer = ensureSigningKey(keyFile, !store.isBoundToKey());
  store.bindToKey(signer.publicKey);

  const counter = new EpochCounter(store, { signer, verifier: receiptVerifier }, options.lockTtlMs);
  const server = await startCounterServer({
    host: options.host,
    port: options.port,
    tls: credentials,
    counter,
    now: () => unixMillis(Date.now()),
    isHealthy: () => store.isHealthy(),
    tokens,
    rateLimit: options.rateLimit,
    onFault: (error) => {
      process.stderr.write(
        `fault: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
      );
    },
  });
  const say = (line: string): void => {
    if (!options.isQuiet) process.stderr.write(`${line}\n`);
  };

  const renewal = setInterval(() => {
    loadCredentials(options.tls).then(
      (loaded) => {
        server.renewCertificate(loaded.credentials);
      },
      (error: unknown) => {
        process.stderr.write(`the certificate was not renewed: ${String(error)}\n`);
      },
    );
  }, RENEWAL_MS);

  let isStopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (isStopping) return;
    isStopping = true;
    say(`${signal}: finishing the requests under way`);
    clearInterval(renewal);
    void server.stop(GRACE_MS).then(() => {
      store.close();
    });
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);

  const host = server.host.includes(':') ? `[${server.host}]` : server.host;
  const url = `https://${host}:${String(server.port)}`;
  const receiptKey = Buffer.from(signer.publicKey).toString('base64url');
  process.stdout.write(
    `${JSON.stringify({ event: 'ready', service: 'counter', url, host: server.host, port: server.port, receiptKey, ...ready })}\n`,
  );
  if (tokens === undefined) say('no --tokens: whoever can connect may use this service');
}

async function loadCredentials(
  source: TlsSource,
): Promise<{ credentials: TlsCredentials; ready: Readonly<Record<string, string>> }> {
  if (source.kind === 'files') {
    const credentials = {
      cert: readFileSync(source.certFile, 'utf8'),
      key: readFileSync(source.keyFile, 'utf8'),
    };
    return { credentials, ready: {} };
  }
  const made = await ensureDevelopmentCertificate(source.directory, source.hosts);
  return {
    credentials: { cert: made.certPem, key: made.keyPem },
    ready: {
      caFile: path.resolve(source.directory, 'ca.pem'),
      caSha256: Buffer.from(made.caSha256).toString('base64url'),
    },
  };
}

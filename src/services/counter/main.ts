/** `conclave-counter`: the epoch counter service as a process. */

import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { EpochCounter } from '../../protocol/counter/epoch-counter.ts';
import type { ReceiptWait } from '../../protocol/counter/epoch-counter.ts';
import { millis, unixMillis } from '../../protocol/units.ts';
import type { Millis } from '../../protocol/units.ts';
import { receiptVerifier } from '../../io/counter/receipt-crypto.ts';
import { runCommand } from '../command-line.ts';
import { formatEndpoint } from '../endpoint.ts';
import { keepTlsRenewed, loadTls } from '../tls/tls-source.ts';
import { BearerTokens } from './bearer-tokens.ts';
import { HELP, parseCommandLine } from './options.ts';
import type { CounterOptions } from './options.ts';
import { startCounterServer } from './server.ts';
import { ensureSigningKey } from './signing-key.ts';
import { CounterStorageFault, SqliteCounterStore } from './sqlite-store.ts';

const GRACE_MS = millis(5000);
/** How often it looks for what nobody touches any more, and how much of it is forgotten before others are answered. */
const FORGET_EVERY_MS = 60 * 60 * 1000;
const FORGET_AT_ONCE = 50;

void runCommand('conclave-counter', HELP, parseCommandLine(process.argv.slice(2)), run);

async function run(options: CounterOptions): Promise<void> {
  mkdirSync(options.dataDirectory, { recursive: true, mode: 0o700 });
  const tokens = options.tokenFile === undefined ? undefined : BearerTokens.fromFile(options.tokenFile);
  const { credentials, ready } = await loadTls(options.tls);
  const keyFile = options.receiptKeyFile ?? path.join(options.dataDirectory, 'receipt-key.pem');
  const store = new SqliteCounterStore(path.join(options.dataDirectory, 'counter.db'), options.storageBytes);
  const signer = ensureSigningKey(keyFile, !store.isBoundToKey());
  store.bindToKey(signer.publicKey);

  const crypto = { signer, verifier: receiptVerifier };
  const wait = options.isRestored ? waitOf(options.times.leaseMs) : undefined;
  const counter = new EpochCounter(store, crypto, options.times, options.log, wait);
  const server = await startCounterServer({
    ...options.listen,
    tls: credentials,
    counter,
    now: () => unixMillis(Date.now()),
    isHealthy: () => store.isHealthy(),
    tokens,
    rateLimit: options.rateLimit,
    newMeetings: options.newMeetings,
    stored: options.stored,
    onFault,
  });
  const say = (line: string): void => {
    if (!options.isQuiet) process.stderr.write(`${line}\n`);
  };

  keepTlsRenewed(
    options.tls,
    (renewed) => {
      server.renewCertificate(renewed);
      say('the certificate was read again');
    },
    (error) => {
      process.stderr.write(`the certificate was not renewed: ${String(error)}\n`);
    },
  );

  const ending = new AbortController();
  keepForgetting(counter, options.keepMs, ending.signal);
  let isStopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (isStopping) return;
    isStopping = true;
    say(`${signal}: finishing the requests under way`);
    ending.abort();
    void server.stop(GRACE_MS).then(() => {
      store.close();
    });
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);

  const { host, port } = server;
  const url = `https://${formatEndpoint(server)}`;
  const receiptKey = Buffer.from(signer.publicKey).toString('base64url');
  process.stdout.write(
    `${JSON.stringify({ event: 'ready', service: 'counter', url, host, port, receiptKey, ...ready })}\n`,
  );
  if (options.isRestored) {
    say(
      `--restored: for ${String(options.times.leaseMs / 1000)} s nothing moves, and receipts are taken back`,
    );
  }
  if (tokens === undefined) say('no --tokens: whoever can connect may use this service');
}

/** A wait that begins now. */
function waitOf(length: Millis): ReceiptWait {
  const end = performance.now() + length;
  return () => {
    const left = Math.ceil(end - performance.now());
    return left > 0 ? millis(left) : undefined;
  };
}

/** Forgets by the hour, in portions, until `ending`. */
function keepForgetting(counter: EpochCounter, keepMs: Millis, ending: AbortSignal): void {
  const forget = (): void => {
    if (ending.aborted) return;
    try {
      const before = unixMillis(Math.max(0, Date.now() - keepMs));
      if (counter.forgetIdle(before, FORGET_AT_ONCE) === FORGET_AT_ONCE) setImmediate(forget);
    } catch (error) {
      onFault(error);
    }
  };
  // Not at once: where the clock was set far ahead, meetings are touched by the same clock first.
  const timer = setInterval(forget, FORGET_EVERY_MS);
  ending.addEventListener('abort', () => {
    clearInterval(timer);
  });
}

function onFault(error: unknown): void {
  if (error instanceof CounterStorageFault) {
    // Once: a log on the same disk would be the next to fail.
    if (error.isFirst) process.stderr.write(`fault: ${error.message}; /healthz tells when it can be again\n`);
    return;
  }
  process.stderr.write(`fault: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
}

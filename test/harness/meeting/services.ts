/** Relay and counter as real processes from source, with a development certification authority of their own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Servers } from '../../../src/main/servers.ts';
import { ensureDevelopmentCertificate } from '../../../src/services/tls/development-ca.ts';
import { startIetfRelay } from '../../interop/moq-relay-ietf.ts';

const root = join(import.meta.dirname, '../../..');

/** Running services. */
export interface RunningServices {
  readonly servers: Servers;
  /** The same as a file, for the app's `--servers`. */
  readonly file: string;
  readonly folder: string;
  /** What our relay and the counter have written to standard error. */
  readonly log: readonly string[];
  /** Ends the relay at once, without a word to anybody. */
  killRelay(): Promise<void>;
  /** Starts a relay at the address of the one that was killed. */
  restartRelay(): Promise<void>;
  close(): Promise<void>;
}

/** Which relay carries the meeting. */
export type RelayChoice =
  | { readonly kind: 'ours' }
  /** Ours, and every byte that it receives goes into a file. */
  | { readonly kind: 'recording'; readonly file: string }
  /** Ours, but for its rule that what one member says has one publisher. */
  | { readonly kind: 'lawless' }
  | { readonly kind: 'moq-relay-ietf' };

/** Starts a relay and our counter, both with certificates of one development authority. */
export async function startServices(
  choice: RelayChoice = { kind: 'ours' },
  mode: Servers['mode'] = 'fenced',
): Promise<RunningServices> {
  const folder = await mkdtemp(join(tmpdir(), 'conclave-services-'));
  const tls = join(folder, 'tls');
  const log: string[] = [];
  const args = ['--listen', '127.0.0.1:0', '--dev-ca', tls, '--data', join(folder, 'counter')];
  const counter = await startService('src/services/counter/main.ts', args, {}, log);
  let relay = await startRelay(choice, tls, 0, log);
  const servers: Servers = {
    relays: [{ url: relay.url, pass: choice.kind !== 'moq-relay-ietf' }],
    counter: String(counter.ready.url),
    caPem: await readFile(join(tls, 'ca.pem'), 'utf8'),
    receiptKey: String(counter.ready.receiptKey),
    mode,
  };
  const file = join(folder, 'servers.json');
  await writeFile(file, JSON.stringify(servers));
  return {
    servers,
    file,
    folder,
    log,
    killRelay: () => relay.close(),
    restartRelay: async () => {
      relay = await startRelay(choice, tls, Number(new URL(relay.url).port), log);
    },
    close: async () => {
      await Promise.all([relay.close(), endService(counter.process)]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function startRelay(
  choice: RelayChoice,
  tls: string,
  port: number,
  log: string[],
): Promise<{ url: string; close(): Promise<void> }> {
  if (choice.kind === 'moq-relay-ietf') {
    const certificate = await ensureDevelopmentCertificate(tls, ['127.0.0.1']);
    const relay = await startIetfRelay(certificate);
    return { url: `moqt://127.0.0.1:${String(relay.port)}/meet`, close: () => relay.stop() };
  }
  const entry = {
    ours: 'src/services/relay/main.ts',
    recording: 'test/harness/relay/recording-relay.ts',
    lawless: 'test/harness/relay/lawless-relay.ts',
  }[choice.kind];
  const relay = await startService(
    entry,
    ['--listen', `127.0.0.1:${String(port)}`, '--dev-ca', tls],
    choice.kind === 'recording' ? { CONCLAVE_RECORDING: choice.file } : {},
    log,
  );
  return { url: String(relay.ready.url), close: () => endService(relay.process) };
}

/**
 * Starts a service from source.
 * @param log - gets each line of its standard error.
 * @returns what it prints once it is ready.
 */
export async function startService(
  entry: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  log: string[] = [],
): Promise<{ ready: Record<string, unknown>; process: ChildProcess }> {
  const child = spawn(process.execPath, ['--import', 'tsx', join(root, entry), ...args], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  createInterface({ input: child.stderr }).on('line', (line) => log.push(line));
  for await (const line of createInterface({ input: child.stdout })) {
    const parsed: unknown = JSON.parse(line);
    if (typeof parsed === 'object' && parsed !== null) return { ready: { ...parsed }, process: child };
  }
  throw new Error(`${entry} ended before it was ready:\n${log.join('\n')}`);
}

/** Ends a service at once. */
export async function endService(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}

/** The relay as a real process with a development certificate of its own. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { AsyncClient } from '../moqt/async-client.ts';
import type { TrackOrigin } from '../../../src/protocol/moqt/client/client-api.ts';
import type { AuthorizationToken } from '../../../src/protocol/moqt/session-api.ts';
import { connectMoqt } from '../moqt/async-client.ts';

const ROOT = path.join(import.meta.dirname, '../../..');
const ENTRY = path.join(ROOT, 'src/services/relay/main.ts');

export interface RelayProcess {
  readonly port: number;
  readonly caPem: string;
  readonly metricsUrl: string;
  readonly process: ChildProcess;
  /** Log lines so far. */
  readonly log: readonly string[];
  /** Exit code, once it has ended. */
  readonly ended: Promise<number | null>;
  /** @param tokens - what its SETUP shows. */
  connect(
    scheme: 'https' | 'moqt',
    origin?: TrackOrigin,
    tokens?: readonly AuthorizationToken[],
  ): Promise<AsyncClient>;
  /** A value of `/metrics`, by its name without the prefix. */
  metric(name: string): Promise<number>;
  stop(): Promise<void>;
}

/** Runs a relay command to its end. */
export async function runRelayCommand(...args: string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, ['--import', 'tsx', ENTRY, ...args], { cwd: ROOT });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text: Buffer) => (output += text.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, output };
}

/** Starts a relay on free ports. */
export async function startRelayProcess(...args: string[]): Promise<RelayProcess> {
  const folder = await mkdtemp(path.join(tmpdir(), 'conclave-relay-'));
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', ENTRY, '--listen', '127.0.0.1:0', '--dev-ca', folder, ...args],
    { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const log: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => log.push(line));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const ready = await new Promise<Record<string, string>>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', (line) => {
      resolve(JSON.parse(line) as Record<string, string>);
    });
    void ended.then((code) => {
      reject(new Error(`the relay ended with ${String(code)}:\n${log.join('\n')}`));
    });
  });
  const caPem = await readFile(path.join(folder, 'ca.pem'), 'utf8');
  const port = Number(new URL(ready.url ?? '').port);
  const metricsUrl = ready.metrics ?? '';
  return {
    port,
    caPem,
    metricsUrl,
    process: child,
    log,
    ended,
    connect: async (scheme, origin, tokens) => {
      const outcome = await connectMoqt({
        url: `${scheme}://localhost:${String(port)}/`,
        trust: { kind: 'ca', pem: caPem },
        ...(origin === undefined ? {} : { origin }),
        ...(tokens === undefined ? {} : { tokens }),
      });
      if (outcome.kind === 'failed') throw new Error(outcome.reason);
      return outcome.client;
    },
    metric: async (name) => {
      const page = await (await fetch(metricsUrl)).text();
      const [, value] = new RegExp(`^conclave_relay_${name} (.*)$`, 'm').exec(page) ?? [];
      if (value === undefined) throw new Error(`no metric ${name}`);
      return Number(value);
    },
    stop: async () => {
      child.kill('SIGKILL');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Waits until something is so. */
export async function until(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  timeoutMs = 240_000,
): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!(await isSo())) {
    if (Date.now() > end) throw new Error(`still not: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

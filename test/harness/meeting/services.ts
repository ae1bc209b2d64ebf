/** Relay and counter as real processes from source, with a development certification authority of their own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Servers } from '../../../src/main/servers.ts';

const root = join(import.meta.dirname, '../../..');

/** Running services. */
export interface RunningServices {
  readonly servers: Servers;
  readonly folder: string;
  close(): Promise<void>;
}

/** Starts both; `relay` false where another relay is used. */
export async function startServices(relayEntry = 'src/services/relay/main.ts'): Promise<RunningServices> {
  const folder = await mkdtemp(join(tmpdir(), 'conclave-services-'));
  const tls = join(folder, 'tls');
  const counter = await startService('src/services/counter/main.ts', [
    '--listen',
    '127.0.0.1:0',
    '--dev-ca',
    tls,
    '--data',
    join(folder, 'counter'),
  ]);
  const relay = await startService(relayEntry, ['--listen', '127.0.0.1:0', '--dev-ca', tls]);
  const servers: Servers = {
    relays: [String(relay.ready.url)],
    counter: String(counter.ready.url),
    caPem: await readFile(join(tls, 'ca.pem'), 'utf8'),
    receiptKey: String(counter.ready.receiptKey),
    mode: 'fenced',
  };
  return {
    servers,
    folder,
    close: async () => {
      await Promise.all([end(relay.process), end(counter.process)]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function startService(
  entry: string,
  args: readonly string[],
): Promise<{ ready: Record<string, unknown>; process: ChildProcess }> {
  const child = spawn(process.execPath, ['--import', 'tsx', join(root, entry), ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => said.push(line));
  for await (const line of createInterface({ input: child.stdout })) {
    const parsed: unknown = JSON.parse(line);
    if (typeof parsed === 'object' && parsed !== null) return { ready: { ...parsed }, process: child };
  }
  throw new Error(`${entry} ended before it was ready:\n${said.join('\n')}`);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}

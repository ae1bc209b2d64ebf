// @ts-check
/** A relay and a counter of this machine's own, with a development certification authority, for trying out and tests. */
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { createServer, Server } from 'node:net';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { root } from './process.mjs';

/**
 * What a service says in one line of JSON once it serves.
 * @typedef {{event: 'ready', service: 'relay' | 'counter', url: string, receiptKey?: string, [more: string]: unknown}} ReadyLine
 */

/**
 * @typedef {object} Servers
 * @property {string} file the servers file, for the app's `--servers`
 * @property {ReadyLine} relay
 * @property {ReadyLine} counter
 * @property {{relay: import('node:child_process').ChildProcess, counter: import('node:child_process').ChildProcess}} processes
 * @property {() => Promise<void>} close ends both
 */

/**
 * Starts relay and counter on the loopback interface and writes the file that tells the app about them. Ports stay the
 * same from one start to the next where they are free, so that an invitation of yesterday still leads here.
 * @param {object} options
 * @param {string} options.folder keeps certificates, the counter's database and the servers file
 * @param {(line: string) => void} [options.log] receives the services' own log lines
 * @param {string[]} [options.relayArguments] more arguments for the relay
 * @param {string[]} [options.counterArguments] more arguments for the counter
 * @returns {Promise<Servers>}
 */
export async function startServers({ folder, log, relayArguments = [], counterArguments = [] }) {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, 'servers.json');
  const before = existsSync(file) ? JSON.parse(await readFile(file, 'utf8')) : {};
  const counterPort = await portOf(before.counter, 'tcp');
  const relayPort = await portOf(before.relays?.[0]?.url, 'udp');
  const tls = join(folder, 'tls');

  const counter = await startService(
    'counter',
    ['--listen', `127.0.0.1:${counterPort}`, '--dev-ca', tls, '--data', join(folder, 'counter')].concat(
      counterArguments,
    ),
    log,
  );
  try {
    const relay = await startService(
      'relay',
      ['--listen', `127.0.0.1:${relayPort}`, '--dev-ca', tls, '--drain-timeout', '1'].concat(relayArguments),
      log,
    );
    const caPem = await readFile(join(tls, 'ca.pem'), 'utf8');
    const told = {
      relays: [{ url: relay.line.url, pass: !relayArguments.includes('--open') }],
      counter: counter.line.url,
      caPem,
      receiptKey: counter.line.receiptKey,
    };
    await writeFile(file, `${JSON.stringify(told, undefined, 2)}\n`);
    const processes = { relay: relay.process, counter: counter.process };
    const close = async () => void (await Promise.all([relay.close(), counter.close()]));
    return { file, relay: relay.line, counter: counter.line, processes, close };
  } catch (cause) {
    await counter.close();
    throw cause;
  }
}

/**
 * @param {'relay' | 'counter'} name
 * @param {string[]} args
 * @param {(line: string) => void} [log]
 * @returns {Promise<{line: ReadyLine, process: import('node:child_process').ChildProcess, close: () => Promise<void>}>}
 */
async function startService(name, args, log = () => undefined) {
  const child = spawn(process.execPath, [join(root, `out/services/${name}.mjs`), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // Ctrl-C is for the app first; the services end when it has left.
    detached: true,
  });
  const ended = new Promise((resolve) => child.once('close', resolve));
  const close = async () => {
    child.kill();
    await ended;
  };
  // A script that ends by an error must not leave servers behind.
  process.once('exit', () => child.kill());
  /** @type {string[]} */
  const complaints = [];
  const keep = (/** @type {string} */ line) => {
    if (complaints.length < 50) complaints.push(line);
    log(`[${name}] ${line}`);
  };
  createInterface(/** @type {NodeJS.ReadableStream} */ (child.stderr)).on('line', keep);
  /** @type {Promise<ReadyLine>} */
  const ready = new Promise((resolve, reject) => {
    createInterface(/** @type {NodeJS.ReadableStream} */ (child.stdout)).on('line', (text) => {
      const said = readyLine(text);
      if (said) resolve(said);
      else keep(text);
    });
    child.once('error', reject);
    child.once('close', (code) =>
      reject(new Error(`The ${name} ended (${code}):\n${complaints.join('\n')}`)),
    );
    setTimeout(() => reject(new Error(`The ${name} is not ready after 30 s.`)), 30_000).unref();
  });
  const line = await ready.catch((cause) => {
    child.kill();
    throw cause;
  });
  return { line, process: child, close };
}

/**
 * @param {string} text
 * @returns {ReadyLine | undefined}
 */
function readyLine(text) {
  try {
    const value = JSON.parse(text);
    return value?.event === 'ready' && typeof value.url === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}

/**
 * @param {string | undefined} url of the last time
 * @param {'tcp' | 'udp'} kind
 * @returns {Promise<number>} its port when nobody else has it now, otherwise 0: any
 */
async function portOf(url, kind) {
  const port = url === undefined ? 0 : Number(new URL(url).port);
  if (!port) return 0;
  return await new Promise((resolve) => {
    const probe = kind === 'tcp' ? createServer() : createSocket('udp4');
    probe.once('error', () => resolve(0));
    const free = () => probe.close(() => resolve(port));
    if (probe instanceof Server) probe.listen(port, '127.0.0.1', free);
    else probe.bind(port, '127.0.0.1', free);
  });
}

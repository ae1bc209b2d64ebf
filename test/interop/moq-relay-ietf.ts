/** Starts moq-relay-ietf 0.8.0, an independent draft-18 relay, for interoperability tests. */
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connectMoqt } from '../harness/moqt/async-client.ts';
import type { ClientOptions } from '../harness/moqt/async-client.ts';
import type { AsyncClient } from '../harness/moqt/async-client.ts';
import { makeAuthority } from '../io/quic/certificates.ts';

const BINARY = path.resolve(import.meta.dirname, '../../.cache/peers/bin/moq-relay-ietf');

/** How to get the binary where it is missing. */
export const INSTALL = 'cargo install moq-relay-ietf --version 0.8.0 --locked --root .cache/peers';

/** Whether the binary is there. */
export const isInstalled = existsSync(BINARY);

/** A running relay. */
export interface IetfRelay {
  /** Port on 127.0.0.1, for WebTransport and QUIC. */
  readonly port: number;
  /** Connects a client. */
  connect(scheme: 'https' | 'moqt', options?: ClientOptions): Promise<AsyncClient>;
  stop(): Promise<void>;
}

/** A certificate for 127.0.0.1 with its key and its authority, all PEM. */
export interface RelayCertificate {
  readonly certPem: string;
  readonly keyPem: string;
  readonly caPem: string;
}

/** Starts a relay on a free port of 127.0.0.1 and waits until it answers. */
export async function startIetfRelay(certificate?: RelayCertificate): Promise<IetfRelay> {
  const directory = mkdtempSync(path.join(tmpdir(), 'moq-relay-ietf-'));
  const leaf = certificate ?? (await ownCertificate());
  const file = (name: string, text: string): string => {
    const place = path.join(directory, name);
    writeFileSync(place, text, { mode: 0o600 });
    return place;
  };
  const port = await freeUdpPort();
  const relay = spawn(
    BINARY,
    [
      ['--bind', `127.0.0.1:${String(port)}`],
      ['--tls-cert', file('cert.pem', leaf.certPem), '--tls-key', file('key.pem', leaf.keyPem)],
      ['--tls-disable-verify', '--coordinator-file', path.join(directory, 'coordinator.json')],
    ].flat(),
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let log = '';
  const keep = (chunk: Buffer): void => {
    log = (log + chunk.toString()).slice(-8192);
  };
  relay.stdout.on('data', keep);
  relay.stderr.on('data', keep);
  const exited = new Promise<void>((resolve) => relay.once('exit', () => resolve()));
  const open = async (
    scheme: 'https' | 'moqt',
    options: ClientOptions = {},
  ): ReturnType<typeof connectMoqt> =>
    connectMoqt({
      ...options,
      url: `${scheme}://127.0.0.1:${String(port)}/meet`,
      trust: { kind: 'ca', pem: leaf.caPem },
      transportLimits: { handshakeTimeoutMs: 2000 },
    });
  const stop = async (): Promise<void> => {
    relay.kill();
    const timer = setTimeout(() => relay.kill('SIGKILL'), 3000);
    await exited;
    clearTimeout(timer);
    rmSync(directory, { recursive: true, force: true });
  };
  for (let attempt = 0; ; attempt += 1) {
    const outcome = await open('moqt');
    if (outcome.kind === 'connected') {
      outcome.client.close(0, 'ready');
      break;
    }
    if (attempt === 10) {
      await stop();
      throw new Error(`moq-relay-ietf does not answer: ${outcome.reason}\n${log}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  return {
    port,
    stop,
    connect: async (scheme, options) => {
      const outcome = await open(scheme, options);
      if (outcome.kind === 'failed') throw new Error(`${outcome.reason}\n${log}`);
      return outcome.client;
    },
  };
}

async function ownCertificate(): Promise<RelayCertificate> {
  const authority = await makeAuthority();
  return { ...(await authority.issue()), caPem: authority.pem };
}

async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(resolve));
  return port;
}

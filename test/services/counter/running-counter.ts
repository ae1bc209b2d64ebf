import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import os from 'node:os';
import path from 'node:path';
import { HttpsCounterClient } from '../../../src/io/counter/counter-client.ts';
import { receiptVerifier } from '../../../src/io/counter/receipt-crypto.ts';
import { ed25519Signer } from '../../../src/io/crypto/raw-keys.ts';
import { DEFAULT_TIMES } from '../../../src/protocol/counter/room.ts';
import type { Ed25519Signer } from '../../../src/protocol/group/crypto-port.ts';
import { EpochCounter } from '../../../src/protocol/counter/epoch-counter.ts';
import type { LogLimits } from '../../../src/protocol/counter/epoch-counter.ts';
import { millis, unixMillis } from '../../../src/protocol/units.ts';
import type { Millis } from '../../../src/protocol/units.ts';
import { startCounterServer } from '../../../src/services/counter/server.ts';
import type { CounterServer, CounterServerOptions } from '../../../src/services/counter/server.ts';
import { SqliteCounterStore } from '../../../src/services/counter/sqlite-store.ts';
import { ensureDevelopmentCertificate } from '../../../src/services/tls/development-ca.ts';
import type { DevelopmentCertificate } from '../../../src/services/tls/development-ca.ts';
import { freshSigner } from '../../harness/counter/local-client.ts';
import type { CounterUnderTest } from './contract.ts';

const FROZEN_NOW = 1_800_000_000_000;

/** A real HTTPS service over a real SQLite file in this process, with a clock of the test. */
export interface RunningCounter extends CounterUnderTest {
  readonly certificate: DevelopmentCertificate;
  readonly url: string;
  /** The room that its client signs for. */
  readonly roomSigner: Ed25519Signer;
  readonly server: CounterServer;
  /** Faults that the service reported; a test that ends with any has found a bug. */
  readonly faults: readonly unknown[];
}

/** Starts a service on a free port. */
export async function startRunningCounter(
  overrides: Partial<CounterServerOptions> = {},
  log?: LogLimits,
): Promise<RunningCounter> {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'conclave-counter-'));
  const certificate = await ensureDevelopmentCertificate(path.join(directory, 'ca'), []);
  const signer = freshSigner();
  const room = ed25519Signer(new Uint8Array(randomBytes(32)));
  const faults: unknown[] = [];
  let skewMs = 0;
  let running = await listen();

  async function listen(isRestored = false): Promise<{
    store: SqliteCounterStore;
    server: CounterServer;
    client: HttpsCounterClient;
  }> {
    const store = new SqliteCounterStore(path.join(directory, 'counter.db'));
    const restoredAt = skewMs;
    const wait = (): Millis | undefined => {
      const left = restoredAt + DEFAULT_TIMES.leaseMs - skewMs;
      return isRestored && left > 0 ? millis(left) : undefined;
    };
    const crypto = { signer, verifier: receiptVerifier };
    const server = await startCounterServer({
      host: '127.0.0.1',
      port: 0,
      tls: { cert: certificate.certPem, key: certificate.keyPem },
      counter: new EpochCounter(store, crypto, undefined, log, wait),
      now: () => unixMillis(FROZEN_NOW + skewMs),
      isHealthy: () => store.isHealthy(),
      tokens: undefined,
      rateLimit: { perSecond: 1000, burst: 1000 },
      newMeetings: { perSecond: 1000, burst: 1000 },
      stored: { perSecond: 2 ** 30, burst: 2 ** 30 },
      onFault: (error) => faults.push(error),
      ...overrides,
    });
    const url = `https://127.0.0.1:${String(server.port)}`;
    const client = new HttpsCounterClient({ url, trust: { kind: 'ca', caPem: certificate.caPem }, room });
    return { store, server, client };
  }

  async function stop(): Promise<void> {
    running.client.disconnect();
    await running.server.stop(millis(1000));
    running.store.close();
  }

  function copyDatabase(from: string, to: string): void {
    for (const suffix of ['', '-wal', '-shm']) {
      rmSync(path.join(directory, to + suffix), { force: true });
      if (suffix !== '-shm' && existsSync(path.join(directory, from + suffix))) {
        copyFileSync(path.join(directory, from + suffix), path.join(directory, to + suffix));
      }
    }
  }

  return {
    certificate,
    faults,
    times: DEFAULT_TIMES,
    room: room.publicKey,
    roomSigner: room,
    publicKey: signer.publicKey,
    get url() {
      return `https://127.0.0.1:${String(running.server.port)}`;
    },
    get server() {
      return running.server;
    },
    get client() {
      return running.client;
    },
    advance: (ms) => {
      skewMs += ms;
    },
    backUp: () => {
      copyDatabase('counter.db', 'backup.db');
    },
    restore: async (isSaid) => {
      await stop();
      copyDatabase('backup.db', 'counter.db');
      running = await listen(isSaid);
    },
    close: async () => {
      await stop();
      rmSync(directory, { recursive: true });
    },
  };
}

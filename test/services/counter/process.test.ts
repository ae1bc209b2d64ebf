import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HttpsCounterClient } from '../../../src/io/counter/counter-client.ts';
import { ed25519Signer } from '../../../src/io/crypto/raw-keys.ts';
import { groupOfRoom } from '../../../src/protocol/counter/room.ts';
import { receiptVerifier } from '../../../src/io/counter/receipt-crypto.ts';
import type { EpochSigner, LockToken } from '../../../src/protocol/counter/client.ts';
import { checkReceiptChain, parseReceipt, verifyReceipt } from '../../../src/protocol/counter/receipt.ts';
import type { Receipt } from '../../../src/protocol/counter/receipt.ts';
import { counterIdOf, newRecord } from '../../../src/protocol/counter/rules.ts';
import { epoch, unixMillis } from '../../../src/protocol/units.ts';
import { SqliteCounterStore } from '../../../src/services/counter/sqlite-store.ts';
import { ensureDevelopmentCertificate } from '../../../src/services/tls/development-ca.ts';
import type { DevelopmentCertificate } from '../../../src/services/tls/development-ca.ts';

/** How often the process is killed; more finds more. */
const KILLS = Number(process.env.CONCLAVE_COUNTER_KILLS ?? 3);
const MAIN = 'src/services/counter/main.ts';

interface Ready {
  readonly url: string;
  readonly port: number;
  readonly receiptKey: string;
  readonly caFile: string;
  readonly caSha256: string;
}

let directory: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  directory = mkdtempSync(path.join(os.tmpdir(), 'conclave-counter-process-'));
});
afterEach(async () => {
  for (const child of children.splice(0)) await stop(child, 'SIGKILL');
  rmSync(directory, { recursive: true });
});

function stop(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  child.kill(signal);
  return exited;
}

function run(args: readonly string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, ['--import', 'tsx', MAIN, ...args]);
  children.push(child);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  return new Promise((resolve) => {
    child.on('close', (code) => {
      resolve({ code, stdout, stderr });
    });
  });
}

async function start(...more: string[]): Promise<{ child: ChildProcess; ready: Ready }> {
  const data = path.join(directory, 'data');
  const ca = path.join(directory, 'ca');
  const args = ['--data', data, '--dev-ca', ca, '--listen', '127.0.0.1:0', '--quiet', ...more];
  const child = spawn(process.execPath, ['--import', 'tsx', MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const line = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', resolve);
    child.once('exit', (code) => {
      reject(new Error(`the service ended with ${String(code)}`));
    });
  });
  return { child, ready: JSON.parse(line) as Ready };
}

const ROOM = ed25519Signer(new Uint8Array(randomBytes(32)));
const clientOf = (ready: Ready): HttpsCounterClient =>
  new HttpsCounterClient({
    url: ready.url,
    trust: { kind: 'ca', caPem: readFileSync(ready.caFile, 'utf8') },
    room: ROOM,
  });

describe('conclave-counter as a process', () => {
  test('forgets nothing at its start, as a clock that was set far ahead is that of no call yet', async () => {
    const first = await start();
    await stop(first.child, 'SIGTERM');
    const group = new Uint8Array(randomBytes(16));
    const store = new SqliteCounterStore(path.join(directory, 'data', 'counter.db'));
    const record = { ...newRecord(undefined), expected: epoch(3n) };
    store.transaction((transaction) => {
      transaction.writeRecord(counterIdOf(group, 'plain'), record, unixMillis(1));
    });
    store.close();
    const { ready } = await start('--keep', '1');
    const client = clientOf(ready);
    // Touched half a century ago: whoever looked for what nobody touches would have found it.
    expect(await client.lock(group, { mode: 'plain', val: epoch(0n) })).toEqual({
      kind: 'counter-error',
      current: 2n,
    });
    client.disconnect();
  });

  test(
    'what it answered survives kill -9, and what it did not answer is asked again',
    async () => {
      const group = groupOfRoom(ROOM.publicKey, 0, receiptVerifier);
      // One key will do for all epochs here.
      const epochKey = ed25519Signer(new Uint8Array(randomBytes(32)));
      const member: EpochSigner = (message) => Promise.resolve(epochKey.sign(message));
      const by = (val: bigint): EpochSigner | undefined => (val === 0n ? undefined : member);
      const answered = new Map<bigint, Uint8Array>();
      let receiptKey: string | undefined;
      let next = 0n;
      let pending: { token: LockToken; commit: Uint8Array } | undefined;
      for (let kill = 0; kill < KILLS; kill += 1) {
        const { child, ready } = await start('--lock-ttl', '0.3');
        receiptKey ??= ready.receiptKey;
        expect(ready.receiptKey).toBe(receiptKey);
        const client = clientOf(ready);
        // It dies some time after so many calls, in one of those that follow.
        let calls = 5 + Math.floor(Math.random() * 20);
        let answers = 0;
        let exited: Promise<number | null> | undefined;
        for (;;) {
          calls -= 1;
          if (calls < 0 && answers > 1)
            exited ??= sleep(Math.random() * 5).then(() => stop(child, 'SIGKILL'));
          if (pending === undefined) {
            const nonce = new Uint8Array(randomBytes(16));
            const lock = await client.lock(
              group,
              { mode: 'fenced', val: epoch(next), nonce, generation: 0 },
              by(next),
            );
            if (lock.kind === 'unreachable') break;
            // The lock before the kill may still live.
            if (lock.kind === 'locked') continue;
            if (lock.kind !== 'granted' || lock.token === undefined) throw new Error(lock.kind);
            pending = { token: lock.token, commit: new Uint8Array(randomBytes(2000)) };
          }
          const transcript = next === 0n ? new Uint8Array() : new Uint8Array(32);
          const nextKey = epochKey.publicKey;
          const request = { mode: 'fenced', val: epoch(next), ...pending, transcript, nextKey } as const;
          const done = await client.increment(group, request, by(next));
          if (done.kind === 'unreachable') break;
          if (done.kind === 'not-locked') {
            pending = undefined;
            continue;
          }
          if (done.kind !== 'ok' || done.receipt === undefined) throw new Error(done.kind);
          answered.set(next, done.receipt);
          answers += 1;
          pending = undefined;
          next += 1n;
        }
        client.disconnect();
        await (exited ?? stop(child, 'SIGKILL'));
      }

      const { ready } = await start();
      const client = clientOf(ready);
      const log = new Map<bigint, Uint8Array>();
      let from: bigint | undefined = 0n;
      while (from !== undefined) {
        const page = await client.history(group, epoch(from));
        if (page.kind !== 'ok') throw new Error(page.kind);
        for (const entry of page.entries) log.set(entry.epoch, entry.receipt);
        from = page.nextFrom;
      }
      client.disconnect();
      expect(answered.size).toBeGreaterThan(KILLS);
      for (const [of, receipt] of answered) expect(log.get(of)).toEqual(receipt);
      // At most the one increment whose answer was lost is there besides.
      expect(log.size - answered.size).toBeLessThanOrEqual(1);
      let previous: Receipt | undefined;
      for (const receipt of log.values()) {
        const key = Buffer.from(ready.receiptKey, 'base64url');
        expect(verifyReceipt(receipt, key, receiptVerifier).kind).toBe('valid');
        const read = parseReceipt(receipt);
        expect(checkReceiptChain(previous, read, receiptVerifier).kind).toBe('follows');
        previous = read;
      }
    },
    30_000 + KILLS * 5_000,
  );

  test('keeps its files to itself, is trusted by CA file or hash, and ends on SIGTERM', async () => {
    const { child, ready } = await start();
    const data = path.join(directory, 'data');
    expect(statSync(data).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(data)) {
      expect([name, statSync(path.join(data, name)).mode & 0o777]).toEqual([name, 0o600]);
    }
    const sha256 = Buffer.from(ready.caSha256, 'base64url');
    const pinned = new HttpsCounterClient({ url: ready.url, trust: { kind: 'certificate-hash', sha256 } });
    expect(await pinned.receiptKey()).toEqual({
      kind: 'ok',
      publicKey: new Uint8Array(Buffer.from(ready.receiptKey, 'base64url')),
    });
    pinned.disconnect();
    expect(await stop(child, 'SIGTERM')).toBe(0);
  });

  test('put back from a backup, grants no lock for the length of a lease', async () => {
    const { ready } = await start('--restored', '--lease', '1');
    const client = clientOf(ready);
    const group = groupOfRoom(ROOM.publicKey, 0, receiptVerifier);
    const nonce = new Uint8Array(randomBytes(16));
    const lock = { mode: 'fenced', val: epoch(0n), nonce, generation: 0 } as const;
    const kinds = new Set<string>();
    while (!kinds.has('granted')) kinds.add((await client.lock(group, lock)).kind);
    client.disconnect();
    expect([...kinds]).toEqual(['busy', 'granted']);
  });

  test('reads its certificate again on SIGHUP', async () => {
    const [before, after] = await Promise.all(
      ['before', 'after'].map((name) => ensureDevelopmentCertificate(path.join(directory, name), [])),
    );
    const [certFile, keyFile] = [path.join(directory, 'chain.pem'), path.join(directory, 'key.pem')];
    const install = ({ certPem, keyPem }: DevelopmentCertificate): void => {
      writeFileSync(certFile, certPem);
      writeFileSync(keyFile, keyPem);
    };
    if (before === undefined || after === undefined) throw new Error('no certificates');
    install(before);
    const data = path.join(directory, 'data');
    const args = ['--data', data, '--tls-cert', certFile, '--tls-key', keyFile, '--listen', '127.0.0.1:0'];
    const child = spawn(process.execPath, ['--import', 'tsx', MAIN, ...args]);
    children.push(child);
    const line = await new Promise<string>((resolve) => {
      createInterface({ input: child.stdout }).once('line', resolve);
    });
    const { url } = JSON.parse(line) as Ready;
    const asked = async ({ caPem }: DevelopmentCertificate): Promise<string> => {
      const client = new HttpsCounterClient({ url, trust: { kind: 'ca', caPem } });
      const { kind } = await client.receiptKey();
      client.disconnect();
      return kind;
    };
    expect([await asked(before), await asked(after)]).toEqual(['ok', 'unreachable']);

    install(after);
    const told = new Promise<void>((resolve) => {
      createInterface({ input: child.stderr }).on('line', (said) => {
        if (said.includes('read again')) resolve();
      });
    });
    child.kill('SIGHUP');
    await told;
    expect([await asked(before), await asked(after)]).toEqual(['unreachable', 'ok']);
  });

  test('refuses a database whose receipt key was lost or replaced, rather than to sign with another', async () => {
    const { child } = await start();
    await stop(child, 'SIGTERM');
    const data = path.join(directory, 'data');
    const keyFile = path.join(data, 'receipt-key.pem');
    const args = ['--data', data, '--dev-ca', path.join(directory, 'ca'), '--listen', '127.0.0.1:0'];
    rmSync(keyFile);
    const gone = await run(args);
    expect(gone.code).toBe(1);
    expect(gone.stderr).toContain('is gone');
    expect(existsSync(keyFile)).toBe(false);

    const { privateKey } = generateKeyPairSync('ed25519');
    writeFileSync(keyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const replaced = await run(args);
    expect(replaced.code).toBe(1);
    expect(replaced.stderr).toContain('another receipt key');
  });

  test('a receipt key file that is none is named', async () => {
    const file = path.join(directory, 'key.pem');
    writeFileSync(file, 'nothing');
    const args = [
      '--data',
      path.join(directory, 'data'),
      '--dev-ca',
      path.join(directory, 'ca'),
      '--receipt-key',
      file,
    ];
    const { code, stderr } = await run(args);
    expect(code).toBe(1);
    expect(stderr).toContain(file);
  });
});

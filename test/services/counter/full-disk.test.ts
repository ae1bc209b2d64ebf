import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HttpsCounterClient } from '../../../src/io/counter/counter-client.ts';
import { receiptVerifier } from '../../../src/io/counter/receipt-crypto.ts';
import { ed25519Signer } from '../../../src/io/crypto/raw-keys.ts';
import { groupOfRoom } from '../../../src/protocol/counter/room.ts';
import type { Ed25519Signer } from '../../../src/protocol/group/crypto-port.ts';
import { epoch } from '../../../src/protocol/units.ts';

type CounterOutcome = Awaited<ReturnType<HttpsCounterClient['lock']>>;

const FAILED: CounterOutcome = { kind: 'unreachable', reason: 'the service answered 500' };
const MAIN = 'src/services/counter/main.ts';

let directory: string;
let child: ChildProcess | undefined;

beforeEach(() => {
  directory = mkdtempSync(path.join(os.tmpdir(), 'conclave-counter-disk-'));
});
afterEach(async () => {
  if (child?.kill('SIGKILL') === true) await once(child, 'exit');
  rmSync(directory, { recursive: true });
});

const newRoom = (): Ed25519Signer => ed25519Signer(new Uint8Array(randomBytes(32)));

/** Lets no file of the process grow beyond `bytes`, as a full disk would. */
function limitFiles({ pid }: ChildProcess, bytes: number | 'unlimited'): void {
  const limit = `--fsize=${String(bytes)}:unlimited`;
  const { status, stderr } = spawnSync('prlimit', ['--pid', String(pid), limit], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
}

async function health(url: string, ca: string): Promise<unknown> {
  const request = get(`${url}/healthz`, { ca, agent: false });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const body = JSON.parse(await text(response)) as { type?: string };
  return [response.statusCode, body.type];
}

// What is too much for a file is an error of the write on Linux alone.
describe.runIf(process.platform === 'linux')('conclave-counter without room on its disk', () => {
  test('says so, grants nothing, and goes on when there is room again', async () => {
    const data = path.join(directory, 'data');
    const args = [
      '--data',
      data,
      '--dev-ca',
      path.join(directory, 'ca'),
      '--listen',
      '127.0.0.1:0',
      '--quiet',
    ];
    // Without the trap the signal for a file that is too large ends the process.
    const command = [`trap '' XFSZ; exec "$@"`, 'sh', process.execPath, '--import', 'tsx', MAIN, ...args];
    const service = spawn('sh', ['-c', ...command], { stdio: ['ignore', 'pipe', 'pipe'] });
    child = service;
    const said: string[] = [];
    createInterface({ input: service.stderr }).on('line', (line) => said.push(line));
    const [line] = (await once(createInterface({ input: service.stdout }), 'line')) as [string];
    const { url, caFile } = JSON.parse(line) as { url: string; caFile: string };
    const ca = readFileSync(caFile, 'utf8');
    /** Locks the beginning of a meeting, which is written. */
    const lock = async (room = newRoom()): Promise<CounterOutcome> => {
      const client = new HttpsCounterClient({ url, trust: { kind: 'ca', caPem: ca }, room });
      const group = groupOfRoom(room.publicKey, 0, receiptVerifier);
      const outcome = await client.lock(group, {
        mode: 'fenced',
        val: epoch(0n),
        nonce: new Uint8Array(16),
        generation: 0,
      });
      client.disconnect();
      return outcome;
    };
    const fill = (): void => {
      limitFiles(service, statSync(path.join(data, 'counter.db-wal')).size);
    };
    const room = newRoom();
    expect(await health(url, ca)).toEqual([200, undefined]);

    fill();
    for (let again = 0; again < 3; again += 1) {
      // Not 'busy', which would say that nothing was done.
      expect(await lock(room)).toEqual(FAILED);
    }
    expect(await health(url, ca)).toEqual([503, 'urn:conclave:counter:unavailable']);

    limitFiles(service, 'unlimited');
    expect(await health(url, ca)).toEqual([200, undefined]);
    expect((await lock(room)).kind).toBe('granted');

    // Each time anew it is told, though nobody asks how it is in between.
    for (let again = 0; again < 2; again += 1) {
      fill();
      expect([await lock(), await lock()]).toEqual([FAILED, FAILED]);
      limitFiles(service, 'unlimited');
      expect((await lock()).kind).toBe('granted');
    }
    service.kill('SIGTERM');
    await once(service, 'close');
    const fault = expect.stringMatching(/^fault: the database cannot be written: .*; \/healthz/) as string;
    expect(said).toEqual([fault, fault, fault]);
  });
});

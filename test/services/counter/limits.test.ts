/**
 * What the counter bounds by address and connection, hit on purpose by one address, while a room goes on from another. The limits of
 * docs/limits.md that are of one room are hit in `keeping.test.ts` and `contract.ts`, and here for what they are to other rooms.
 */
import { randomBytes } from 'node:crypto';
import { connect as connectTcp } from 'node:net';
import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import { HttpsCounterClient } from '../../../src/io/counter/counter-client.ts';
import { receiptVerifier } from '../../../src/io/counter/receipt-crypto.ts';
import { ed25519Signer } from '../../../src/io/crypto/raw-keys.ts';
import { COUNTER_LIMITS } from '../../../src/protocol/counter/client.ts';
import type { EpochSigner } from '../../../src/protocol/counter/client.ts';
import { groupOfRoom } from '../../../src/protocol/counter/room.ts';
import { epoch, millis } from '../../../src/protocol/units.ts';
import { ask } from './raw-request.ts';
import type { RawAnswer } from './raw-request.ts';
import { startRunningCounter } from './running-counter.ts';
import type { RunningCounter } from './running-counter.ts';

/** Whoever goes beyond, on Linux; elsewhere there is one address of the loopback, and only what it is answered is seen. */
const ATTACKER = process.platform === 'linux' ? '127.0.0.2' : undefined;
const HUGE = { perSecond: 2 ** 30, burst: 2 ** 30 };
const KEY = ed25519Signer(new Uint8Array(32).fill(7));
const member: EpochSigner = (message) => Promise.resolve(KEY.sign(message));

let counter: RunningCounter;
afterEach(async () => {
  expect(counter.faults).toEqual([]);
  await counter.close();
});

const attack = (method: string, target: string, body?: string): Promise<RawAnswer> =>
  ask(counter, method, target, {
    ...(body === undefined ? {} : { body }),
    ...(ATTACKER === undefined ? {} : { localAddress: ATTACKER }),
  });
/** A plain lock, by which a counter begins. */
const begin = (name: number): Promise<RawAnswer> =>
  attack('GET', `/lock/${Buffer.alloc(16, name).toString('base64url')}?val=0`);

/** Makes the next Commit of a room. */
async function commit(
  client: HttpsCounterClient,
  room: Uint8Array,
  val: bigint,
  bytes = 100,
): Promise<string> {
  const group = groupOfRoom(room, 0, receiptVerifier);
  const by = val === 0n ? undefined : member;
  const nonce = new Uint8Array(randomBytes(16));
  const lock = await client.lock(group, { mode: 'fenced', val: epoch(val), nonce, generation: 0 }, by);
  if (lock.kind !== 'granted' || lock.token === undefined) return `lock ${lock.kind}`;
  const request = {
    mode: 'fenced',
    val: epoch(val),
    token: lock.token,
    commit: new Uint8Array(bytes),
    transcript: new Uint8Array(val === 0n ? 0 : 32),
    nextKey: KEY.publicKey,
  } as const;
  return (await client.increment(group, request, by)).kind;
}

/** The room of the counter's own client, which is not the one that goes beyond. */
const other = (val: bigint): Promise<string> =>
  commit(counter.client as HttpsCounterClient, counter.room, val);

/** Another room, of whoever goes beyond. */
function anotherRoom(): { client: HttpsCounterClient; room: Uint8Array } {
  const signer = ed25519Signer(new Uint8Array(randomBytes(32)));
  const trust = { kind: 'ca', caPem: counter.certificate.caPem } as const;
  const client = new HttpsCounterClient({ url: counter.url, trust, room: signer });
  return { client, room: signer.publicKey };
}

function open(): Promise<TLSSocket> {
  const { port } = new URL(counter.url);
  const socket = connect({ port: Number(port), host: '127.0.0.1', ca: counter.certificate.caPem });
  return new Promise((resolve, reject) => {
    socket.once('secureConnect', () => {
      resolve(socket);
    });
    socket.once('error', reject);
  });
}

describe.runIf(ATTACKER !== undefined)(
  'whoever goes beyond a limit of its address keeps no other back',
  () => {
    test('requests', async () => {
      counter = await startRunningCounter({ rateLimit: { perSecond: 0.01, burst: 30 } });
      expect(await other(0n)).toBe('ok');
      const statuses = new Set<number>();
      for (let count = 0; count < 40; count += 1) statuses.add((await attack('GET', '/receipt-key')).status);
      expect([...statuses]).toEqual([200, 429]);
      for (const val of [1n, 2n, 3n]) expect(await other(val)).toBe('ok');
    });

    test('meetings that begin', async () => {
      counter = await startRunningCounter({ newMeetings: { perSecond: 0.01, burst: 2 } });
      expect([(await begin(1)).status, (await begin(2)).status, (await begin(3)).status]).toEqual([
        200, 200, 429,
      ]);
      for (const val of [0n, 1n]) expect(await other(val)).toBe('ok');
    });

    test('bytes to be stored', async () => {
      counter = await startRunningCounter({ stored: { perSecond: 0.01, burst: 2_000 } });
      const body = JSON.stringify({ val: 0, token: 'A'.repeat(22), commit: 'A'.repeat(1_400) });
      const id = 'f.Y291bnRlciB0ZXN0IGlk';
      const statuses = [
        await attack('POST', `/increment/${id}`, body),
        await attack('POST', `/increment/${id}`, body),
      ];
      expect(statuses.map(({ status }) => status)).toEqual([400, 429]);
      for (const val of [0n, 1n]) expect(await other(val)).toBe('ok');
    });
  },
);

describe('connections', () => {
  test('beyond what there may be are refused, and those that stand go on', async () => {
    counter = await startRunningCounter({ limits: { connections: 3 } });
    expect(await other(0n)).toBe('ok');
    const held = [await open(), await open()];
    await expect(open()).rejects.toThrow();
    expect(await other(1n)).toBe('ok');
    const [first] = held;
    const closed = new Promise((resolve) => first?.once('close', resolve));
    first?.end();
    await closed;
    held.push(await open());
    for (const socket of held) socket.destroy();
  });

  test('whose TLS handshake takes too long are closed, and not told of a fault in a request', async () => {
    counter = await startRunningCounter({ limits: { handshakeMs: millis(200) } });
    const socket = connectTcp(Number(new URL(counter.url).port), '127.0.0.1');
    let received = 0;
    socket.on('data', (chunk: Buffer) => (received += chunk.length));
    await new Promise((resolve) => socket.once('close', resolve));
    expect(received).toBe(0);
    expect(await other(0n)).toBe('ok');
  });

  test('that nobody uses are closed', async () => {
    counter = await startRunningCounter({ limits: { idleMs: millis(200) } });
    const socket = await open();
    const answered = new Promise((resolve) => socket.once('data', resolve));
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    await answered;
    await closed;
    expect(await other(0n)).toBe('ok');
  });

  test('with a header beyond 8 KiB are answered 400 and closed', async () => {
    counter = await startRunningCounter();
    const answer = await ask(counter, 'GET', '/receipt-key', { headers: { 'X-Long': 'a'.repeat(9_000) } });
    expect(answer.status).toBe(400);
    expect(answer.json).toMatchObject({ detail: 'The header is too large.' });
    expect(answer.headers.connection).toBe('close');
    expect(
      (await ask(counter, 'GET', '/receipt-key', { headers: { 'X-Long': 'a'.repeat(7_000) } })).status,
    ).toBe(200);
  });
});

describe('what one room has beyond its limits is no matter to another', () => {
  test('of history there are 256 entries a page', async () => {
    counter = await startRunningCounter({ rateLimit: HUGE });
    const { historyEntries } = COUNTER_LIMITS;
    const { client, room } = anotherRoom();
    for (let val = 0n; val <= historyEntries; val += 1n)
      expect(await commit(client, room, val, 1)).toBe('ok');
    const page = await client.history(groupOfRoom(room, 0, receiptVerifier), epoch(0n));
    if (page.kind !== 'ok') throw new Error(page.kind);
    expect([page.entries.length, page.nextFrom]).toEqual([historyEntries, BigInt(historyEntries)]);
    expect(await other(0n)).toBe('ok');
    client.disconnect();
  });

  test('a lock that is held, and 16 generations that may come back', async () => {
    counter = await startRunningCounter({ rateLimit: HUGE });
    const { client, room } = anotherRoom();
    const group = (generation: number): Uint8Array => groupOfRoom(room, generation, receiptVerifier);
    const lock = (generation: number) => {
      const nonce = new Uint8Array(randomBytes(16));
      return client.lock(group(generation), { mode: 'fenced', val: epoch(0n), nonce, generation });
    };
    const transcript = new Uint8Array(32);
    for (let generation = 0; generation < 16; generation += 1) {
      for (const val of [0n, 1n]) {
        const by = val === 0n ? undefined : member;
        const nonce = new Uint8Array(randomBytes(16));
        const call = { mode: 'fenced', val: epoch(val), nonce, generation } as const;
        const got = await client.lock(group(generation), call, by);
        if (got.kind !== 'granted' || got.token === undefined) throw new Error(got.kind);
        const made = { commit: transcript, transcript: val === 0n ? new Uint8Array() : transcript };
        const request = {
          mode: 'fenced',
          val: epoch(val),
          token: got.token,
          ...made,
          nextKey: KEY.publicKey,
        } as const;
        expect((await client.increment(group(generation), request, by)).kind).toBe('ok');
      }
      expect((await client.close(group(generation), epoch(1n), member)).kind).toBe('ok');
    }
    expect(await lock(16)).toMatchObject({ kind: 'busy' });
    // The first comes back, and one of its members holds the lock for its time.
    const nonce = new Uint8Array(randomBytes(16));
    const held = { mode: 'fenced', val: epoch(2n), nonce, generation: 0 } as const;
    expect((await client.lock(group(0), held, member)).kind).toBe('granted');
    expect((await client.lock(group(0), { ...held, nonce: new Uint8Array(16) }, member)).kind).toBe('locked');
    for (const val of [0n, 1n]) expect(await other(val)).toBe('ok');
    client.disconnect();
  });

  test('Commits, of which the newest are kept, drop none of another room', async () => {
    counter = await startRunningCounter(
      { rateLimit: HUGE, stored: HUGE },
      { entries: 4, commitBytes: 1_000 },
    );
    expect(await other(0n)).toBe('ok');
    const { client, room } = anotherRoom();
    for (let val = 0n; val < 8n; val += 1n) expect(await commit(client, room, val, 600)).toBe('ok');
    const kept = async (asked: HttpsCounterClient, of: Uint8Array): Promise<[bigint, boolean][]> => {
      const page = await asked.history(groupOfRoom(of, 0, receiptVerifier), epoch(0n));
      if (page.kind !== 'ok') throw new Error(page.kind);
      return page.entries.map((entry) => [entry.epoch, entry.commit !== undefined]);
    };
    expect(await kept(client, room)).toEqual([
      [4n, false],
      [5n, false],
      [6n, false],
      [7n, true],
    ]);
    expect(await kept(counter.client as HttpsCounterClient, counter.room)).toEqual([[0n, true]]);
    client.disconnect();
  });
});

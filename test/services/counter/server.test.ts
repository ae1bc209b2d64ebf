import { connect } from 'node:tls';
import { mkdtempSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { BODY_LIMITS } from '../../../src/protocol/counter/http-request.ts';
import { PROBLEM_PREFIX, PROBLEMS } from '../../../src/protocol/counter/problems.ts';
import { receiptVerifier } from '../../../src/io/counter/receipt-crypto.ts';
import { groupOfRoom } from '../../../src/protocol/counter/room.ts';
import { epoch, millis } from '../../../src/protocol/units.ts';
import { BearerTokens, TokenFileError } from '../../../src/services/counter/bearer-tokens.ts';
import { ask } from './raw-request.ts';
import type { RawAnswer } from './raw-request.ts';
import { startRunningCounter } from './running-counter.ts';
import type { RunningCounter } from './running-counter.ts';

/** The key of an epoch. */
const NEXT_KEY = Buffer.alloc(32, 5).toString('base64');
const ID = 'f.Y291bnRlciB0ZXN0IGlk';
const PLAIN_ID = 'Y291bnRlciB0ZXN0IGlk';
const HOME = `room=${'A'.repeat(43)}&generation=0`;
const TOKEN = 'A'.repeat(22);
const body = (fields: Record<string, unknown>): string =>
  JSON.stringify({ val: 0, token: TOKEN, commit: 'AAAA', transcript: '', next_key: NEXT_KEY, ...fields });
const without = (name: string): string =>
  JSON.stringify({ ...(JSON.parse(body({})) as Record<string, unknown>), [name]: undefined });

describe('requests that are wrong', () => {
  let counter: RunningCounter;
  beforeAll(async () => {
    counter = await startRunningCounter();
  });
  afterAll(async () => {
    expect(counter.faults).toEqual([]);
    await counter.close();
  });

  test.each<[string, string, string, (string | Buffer)?]>([
    ['malformed', 'GET', `/lock/${ID}`],
    ['malformed', 'GET', `/lock/${ID}?val=`],
    ['malformed', 'GET', `/lock/${ID}?val=-1`],
    ['malformed', 'GET', `/lock/${ID}?val=01`],
    ['malformed', 'GET', `/lock/${ID}?val=1e3`],
    ['malformed', 'GET', `/lock/${ID}?val=0x10`],
    ['malformed', 'GET', `/lock/${ID}?val=9007199254740992`],
    ['malformed', 'GET', `/lock/${ID}?val=99999999999999999999`],
    ['malformed', 'GET', `/lock/${ID}?val=0&val=0`],
    ['malformed', 'GET', `/lock/${ID}?val=0&mod=fenced`],
    ['malformed', 'GET', `/lock/${ID}?val=0&mode=Fenced`],
    ['malformed', 'GET', `/lock/${ID}?val=0&nonce=AAAAAAAAAAAAAAAAAAAAAA`],
    ['malformed', 'GET', `/lock/${ID}?val=0&mode=fenced&nonce=short`],
    ['malformed', 'GET', `/lock/${ID}?val=0&mode=fenced&nonce=${'A'.repeat(44)}`],
    ['malformed', 'GET', `/lock/${ID}?val=0&mode=fenced&nonce=${'='.repeat(22)}`],
    ['malformed', 'GET', `/lock/a%2Fb?val=0`],
    ['malformed', 'GET', `/lock/${'a'.repeat(343)}?val=0`],
    ['malformed', 'GET', `/lock/not.base64url?val=0&mode=fenced`],
    ['malformed', 'GET', `/lock/${'A'.repeat(340)}?val=0&mode=fenced&nonce=bad~`],
    ['malformed', 'GET', `/lock/${ID}?val=0&mode=fenced`],
    ['malformed', 'GET', `/room/${PLAIN_ID}`],
    ['malformed', 'POST', `/alive/${ID}`],
    ['malformed', 'POST', `/alive/${PLAIN_ID}?val=0`],
    ['malformed', 'POST', `/close/${ID}?val=x`],
    ['forbidden', 'GET', `/room/${'A'.repeat(43)}`],
    ['malformed', 'GET', `/history/${ID}`],
    ['malformed', 'GET', `/history/${ID}?from=x`],
    ['malformed', 'GET', `/lock/${PLAIN_ID}?val=0&mode=fenced`],
    ['malformed', 'POST', `/increment/${PLAIN_ID}`, body({})],
    ['malformed', 'POST', `/history/${PLAIN_ID}`, '{"entries":[]}'],
    ['mode-mismatch', 'GET', `/lock/${ID}?val=0`],
    ['malformed', 'POST', `/increment/${ID}`, 'not json'],
    ['malformed', 'POST', `/increment/${ID}`, '[]'],
    ['malformed', 'POST', `/increment/${ID}`, 'null'],
    ['malformed', 'POST', `/increment/${ID}`, Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
    ['malformed', 'POST', `/increment/${ID}`, body({ extra: 1 })],
    ['malformed', 'POST', `/increment/${ID}`, '{"__proto__":{"val":0}}'],
    ['malformed', 'POST', `/increment/${ID}`, body({ val: '0' })],
    ['malformed', 'POST', `/increment/${ID}`, body({ val: 0.5 })],
    ['malformed', 'POST', `/increment/${ID}`, body({ val: -1 })],
    ['malformed', 'POST', `/increment/${ID}`, body({ val: 2 ** 53 })],
    ['malformed', 'POST', `/increment/${ID}`, body({ token: 'short' })],
    ['malformed', 'POST', `/increment/${ID}`, body({ commit: '' })],
    ['malformed', 'POST', `/increment/${ID}`, body({ commit: 'AAA' })],
    ['malformed', 'POST', `/increment/${ID}`, body({ commit: 'A-_A' })],
    ['malformed', 'POST', `/increment/${ID}`, body({ commit: 'AB==' })],
    ['malformed', 'POST', `/increment/${ID}`, body({ transcript: 'AAAA' })],
    ['malformed', 'POST', `/increment/${ID}`, body({ val: 1, transcript: '' })],
    ['malformed', 'POST', `/increment/${ID}`, body({ val: 1, transcript: 'A'.repeat(88) })],
    ['malformed', 'POST', `/increment/${ID}`, without('val')],
    ['malformed', 'POST', `/increment/${ID}`, without('token')],
    ['malformed', 'POST', `/increment/${ID}`, without('commit')],
    ['malformed', 'POST', `/increment/${ID}`, without('transcript')],
    ['malformed', 'POST', `/increment/${ID}`, without('next_key')],
    ['malformed', 'POST', `/history/${ID}?${HOME}`, '{}'],
    ['malformed', 'POST', `/history/${ID}?${HOME}`, '{"entries":[1]}'],
    ['malformed', 'POST', `/history/${ID}`, '{"entries":[]}'],
    ['malformed', 'POST', `/history/${ID}`, '{"entries":[{"receipt":"AAAA"}]}'],
    ['malformed', 'POST', `/history/${ID}`, JSON.stringify({ entries: Array(65).fill({ receipt: 'AAAA' }) })],
    ['not-found', 'GET', '/'],
    ['not-found', 'GET', '/lock'],
    ['not-found', 'GET', '/lock/'],
    ['not-found', 'GET', `/lock/${ID}/more?val=0`],
    ['not-found', 'GET', `//lock/${ID}?val=0`],
    ['not-found', 'GET', '/healthz/x'],
    ['method-not-allowed', 'POST', `/lock/${ID}?val=0`],
    ['method-not-allowed', 'GET', `/increment/${ID}`],
    ['method-not-allowed', 'DELETE', `/history/${ID}`],
    ['method-not-allowed', 'PUT', '/healthz'],
    ['too-large', 'POST', `/increment/${ID}`, Buffer.alloc(BODY_LIMITS.increment + 1, 0x20)],
    ['too-large', 'POST', `/history/${ID}`, Buffer.alloc(BODY_LIMITS.upload + 1, 0x20)],
    ['too-large', 'GET', `/lock/${PLAIN_ID}?val=0`, '{}'],
  ])('%s: %s %s', async (name, method, target, sent) => {
    const answer = await ask(counter, method, target, sent === undefined ? {} : { body: sent });
    const { status, title } = PROBLEMS[name as keyof typeof PROBLEMS];
    expect(answer.json).toMatchObject({ type: PROBLEM_PREFIX + name, status, title });
    expect(String(answer.json?.detail).length).toBeGreaterThan(10);
    expect(answer.status).toBe(status);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(answer.headers['cache-control']).toBe('no-store');
  });

  test('a body without a length is cut off at the limit', async () => {
    const chunked = { headers: { 'Transfer-Encoding': 'chunked' } };
    const answer = await ask(counter, 'POST', `/increment/${ID}`, {
      body: Buffer.alloc(BODY_LIMITS.increment + 1, 0x20),
      ...chunked,
    });
    expect(answer.status).toBe(413);
    expect(answer.headers.connection).toBe('close');
  });

  test('a Commit of exactly 512 KiB is read, one byte more is not', async () => {
    const commit = (bytes: number): string => Buffer.alloc(bytes).toString('base64');
    const fits = await ask(counter, 'POST', `/increment/${ID}`, { body: body({ commit: commit(524_288) }) });
    expect(fits.json?.type).toBe(`${PROBLEM_PREFIX}not-locked`);
    const over = await ask(counter, 'POST', `/increment/${ID}`, { body: body({ commit: commit(524_289) }) });
    expect(over.status).toBe(400);
  });

  test('a body of another type is refused', async () => {
    const headers = { 'Content-Type': 'text/plain' };
    const answer = await ask(counter, 'POST', `/increment/${ID}`, { body: body({}), headers });
    expect(answer.status).toBe(415);
  });

  test('a body that is not UTF-8 is refused for that', async () => {
    const answer = await ask(counter, 'POST', `/increment/${ID}`, { body: Buffer.from('7b22ff227d', 'hex') });
    expect(answer.json).toMatchObject({ status: 400, detail: 'the body is not UTF-8' });
  });

  test('405 names the methods', async () => {
    const answer = await ask(counter, 'PUT', `/history/${ID}`);
    expect(answer.headers.allow).toBe('GET, POST');
  });

  test('what is not HTTP gets a problem and the connection is closed', async () => {
    const { port } = new URL(counter.url);
    const socket = connect({ port: Number(port), host: '127.0.0.1', ca: counter.certificate.caPem });
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.write('HELLO\r\n\r\n');
    await new Promise((resolve) => socket.on('close', resolve));
    expect(Buffer.concat(chunks).toString()).toMatch(
      /^HTTP\/1\.1 400 .*\r\n\r\n\{"type":"urn:conclave:counter:malformed"/s,
    );
  });

  test('a wrong request changes nothing', async () => {
    const answer = await ask(counter, 'GET', `/history/${ID}?from=0`);
    expect(answer.json).toEqual({ current: null, entries: [], next_from: null });
    const group = groupOfRoom(counter.room, 0, receiptVerifier);
    const nonce = new Uint8Array(16);
    const lock = await counter.client.lock(group, { mode: 'fenced', val: epoch(0n), nonce, generation: 0 });
    expect(lock).toMatchObject({ kind: 'granted', attempt: 0 });
  });
});

describe('limits', () => {
  let counter: RunningCounter;
  afterEach(async () => {
    await counter.close();
  });

  test('a request that does not arrive is given up', async () => {
    counter = await startRunningCounter({ limits: { requestMs: millis(300) } });
    const { port } = new URL(counter.url);
    const socket = connect({ port: Number(port), host: '127.0.0.1', ca: counter.certificate.caPem });
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.write(
      `POST /increment/${ID} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{`,
    );
    await new Promise((resolve) => socket.on('close', resolve));
    expect(Buffer.concat(chunks).toString()).toMatch(/^HTTP\/1\.1 408 /);
    expect(counter.faults).toEqual([]);
  });

  test('an address that asks too often waits, health is always answered', async () => {
    counter = await startRunningCounter({ rateLimit: { perSecond: 0.01, burst: 3 } });
    const statuses: number[] = [];
    for (let count = 0; count < 5; count += 1) {
      statuses.push((await ask(counter, 'GET', `/history/${ID}?from=0`)).status);
    }
    expect(statuses).toEqual([200, 200, 200, 429, 429]);
    const refused = await ask(counter, 'GET', `/history/${ID}?from=0`);
    // A hundred seconds, less what has passed; what is reckoned exactly is in the limiter's own tests.
    expect(refused.headers['retry-after']).toMatch(/^[1-9]\d?$|^100$/);
    const busy = await counter.client.receiptKey();
    if (busy.kind !== 'busy') expect.unreachable(busy.kind);
    expect(busy.retryLaterMs).toBeGreaterThan(0);
    expect(busy.retryLaterMs).toBeLessThanOrEqual(100_000);
    expect((await ask(counter, 'GET', '/healthz')).json).toEqual({ status: 'ok' });
  });

  test('an address that has begun many meetings begins no other, and its others go on', async () => {
    counter = await startRunningCounter({ newMeetings: { perSecond: 0.01, burst: 1 } });
    const plain = (val: number, name: number): Promise<RawAnswer> =>
      ask(counter, 'GET', `/lock/${Buffer.alloc(16, name).toString('base64url')}?val=${String(val)}`);
    expect((await plain(0, 1)).status).toBe(200);
    const refused = await plain(0, 2);
    expect(refused.status).toBe(429);
    expect(refused.json).toMatchObject({ type: 'urn:conclave:counter:rate-limited' });
    expect(refused.headers['retry-after']).toMatch(/^[1-9]\d?$|^100$/);
    // It is there, and somebody holds its lock.
    expect((await plain(0, 1)).status).toBe(409);
  });

  test('an address stores no more than so many bytes, and asks on', async () => {
    counter = await startRunningCounter({ stored: { perSecond: 0.01, burst: 300 } });
    const body = JSON.stringify({ val: 0, token: 'A'.repeat(22), commit: 'A'.repeat(200) });
    const statuses: number[] = [];
    for (let count = 0; count < 2; count += 1) {
      statuses.push((await ask(counter, 'POST', `/increment/${ID}`, { body })).status);
    }
    expect(statuses).toEqual([400, 429]);
    expect((await ask(counter, 'GET', `/history/${ID}?from=0`)).status).toBe(200);
  });

  test('with tokens, nothing but health and the OpenAPI document is open', async () => {
    const token = 'the-token-of-this-test';
    counter = await startRunningCounter({ tokens: new BearerTokens(['another-token-entirely', token]) });
    const status = async (target: string, authorization?: string): Promise<number> => {
      const options = authorization === undefined ? {} : { headers: { Authorization: authorization } };
      return (await ask(counter, 'GET', target, options)).status;
    };
    for (const target of [
      `/lock/${ID}?val=0`,
      `/history/${ID}?from=0`,
      '/receipt-key',
      '/metrics',
      '/nothing',
    ]) {
      expect(await status(target)).toBe(401);
    }
    for (const wrong of ['Bearer', `Bearer ${token}x`, `Bearer ${token.slice(1)}`, `Basic ${token}`, token]) {
      expect(await status('/receipt-key', wrong)).toBe(401);
    }
    expect(await status('/receipt-key', `Bearer ${token}`)).toBe(200);
    expect(await status('/healthz')).toBe(200);
    expect(await status('/openapi.json')).toBe(200);
    const answer = await ask(counter, 'GET', '/receipt-key');
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer/);
    expect(await counter.client.receiptKey()).toEqual({ kind: 'unauthorized' });
  });

  test('requests under way are answered when the service stops', async () => {
    counter = await startRunningCounter();
    const { port } = new URL(counter.url);
    const socket = connect({ port: Number(port), host: '127.0.0.1', ca: counter.certificate.caPem });
    const chunks: Buffer[] = [];
    const begun = new Promise((resolve) => socket.once('data', resolve));
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    const closed = new Promise((resolve) => socket.on('close', resolve));
    const sent = body({});
    await new Promise<void>((resolve) => {
      socket.write(
        `POST /increment/${ID} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: ${String(sent.length)}\r\n\r\n`,
        () => {
          resolve();
        },
      );
    });
    // It has read the head when it asks for the rest.
    await begun;
    const stopped = counter.server.stop(millis(5000));
    socket.write(sent);
    await closed;
    await stopped;
    const text = Buffer.concat(chunks).toString();
    expect(text).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 409 /);
    expect(text).toMatch(/Connection: close/i);
  });
});

test('metrics count answers by route and result', async () => {
  const counter = await startRunningCounter();
  try {
    await ask(counter, 'GET', `/lock/${PLAIN_ID}?val=0`);
    await ask(counter, 'GET', `/lock/${PLAIN_ID}?val=0`);
    await ask(counter, 'GET', `/${'x'.repeat(50)}`);
    const { text, headers } = await ask(counter, 'GET', '/metrics');
    expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(text).toContain('conclave_counter_answers_total{route="lock",result="ok"} 1\n');
    expect(text).toContain('conclave_counter_answers_total{route="lock",result="locked"} 1\n');
    expect(text).toContain('conclave_counter_answers_total{route="none",result="not-found"} 1\n');
    expect(text).toContain('conclave_counter_answer_seconds_count 3\n');
    expect(text).toMatch(/^conclave_counter_connections [1-9]/m);
    expect(text).toMatch(/^conclave_counter_rate_limited_clients 1$/m);
    expect(text).toMatch(/^process_resident_memory_bytes [1-9]/m);
    expect(text).not.toContain(PLAIN_ID);
    for (const line of text.trimEnd().split('\n')) {
      expect(line).toMatch(
        /^(|# (HELP|TYPE) [a-z0-9_]+ .+|[a-z0-9_]+(\{[a-z]+="[^"]+"(,[a-z]+="[^"]+")*\})? (Nan|[0-9.e+-]+))$/,
      );
    }
  } finally {
    await counter.close();
  }
});

describe('token files', () => {
  const file = path.join(mkdtempSync(path.join(os.tmpdir(), 'conclave-tokens-')), 'tokens');
  test('hold a token a line, with comments', () => {
    writeFileSync(file, '# staff\r\nfirst-token-of-the-file\n\n  second-token-of-file==\n');
    const tokens = BearerTokens.fromFile(file);
    expect(tokens.accepts('Bearer first-token-of-the-file')).toBe(true);
    expect(tokens.accepts('bearer second-token-of-file==')).toBe(true);
    expect(tokens.accepts('Bearer # staff')).toBe(false);
    expect(tokens.accepts('Bearer ')).toBe(false);
    expect(tokens.accepts(undefined)).toBe(false);
  });
  test.each([
    ['a short token', 'short\n', /line 1/],
    ['a token with a blank', '# x\nnot a token but words\n', /line 2/],
    ['no token', '# nothing\n', /holds no token/],
  ])('%s is refused', (_name, text, reason) => {
    writeFileSync(file, text);
    expect(() => BearerTokens.fromFile(file)).toThrow(TokenFileError);
    expect(() => BearerTokens.fromFile(file)).toThrow(reason);
  });
});

import { createHash, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import type { IncomingMessage, RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { HttpsCounterClient } from '../../../src/io/counter/counter-client.ts';
import type { CounterTrust, HttpsCounterOptions } from '../../../src/io/counter/counter-client.ts';
import { ed25519Signer } from '../../../src/io/crypto/raw-keys.ts';
import { COUNTER_LIMITS } from '../../../src/protocol/counter/client.ts';
import type { LockToken } from '../../../src/protocol/counter/client.ts';
import { MAX_ANSWER_BYTES } from '../../../src/protocol/counter/http-answer.ts';
import { parseUploadBody } from '../../../src/protocol/counter/http-request.ts';
import { InvariantError } from '../../../src/protocol/errors.ts';
import { epoch, millis } from '../../../src/protocol/units.ts';
import { ensureDevelopmentCertificate } from '../../../src/services/tls/development-ca.ts';
import type { DevelopmentCertificate } from '../../../src/services/tls/development-ca.ts';

const GROUP = new Uint8Array(16).fill(1);
const KEY = new Uint8Array(32).fill(5);
const NONCE = new Uint8Array(16).fill(2);
const TOKEN = 'T'.repeat(22) as LockToken;
const VECTOR_RECEIPT_BYTES = 300;

let directory: string;
let certificate: DevelopmentCertificate;
let other: DevelopmentCertificate;
const closers: (() => void)[] = [];

beforeAll(async () => {
  directory = mkdtempSync(path.join(os.tmpdir(), 'conclave-client-'));
  certificate = await ensureDevelopmentCertificate(path.join(directory, 'one'), []);
  other = await ensureDevelopmentCertificate(path.join(directory, 'two'), []);
});
afterEach(() => {
  for (const close of closers.splice(0)) close();
});
afterAll(() => {
  rmSync(directory, { recursive: true });
});

const ROOM = ed25519Signer(new Uint8Array(32).fill(6));

/** A server that answers as the test says, and a client of it. */
async function serve(
  listener: RequestListener,
  options: Partial<HttpsCounterOptions> & { readonly host?: string } = {},
): Promise<HttpsCounterClient> {
  const server = createServer({ cert: certificate.certPem, key: certificate.keyPem }, listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const { host = '127.0.0.1', ...rest } = options;
  const client = new HttpsCounterClient({
    url: `https://${host}:${String(port)}`,
    trust: { kind: 'ca', caPem: certificate.caPem },
    room: ROOM,
    ...rest,
  });
  closers.push(() => {
    client.disconnect();
    server.close();
    server.closeAllConnections();
  });
  return client;
}

const answering =
  (status: number, body: string, headers: Record<string, string> = {}): RequestListener =>
  (_request, response) => {
    response.writeHead(status, headers).end(body);
  };

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

const lockPlain = { mode: 'plain', val: epoch(0n) } as const;
const lockFenced = { mode: 'fenced', val: epoch(3n), nonce: NONCE, generation: 0 } as const;

describe('whom the client talks to', () => {
  const hashOf = (der: Buffer): Uint8Array => new Uint8Array(createHash('sha256').update(der).digest());
  const leafHash = (): Uint8Array => hashOf(new X509Certificate(certificate.certPem).raw);
  const cases: [string, () => CounterTrust, string, boolean][] = [
    ['its own authority', () => ({ kind: 'ca', caPem: certificate.caPem }), '127.0.0.1', true],
    ['another authority', () => ({ kind: 'ca', caPem: other.caPem }), '127.0.0.1', false],
    ['the system', () => ({ kind: 'system' }), '127.0.0.1', false],
    ['hash of the leaf', () => ({ kind: 'certificate-hash', sha256: leafHash() }), '127.0.0.1', true],
    [
      'hash of the authority',
      () => ({ kind: 'certificate-hash', sha256: certificate.caSha256 }),
      'localhost',
      true,
    ],
    [
      'hash of the authority, other host',
      () => ({ kind: 'certificate-hash', sha256: certificate.caSha256 }),
      '127.0.0.2',
      false,
    ],
    [
      'hash of another authority',
      () => ({ kind: 'certificate-hash', sha256: other.caSha256 }),
      '127.0.0.1',
      false,
    ],
    ['an empty hash', () => ({ kind: 'certificate-hash', sha256: new Uint8Array() }), '127.0.0.1', false],
  ];
  test.each(cases)('trusting %s', async (_name, trust, host, isTrusted) => {
    let requests = 0;
    const server = createServer(
      { cert: certificate.certPem, key: certificate.keyPem },
      (_request, response) => {
        requests += 1;
        if (requests === 2) response.setHeader('Connection', 'close');
        response.end('{"attempt":0,"expires_in":5}');
      },
    );
    // All of 127.0.0.0/8 is this machine, and localhost may be IPv6 first.
    await new Promise<void>((resolve) =>
      server.listen(0, host === 'localhost' ? 'localhost' : '0.0.0.0', resolve),
    );
    const { port } = server.address() as AddressInfo;
    const client = new HttpsCounterClient({
      url: `https://${host}:${String(port)}`,
      trust: trust(),
      token: 'a-secret-that-must-not-leak',
    });
    closers.push(() => {
      client.disconnect();
      server.close();
      server.closeAllConnections();
    });
    // The second goes over a connection that was kept, the third over one that might resume its session.
    for (let count = 0; count < 3; count += 1) {
      const outcome = await client.lock(GROUP, lockPlain);
      expect(outcome.kind).toBe(isTrusted ? 'granted' : 'unreachable');
    }
    expect(requests).toBe(isTrusted ? 3 : 0);
  });

  test.each(['http://127.0.0.1/', 'https://user:pass@127.0.0.1/', 'https://127.0.0.1/?x=1'])(
    '%s is no URL of a counter',
    (url) => {
      expect(() => new HttpsCounterClient({ url, trust: { kind: 'system' } })).toThrow(InvariantError);
    },
  );
});

describe('what the client sends', () => {
  test('the calls of the draft and of fenced mode, below a path, with the token', async () => {
    const seen: string[] = [];
    const client = await serve(
      (request, response) => {
        void textOf(request).then((text) => {
          seen.push(
            `${String(request.method)} ${String(request.url)} ${String(request.headers.authorization)} ${text}`,
          );
          response.end('{}');
        });
      },
      { token: 'abc' },
    );
    await client.lock(GROUP, lockPlain);
    await client.lock(GROUP, lockFenced);
    await client.increment(GROUP, { mode: 'plain' });
    const commit = Uint8Array.of(1, 2, 3, 4);
    await client.increment(GROUP, {
      mode: 'fenced',
      val: epoch(3n),
      token: TOKEN,
      commit,
      transcript: NONCE,
      nextKey: KEY,
    });
    await client.history(GROUP, epoch(7n));
    const id = 'AQEBAQEBAQEBAQEBAQEBAQ';
    expect(seen).toEqual([
      `GET /lock/${id}?val=0 Bearer abc `,
      `GET /lock/f.${id}?val=3&mode=fenced&nonce=AgICAgICAgICAgICAgICAg Bearer abc `,
      `POST /increment/${id} Bearer abc `,
      `POST /increment/f.${id} Bearer abc {"val":3,"token":"${TOKEN}","commit":"AQIDBA==","transcript":"AgICAgICAgICAgICAgICAg==","next_key":"BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU="}`,
      `GET /history/f.${id}?from=7 Bearer abc `,
    ]);
  });

  test('an upload in pieces that a service takes, in order', async () => {
    const pieces: number[] = [];
    const client = await serve((request, response) => {
      void textOf(request).then((text) => {
        const body = JSON.parse(text) as { entries: { receipt: string; commit?: string }[] };
        pieces.push(body.entries.length);
        // The bytes are no receipts, but all else must be as the service wants it.
        expect(parseUploadBody(text)).toEqual({
          kind: 'malformed',
          reason: expect.stringMatching(/^receipt: /) as string,
        });
        response.end(`{"current":${String(pieces.length)}}`);
      });
    });
    const receipt = new Uint8Array(VECTOR_RECEIPT_BYTES);
    const large = new Uint8Array(COUNTER_LIMITS.commit);
    const entries = [
      ...Array.from({ length: 65 }, () => ({ receipt, commit: undefined })),
      ...Array.from({ length: 4 }, () => ({ receipt, commit: large })),
    ];
    expect(await client.upload(GROUP, 0, entries)).toEqual({ kind: 'ok', current: BigInt(pieces.length) });
    expect(pieces.reduce((sum, count) => sum + count, 0)).toBe(entries.length);
    expect(pieces[0]).toBe(64);
    expect(pieces.length).toBe(3);
  });

  test('a Commit that no service takes is not sent', async () => {
    const client = await serve(answering(200, '{}'));
    const commit = new Uint8Array(COUNTER_LIMITS.commit + 1);
    const call = client.increment(GROUP, {
      mode: 'fenced',
      val: epoch(1n),
      token: TOKEN,
      commit,
      transcript: NONCE,
      nextKey: KEY,
    });
    await expect(call).rejects.toThrow(InvariantError);
  });
});

describe('what the client makes of answers', () => {
  test.each<[string, number, string, Record<string, string>, unknown]>([
    ['a bare Ok', 200, 'Ok', {}, { kind: 'granted', token: undefined, attempt: 0, expiresInMs: 1000 }],
    ['a bare conflict', 409, '', { 'Retry-After': '3' }, { kind: 'locked', retryLaterMs: 3000 }],
    [
      'retry_later',
      409,
      '{"retry_later":250}',
      { 'Retry-After': '3' },
      { kind: 'locked', retryLaterMs: 250 },
    ],
    ['a value', 412, '{"current":6}', {}, { kind: 'counter-error', current: 6n }],
    ['no value yet', 412, '{"current":null}', {}, { kind: 'counter-error', current: undefined }],
  ])('plain mode with a service of the draft: %s', async (_name, status, body, headers, outcome) => {
    const client = await serve(answering(status, body, headers));
    expect(await client.lock(GROUP, lockPlain)).toEqual(outcome);
  });

  test.each<[string, number, string, Record<string, string>, string]>([
    ['401', 401, '', {}, 'unauthorized'],
    ['403', 403, '', {}, 'refused'],
    ['429', 429, '', { 'Retry-After': '7' }, 'busy'],
    ['503 without a time', 503, 'down', {}, 'busy'],
    ['500', 500, '{}', {}, 'unreachable'],
    ['a redirect', 302, '', { Location: 'https://elsewhere.example/' }, 'refused'],
    ['422', 422, '{"detail":"no"}', {}, 'refused'],
    ['a grant without a token', 200, '{"attempt":0,"expires_in":1}', {}, 'unreachable'],
    ['a grant that is no JSON', 200, 'Ok', {}, 'unreachable'],
    [
      'a token that breaks a header',
      200,
      '{"token":"a\\r\\nb","attempt":0,"expires_in":1}',
      {},
      'unreachable',
    ],
    ['a huge attempt', 200, `{"token":"${TOKEN}","attempt":4294967296,"expires_in":1}`, {}, 'unreachable'],
    ['an endless lock', 200, `{"token":"${TOKEN}","attempt":0,"expires_in":1e12}`, {}, 'unreachable'],
    ['an endless wait', 409, '{"retry_later":1e15}', {}, 'unreachable'],
    ['a counter error without a value', 412, '{}', {}, 'unreachable'],
    ['half a JSON', 412, '{"current":', {}, 'unreachable'],
  ])('fenced mode: %s', async (_name, status, body, headers, kind) => {
    const client = await serve(answering(status, body, headers));
    expect((await client.lock(GROUP, lockFenced)).kind).toBe(kind);
  });

  test('an increment without its receipt has an unknown outcome', async () => {
    const client = await serve(answering(200, '{"current":3}'));
    const call = {
      mode: 'fenced',
      val: epoch(3n),
      token: TOKEN,
      commit: NONCE,
      transcript: NONCE,
      nextKey: KEY,
    } as const;
    expect((await client.increment(GROUP, call)).kind).toBe('unreachable');
  });

  test('an answer without end is cut off', async () => {
    let sent = 0;
    const client = await serve((_request, response) => {
      const chunk = Buffer.alloc(256 * 1024, 0x20);
      const more = (): void => {
        while (!response.destroyed) {
          sent += chunk.length;
          if (!response.write(chunk)) {
            response.once('drain', more);
            return;
          }
        }
      };
      more();
    });
    const outcome = await client.history(GROUP, epoch(0n));
    expect(outcome).toEqual({ kind: 'unreachable', reason: 'the answer is too large' });
    expect(sent).toBeLessThan(MAX_ANSWER_BYTES * 8);
  });

  test.each<[string, RequestListener]>([
    ['no answer', () => undefined],
    ['half an answer', (_request, response) => void response.write('{')],
  ])('%s ends after the timeout', async (_name, listener) => {
    const client = await serve(listener, { timeoutMs: millis(200) });
    const outcome = await client.lock(GROUP, lockPlain);
    expect(outcome).toEqual({ kind: 'unreachable', reason: 'no answer within 200 ms' });
  });

  test('a connection that breaks off, and a port where nobody is', async () => {
    const broken = await serve((request) => request.socket.destroy());
    expect((await broken.lock(GROUP, lockPlain)).kind).toBe('unreachable');
    const nobody = new HttpsCounterClient({ url: 'https://127.0.0.1:1', trust: { kind: 'system' } });
    expect(await nobody.lock(GROUP, lockPlain)).toEqual({ kind: 'unreachable', reason: 'ECONNREFUSED' });
    nobody.disconnect();
  });
});

/** The counter's HTTPS server: limits, authorisation and bodies; what a request means is in `routes.ts`. */

import { isUtf8 } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { performance } from 'node:perf_hooks';
import type { EpochCounter } from '../../protocol/counter/epoch-counter.ts';
import { problem, PROBLEM_PREFIX, PROBLEMS } from '../../protocol/counter/problems.ts';
import type { HttpAnswer, ProblemName } from '../../protocol/counter/problems.ts';
import { isSignedWith } from '../../protocol/counter/message-signature.ts';
import type { SignatureFields } from '../../protocol/counter/message-signature.ts';
import type { CallProof } from '../../protocol/counter/rules.ts';
import { millis } from '../../protocol/units.ts';
import { receiptVerifier } from '../../io/counter/receipt-crypto.ts';
import type { Millis, UnixMillis } from '../../protocol/units.ts';
import { clientOfAddress } from '../client-address.ts';
import type { TlsCredentials } from '../tls/tls-source.ts';
import type { BearerTokens } from './bearer-tokens.ts';
import { CounterMetrics } from './metrics.ts';
import { RateLimiter } from './rate-limiter.ts';
import type { RateLimit } from './rate-limiter.ts';
import { ROUTES } from './routes.ts';
import type { Route, RouteContext, TextAnswer } from './routes.ts';
import { CounterStorageFault } from './sqlite-store.ts';

/** What a server is made of. */
export interface CounterServerOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly tls: TlsCredentials;
  readonly counter: EpochCounter;
  readonly now: () => UnixMillis;
  readonly isHealthy: () => boolean;
  /** Undefined: whoever can connect may call. */
  readonly tokens: BearerTokens | undefined;
  readonly rateLimit: RateLimit;
  /** Counters that one address may make the service keep. */
  readonly newMeetings: RateLimit;
  /** Bytes of bodies that one address may send to be stored. */
  readonly stored: RateLimit;
  /** Is told of faults of our own; never of what clients sent. */
  readonly onFault: (error: unknown) => void;
  readonly limits?: Partial<ConnectionLimits>;
}

/** Bounds on what clients may hold. */
export interface ConnectionLimits {
  readonly connections: number;
  /** For a whole request to arrive. */
  readonly requestMs: Millis;
  readonly idleMs: Millis;
  /** For a TLS handshake. */
  readonly handshakeMs: Millis;
}

/** A server that runs. */
export interface CounterServer {
  readonly host: string;
  readonly port: number;
  /** New connections get the new certificate. */
  renewCertificate(tls: TlsCredentials): void;
  /** Takes no more requests, answers those under way for at most `graceMs`, then closes. */
  stop(graceMs: Millis): Promise<void>;
}

const DEFAULT_LIMITS: ConnectionLimits = {
  connections: 5000,
  requestMs: millis(15_000),
  idleMs: millis(60_000),
  handshakeMs: millis(10_000),
};

/** Listens. @returns once connections are taken. */
export async function startCounterServer(options: CounterServerOptions): Promise<CounterServer> {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const limiter = new RateLimiter(options.rateLimit);
  const newMeetings = new RateLimiter(options.newMeetings);
  const stored = new RateLimiter(options.stored);
  const metrics = new CounterMetrics({
    connections: () => connections,
    rateLimitedClients: () => limiter.size,
  });
  const context: RouteContext = {
    counter: options.counter,
    now: options.now,
    isHealthy: options.isHealthy,
    metrics: metrics.registry,
  };

  let connections = 0;
  let isStopping = false;
  const server = createServer(
    {
      ...options.tls,
      minVersion: 'TLSv1.2',
      maxHeaderSize: 8 * 1024,
      requestTimeout: limits.requestMs,
      headersTimeout: limits.requestMs,
      connectionsCheckingInterval: Math.min(1000, limits.requestMs),
      keepAliveTimeout: limits.idleMs,
      handshakeTimeout: limits.handshakeMs,
    },
    (request, response) => {
      void answerRequest(request, response);
    },
  );
  server.maxConnections = limits.connections;
  server.on('connection', (socket) => {
    connections += 1;
    socket.once('close', () => {
      connections -= 1;
    });
  });
  server.on('clientError', answerBrokenRequest);

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const { address, port } = server.address() as AddressInfo;
  return {
    host: address,
    port,
    renewCertificate: (tls) => {
      server.setSecureContext({ ...tls, minVersion: 'TLSv1.2' });
    },
    stop: async (graceMs) => {
      isStopping = true;
      const closed = new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      });
      server.closeIdleConnections();
      const deadline = setTimeout(() => {
        server.closeAllConnections();
      }, graceMs);
      await closed;
      clearTimeout(deadline);
    },
  };

  async function answerRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const startedAt = performance.now();
    const target = splitTarget(request.url ?? '/');
    const candidates = ROUTES.filter((route) => matches(route, target));
    const route = candidates.find(({ method }) => method === request.method);
    let answer: HttpAnswer | TextAnswer;
    try {
      answer = await answerRoute(request, target, candidates, route);
    } catch (error) {
      if (request.destroyed && !request.complete) return;
      options.onFault(error);
      answer =
        error instanceof CounterStorageFault
          ? problem('storage-failed', 'It may have been done or not: ask again when the disk is in order.')
          : problem('internal', 'The cause is in the log of the service.');
    }
    const seconds = (performance.now() - startedAt) / 1000;
    metrics.countAnswer(route?.name ?? 'none', resultOf(answer), seconds);
    if (candidates.length > 0 && route === undefined) {
      response.setHeader('Allow', candidates.map(({ method }) => method).join(', '));
    }
    // A body that was not read would be taken for the next request.
    if (isStopping || !request.complete) response.setHeader('Connection', 'close');
    send(response, answer, options.now());
  }

  async function answerRoute(
    request: IncomingMessage,
    target: Target,
    candidates: readonly Route[],
    route: Route | undefined,
  ): Promise<HttpAnswer | TextAnswer> {
    const client = clientOfAddress(request.socket.remoteAddress);
    const mayNot = (by: RateLimiter, cost?: number): Millis | undefined =>
      by.take(client, millis(performance.now()), cost);
    const tooMany = (wait: Millis): HttpAnswer => ({
      ...problem('rate-limited', 'Ask again after Retry-After seconds.'),
      retryAfterMs: wait,
    });
    if (route?.name !== 'healthz') {
      const wait = mayNot(limiter);
      if (wait !== undefined) return tooMany(wait);
    }
    if (options.tokens !== undefined && route?.isOpen !== true) {
      if (!options.tokens.accepts(request.headers.authorization)) {
        return problem('unauthorized', 'Send "Authorization: Bearer" and a token of this service.');
      }
    }
    if (route === undefined) {
      return candidates.length > 0
        ? problem('method-not-allowed', 'Allow names the methods that this path takes.')
        : problem('not-found', '/openapi.json describes what is here.');
    }
    const body = await readBody(request, route.bodyLimit ?? 0);
    if (typeof body !== 'string') return body;
    const wait = body === '' ? undefined : mayNot(stored, body.length);
    if (wait !== undefined) return tooMany(wait);
    const admits = (): Millis | undefined => mayNot(newMeetings);
    const call = { method: route.method, target: request.url ?? '/', body: Buffer.from(body) };
    const proof: CallProof = (key, publicKey) =>
      isSignedWith(key, publicKey, call, fieldsOf(request), receiptVerifier);
    return route.handle({ id: target.id, query: target.query, body, proof, admits }, context);
  }
}

function fieldsOf({ headers }: IncomingMessage): SignatureFields {
  const field = (name: string): string | undefined => {
    const value = headers[name];
    return typeof value === 'string' ? value : undefined;
  };
  return {
    'content-digest': field('content-digest'),
    'signature-input': field('signature-input'),
    signature: field('signature'),
  };
}

interface Target {
  readonly path: string;
  /** Path up to its last segment, and that segment. */
  readonly head: string;
  readonly id: string;
  readonly query: readonly (readonly [string, string])[];
}

function splitTarget(url: string): Target {
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  const slash = path.lastIndexOf('/');
  const query = mark < 0 ? [] : [...new URLSearchParams(url.slice(mark + 1))];
  return { path, head: path.slice(0, slash + 1), id: path.slice(slash + 1), query };
}

function matches(route: Route, target: Target): boolean {
  if (!route.path.endsWith('{id}')) return route.path === target.path;
  return target.id !== '' && target.head === route.path.slice(0, -'{id}'.length);
}

/** Reads a body of UTF-8 JSON up to `limit` bytes; what is beyond is never held. */
async function readBody(request: IncomingMessage, limit: number): Promise<string | HttpAnswer> {
  const declared = Number(request.headers['content-length'] ?? 0);
  const tooLarge = problem('too-large', `This path takes at most ${String(limit)} bytes.`, { limit });
  if (declared > limit) return tooLarge;
  const hasBody = declared > 0 || request.headers['transfer-encoding'] !== undefined;
  if (!hasBody) return '';
  if (!/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? '')) {
    return problem('unsupported-media-type', 'Send Content-Type: application/json.');
  }
  const chunks: Buffer[] = [];
  let length = 0;
  return await new Promise((resolve, reject) => {
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > limit) {
        request.pause();
        resolve(tooLarge);
      } else {
        chunks.push(chunk);
      }
    });
    request.on('end', () => {
      const bytes = Buffer.concat(chunks, length);
      resolve(isUtf8(bytes) ? bytes.toString('utf8') : problem('malformed', 'the body is not UTF-8'));
    });
    request.on('error', reject);
    request.on('close', () => {
      if (!request.complete) reject(new Error('the client went away'));
    });
  });
}

function send(response: ServerResponse, answer: HttpAnswer | TextAnswer, now: UnixMillis): void {
  // Of the clock that receipts have.
  response.setHeader('Date', new Date(now).toUTCString());
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  if (answer.status === 401) response.setHeader('WWW-Authenticate', 'Bearer realm="conclave counter"');
  if ('body' in answer && answer.retryAfterMs !== undefined) {
    response.setHeader('Retry-After', String(Math.max(1, Math.ceil(answer.retryAfterMs / 1000))));
  }
  const jsonType = answer.status >= 400 ? 'application/problem+json' : 'application/json';
  const text = 'text' in answer ? answer.text : JSON.stringify(answer.body);
  response.writeHead(answer.status, {
    'Content-Type': 'text' in answer ? answer.contentType : jsonType,
    'Content-Length': Buffer.byteLength(text),
  });
  response.end(text);
}

function resultOf(answer: HttpAnswer | TextAnswer): string {
  if ('text' in answer || answer.status < 400) return 'ok';
  return String(answer.body.type).slice(PROBLEM_PREFIX.length);
}

/**
 * Answers a request that is not HTTP or came too slowly, for which Node makes no response object. Where nothing was read,
 * as when the TLS handshake takes too long since this process was stopped for a while, there is nothing to answer: a client that is
 * cut off asks again, and one that is told of a fault does not.
 */
function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Duplex): void {
  const code = error.code ?? '';
  const isRequest = code === 'ERR_HTTP_REQUEST_TIMEOUT' || code.startsWith('HPE_');
  if (!isRequest || !socket.writable) {
    socket.destroy();
    return;
  }
  const name: ProblemName = code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 'timeout' : 'malformed';
  const detail = code === 'HPE_HEADER_OVERFLOW' ? 'The header is too large.' : 'This is not a whole request.';
  const { body, status } = problem(name, detail);
  const text = JSON.stringify(body);
  socket.end(
    `HTTP/1.1 ${String(status)} ${PROBLEMS[name].title}\r\nContent-Type: application/problem+json\r\n` +
      `Cache-Control: no-store\r\nConnection: close\r\nContent-Length: ${String(text.length)}\r\n\r\n${text}`,
  );
}

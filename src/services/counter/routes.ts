/** The paths of the counter service: what each takes and how it is answered. */

import { randomBytes } from 'node:crypto';
import type { Registry } from 'prom-client';
import { COUNTER_LIMITS } from '../../protocol/counter/client.ts';
import type { LockToken } from '../../protocol/counter/client.ts';
import type { Admission, EpochCounter } from '../../protocol/counter/epoch-counter.ts';
import {
  encodeAliveAnswer,
  encodeHistoryAnswer,
  encodeIncrementAnswer,
  encodeLockAnswer,
  encodeReceiptKeyAnswer,
  encodeRoomAnswer,
  encodeUploadAnswer,
} from '../../protocol/counter/http-answer.ts';
import { problem } from '../../protocol/counter/problems.ts';
import type { HttpAnswer } from '../../protocol/counter/problems.ts';
import {
  BODY_LIMITS,
  parseAliveQuery,
  parseCounterId,
  parseGroup,
  parseHistoryQuery,
  parseIncrementBody,
  parseLockQuery,
  parseRoom,
  parseUploadBody,
  parseUploadQuery,
} from '../../protocol/counter/http-request.ts';
import type { Query } from '../../protocol/counter/http-request.ts';
import type { Parsed } from '../../protocol/counter/json.ts';
import type { CallProof } from '../../protocol/counter/rules.ts';
import type { UnixMillis } from '../../protocol/units.ts';
import { receiptVerifier } from '../../io/counter/receipt-crypto.ts';
import openapi from './openapi.json' with { type: 'json' };

/** What handlers work on. */
export interface RouteContext {
  readonly counter: EpochCounter;
  readonly now: () => UnixMillis;
  readonly isHealthy: () => boolean;
  readonly metrics: Registry;
}

/** What is left of a request once it has been routed. */
export interface RoutedRequest {
  /** The last path segment; empty for routes without one. */
  readonly id: string;
  readonly query: Query;
  /** Empty for routes that take none. */
  readonly body: string;
  /** Whether it is signed with a key. */
  readonly proof: CallProof;
  /** Whether its sender may make the service keep another counter. */
  readonly admits: Admission;
}

/** An answer that is not JSON. */
export interface TextAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly text: string;
}

/** One path and method. */
export interface Route {
  /** In metrics and, with `{id}`, in the OpenAPI document. */
  readonly name: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** Open to whoever can connect, also where tokens are asked for. */
  readonly isOpen?: true;
  /** Largest body in bytes; absent: takes none. */
  readonly bodyLimit?: number;
  readonly handle: (
    request: RoutedRequest,
    context: RouteContext,
  ) => HttpAnswer | TextAnswer | Promise<TextAnswer>;
}

const HISTORY_PAGE = { entries: COUNTER_LIMITS.historyEntries, bytes: COUNTER_LIMITS.historyPage } as const;

/** All routes. */
export const ROUTES: readonly Route[] = [
  { name: 'room', method: 'GET', path: '/room/{id}', handle: room },
  { name: 'lock', method: 'GET', path: '/lock/{id}', handle: lock },
  { name: 'alive', method: 'POST', path: '/alive/{id}', handle: (...call) => alive(false, ...call) },
  { name: 'close', method: 'POST', path: '/close/{id}', handle: (...call) => alive(true, ...call) },
  {
    name: 'increment',
    method: 'POST',
    path: '/increment/{id}',
    bodyLimit: BODY_LIMITS.increment,
    handle: increment,
  },
  { name: 'history', method: 'GET', path: '/history/{id}', handle: history },
  { name: 'upload', method: 'POST', path: '/history/{id}', bodyLimit: BODY_LIMITS.upload, handle: upload },
  {
    name: 'receipt-key',
    method: 'GET',
    path: '/receipt-key',
    handle: (_request, { counter }) => encodeReceiptKeyAnswer(counter.publicKey, receiptVerifier),
  },
  {
    name: 'metrics',
    method: 'GET',
    path: '/metrics',
    handle: async (_request, { metrics }) => ({
      status: 200,
      contentType: metrics.contentType,
      text: await metrics.metrics(),
    }),
  },
  {
    name: 'healthz',
    method: 'GET',
    path: '/healthz',
    isOpen: true,
    handle: (_request, { isHealthy }) =>
      isHealthy()
        ? { status: 200, body: { status: 'ok' } }
        : problem('unavailable', 'The database does not answer.'),
  },
  {
    name: 'openapi',
    method: 'GET',
    path: '/openapi.json',
    isOpen: true,
    handle: () => ({ status: 200, body: openapi }),
  },
];

function room({ id, proof }: RoutedRequest, { counter, now }: RouteContext): HttpAnswer {
  return withParsed(parseRoom(id), (key) => encodeRoomAnswer(counter.room(key, now(), proof)));
}

function alive(
  leaves: boolean,
  { id, query, proof }: RoutedRequest,
  { counter, now }: RouteContext,
): HttpAnswer {
  return withParsed(parseCounterId(id), (counterId) =>
    withParsed(parseGroup(counterId), () =>
      withParsed(parseAliveQuery(query), (val) =>
        encodeAliveAnswer(counter.alive(counterId, val, leaves, now(), proof)),
      ),
    ),
  );
}

function lock({ id, query, proof, admits }: RoutedRequest, { counter, now }: RouteContext): HttpAnswer {
  return withParsed(parseCounterId(id), (counterId) =>
    withParsed(parseLockQuery(query), (call) => {
      const answer = (): HttpAnswer => {
        const fresh = randomBytes(16).toString('base64url') as LockToken;
        return encodeLockAnswer(counter.lock(counterId, call, now(), fresh, proof, admits));
      };
      return call.mode === 'fenced' ? withParsed(parseGroup(counterId), answer) : answer();
    }),
  );
}

function increment({ id, body, proof }: RoutedRequest, { counter, now }: RouteContext): HttpAnswer {
  return withParsed(parseCounterId(id), (counterId) =>
    withParsed(parseIncrementBody(body), (call) => {
      if (call.mode === 'plain') return encodeIncrementAnswer(counter.incrementPlain(counterId, now()));
      return withParsed(parseGroup(counterId), (group) =>
        encodeIncrementAnswer(counter.incrementFenced(counterId, { ...call, group }, now(), proof)),
      );
    }),
  );
}

function history({ id, query, proof }: RoutedRequest, { counter, now }: RouteContext): HttpAnswer {
  return withParsed(parseCounterId(id), (counterId) =>
    withParsed(parseHistoryQuery(query), (from) =>
      encodeHistoryAnswer(counter.history(counterId, from, HISTORY_PAGE, now(), proof)),
    ),
  );
}

function upload(
  { id, query, body, proof, admits }: RoutedRequest,
  { counter, now }: RouteContext,
): HttpAnswer {
  return withParsed(parseCounterId(id), (counterId) =>
    withParsed(parseGroup(counterId), () =>
      withParsed(parseUploadQuery(query), (home) =>
        withParsed(parseUploadBody(body), (entries) => {
          const answer = counter.upload(counterId, home, entries, now(), proof, admits);
          return encodeUploadAnswer(answer, counter.current(counterId));
        }),
      ),
    ),
  );
}

function withParsed<Value>(parsed: Parsed<Value>, answer: (value: Value) => HttpAnswer): HttpAnswer {
  return parsed.kind === 'parsed' ? answer(parsed.value) : problem('malformed', parsed.reason);
}

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { receiptVerifier } from '../../../src/io/counter/receipt-crypto.ts';
import { COUNTER_LIMITS } from '../../../src/protocol/counter/client.ts';
import type { LockToken } from '../../../src/protocol/counter/client.ts';
import {
  decodeAliveAnswer,
  decodeHistoryAnswer,
  decodeRoomAnswer,
  encodeAliveAnswer,
  encodeRoomAnswer,
  decodeIncrementAnswer,
  decodeLockAnswer,
  decodeReceiptKeyAnswer,
  decodeUploadAnswer,
  encodeHistoryAnswer,
  encodeIncrementAnswer,
  encodeLockAnswer,
  encodeReceiptKeyAnswer,
  encodeUploadAnswer,
  MAX_ANSWER_BYTES,
} from '../../../src/protocol/counter/http-answer.ts';
import { problem, PROBLEM_PREFIX, PROBLEMS } from '../../../src/protocol/counter/problems.ts';
import type { ReceivedAnswer } from '../../../src/protocol/counter/http-answer.ts';
import type { HttpAnswer, ProblemName } from '../../../src/protocol/counter/problems.ts';
import { MAX_RECEIPT_BYTES } from '../../../src/protocol/counter/http-request.ts';
import { epoch, millis } from '../../../src/protocol/units.ts';
import { freshSigner } from '../../harness/counter/local-client.ts';

const LARGEST = BigInt(Number.MAX_SAFE_INTEGER);
const DAY_MS = 24 * 60 * 60 * 1000;

const epochs = fc.bigInt({ min: 0n, max: LARGEST }).map(epoch);
const currents = fc.option(epochs, { nil: undefined });
const attempts = fc.nat({ max: 2 ** 32 - 1 });
const waits = fc.nat({ max: DAY_MS }).map(millis);
const tokens = fc
  .string({ unit: fc.constantFrom(...Array.from('AZaz09_-')), minLength: 22, maxLength: 64 })
  .map((text) => text as LockToken);
const receipts = fc.uint8Array({ minLength: 1, maxLength: MAX_RECEIPT_BYTES });
const commits = fc.uint8Array({ minLength: 1, maxLength: 50 });

/** The answer as it comes out of the network. */
const received = ({ status, body, retryAfterMs }: HttpAnswer): ReceivedAnswer => ({
  status,
  text: JSON.stringify(body),
  retryAfter: retryAfterMs === undefined ? undefined : String(Math.ceil(retryAfterMs / 1000)),
});

describe('what the service answers is what its members read', () => {
  test('locks', () => {
    fc.assert(
      fc.property(tokens, attempts, waits, currents, (token, attempt, ms, current) => {
        const granted = { kind: 'granted', token, attempt, expiresInMs: ms } as const;
        expect(decodeLockAnswer(received(encodeLockAnswer(granted)), 'fenced')).toEqual(granted);
        const plain = { ...granted, token: undefined };
        expect(decodeLockAnswer(received(encodeLockAnswer(plain)), 'plain')).toEqual(plain);
        for (const verdict of [
          { kind: 'locked', retryLaterMs: ms },
          { kind: 'counter-error', current },
        ] as const) {
          expect(decodeLockAnswer(received(encodeLockAnswer(verdict)), 'fenced')).toEqual(verdict);
          expect(decodeLockAnswer(received(encodeLockAnswer(verdict)), 'plain')).toEqual(verdict);
        }
      }),
    );
  });

  test('a lock in plain mode is granted without a token', () => {
    const granted = { kind: 'granted', token: undefined, attempt: 2, expiresInMs: millis(10) } as const;
    expect(encodeLockAnswer(granted)).toEqual({ status: 200, body: { attempt: 2, expires_in: 10 } });
  });

  test('increments', () => {
    fc.assert(
      fc.property(epochs, receipts, currents, (val, receipt, current) => {
        const fenced = encodeIncrementAnswer({ kind: 'ok', val, receipt });
        expect(decodeIncrementAnswer(received(fenced), 'fenced')).toEqual({ kind: 'ok', receipt });
        const plain = encodeIncrementAnswer({ kind: 'ok', val, receipt: undefined });
        expect(plain).toEqual({ status: 200, body: { current: Number(val) } });
        expect(decodeIncrementAnswer(received(plain), 'plain')).toEqual({ kind: 'ok', receipt: undefined });
        for (const refusal of [{ kind: 'not-locked' }, { kind: 'counter-error', current }] as const) {
          expect(decodeIncrementAnswer(received(encodeIncrementAnswer(refusal)), 'fenced')).toEqual(refusal);
          expect(decodeIncrementAnswer(received(encodeIncrementAnswer(refusal)), 'plain')).toEqual(refusal);
        }
      }),
    );
  });

  const leases = fc
    .tuple(fc.nat({ max: 86_400_000 }), fc.nat({ max: 86_400_000 }))
    .map(([leftMs, ofMs]) => ({ leftMs: millis(leftMs), ofMs: millis(ofMs) }));
  const generations = fc.option(fc.nat({ max: 2 ** 32 - 1 }), { nil: undefined });
  const meetings = fc.option(fc.record({ generation: generations, lease: leases }), { nil: undefined });

  test('rooms and signs of life', () => {
    fc.assert(
      fc.property(
        generations,
        fc.nat({ max: 2 ** 32 }),
        epochs,
        leases,
        (generation, next, current, lease) => {
          const room = { kind: 'ok', meeting: generation, next } as const;
          expect(decodeRoomAnswer(received(encodeRoomAnswer(room)))).toEqual(room);
          const alive = { kind: 'ok', current, meeting: { generation, lease } } as const;
          expect(decodeAliveAnswer(received(encodeAliveAnswer(alive)))).toEqual(alive);
          const behind = { kind: 'counter-error', current } as const;
          expect(decodeAliveAnswer(received(encodeAliveAnswer(behind)))).toEqual(behind);
        },
      ),
    );
    const gone = { kind: 'gone' } as const;
    expect(decodeAliveAnswer(received(encodeAliveAnswer(gone)))).toEqual(gone);
    expect(decodeLockAnswer(received(encodeLockAnswer(gone)), 'fenced')).toEqual(gone);
    expect(decodeIncrementAnswer(received(encodeIncrementAnswer(gone)), 'fenced')).toEqual(gone);
    const alive = { kind: 'alive', retryLaterMs: millis(7) } as const;
    expect(decodeLockAnswer(received(encodeLockAnswer(alive)), 'fenced')).toEqual(alive);
    expect(decodeIncrementAnswer(received(encodeIncrementAnswer(alive)), 'fenced')).toEqual(alive);
    const refused = expect.objectContaining({ kind: 'refused', status: 403 }) as unknown;
    const forbidden = { kind: 'forbidden' } as const;
    for (const outcome of [
      decodeRoomAnswer(received(encodeRoomAnswer(forbidden))),
      decodeAliveAnswer(received(encodeAliveAnswer(forbidden))),
      decodeLockAnswer(received(encodeLockAnswer(forbidden)), 'fenced'),
      decodeIncrementAnswer(received(encodeIncrementAnswer(forbidden)), 'fenced'),
      decodeHistoryAnswer(received(encodeHistoryAnswer(forbidden))),
    ])
      expect(outcome).toEqual(refused);
  });

  test('pages of history', () => {
    const entries = fc.array(
      fc.record({
        epoch: epochs,
        attempt: attempts,
        commit: fc.option(commits, { nil: undefined }),
        receipt: receipts,
      }),
      { maxLength: 5 },
    );
    fc.assert(
      fc.property(currents, entries, currents, meetings, (current, logged, nextFrom, meeting) => {
        const page = {
          kind: 'ok' as const,
          current,
          meeting,
          entries: logged.map((entry) => ({ ...entry, commitHash: new Uint8Array(32) })),
          nextFrom,
        };
        expect(decodeHistoryAnswer(received(encodeHistoryAnswer(page)))).toEqual({
          kind: 'ok',
          current,
          entries: logged,
          meeting,
          nextFrom,
        });
      }),
    );
  });

  test('uploads', () => {
    fc.assert(
      fc.property(currents, epochs, (current, at) => {
        const taken = encodeUploadAnswer({ kind: 'ok' }, current);
        expect(decodeUploadAnswer(received(taken))).toEqual({ kind: 'ok', current });
        const fork = { kind: 'fork', epoch: at } as const;
        expect(decodeUploadAnswer(received(encodeUploadAnswer(fork, current)))).toEqual(fork);
        const foreign = encodeUploadAnswer({ kind: 'foreign-receipt', reason: 'of another' }, current);
        expect(decodeUploadAnswer(received(foreign))).toEqual({
          kind: 'refused',
          status: 422,
          reason: 'of another',
        });
      }),
    );
  });

  test('the key, and its id as receipts name it', () => {
    const { publicKey } = freshSigner();
    const { status, body } = encodeReceiptKeyAnswer(publicKey, receiptVerifier);
    const keyId = Buffer.from(receiptVerifier.sha256(publicKey)).subarray(0, 8).toString('base64url');
    expect(body.key_id).toBe(keyId);
    expect(decodeReceiptKeyAnswer(received({ status, body }))).toEqual({ kind: 'ok', publicKey });
  });

  test.each(['plain', 'fenced'] as const)(
    'a counter kept in %s mode refuses the calls of the other',
    (mode) => {
      const mismatch = { kind: 'mode-mismatch', mode } as const;
      const reason = `A counter of this name is kept in ${mode} mode.`;
      const refused = { kind: 'refused', status: 422, reason };
      const other = mode === 'plain' ? 'fenced' : 'plain';
      const lock = encodeLockAnswer(mismatch);
      expect(lock.body).toMatchObject({ type: `${PROBLEM_PREFIX}mode-mismatch`, mode });
      expect(decodeLockAnswer(received(lock), other)).toEqual(refused);
      expect(decodeIncrementAnswer(received(encodeIncrementAnswer(mismatch)), other)).toEqual(refused);
      expect(decodeUploadAnswer(received(encodeUploadAnswer(mismatch, undefined)))).toEqual(refused);
    },
  );
});

describe('problem documents (RFC 9457)', () => {
  const names = Object.keys(PROBLEMS) as ProblemName[];

  test.each(names)('%s has type, title, status and detail', (name) => {
    const document = problem(name, 'What is wrong.', { more: 1 });
    expect(document.body).toEqual({
      type: `urn:conclave:counter:${name}`,
      title: PROBLEMS[name].title,
      status: document.status,
      detail: 'What is wrong.',
      more: 1,
    });
    expect(document.status).toBeGreaterThanOrEqual(400);
    expect(PROBLEMS[name].title).toMatch(/^[A-Z].* .*[a-z0-9)]$/);
  });

  test('each has its own title', () => {
    expect(new Set(names.map((name) => PROBLEMS[name].title)).size).toBe(names.length);
  });

  test('each refusal has the status of the draft or of the protocol, a type and a detail', () => {
    const current = epoch(4n);
    const wait = millis(1500);
    const foreign = { kind: 'foreign-receipt', reason: 'The receipt is of another.' } as const;
    const refusals: [ProblemName, number, HttpAnswer, Readonly<Record<string, unknown>>][] = [
      ['locked', 409, encodeLockAnswer({ kind: 'locked', retryLaterMs: wait }), { retry_later: 1500 }],
      ['counter-error', 412, encodeLockAnswer({ kind: 'counter-error', current }), { current: 4 }],
      ['counter-error', 412, encodeIncrementAnswer({ kind: 'counter-error', current }), { current: 4 }],
      ['not-locked', 409, encodeIncrementAnswer({ kind: 'not-locked' }), {}],
      ['fork', 409, encodeUploadAnswer({ kind: 'fork', epoch: current }, undefined), { epoch: 4 }],
      ['foreign-receipt', 422, encodeUploadAnswer(foreign, undefined), {}],
    ];
    for (const [name, status, refusal, members] of refusals) {
      expect(refusal).toMatchObject({ status, body: { type: PROBLEM_PREFIX + name, status, ...members } });
      expect(refusal.body.detail).toMatch(/^[A-Z].{10,}\.$/);
    }
    expect(encodeLockAnswer({ kind: 'locked', retryLaterMs: wait }).retryAfterMs).toBe(wait);
  });
});

test('a client reads the largest page of history that a service sends', () => {
  const { historyEntries, historyPage } = COUNTER_LIMITS;
  const largest = encodeHistoryAnswer({
    kind: 'ok',
    current: epoch(LARGEST),
    entries: Array.from({ length: historyEntries }, () => ({
      epoch: epoch(LARGEST),
      attempt: 2 ** 32 - 1,
      commitHash: new Uint8Array(32),
      commit: new Uint8Array(historyPage / historyEntries),
      receipt: new Uint8Array(MAX_RECEIPT_BYTES),
    })),
    nextFrom: epoch(LARGEST),
  });
  const bytes = JSON.stringify(largest.body).length;
  expect(MAX_ANSWER_BYTES).toBeGreaterThanOrEqual(bytes);
  // A page may end with one Commit over its limit, and some is left for the names of fields.
  expect(MAX_ANSWER_BYTES).toBeLessThan(bytes + COUNTER_LIMITS.commit * 2);
});

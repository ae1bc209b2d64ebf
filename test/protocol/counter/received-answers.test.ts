import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeHistoryAnswer,
  decodeIncrementAnswer,
  decodeLockAnswer,
  decodeReceiptKeyAnswer,
  decodeUploadAnswer,
} from '../../../src/protocol/counter/http-answer.ts';
import type { ReceivedAnswer } from '../../../src/protocol/counter/http-answer.ts';
import { MAX_RECEIPT_BYTES } from '../../../src/protocol/counter/http-request.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const TOKEN = 'T'.repeat(22);

const answer = (status: number, body: unknown, retryAfter?: string): ReceivedAnswer => ({
  status,
  text: typeof body === 'string' ? body : JSON.stringify(body),
  retryAfter,
});
const senseless = (reason: RegExp): unknown => ({
  kind: 'unreachable',
  reason: expect.stringMatching(reason) as string,
});

describe('a service that knows only the calls of the draft', () => {
  test.each(['', 'Ok', '  ', 'null', '[]'])('grants and increments with 200 and "%s"', (text) => {
    expect(decodeLockAnswer(answer(200, text), 'plain')).toEqual({
      kind: 'granted',
      token: undefined,
      attempt: 0,
      expiresInMs: 1000,
    });
    expect(decodeIncrementAnswer(answer(200, text), 'plain')).toEqual({ kind: 'ok', receipt: undefined });
  });

  test('refuses with 409, and says or does not say for how long', () => {
    const wait = (text: string, retryAfter?: string): unknown => {
      const outcome = decodeLockAnswer(answer(409, text, retryAfter), 'plain');
      return outcome.kind === 'locked' ? outcome.retryLaterMs : outcome;
    };
    expect(wait('')).toBe(1000);
    expect(wait('Locked')).toBe(1000);
    expect(wait('', '7')).toBe(7000);
    expect(wait('{"retry_later":20}', '7')).toBe(20);
    expect(wait(' \n{"retry_later":20}', '7')).toBe(20);
    expect(wait('{"retry_later":0}', '7')).toBe(0);
    expect(decodeIncrementAnswer(answer(409, ''), 'plain')).toEqual({ kind: 'not-locked' });
  });

  test('has to name the value with 412, null before the first', () => {
    for (const decode of [decodeLockAnswer, decodeIncrementAnswer]) {
      expect(decode(answer(412, { current: 6 }), 'plain')).toEqual({ kind: 'counter-error', current: 6n });
      expect(decode(answer(412, { current: null }), 'plain')).toEqual({
        kind: 'counter-error',
        current: undefined,
      });
      expect(decode(answer(412, ''), 'plain')).toEqual(senseless(/current is not a whole number/));
    }
  });
});

describe('answers that every call can get', () => {
  const calls: readonly (readonly [string, (answer: ReceivedAnswer) => unknown])[] = [
    ['lock', (given) => decodeLockAnswer(given, 'fenced')],
    ['plain lock', (given) => decodeLockAnswer(given, 'plain')],
    ['increment', (given) => decodeIncrementAnswer(given, 'fenced')],
    ['plain increment', (given) => decodeIncrementAnswer(given, 'plain')],
    ['history', decodeHistoryAnswer],
    ['upload', decodeUploadAnswer],
    ['receipt key', decodeReceiptKeyAnswer],
  ];

  test.each(calls)('%s', (_name, decode) => {
    expect(decode(answer(401, ''))).toEqual({ kind: 'unauthorized' });
    expect(decode(answer(403, ''))).toEqual({ kind: 'refused', status: 403, reason: '' });
    for (const status of [429, 503]) {
      expect(decode(answer(status, '', '2'))).toEqual({ kind: 'busy', retryLaterMs: 2000 });
    }
    for (const status of [408, 500, 502, 599]) {
      const reason = `the service answered ${String(status)}`;
      expect(decode(answer(status, {}))).toEqual({ kind: 'unreachable', reason });
    }
    for (const status of [204, 302, 400, 404, 499]) {
      expect(decode(answer(status, { detail: 'no ~' }))).toEqual({ kind: 'refused', status, reason: 'no ~' });
      expect(decode(answer(status, 'Not so'))).toEqual({ kind: 'refused', status, reason: '' });
    }
    // What was asked may have happened or not: the answer does not say.
    expect(decode(answer(400, '{"detail"'))).toEqual(
      senseless(/^the service's answer makes no sense: the body is not JSON$/),
    );
  });

  test.each(['line\nbreak', '\u001b[31m', 'caf\u00e9', 'x'.repeat(501), 5])(
    'the reason %j of a service is not repeated',
    (detail) => {
      expect(decodeHistoryAnswer(answer(422, { detail }))).toEqual(senseless(/detail is not printable$/));
    },
  );

  test('a reason of 500 characters is', () => {
    const detail = 'x'.repeat(500);
    expect(decodeHistoryAnswer(answer(422, { detail }))).toMatchObject({ kind: 'refused', reason: detail });
  });

  test.each<[string | undefined, number]>([
    [undefined, 1000],
    ['', 1000],
    ['soon', 1000],
    ['-1', 1000],
    ['1.5', 1000],
    ['1s', 1000],
    ['Fri, 31 Dec 1999 23:59:59 GMT', 1000],
    ['100000', 1000],
    ['0', 0],
    ['12', 12_000],
    ['86400', DAY_MS],
    ['86401', DAY_MS],
    ['99999', DAY_MS],
  ])('Retry-After %j is a wait of %i ms, never more than a day', (retryAfter, retryLaterMs) => {
    expect(decodeReceiptKeyAnswer(answer(503, '', retryAfter))).toEqual({ kind: 'busy', retryLaterMs });
  });
});

describe('answers that make no sense leave the outcome unknown', () => {
  const grant = { token: TOKEN, attempt: 1, expires_in: 5 };

  test.each<[string, unknown, RegExp]>([
    ['no token', { ...grant, token: undefined }, /token is not a token$/],
    ['a short token', { ...grant, token: 'T'.repeat(21) }, /token is not a token$/],
    ['a long token', { ...grant, token: 'T'.repeat(65) }, /token is not a token$/],
    ['a token that breaks a header', { ...grant, token: `${TOKEN}\r\nX: y` }, /token is not a token$/],
    ['a token after a line', { ...grant, token: `\n${TOKEN}` }, /token is not a token$/],
    ['an attempt over 32 bits', { ...grant, attempt: 2 ** 32 }, /attempt is not a whole number/],
    ['a lock over a day', { ...grant, expires_in: DAY_MS + 1 }, /expires_in is not a whole number/],
    ['no JSON', 'Ok', /token is not a token$/],
  ])('a lock with %s', (_name, body, reason) => {
    expect(decodeLockAnswer(answer(200, body), 'fenced')).toEqual(senseless(reason));
  });

  test('a wait of over a day', () => {
    const locked = answer(409, { retry_later: DAY_MS + 1 });
    expect(decodeLockAnswer(locked, 'fenced')).toEqual(senseless(/retry_later is not a whole number/));
  });

  test.each<[string, unknown]>([
    ['no receipt', { current: 3 }],
    ['an empty receipt', { current: 3, receipt: '' }],
    ['a receipt that is too large', { receipt: Buffer.alloc(MAX_RECEIPT_BYTES + 1).toString('base64') }],
  ])('an increment with %s', (_name, body) => {
    const outcome = decodeIncrementAnswer(answer(200, body), 'fenced');
    expect(outcome).toEqual(senseless(/receipt is not base64 of 1 to \d+ bytes$/));
  });

  const entry = { epoch: 1, attempt: 0, commit: 'AAAA', receipt: 'AAAA' };
  const page = { current: 1, entries: [entry], next_from: null };
  test.each<[string, unknown, RegExp]>([
    ['no current epoch', { ...page, current: undefined }, /current is not a whole number/],
    ['no end', { ...page, next_from: undefined }, /next_from is not a whole number/],
    ['no entries', { ...page, entries: undefined }, /entries is not a list of at most 256$/],
    ['257 entries', { ...page, entries: Array(257).fill(entry) }, /entries is not a list of at most 256$/],
    ['an entry that is no object', { ...page, entries: [1] }, /an entry is not a JSON object$/],
    ['an entry without epoch', { ...page, entries: [{ ...entry, epoch: null }] }, /epoch is not a whole/],
    ['an attempt over 32 bits', { ...page, entries: [{ ...entry, attempt: 2 ** 32 }] }, /attempt is not/],
    ['a Commit that is missing', { ...page, entries: [{ ...entry, commit: undefined }] }, /commit is not/],
    [
      'an empty Commit',
      { ...page, entries: [{ ...entry, commit: '' }] },
      /commit is not base64 of 1 to 524288/,
    ],
    ['an empty receipt', { ...page, entries: [{ ...entry, receipt: '' }] }, /receipt is not base64 of 1 to/],
  ])('a page of history with %s', (_name, body, reason) => {
    expect(decodeHistoryAnswer(answer(200, body))).toEqual(senseless(reason));
  });

  test('a page of history has up to 256 entries, with attempts of up to 32 bits', () => {
    const entries = Array(256).fill({ ...entry, attempt: 2 ** 32 - 1 }) as unknown[];
    const outcome = decodeHistoryAnswer(answer(200, { ...page, entries }));
    expect(outcome).toMatchObject({ kind: 'ok', entries: { length: 256 } });
  });

  test('an upload with no value, or a fork without its epoch', () => {
    expect(decodeUploadAnswer(answer(200, {}))).toEqual(senseless(/current is not a whole number/));
    expect(decodeUploadAnswer(answer(409, {}))).toEqual(senseless(/epoch is not a whole number/));
  });

  test.each([undefined, '', 'A'.repeat(42), 'A'.repeat(44), `${'A'.repeat(42)}=`, ` ${'A'.repeat(43)}`])(
    'the key %j: no 32 bytes in base64url',
    (key) => {
      const outcome = decodeReceiptKeyAnswer(answer(200, { public_key: key }));
      expect(outcome).toEqual(senseless(/public_key is not an Ed25519 public key$/));
    },
  );

  test('a key with bits that no byte has', () => {
    const outcome = decodeReceiptKeyAnswer(answer(200, { public_key: `${'A'.repeat(42)}B` }));
    expect(outcome).toEqual(senseless(/public_key is not an Ed25519 public key$/));
  });

  test('any answer gives an outcome', () => {
    const bodies = fc.oneof(fc.string(), fc.json());
    fc.assert(
      fc.property(fc.integer({ min: 100, max: 599 }), bodies, fc.string(), (status, text, retryAfter) => {
        const given = { status, text, retryAfter };
        for (const mode of ['plain', 'fenced'] as const) {
          expect(decodeLockAnswer(given, mode).kind).toBeTypeOf('string');
          expect(decodeIncrementAnswer(given, mode).kind).toBeTypeOf('string');
        }
        expect(decodeHistoryAnswer(given).kind).toBeTypeOf('string');
        expect(decodeUploadAnswer(given).kind).toBeTypeOf('string');
        expect(decodeReceiptKeyAnswer(given).kind).toBeTypeOf('string');
      }),
    );
  });
});

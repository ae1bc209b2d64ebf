import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { receiptVerifier } from '../../../src/io/counter/receipt-crypto.ts';
import { COUNTER_LIMITS } from '../../../src/protocol/counter/client.ts';
import type { LockToken } from '../../../src/protocol/counter/client.ts';
import {
  BODY_LIMITS,
  encodeIncrementBody,
  encodeUploadBody,
  historyTarget,
  incrementTarget,
  lockTarget,
  MAX_RECEIPT_BYTES,
  parseCounterId,
  parseGroup,
  parseHistoryQuery,
  parseIncrementBody,
  parseLockQuery,
  parseUploadBody,
  parseUploadQuery,
  uploadTarget,
} from '../../../src/protocol/counter/http-request.ts';
import type { Query } from '../../../src/protocol/counter/http-request.ts';
import type { Parsed } from '../../../src/protocol/counter/json.ts';
import { encodeReceipt, NO_PREVIOUS_RECEIPT } from '../../../src/protocol/counter/receipt.ts';
import type { CounterId } from '../../../src/protocol/counter/rules.ts';
import { epoch, unixMillis } from '../../../src/protocol/units.ts';
import { freshSigner } from '../../harness/counter/local-client.ts';

const signer = freshSigner();
const LARGEST = BigInt(Number.MAX_SAFE_INTEGER);
const TOKEN_CHARACTERS = Array.from('ABCXYZabcxyz0189_-');

const groups = fc.uint8Array({ minLength: 1, maxLength: 255 });
const epochs = fc.bigInt({ min: 0n, max: LARGEST }).map(epoch);
const nonces = fc.uint8Array({ minLength: 16, maxLength: 32 });
const tokens = fc
  .string({ unit: fc.constantFrom(...TOKEN_CHARACTERS), minLength: 22, maxLength: 64 })
  .map((text) => text as LockToken);
const commits = fc.uint8Array({ minLength: 1, maxLength: 50 });

const parsed = <Value>(value: Value): Parsed<Value> => ({ kind: 'parsed', value });
const refusedFor = (reason: RegExp): unknown => ({
  kind: 'malformed',
  reason: expect.stringMatching(reason) as string,
});

/** What a server makes of a request line: the last segment of the path and the query. */
function received(target: string): { readonly path: string; readonly id: string; readonly query: Query } {
  const url = new URL(target, 'https://counter.example');
  const [, path = '', id = '', ...more] = url.pathname.split('/');
  expect(more).toEqual([]);
  return { path, id, query: [...url.searchParams] };
}

function groupOf(id: string): Parsed<Uint8Array> {
  const name = parseCounterId(id);
  return name.kind === 'parsed' ? parseGroup(name.value) : name;
}

const KEY = new Uint8Array(32).fill(5);
const ROOM = new Uint8Array(32).fill(6);

function receiptOf(begun: bigint, group = Uint8Array.of(1), transcript = new Uint8Array()): Uint8Array {
  const body = {
    group,
    epoch: epoch(begun),
    attempt: 0,
    commitHash: new Uint8Array(32),
    transcript,
    nextKey: KEY,
    time: unixMillis(0),
    previousHash: NO_PREVIOUS_RECEIPT,
  };
  return encodeReceipt(body, signer, receiptVerifier);
}

describe('what a member asks is what the service reads', () => {
  test('locks in both modes', () => {
    fc.assert(
      fc.property(groups, epochs, nonces, fc.nat({ max: 2 ** 32 - 1 }), (group, val, nonce, generation) => {
        const fenced = received(lockTarget(group, { mode: 'fenced', val, nonce, generation }, ROOM));
        expect(fenced.path).toBe('lock');
        expect(groupOf(fenced.id)).toEqual(parsed(group));
        const text = Buffer.from(nonce).toString('base64url');
        expect(parseLockQuery(fenced.query)).toEqual(
          parsed({
            mode: 'fenced',
            val,
            nonce: text,
            home: val === 0n ? { room: ROOM, generation } : undefined,
          }),
        );

        const plain = received(lockTarget(group, { mode: 'plain', val }, ROOM));
        expect(plain.path).toBe('lock');
        expect(plain.id).toBe(Buffer.from(group).toString('base64url'));
        expect(parseLockQuery(plain.query)).toEqual(
          parsed({ mode: 'plain', val, nonce: undefined, home: undefined }),
        );
      }),
    );
  });

  test('a lock without mode is that of the draft: the value and nothing else', () => {
    const target = lockTarget(Buffer.from('group'), { mode: 'plain', val: epoch(7n) }, ROOM);
    expect(target).toBe('/lock/Z3JvdXA?val=7');
  });

  test('increments in fenced mode', () => {
    const keys = fc.uint8Array({ minLength: 32, maxLength: 32 });
    const transcripts = fc.uint8Array({ minLength: 1, maxLength: 64 });
    fc.assert(
      fc.property(
        groups,
        epochs,
        tokens,
        commits,
        transcripts,
        keys,
        (group, val, token, commit, hash, nextKey) => {
          const { path, id, query } = received(incrementTarget(group, 'fenced'));
          expect([path, query]).toEqual(['increment', []]);
          expect(incrementTarget(group, 'plain')).toBe(
            `/increment/${Buffer.from(group).toString('base64url')}`,
          );
          expect(groupOf(id)).toEqual(parsed(group));
          const transcript = val === 0n ? new Uint8Array() : hash;
          const request = { mode: 'fenced', val, token, commit, transcript, nextKey } as const;
          expect(parseIncrementBody(encodeIncrementBody(request))).toEqual(parsed(request));
        },
      ),
    );
  });

  test.each(['', ' \r\n', '{}', ' { } '])('an increment with the body "%s" is the bare call', (text) => {
    expect(parseIncrementBody(text)).toEqual(parsed({ mode: 'plain' }));
  });

  test('a bare increment has no body, as the draft says', () => {
    expect(encodeIncrementBody({ mode: 'plain' })).toBe('');
  });

  test('pages of history', () => {
    fc.assert(
      fc.property(groups, epochs, (group, from) => {
        const { path, id, query } = received(historyTarget(group, from));
        expect(path).toBe('history');
        expect(groupOf(id)).toEqual(parsed(group));
        expect(parseHistoryQuery(query)).toEqual(parsed(from));
      }),
    );
  });

  test('uploads, with and without Commits', () => {
    const entries = fc.array(
      fc.record({ begun: epochs, group: groups, commit: fc.option(commits, { nil: undefined }) }),
      { maxLength: 4 },
    );
    fc.assert(
      fc.property(groups, entries, fc.nat({ max: 2 ** 32 - 1 }), (group, uploaded, generation) => {
        const home = { room: ROOM, generation };
        const { path, id, query } = received(uploadTarget(group, home));
        expect(path).toBe('history');
        expect(parseUploadQuery(query)).toEqual(parsed(home));
        expect(groupOf(id)).toEqual(parsed(group));
        const given = uploaded.map((entry) => ({
          receipt: receiptOf(entry.begun, entry.group),
          commit: entry.commit,
          epoch: entry.begun,
        }));
        expect(parseUploadBody(encodeUploadBody(given))).toEqual(parsed(given));
      }),
    );
  });
});

describe('names of counters', () => {
  test.each(['a', '~', '._~-', 'Zz09', 'a'.repeat(342)])('%s is one: unreserved characters', (id) => {
    expect(parseCounterId(id)).toEqual(parsed(id));
  });

  test.each(['', '/a', 'a/', 'a b', 'a%2Fb', 'gr\u00fc\u00dfe', 'a'.repeat(343), 'a\n'])(
    '"%s" is none',
    (id) => {
      expect(parseCounterId(id)).toEqual(refusedFor(/^the counter id is not 1 to 342 /));
    },
  );

  test('a fenced counter is named by a group id of 1 to 255 bytes', () => {
    const named = (bytes: number): string => `f.${Buffer.alloc(bytes, 7).toString('base64url')}`;
    expect(groupOf(named(1))).toEqual(parsed(new Uint8Array(1).fill(7)));
    expect(groupOf(named(255))).toEqual(parsed(new Uint8Array(255).fill(7)));
    const reason = /^the id of a fenced counter is f\. and base64url .* 1 to 255 bytes$/;
    for (const id of [
      '',
      named(256),
      'f.',
      'f.a.b',
      'f.a~',
      'f.AB',
      named(16).slice(2),
      named(16).slice(1),
      `F${named(16).slice(1)}`,
    ]) {
      expect(parseGroup(id as CounterId)).toEqual(refusedFor(reason));
    }
  });
});

describe('queries', () => {
  type Parameter = Query[number];
  const val = (text: string): Parameter => ['val', text];
  const from = (text: string): Parameter => ['from', text];
  const nonce = (bytes: number): Parameter => ['nonce', Buffer.alloc(bytes).toString('base64url')];
  const room = (bytes: number): Parameter => ['room', Buffer.alloc(bytes).toString('base64url')];
  const generation = (text: string): Parameter => ['generation', text];
  const fenced: Parameter = ['mode', 'fenced'];

  test.each(['0', '1', '9', '10', '4503599627370496', '9007199254740991'])('%s is a value', (text) => {
    const value = epoch(BigInt(text));
    expect(parseLockQuery([['val', text]])).toEqual(
      parsed({ mode: 'plain', val: value, nonce: undefined, home: undefined }),
    );
    expect(parseHistoryQuery([['from', text]])).toEqual(parsed(value));
  });

  test.each([
    '',
    '-1',
    '+1',
    '00',
    '01',
    '1.0',
    '1e3',
    '0x10',
    ' 1',
    '1 ',
    '9007199254740992',
    '1'.repeat(17),
  ])('"%s" is no value', (text) => {
    expect(parseLockQuery([['val', text]])).toEqual(refusedFor(/^val is not a decimal number from 0 to /));
    expect(parseHistoryQuery([['from', text]])).toEqual(refusedFor(/^from is not a decimal number /));
  });

  test.each([16, 32])('a nonce may have %i bytes', (bytes) => {
    const [, text] = nonce(bytes);
    const lock = parsed({ mode: 'fenced', val: 3n, nonce: text, home: undefined });
    expect(parseLockQuery([nonce(bytes), fenced, val('3')])).toEqual(lock);
  });

  test.each<[string, Query, RegExp]>([
    ['no value', [], /^val is missing$/],
    ['a value twice', [val('0'), val('0')], /^val is given twice$/],
    ['a mode that there is not', [val('0'), ['mode', 'Fenced']], /^mode is not plain or fenced$/],
    ['an empty mode', [val('0'), ['mode', '']], /^mode is not plain or fenced$/],
    ['a misspelt mode', [val('0'), ['mod', 'fenced']], /besides val, mode, nonce, room, generation$/],
    ['a nonce without mode', [val('0'), nonce(16)], /^nonce goes with mode=fenced only$/],
    ['a nonce in plain mode', [val('0'), ['mode', 'plain'], nonce(16)], /^nonce goes with mode=fenced/],
    ['a nonce of 15 bytes', [val('0'), fenced, nonce(15)], /^nonce is not base64url of 16 to 32 bytes$/],
    ['a nonce of 33 bytes', [val('0'), fenced, nonce(33)], /^nonce is not base64url of 16 to 32 bytes$/],
    ['a nonce in base64', [val('0'), fenced, ['nonce', `${'/'.repeat(20)}==`]], /^nonce is not base64url/],
    ['no room at 0', [val('0'), fenced, generation('0')], /^room is not base64url of 32 bytes$/],
    [
      'a room of 31 bytes',
      [val('0'), fenced, room(31), generation('0')],
      /^room is not base64url of 32 bytes$/,
    ],
    ['no generation at 0', [val('0'), fenced, room(32)], /^generation is missing$/],
    [
      'a huge generation',
      [val('0'), fenced, room(32), generation('4294967296')],
      /^generation is not a decimal/,
    ],
    [
      'a room in plain mode',
      [val('0'), room(32), generation('0')],
      /^room and generation go with mode=fenced/,
    ],
    [
      'a room above 0',
      [val('1'), fenced, room(32), generation('0')],
      /^room and generation go with .* val=0 only$/,
    ],
  ])('a lock with %s is refused', (_name, query, reason) => {
    expect(parseLockQuery(query)).toEqual(refusedFor(reason));
  });

  test('a lock in fenced mode may be without a nonce: then it cannot be repeated', () => {
    expect(parseLockQuery([val('1'), fenced])).toEqual(
      parsed({ mode: 'fenced', val: 1n, nonce: undefined, home: undefined }),
    );
  });

  test.each<[string, Query, RegExp]>([
    ['no epoch', [], /^from is missing$/],
    ['an epoch twice', [from('1'), from('2')], /^from is given twice$/],
    ['something else', [from('1'), ['to', '2']], /^the query has parameters besides from$/],
  ])('a page of history with %s is refused', (_name, query, reason) => {
    expect(parseHistoryQuery(query)).toEqual(refusedFor(reason));
  });
});

describe('bodies of increments', () => {
  const KEY_TEXT = Buffer.from(KEY).toString('base64');
  const fields = { val: 3, token: 'T'.repeat(22), commit: 'AQID', transcript: 'AAAA', next_key: KEY_TEXT };
  const body = (change: Readonly<Record<string, unknown>>): string =>
    JSON.stringify({ ...fields, ...change });
  const base64 = (bytes: number): string => Buffer.alloc(bytes).toString('base64');

  test.each([
    ['the shortest token', { token: 'T'.repeat(22) }],
    ['the longest token', { token: '-'.repeat(64) }],
    ['the largest Commit', { commit: base64(COUNTER_LIMITS.commit) }],
    ['the longest transcript hash', { transcript: base64(64) }],
    ['the largest value', { val: Number.MAX_SAFE_INTEGER }],
    ['the group itself', { val: 0, transcript: '' }],
  ])('%s is read', (_name, change) => {
    expect(parseIncrementBody(body(change))).toMatchObject({ kind: 'parsed', value: { mode: 'fenced' } });
  });

  test.each<[string, Readonly<Record<string, unknown>>, RegExp]>([
    ['a token of 21 characters', { token: 'T'.repeat(21) }, /^token is not a token that a lock gave$/],
    ['a token of 65 characters', { token: 'T'.repeat(65) }, /^token is not/],
    ['a token with a blank', { token: `${'T'.repeat(22)} ` }, /^token is not/],
    ['a token that ends a line', { token: `\n${'T'.repeat(22)}` }, /^token is not/],
    ['no token', { token: undefined }, /^token is not/],
    ['no value', { val: undefined }, /^val is not a whole number/],
    ['a value that is a text', { val: '3' }, /^val is not a whole number/],
    ['no Commit', { commit: undefined }, /^commit is not base64 of 1 to 524288 bytes$/],
    ['an empty Commit', { commit: '' }, /^commit is not base64/],
    ['a Commit over 512 KiB', { commit: base64(COUNTER_LIMITS.commit + 1) }, /^commit is not base64/],
    ['no transcript hash', { transcript: undefined }, /^transcript is not base64 of 0 to 64 bytes$/],
    ['a transcript hash over 64 bytes', { transcript: base64(65) }, /^transcript is not base64/],
    ['an empty one after epoch 0', { transcript: '' }, /^transcript is empty at epoch 0 and nowhere else$/],
    ['one at epoch 0', { val: 0 }, /^transcript is empty at epoch 0 and nowhere else$/],
    ['no key of the new epoch', { next_key: undefined }, /^next_key is not base64 of 32 to 32 bytes$/],
    ['one of 31 bytes', { next_key: base64(31) }, /^next_key is not base64/],
    ['one of 33 bytes', { next_key: base64(33) }, /^next_key is not base64/],
    [
      'a field more',
      { mode: 'fenced' },
      /^the body has fields besides val, token, commit, transcript, next_key$/,
    ],
  ])('%s is refused', (_name, change, reason) => {
    expect(parseIncrementBody(body(change))).toEqual(refusedFor(reason));
  });

  test.each(Object.keys(fields))('%s alone does not make it a bare call', (name) => {
    const text = JSON.stringify({ [name]: fields[name as keyof typeof fields] });
    expect(parseIncrementBody(text)).toMatchObject({ kind: 'malformed' });
  });

  test('the largest fields fit into the largest body, with little to spare', () => {
    const largest = encodeIncrementBody({
      mode: 'fenced',
      val: epoch(LARGEST),
      token: 'T'.repeat(64) as LockToken,
      commit: new Uint8Array(COUNTER_LIMITS.commit),
      transcript: new Uint8Array(64),
      nextKey: KEY,
    });
    expect(BODY_LIMITS.increment).toBeGreaterThanOrEqual(largest.length);
    expect(BODY_LIMITS.increment).toBeLessThan(largest.length + 2048);
  });
});

describe('bodies of uploads', () => {
  const receipt = receiptOf(5n);
  const text = Buffer.from(receipt).toString('base64');
  const body = (...entries: unknown[]): string => JSON.stringify({ entries });

  test('have at most 64 entries', () => {
    const of = (count: number): string => body(...Array.from({ length: count }, () => ({ receipt: text })));
    expect(parseUploadBody(of(64))).toMatchObject({ kind: 'parsed', value: { length: 64 } });
    expect(parseUploadBody(of(65))).toEqual(refusedFor(/^entries is not a list of at most 64$/));
  });

  test.each<[string, string, RegExp]>([
    ['no list', '{}', /^entries is not a list/],
    ['something else besides', '{"entries":[],"more":1}', /^the body has fields besides entries$/],
    ['an entry that is no object', body(1), /^an entry is not a JSON object$/],
    [
      'an entry with more',
      body({ receipt: text, epoch: 5 }),
      /^an entry has fields besides receipt, commit$/,
    ],
    ['no receipt', body({ commit: 'AAAA' }), /^receipt is not base64 of 1 to \d+ bytes$/],
    ['an empty receipt', body({ receipt: '' }), /^receipt is not base64/],
    ['an empty Commit', body({ receipt: text, commit: '' }), /^commit is not base64 of 1 to 524288 bytes$/],
    ['a Commit that is null', body({ receipt: text, commit: null }), /^commit is not base64/],
    ['what is no receipt', body({ receipt: 'AAAA' }), /^receipt: .*receipt ends early/],
    ['a receipt of another version', body({ receipt: text.replace(/^Y/, 'Z') }), /^receipt: .*version 2/],
  ])('with %s are refused', (_name, sent, reason) => {
    expect(parseUploadBody(sent)).toEqual(refusedFor(reason));
  });

  test('name epochs that a JSON number carries exactly', () => {
    const of = (begun: bigint): Parsed<unknown> =>
      parseUploadBody(encodeUploadBody([{ receipt: receiptOf(begun), commit: undefined }]));
    expect(of(LARGEST)).toMatchObject({ kind: 'parsed', value: [{ epoch: LARGEST }] });
    expect(of(LARGEST + 1n)).toEqual(refusedFor(/^receipt: epoch out of range$/));
  });

  test('carry the largest receipt that there is, and no larger bytes', () => {
    const largest = receiptOf(1n, new Uint8Array(255).fill(1), new Uint8Array(64));
    expect(MAX_RECEIPT_BYTES).toBe(largest.length);
    const entry = { receipt: largest, commit: undefined };
    expect(parseUploadBody(encodeUploadBody([entry]))).toEqual(parsed([{ ...entry, epoch: 1n }]));
    const larger = { ...entry, receipt: new Uint8Array(MAX_RECEIPT_BYTES + 1) };
    expect(parseUploadBody(encodeUploadBody([larger]))).toEqual(
      refusedFor(/^receipt is not base64 of 1 to /),
    );
  });

  test('with the most entries and bytes fit into the largest body, with little to spare', () => {
    const each = COUNTER_LIMITS.uploadBytes / COUNTER_LIMITS.uploadEntries;
    const largest = encodeUploadBody(
      Array.from({ length: COUNTER_LIMITS.uploadEntries }, () => ({
        receipt: new Uint8Array(MAX_RECEIPT_BYTES),
        commit: new Uint8Array(each - MAX_RECEIPT_BYTES),
      })),
    );
    expect(BODY_LIMITS.upload).toBeGreaterThanOrEqual(largest.length);
    expect(BODY_LIMITS.upload).toBeLessThan(largest.length + 8192);
  });
});

test('published receipts are taken back', () => {
  const vectors = JSON.parse(readFileSync('test/vectors/receipts.json', 'utf8')) as {
    receipts: { epoch: string; commit: string; signed: string; signature: string }[];
  };
  const entries = vectors.receipts.map(({ epoch: begun, commit, signed, signature }) => ({
    receipt: new Uint8Array(Buffer.from(signed + signature, 'hex')),
    commit: new Uint8Array(Buffer.from(commit, 'hex')),
    epoch: BigInt(begun),
  }));
  expect(parseUploadBody(encodeUploadBody(entries))).toEqual(parsed(entries));
});

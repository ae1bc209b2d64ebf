import { beforeEach, describe, expect, test } from 'vitest';
import { receiptVerifier } from '../../../src/io/counter/receipt-crypto.ts';
import type { CounterMode, LockToken } from '../../../src/protocol/counter/client.ts';
import { EpochCounter } from '../../../src/protocol/counter/epoch-counter.ts';
import type { HistoryPage, PageLimits } from '../../../src/protocol/counter/epoch-counter.ts';
import { encodeReceipt, NO_PREVIOUS_RECEIPT, parseReceipt } from '../../../src/protocol/counter/receipt.ts';
import type { ReceiptSigner } from '../../../src/protocol/counter/receipt.ts';
import { DEFAULT_TIMES, groupOfRoom } from '../../../src/protocol/counter/room.ts';
import { counterIdOf, type CallProof, type UploadAnswer } from '../../../src/protocol/counter/rules.ts';
import { epoch, millis, unixMillis } from '../../../src/protocol/units.ts';
import { freshSigner } from '../../harness/counter/local-client.ts';
import { MemoryCounterStore } from '../../harness/counter/memory-store.ts';

const TTL_MS = 1000;
const START_MS = 1_800_000_000_000;
const ROOM = new Uint8Array(32).fill(8);
const HOME = { room: ROOM, generation: 0 };
const GROUP = groupOfRoom(ROOM, 0, receiptVerifier);
const ID = counterIdOf(GROUP, 'fenced');
const PLAIN = counterIdOf(GROUP, 'plain');
const ALL = { entries: 1000, bytes: 1e6 };
const signer = freshSigner();

let counter: EpochCounter;
let now: number;
let tokens: number;
beforeEach(() => {
  counter = serviceOf(new MemoryCounterStore());
  now = START_MS;
  tokens = 0;
});

function serviceOf(store: MemoryCounterStore): EpochCounter {
  return new EpochCounter(
    store,
    { signer, verifier: receiptVerifier },
    { ...DEFAULT_TIMES, lockMs: millis(TTL_MS) },
  );
}
function lock(val: bigint, nonce?: string, mode: CounterMode = 'fenced') {
  tokens += 1;
  const token = `token-${String(tokens)}` as LockToken;
  const home = mode === 'fenced' && val === 0n ? HOME : undefined;
  const call = { mode, val: epoch(val), nonce, home };
  return counter.lock(counterIdOf(GROUP, mode), call, unixMillis(now), token, member);
}
const NEXT_KEY = new Uint8Array(32).fill(5);
/** Somebody who has the keys of all epochs here. */
const member: CallProof = (key, publicKey) => Buffer.from(publicKey).equals(key === 'room' ? ROOM : NEXT_KEY);
const commitOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
function increment(val: bigint, token: LockToken, commit = commitOf('a Commit')) {
  const transcript = new Uint8Array(val === 0n ? 0 : 32);
  return counter.incrementFenced(
    ID,
    { group: GROUP, val: epoch(val), token, commit, transcript, nextKey: NEXT_KEY },
    unixMillis(now),
    member,
  );
}
/** Locks and increments; gives what a member keeps. */
function commitEpoch(val: bigint, commit = commitOf(`Commit ${String(val)}`)) {
  const granted = lock(val);
  if (granted.kind !== 'granted' || granted.token === undefined) throw new Error(granted.kind);
  const done = increment(val, granted.token, commit);
  if (done.kind !== 'ok' || done.receipt === undefined) throw new Error(done.kind);
  return { epoch: epoch(val), receipt: done.receipt, commit };
}
interface Uploaded {
  readonly epoch: ReturnType<typeof epoch>;
  readonly receipt: Uint8Array;
  readonly commit: Uint8Array | undefined;
}
const upload = (...entries: Uploaded[]): UploadAnswer =>
  counter.upload(ID, HOME, entries, unixMillis(now), member);
function pageOf(from: bigint, limits: PageLimits): HistoryPage {
  const page = counter.history(ID, epoch(from), limits, unixMillis(now), member);
  if (page.kind !== 'ok') throw new Error(page.kind);
  return page;
}
const logged = () => pageOf(0n, ALL).entries;
/** A receipt that another counter, or this one on another line, might have signed. */
function receiptOf(
  change: Partial<Parameters<typeof encodeReceipt>[0]>,
  by: ReceiptSigner = signer,
): Uploaded {
  const body = {
    group: GROUP,
    epoch: epoch(0n),
    attempt: 0,
    commitHash: receiptVerifier.sha256(commitOf('a Commit')),
    transcript: new Uint8Array(0),
    nextKey: NEXT_KEY,
    time: unixMillis(START_MS),
    previousHash: NO_PREVIOUS_RECEIPT,
    ...change,
  };
  return { epoch: body.epoch, receipt: encodeReceipt(body, by, receiptVerifier), commit: undefined };
}

describe('locks', () => {
  test('without a nonce cannot be repeated', () => {
    expect(lock(0n)).toMatchObject({ kind: 'granted', token: 'token-1' });
    expect(lock(0n)).toMatchObject({ kind: 'locked' });
    expect(lock(0n, 'nonce')).toMatchObject({ kind: 'locked' });
  });

  test('are given again to their nonce alone, and to it only while they live', () => {
    expect(lock(0n, 'mine')).toMatchObject({ token: 'token-1', attempt: 0 });
    now += TTL_MS - 1;
    expect(lock(0n, 'mine')).toMatchObject({ token: 'token-1', attempt: 0, expiresInMs: 1 });
    expect(lock(0n, 'yours')).toEqual({ kind: 'locked', retryLaterMs: 1 });
    now += 1;
    expect(lock(0n, 'mine')).toMatchObject({ token: 'token-4', attempt: 1, expiresInMs: TTL_MS });
  });

  test('of plain counters have no token and cannot be repeated', () => {
    expect(lock(0n, 'mine', 'plain')).toMatchObject({ kind: 'granted', token: undefined });
    expect(lock(0n, 'mine', 'plain')).toMatchObject({ kind: 'locked' });
  });

  test('end when the clock is set back by as long as they live', () => {
    expect(lock(0n)).toMatchObject({ kind: 'granted', attempt: 0 });
    now -= TTL_MS - 1;
    expect(lock(0n)).toMatchObject({ kind: 'locked' });
    now -= 1;
    expect(lock(0n)).toMatchObject({ kind: 'granted', attempt: 1 });
  });

  test('are needed for each increment', () => {
    const first = lock(0n);
    if (first.kind !== 'granted' || first.token === undefined) throw new Error(first.kind);
    expect(increment(0n, first.token).kind).toBe('ok');
    expect(increment(1n, first.token)).toEqual({ kind: 'not-locked' });
    const second = lock(1n);
    if (second.kind !== 'granted' || second.token === undefined) throw new Error(second.kind);
    expect(increment(1n, first.token)).toEqual({ kind: 'not-locked' });
    now += TTL_MS - 1;
    expect(increment(1n, second.token).kind).toBe('ok');
  });
});

test('a counter takes calls of the mode that its name says, and no others', () => {
  const mismatch = (mode: CounterMode) => ({ kind: 'mode-mismatch', mode });
  const call = { val: epoch(0n), nonce: undefined };
  const [token, at] = ['token' as LockToken, unixMillis(now)];
  expect(counter.lock(ID, { ...call, mode: 'plain' }, at, token, member)).toEqual(mismatch('fenced'));
  expect(counter.lock(PLAIN, { ...call, mode: 'fenced' }, at, token, member)).toEqual(mismatch('plain'));
  expect(counter.incrementPlain(ID, at)).toEqual(mismatch('fenced'));
  const fenced = {
    group: GROUP,
    val: epoch(0n),
    token,
    commit: commitOf('x'),
    transcript: new Uint8Array(0),
  };
  const increment = { ...fenced, nextKey: NEXT_KEY };
  expect(counter.incrementFenced(PLAIN, increment, at, member)).toEqual(mismatch('plain'));
});

describe('the log', () => {
  test('is read on from where a page ended, up to the current epoch', () => {
    for (const val of [0n, 1n, 2n]) commitEpoch(val);
    const page = (from: bigint, entries: number) => {
      const { nextFrom, entries: read } = pageOf(from, { entries, bytes: 1e6 });
      return [read.map((entry) => entry.epoch), nextFrom];
    };
    expect(page(0n, 2)).toEqual([[0n, 1n], 2n]);
    expect(page(2n, 2)).toEqual([[2n], undefined]);
    expect(page(0n, 3)).toEqual([[0n, 1n, 2n], undefined]);
    expect(page(3n, 2)).toEqual([[], undefined]);
  });

  test('has times that never go back, whatever the clock does', () => {
    const first = parseReceipt(commitEpoch(0n).receipt);
    now -= 3600_000;
    expect(parseReceipt(commitEpoch(1n).receipt).time).toBe(first.time);
    now += 7200_000;
    expect(parseReceipt(commitEpoch(2n).receipt).time).toBe(now);
  });
});

describe('receipts that are given back', () => {
  test('are refused for what is wrong with them', () => {
    const entry = receiptOf({});
    const damaged = { ...entry, receipt: entry.receipt.with(-1, (entry.receipt.at(-1) ?? 0) ^ 1) };
    const cases: [Uploaded, string][] = [
      [receiptOf({}, freshSigner()), "the receipt is not this service's: other-key"],
      [damaged, "the receipt is not this service's: bad-signature"],
      [{ ...entry, receipt: new Uint8Array(9) }, "the receipt is not this service's: malformed"],
      [receiptOf({ group: new Uint8Array(16) }), 'the receipt is of another group'],
      [{ ...entry, commit: commitOf('another') }, 'the Commit is not the one that the receipt names'],
    ];
    for (const [given, reason] of cases) expect(upload(given)).toEqual({ kind: 'foreign-receipt', reason });
    expect(counter.current(ID)).toBeUndefined();
    expect(upload({ ...entry, commit: commitOf('a Commit') })).toEqual({ kind: 'ok' });
    expect(counter.current(ID)).toBe(0n);
  });

  test('are not for plain counters', () => {
    lock(0n, undefined, 'plain');
    const entries = [receiptOf({})];
    const answer = counter.upload(PLAIN, HOME, entries, unixMillis(now), member);
    expect(answer).toEqual({ kind: 'mode-mismatch', mode: 'plain' });
  });

  test('bring the Commit that was missing, and take away none', () => {
    const entry = receiptOf({});
    const commit = commitOf('a Commit');
    upload(entry);
    expect(logged()).toMatchObject([{ commit: undefined }]);
    upload({ ...entry, commit });
    expect(logged()).toMatchObject([{ commit }]);
    upload(entry);
    expect(logged()).toMatchObject([{ commit }]);
  });

  test('let attempts go on above the time in seconds, and above the attempt that succeeded', () => {
    upload(receiptOf({ attempt: 3 }));
    expect(lock(1n)).toMatchObject({ attempt: START_MS / 1000 });
    const late = 2_000_000_000;
    upload(receiptOf({ epoch: epoch(1n), attempt: late }));
    expect(logged()).toHaveLength(1);
    counter = serviceOf(new MemoryCounterStore());
    upload(receiptOf({ epoch: epoch(1n), attempt: late }));
    expect(lock(2n)).toMatchObject({ attempt: late + 1 });
  });

  test('set the time before which no receipt is signed', () => {
    const time = unixMillis(START_MS + 3600_000);
    upload(receiptOf({ time }));
    expect(parseReceipt(commitEpoch(1n).receipt).time).toBe(time);
  });

  test('end the lock of an epoch that has begun, and none of a later one', () => {
    const line = [commitEpoch(0n), commitEpoch(1n)];
    counter = serviceOf(new MemoryCounterStore());
    const stale = lock(0n);
    expect(upload(...line.slice(1))).toEqual({ kind: 'ok' });
    if (stale.kind !== 'granted' || stale.token === undefined) throw new Error(stale.kind);
    expect(increment(0n, stale.token)).toEqual({ kind: 'counter-error', current: 1n });
    const next = lock(2n);
    if (next.kind !== 'granted' || next.token === undefined) throw new Error(next.kind);
    // One that fills the gap leaves the counter where it is.
    expect(upload(...line)).toEqual({ kind: 'ok' });
    expect(increment(2n, next.token).kind).toBe('ok');
  });

  test('are one line with those before and after, or a fork', () => {
    const line = [commitEpoch(0n), commitEpoch(1n), commitEpoch(2n)];
    counter = serviceOf(new MemoryCounterStore());
    const other = commitEpoch(0n, commitOf('another line'));
    expect(upload(...line.slice(1, 2))).toEqual({ kind: 'fork', epoch: 1n });
    expect(upload(...line.slice(0, 1))).toEqual({ kind: 'fork', epoch: 0n });
    counter = serviceOf(new MemoryCounterStore());
    expect(upload(...line.slice(1))).toEqual({ kind: 'ok' });
    expect(upload(other)).toEqual({ kind: 'fork', epoch: 0n });
    expect(upload(...line)).toEqual({ kind: 'ok' });
    expect(logged().map((entry) => entry.receipt)).toEqual(line.map(({ receipt }) => receipt));
  });

  test('are taken in order up to the first that is refused', () => {
    const [zero, one, two] = [commitEpoch(0n), commitEpoch(1n), commitEpoch(2n)];
    counter = serviceOf(new MemoryCounterStore());
    const wrong = { ...one, commit: commitOf('another') };
    expect(upload(zero, wrong, two)).toMatchObject({ kind: 'foreign-receipt' });
    expect(counter.current(ID)).toBe(0n);
  });
});

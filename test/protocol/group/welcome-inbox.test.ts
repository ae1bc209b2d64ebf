import { describe, expect, test } from 'vitest';
import { WELCOME_LIMITS, WelcomeInbox } from '../../../src/protocol/group/coordination/welcome-inbox.ts';
import type { GroupName } from '../../../src/protocol/group/names.ts';
import { epoch, millis } from '../../../src/protocol/units.ts';
import { receiptFor } from '../../harness/group/receipts.ts';
import { fakeCrypto, serviceKey } from '../../harness/group/simulation.ts';

const GROUP = new Uint8Array(16).fill(1) as GroupName;
const fenced = (): WelcomeInbox => new WelcomeInbox(GROUP, serviceKey, fakeCrypto);
const plain = (): WelcomeInbox => new WelcomeInbox(GROUP, undefined, fakeCrypto);
const bytes = (...values: number[]): Uint8Array => new Uint8Array(values);

function put(inbox: WelcomeInbox, of: number, object = 0, payload = bytes(of, object), askAt = 700): void {
  inbox.welcome({ epoch: epoch(BigInt(of)), object, payload }, millis(askAt));
}
const receipt = (inbox: WelcomeInbox, of: number): boolean => inbox.receipt(receiptFor(GROUP, BigInt(of)));
/** Epochs of the Welcomes that wait, by arrival. */
const waiting = (inbox: WelcomeInbox): bigint[] => inbox.waiting().map((held) => held.epoch);
const page = (from: number, current: number, nextFrom?: number) => ({
  from: epoch(BigInt(from)),
  current: epoch(BigInt(current)),
  nextFrom: nextFrom === undefined ? undefined : epoch(BigInt(nextFrom)),
});

describe('a Welcome', () => {
  test('is taken once its receipt is there, with it, and only once', () => {
    const inbox = fenced();
    put(inbox, 6);
    expect([inbox.take(), waiting(inbox), inbox.waitsFor(epoch(6n))]).toEqual([undefined, [6n], true]);
    expect(inbox.waitsFor(epoch(7n))).toBe(false);
    receipt(inbox, 6);
    expect([waiting(inbox), inbox.waitsFor(epoch(6n))]).toEqual([[], false]);
    expect(inbox.take()).toMatchObject({
      held: { epoch: 6n, welcome: bytes(6, 0) },
      receipt: { bytes: receiptFor(GROUP, 6n) },
    });
    expect(inbox.take()).toBeUndefined();
  });

  test('needs no receipt in plain mode, where nothing is one', () => {
    const inbox = plain();
    expect(receipt(inbox, 6)).toBe(false);
    put(inbox, 6);
    expect([inbox.waiting(), inbox.nextToAsk()]).toEqual([[], undefined]);
    expect(inbox.take()).toMatchObject({ held: { epoch: 6n }, receipt: undefined });
  });

  test('that came last is taken first, of those with receipts', () => {
    const inbox = fenced();
    for (const of of [6, 8, 7, 9]) put(inbox, of);
    for (const of of [6, 7, 8]) receipt(inbox, of);
    const taken = [1, 2, 3, 4].map(() => inbox.take()?.held.epoch);
    expect(taken).toEqual([7n, 8n, 6n, undefined]);
    expect(waiting(inbox)).toEqual([9n]);
  });

  test('at the place of another replaces it, the same one again changes nothing', () => {
    const inbox = fenced();
    put(inbox, 6, 0, bytes(1), 100);
    put(inbox, 7);
    put(inbox, 6, 0, bytes(1), 900);
    expect(waiting(inbox)).toEqual([6n, 7n]);
    expect(inbox.waiting()[0]?.askAt).toBe(100);
    put(inbox, 6, 0, bytes(2), 900);
    expect(inbox.waiting().map(({ welcome }) => welcome)).toEqual([bytes(7, 0), bytes(2)]);
    put(inbox, 6, 2, bytes(3));
    expect(waiting(inbox)).toEqual([7n, 6n, 6n]);
  });

  test('is kept as it came, whatever becomes of the bytes', () => {
    const [inbox, payload, of] = [fenced(), bytes(1, 2), receiptFor(GROUP, 6n)];
    put(inbox, 6, 0, payload);
    inbox.receipt(of);
    payload.fill(9);
    of.fill(9);
    expect(inbox.take()).toMatchObject({
      held: { welcome: bytes(1, 2) },
      receipt: { bytes: receiptFor(GROUP, 6n) },
    });
  });
});

describe('however many come,', () => {
  test('the last 8 are kept', () => {
    const inbox = fenced();
    for (let at = 0; at < 20; at += 1) put(inbox, at);
    expect(waiting(inbox)).toEqual(Array.from({ length: WELCOME_LIMITS.count }, (_, at) => BigInt(at + 12)));
  });

  test('16 MiB are kept, the newest whatever its size', () => {
    const inbox = fenced();
    const quarter = (): Uint8Array => new Uint8Array(WELCOME_LIMITS.bytes / 4);
    for (const of of [1, 2, 3, 4]) put(inbox, of, 0, quarter());
    expect(waiting(inbox)).toEqual([1n, 2n, 3n, 4n]);
    put(inbox, 5, 0, bytes(1));
    expect(waiting(inbox)).toEqual([2n, 3n, 4n, 5n]);
    put(inbox, 6, 0, quarter());
    expect(waiting(inbox)).toEqual([3n, 4n, 5n, 6n]);
    put(inbox, 7, 0, new Uint8Array(WELCOME_LIMITS.bytes + 1));
    expect(waiting(inbox)).toEqual([7n]);
    put(inbox, 8, 0, bytes(1));
    expect(waiting(inbox)).toEqual([8n]);
  });

  test('receipts without Welcomes go first the oldest, those with Welcomes stay', () => {
    const inbox = fenced();
    for (const of of [3, 14]) put(inbox, of);
    for (const of of [9, 3, 5, 7, 8, 10, 11, 12]) receipt(inbox, of);
    receipt(inbox, 4);
    receipt(inbox, 13);
    for (const of of [4, 5, 7, 8]) put(inbox, of);
    expect(waiting(inbox)).toEqual([14n, 4n, 5n]);
  });
});

describe('a receipt', () => {
  test('counts when it is the counter’s, about this group; the first of an epoch is kept', () => {
    const inbox = fenced();
    expect(inbox.receipt(receiptFor(new Uint8Array(16), 6n))).toBe(false);
    expect(inbox.receipt(receiptFor(GROUP, 6n, {}, new Uint8Array(32).fill(3)))).toBe(false);
    expect(inbox.receipt(bytes(1, 2, 3))).toBe(false);
    put(inbox, 6);
    expect(inbox.take()).toBeUndefined();
    expect(receipt(inbox, 6)).toBe(true);
    expect(inbox.receipt(receiptFor(GROUP, 6n, { attempt: 1 }))).toBe(true);
    expect(inbox.take()?.receipt?.receipt.attempt).toBe(0);
  });
});

describe('the counter’s log', () => {
  test('is asked about the Welcome whose time comes first', () => {
    const inbox = fenced();
    put(inbox, 6, 0, bytes(1), 900);
    put(inbox, 7, 0, bytes(2), 800);
    put(inbox, 8, 0, bytes(3), 850);
    expect(inbox.nextToAsk()?.epoch).toBe(7n);
    receipt(inbox, 7);
    expect(inbox.nextToAsk()?.epoch).toBe(8n);
  });

  test.each<[string, ReturnType<typeof page>, bigint[]]>([
    ['the last page ends: epochs that it should have had', page(4, 7), [3n, 8n]],
    ['a page of many: epochs that it covered', page(4, 9, 6), [3n, 6n, 7n, 8n, 9n]],
    ['the counter is before them: epochs that nobody can have begun', page(3, 3), [4n]],
    ['the counter knows nothing', page(0, -1), []],
  ])('%s are given up, others wait on', (_, asked, left) => {
    const inbox = fenced();
    for (const of of [3, 4, 5, 6, 7, 8, 9]) put(inbox, of);
    inbox.judge(inbox.waiting(), asked, millis(5_000));
    expect(waiting(inbox)).toEqual(left);
  });

  test('gives up nothing that came meanwhile, nor what has its receipt', () => {
    const inbox = fenced();
    for (const of of [4, 5]) put(inbox, of);
    const asked = inbox.waiting();
    put(inbox, 6);
    receipt(inbox, 5);
    inbox.judge(asked, page(4, 8), millis(5_000));
    expect(waiting(inbox)).toEqual([6n]);
    expect(inbox.take()?.held.epoch).toBe(5n);
  });

  test('is asked again later about what may still be logged, and about where it was asked from', () => {
    const inbox = fenced();
    for (const of of [4, 6, 7, 8]) put(inbox, of);
    inbox.judge([], page(4, 7), millis(5_000));
    expect(inbox.waiting().map(({ askAt }) => askAt)).toEqual([5_000, 700, 700, 5_000]);
  });
});

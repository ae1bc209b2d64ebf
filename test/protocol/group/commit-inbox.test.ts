import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CommitInbox, INBOX_LIMITS } from '../../../src/protocol/group/coordination/commit-inbox.ts';
import type { GroupName } from '../../../src/protocol/group/names.ts';
import { epoch, millis } from '../../../src/protocol/units.ts';
import { receiptFor } from '../../harness/group/receipts.ts';
import { fakeCrypto, serviceKey } from '../../harness/group/simulation.ts';

const GROUP = new Uint8Array(16).fill(1) as GroupName;
const CURRENT = epoch(5n);
const NEXT = epoch(6n);
const NOW = millis(1_000);
/** The last epoch that is kept. */
const FARTHEST = epoch(CURRENT + BigInt(INBOX_LIMITS.epochs));
const BEYOND = epoch(FARTHEST + 1n);

const fenced = (): CommitInbox => new CommitInbox(GROUP, serviceKey, fakeCrypto);
const plain = (): CommitInbox => new CommitInbox(GROUP, undefined, fakeCrypto);
const commit = (number: number): Uint8Array => new Uint8Array([number, number >> 8]);
/** The receipt that makes a Commit the one of its epoch. */
const naming = (of: bigint, named: Uint8Array): Uint8Array =>
  receiptFor(GROUP, of, { commitHash: fakeCrypto.sha256(named) });
const put = (inbox: CommitInbox, of: bigint, object: number, payload: Uint8Array, now = NOW) =>
  inbox.object({ epoch: epoch(of), object, payload }, CURRENT, now);

describe('a Commit', () => {
  test('counts once its receipt is there, whichever comes first', () => {
    for (const commitFirst of [true, false]) {
      const inbox = fenced();
      const receipt = naming(NEXT, commit(1));
      if (commitFirst) expect(put(inbox, NEXT, 0, commit(1))).toBe('known');
      expect(put(inbox, NEXT, 1, receipt)).toBe('new');
      if (!commitFirst) {
        expect(inbox.next(NEXT)?.commit).toBeUndefined();
        put(inbox, NEXT, 0, commit(1));
      }
      expect(inbox.next(NEXT)).toMatchObject({ commit: commit(1), receipt: { bytes: receipt }, since: NOW });
    }
  });

  test('of another attempt, or from the counter’s log, counts as well', () => {
    const inbox = fenced();
    put(inbox, NEXT, 0, commit(1));
    put(inbox, NEXT, 4, commit(2));
    inbox.receipt(naming(NEXT, commit(2)), CURRENT, NOW);
    expect(inbox.next(NEXT)?.commit).toEqual(commit(2));
    inbox.commit(epoch(7n), commit(3), CURRENT, NOW);
    inbox.receipt(naming(7n, commit(3)), CURRENT, NOW);
    expect(inbox.next(epoch(7n))?.commit).toEqual(commit(3));
  });

  test('that its receipt does not name does not count', () => {
    const inbox = fenced();
    put(inbox, NEXT, 0, commit(1));
    put(inbox, NEXT, 1, naming(NEXT, commit(2)));
    expect(inbox.next(NEXT)?.commit).toBeUndefined();
  });

  test('and its receipt are kept as they came, whatever becomes of the bytes', () => {
    const inbox = fenced();
    const [payload, receipt] = [commit(1), naming(NEXT, commit(1))];
    put(inbox, NEXT, 0, payload);
    put(inbox, NEXT, 1, receipt);
    payload.fill(9);
    receipt.fill(9);
    expect(inbox.next(NEXT)).toMatchObject({
      commit: commit(1),
      receipt: { bytes: naming(NEXT, commit(1)) },
    });
  });
});

describe('an epoch that is over or further ahead than 256', () => {
  test.each([
    ['the next one', NEXT, true],
    ['the farthest', FARTHEST, true],
    ['ours', CURRENT, false],
    ['one before', epoch(4n), false],
    ['one too far', BEYOND, false],
    ['the last there can be', epoch((1n << 64n) - 1n), false],
  ])('is not kept: %s', (_, of, isKept) => {
    for (const take of [
      (inbox: CommitInbox) => {
        expect(put(inbox, of, 0, commit(1))).toBe('known');
      },
      (inbox: CommitInbox) => put(inbox, of, 1, naming(of, commit(1))),
      (inbox: CommitInbox) => inbox.receipt(naming(of, commit(1)), CURRENT, NOW),
      (inbox: CommitInbox) => {
        inbox.commit(of, commit(1), CURRENT, NOW);
      },
    ]) {
      const inbox = fenced();
      take(inbox);
      expect([inbox.next(of) !== undefined, inbox.since(epoch(0n)) !== undefined]).toEqual([isKept, isKept]);
    }
  });

  test('is not kept though its receipt lies at the place of another epoch', () => {
    const inbox = fenced();
    expect(put(inbox, NEXT, 1, naming(BEYOND, commit(1)))).toBe('known');
    expect([inbox.next(NEXT), inbox.next(BEYOND)]).toEqual([undefined, undefined]);
  });
});

describe('however much is published,', () => {
  test('8 Commits are kept of an epoch, and the one that the receipt names', () => {
    const flooded = (): CommitInbox => {
      const inbox = fenced();
      for (let at = 0; at < 20; at += 1) put(inbox, NEXT, 2 * at, commit(at));
      return inbox;
    };
    const within = flooded();
    within.receipt(naming(NEXT, commit(7)), CURRENT, NOW);
    expect(within.next(NEXT)?.commit).toEqual(commit(7));
    const beyond = flooded();
    beyond.receipt(naming(NEXT, commit(8)), CURRENT, NOW);
    expect(beyond.next(NEXT)?.commit).toBeUndefined();
    put(beyond, NEXT, 16, commit(8));
    expect(beyond.next(NEXT)?.commit).toEqual(commit(8));
  });

  test('8 MiB are kept, and what the receipts name; a repetition counts once, and what is over counts no more', () => {
    const inbox = fenced();
    const big = (number: number): Uint8Array => {
      const bytes = new Uint8Array(INBOX_LIMITS.bytes / 4);
      bytes[0] = number;
      return bytes;
    };
    /** Whether a Commit of its own epoch is kept. */
    const keeps = (of: bigint, bytes: Uint8Array): boolean => {
      put(inbox, of, 0, bytes);
      inbox.receipt(naming(of, bytes), CURRENT, NOW);
      return inbox.next(epoch(of))?.commit !== undefined;
    };
    for (let times = 0; times < 5; times += 1) put(inbox, NEXT, 0, big(1));
    expect([keeps(7n, big(2)), keeps(8n, big(3)), keeps(9n, big(4))]).toEqual([true, true, true]);
    expect(keeps(10n, commit(5))).toBe(false);
    put(inbox, 10n, 2, commit(5));
    expect(inbox.next(epoch(10n))?.commit).toEqual(commit(5));
    inbox.prune(epoch(7n));
    expect([inbox.next(NEXT), inbox.next(epoch(7n)), inbox.next(epoch(8n)) !== undefined]).toEqual([
      undefined,
      undefined,
      true,
    ]);
    expect([keeps(11n, big(6)), keeps(12n, big(7)), keeps(13n, commit(8))]).toEqual([true, true, false]);
  });
});

describe('a receipt', () => {
  test('that comes again is known, another one of the same epoch is an equivocation', () => {
    const inbox = fenced();
    expect(put(inbox, NEXT, 1, naming(NEXT, commit(1)))).toBe('new');
    expect(put(inbox, NEXT, 3, naming(NEXT, commit(1)))).toBe('known');
    expect(put(inbox, NEXT, 3, naming(NEXT, commit(2)))).toBe('equivocation');
    expect(inbox.receipt(naming(NEXT, commit(2)), CURRENT, NOW)).toBe('equivocation');
    put(inbox, NEXT, 0, commit(1));
    expect(inbox.next(NEXT)?.commit).toEqual(commit(1));
  });

  test('of another group, of another counter, or of none is no receipt', () => {
    const inbox = fenced();
    const other = new Uint8Array(16).fill(2);
    expect(put(inbox, NEXT, 1, receiptFor(other, NEXT))).toBe('invalid');
    expect(put(inbox, NEXT, 1, receiptFor(GROUP, NEXT, {}, new Uint8Array(32).fill(3)))).toBe('invalid');
    expect(put(inbox, NEXT, 1, naming(NEXT, commit(1)).fill(0, 40, 44))).toBe('invalid');
    expect(plain().receipt(naming(NEXT, commit(1)), CURRENT, NOW)).toBe('invalid');
    expect(inbox.since(CURRENT)).toBeUndefined();
  });
});

describe('in plain mode', () => {
  test('object 0 is the Commit: the first that came, until it is rejected', () => {
    const inbox = plain();
    put(inbox, NEXT, 2, commit(9));
    expect(inbox.plain(NEXT)).toBeUndefined();
    put(inbox, NEXT, 0, commit(1));
    put(inbox, NEXT, 0, commit(2));
    expect(inbox.plain(NEXT)).toEqual(commit(1));
    inbox.rejectPlain(NEXT);
    expect(inbox.plain(NEXT)).toEqual(commit(2));
    inbox.rejectPlain(NEXT);
    expect(inbox.plain(NEXT)).toBeUndefined();
    put(inbox, NEXT, 0, commit(3));
    expect(inbox.plain(NEXT)).toEqual(commit(3));
    inbox.rejectPlain(FARTHEST);
    expect(inbox.plain(FARTHEST)).toBeUndefined();
  });

  test('what was refused is not taken again, and what came after it is next', () => {
    const inbox = plain();
    for (let at = 0; at < 20; at += 1) put(inbox, NEXT, 0, commit(at));
    for (let at = 0; at < INBOX_LIMITS.commits; at += 1) {
      expect(inbox.plain(NEXT)).toEqual(commit(at));
      inbox.rejectPlain(NEXT);
      put(inbox, NEXT, 0, commit(at));
    }
    expect(inbox.plain(NEXT)).toBeUndefined();
    put(inbox, NEXT, 0, commit(19));
    expect(inbox.plain(NEXT)).toEqual(commit(19));
  });

  test('1024 refused Commits are remembered, and their bytes are free', () => {
    const inbox = plain();
    const big = (number: number): Uint8Array => {
      const bytes = new Uint8Array(INBOX_LIMITS.bytes / 128);
      bytes.set(commit(number));
      return bytes;
    };
    for (let at = 0; at <= INBOX_LIMITS.refused; at += 1) {
      put(inbox, NEXT, 0, big(at));
      expect(inbox.plain(NEXT)?.subarray(0, 2)).toEqual(commit(at));
      inbox.rejectPlain(NEXT);
    }
    put(inbox, NEXT, 0, big(1));
    expect(inbox.plain(NEXT)).toBeUndefined();
    put(inbox, NEXT, 0, big(0));
    expect(inbox.plain(NEXT)).toBeDefined();
  });

  test('the counter’s log has no object 0', () => {
    const inbox = plain();
    inbox.commit(NEXT, commit(1), CURRENT, NOW);
    expect(inbox.plain(NEXT)).toBeUndefined();
  });
});

test('what is missing is missing since the first sign of any later epoch', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ of: fc.bigInt(6n, 20n), at: fc.nat(1_000) }), { minLength: 1, maxLength: 20 }),
      fc.bigInt(5n, 20n),
      (signs, current) => {
        const inbox = plain();
        const first = new Map<bigint, number>();
        for (const [number, { of, at }] of signs.entries()) {
          put(inbox, of, 0, commit(number), millis(at));
          if (!first.has(of)) first.set(of, at);
        }
        const later = [...first].filter(([of]) => of > current).map(([, at]) => at);
        expect(inbox.since(epoch(current))).toBe(later.length === 0 ? undefined : Math.min(...later));
      },
    ),
  );
});

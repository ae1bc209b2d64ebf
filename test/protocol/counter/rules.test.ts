import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { receiptVerifier } from '../../../src/io/counter/receipt-crypto.ts';
import { encodeBase64Url } from '../../../src/protocol/bytes/base64url.ts';
import type { LockToken } from '../../../src/protocol/counter/client.ts';
import { EpochCounter } from '../../../src/protocol/counter/epoch-counter.ts';
import { checkReceiptChain, verifyReceipt } from '../../../src/protocol/counter/receipt.ts';
import type { Receipt } from '../../../src/protocol/counter/receipt.ts';
import type { CallProof } from '../../../src/protocol/counter/rules.ts';
import { DEFAULT_TIMES, groupOfRoom } from '../../../src/protocol/counter/room.ts';
import { counterIdOf } from '../../../src/protocol/counter/rules.ts';
import { epoch, millis, unixMillis } from '../../../src/protocol/units.ts';
import { freshSigner } from '../../harness/counter/local-client.ts';
import { MemoryCounterStore } from '../../harness/counter/memory-store.ts';

const TTL_MS = 100;
const TIMES = { ...DEFAULT_TIMES, lockMs: millis(TTL_MS), leaseMs: millis(1e9) };
const HOME = { room: new Uint8Array(32).fill(8), generation: 0 };
const GROUP = groupOfRoom(HOME.room, 0, receiptVerifier);
const ID = counterIdOf(GROUP, 'fenced');
const NUM_RUNS = Number(process.env.CONCLAVE_PROPERTY_RUNS ?? 60);
const signer = freshSigner();
const NEXT_KEY = new Uint8Array(32).fill(5);
/** Who has the keys of all epochs: here members are told apart by their tokens. */
const anyMember: CallProof = (key, publicKey) =>
  Buffer.from(publicKey).equals(key === 'room' ? HOME.room : NEXT_KEY);

/** One member that may do anything at any time: repeat, be late, guess, forget. */
interface Member {
  expected: bigint;
  nonce: string;
  token: LockToken | undefined;
  attempt: number;
}

type Step =
  | { readonly kind: 'lock' | 'increment' | 'repeat' | 'catch-up' | 'forget'; readonly who: number }
  | { readonly kind: 'wait'; readonly ms: number }
  /** The clock is set, as clocks are. */
  | { readonly kind: 'set-clock'; readonly by: number };

const who = fc.nat({ max: 2 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('lock' as const), who }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('increment' as const), who }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('repeat', 'catch-up', 'forget'), who }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat({ max: 150 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('set-clock' as const),
      by: fc.integer({ min: -1e6, max: 1e6 }),
    }),
  },
);

describe('the rules, whatever members and clock do', () => {
  test('one Commit for each epoch, one holder at a time, each attempt once, a valid chain, and no dead end', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 120 }), (steps) => {
        const counter = new EpochCounter(
          new MemoryCounterStore(),
          { signer, verifier: receiptVerifier },
          TIMES,
        );
        let now = 1_000_000_000;
        let fresh = 0;
        let clockWasSet = false;
        const members: Member[] = [0, 1, 2].map((index) => ({
          expected: 0n,
          nonce: `nonce-${String(index)}`,
          token: undefined,
          attempt: 0,
        }));
        const receipts = new Map<bigint, string>();
        const attempts = new Set<string>();
        const holders = new Map<LockToken, number>();

        const lock = (index: number, member: Member): string => {
          fresh += 1;
          const answer = counter.lock(
            ID,
            {
              mode: 'fenced',
              val: epoch(member.expected),
              nonce: member.nonce,
              home: member.expected === 0n ? HOME : undefined,
            },
            unixMillis(now),
            `token-${String(fresh)}` as LockToken,
            anyMember,
          );
          if (answer.kind === 'granted' && answer.token !== undefined) {
            const isNew = !holders.has(answer.token);
            if (isNew) {
              const place = `${String(member.expected)}/${String(answer.attempt)}`;
              expect(attempts.has(place)).toBe(false);
              attempts.add(place);
              holders.set(answer.token, index);
            }
            expect(holders.get(answer.token)).toBe(index);
            member.token = answer.token;
            member.attempt = answer.attempt;
          }
          return answer.kind;
        };
        const increment = (index: number, member: Member): string => {
          const answer = counter.incrementFenced(
            ID,
            {
              group: GROUP,
              val: epoch(member.expected),
              token: member.token ?? ('guess' as LockToken),
              commit: Buffer.from(`${String(index)} commits ${String(member.expected)}`),
              transcript: member.expected === 0n ? new Uint8Array() : new Uint8Array(32),
              nextKey: NEXT_KEY,
            },
            unixMillis(now),
            anyMember,
          );
          if (answer.kind === 'ok' && answer.receipt !== undefined) {
            const bytes = encodeBase64Url(answer.receipt);
            expect(receipts.get(answer.val) ?? bytes).toBe(bytes);
            // Only the newest holder moves the counter on; anybody may ask again for what is logged.
            if (!receipts.has(answer.val)) expect(member.token).toBe([...holders.keys()].at(-1));
            receipts.set(answer.val, bytes);
          }
          return answer.kind;
        };

        for (const next of steps) {
          if (next.kind === 'wait') {
            now += next.ms;
            continue;
          }
          if (next.kind === 'set-clock') {
            now = Math.max(TTL_MS * 2, now + next.by);
            clockWasSet = true;
            continue;
          }
          const member = members[next.who];
          if (member === undefined) continue;
          switch (next.kind) {
            case 'lock':
              lock(next.who, member);
              break;
            case 'repeat':
              lock(next.who, member);
              lock(next.who, member);
              break;
            case 'increment':
              increment(next.who, member);
              break;
            case 'forget':
              member.token = undefined;
              break;
            case 'catch-up':
              member.expected = (counter.current(ID) ?? -1n) + 1n;
              break;
          }
        }

        // The log is the receipts that were given, and a chain that anybody can check.
        const page = counter.history(
          ID,
          epoch(0n),
          { entries: 1000, bytes: 1e6 },
          unixMillis(now),
          anyMember,
        );
        if (page.kind !== 'ok') throw new Error(page.kind);
        expect(page.entries.map((entry) => [entry.epoch, encodeBase64Url(entry.receipt)])).toEqual([
          ...[...receipts].sort(([a], [b]) => Number(a - b)),
        ]);
        let previous: Receipt | undefined;
        for (const entry of page.entries) {
          const verdict = verifyReceipt(entry.receipt, signer.publicKey, receiptVerifier);
          if (verdict.kind !== 'valid') throw new Error(verdict.kind);
          expect(checkReceiptChain(previous, verdict.receipt, receiptVerifier).kind).toBe('follows');
          expect(verdict.receipt.time).toBeGreaterThanOrEqual(previous?.time ?? 0);
          expect(verdict.receipt.commitHash).toEqual(
            receiptVerifier.sha256(entry.commit ?? new Uint8Array()),
          );
          previous = verdict.receipt;
        }

        // Whatever happened, any member can go on once a lock has had its time.
        const last = members[0];
        if (last === undefined) return;
        now += clockWasSet ? 2 * TTL_MS : TTL_MS;
        last.expected = (counter.current(ID) ?? -1n) + 1n;
        expect(lock(0, last)).toBe('granted');
        expect(increment(0, last)).toBe('ok');
      }),
      { numRuns: NUM_RUNS },
    );
  });

  test('a clock set back by a year does not keep the lock for a year', () => {
    const counter = new EpochCounter(new MemoryCounterStore(), { signer, verifier: receiptVerifier }, TIMES);
    const year = 365 * 24 * 3600 * 1000;
    const ask = (now: number, nonce: string): string =>
      counter.lock(
        ID,
        { mode: 'fenced', val: epoch(0n), nonce, home: HOME },
        unixMillis(now),
        nonce as LockToken,
        anyMember,
      ).kind;
    expect(ask(2 * year, 'first')).toBe('granted');
    expect(ask(2 * year - 10, 'second')).toBe('locked');
    expect(ask(year, 'second')).toBe('granted');
  });
});

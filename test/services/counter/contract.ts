import { createHash, randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ed25519Signer } from '../../../src/io/crypto/raw-keys.ts';
import { receiptVerifier } from '../../../src/io/counter/receipt-crypto.ts';
import { COUNTER_LIMITS } from '../../../src/protocol/counter/client.ts';
import type {
  CounterClient,
  EpochSigner,
  LockToken,
  UploadEntry,
} from '../../../src/protocol/counter/client.ts';
import { checkReceiptChain, verifyReceipt } from '../../../src/protocol/counter/receipt.ts';
import type { Receipt } from '../../../src/protocol/counter/receipt.ts';
import { epoch } from '../../../src/protocol/units.ts';

/** One counter service under test, reached as its members reach it. */
export interface CounterUnderTest {
  readonly client: CounterClient;
  /** The service's public key, from elsewhere than the service's answers. */
  readonly publicKey: Uint8Array;
  readonly lockTtlMs: number;
  /** Lets time pass for the service. */
  advance(ms: number): void;
  /** Remembers all that the service holds. */
  backUp(): void;
  /** Puts the service back to what it held then. */
  restore(): Promise<void>;
  close(): Promise<void>;
}

const TRANSCRIPT = new Uint8Array(32).fill(7);
/** The key pair of an epoch. */
const epochKey = (val: bigint) => ed25519Signer(new Uint8Array(32).fill(Number(val) + 1));
const keyOf = (val: bigint): Uint8Array => epochKey(val).publicKey;
/** Signs as a member that is about to begin an epoch; nobody is one before epoch 0. */
const memberBefore = (val: bigint): EpochSigner | undefined =>
  val === 0n ? undefined : (message) => Promise.resolve(epochKey(val - 1n).sign(message));
const nonce = (): Uint8Array => new Uint8Array(randomBytes(16));
const commitOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest());

/** What every counter service keeps, whatever is between it and its members. */
export function describeCounter(name: string, start: () => Promise<CounterUnderTest>): void {
  describe(`an epoch counter: ${name}`, () => {
    let counter: CounterUnderTest;
    let client: CounterClient;
    let group: Uint8Array;

    beforeEach(async () => {
      counter = await start();
      client = counter.client;
      group = new Uint8Array(randomBytes(16));
    });
    afterEach(async () => {
      await counter.close();
    });

    const take = async (val: bigint): Promise<LockToken> => {
      const request = { mode: 'fenced', val: epoch(val), nonce: nonce() } as const;
      const outcome = await client.lock(group, request, memberBefore(val));
      if (outcome.kind !== 'granted' || outcome.token === undefined) {
        throw new Error(`lock ${String(val)}: ${outcome.kind}`);
      }
      return outcome.token;
    };
    const increment = (val: bigint, token: LockToken, commit: Uint8Array) =>
      client.increment(
        group,
        {
          mode: 'fenced',
          val: epoch(val),
          token,
          commit,
          transcript: val === 0n ? new Uint8Array() : TRANSCRIPT,
          nextKey: keyOf(val),
        },
        memberBefore(val),
      );
    const commitEpoch = async (val: bigint): Promise<UploadEntry> => {
      const commit = commitOf(`commit ${String(val)}`);
      const outcome = await increment(val, await take(val), commit);
      if (outcome.kind !== 'ok' || outcome.receipt === undefined)
        throw new Error(`increment: ${outcome.kind}`);
      return { receipt: outcome.receipt, commit };
    };
    const verified = (receipt: Uint8Array | undefined): Receipt => {
      const verdict = verifyReceipt(receipt ?? new Uint8Array(), counter.publicKey, receiptVerifier);
      if (verdict.kind !== 'valid') throw new Error(`receipt: ${verdict.kind}`);
      return verdict.receipt;
    };

    test('starts at 0, without initialisation, and counts one by one', async () => {
      const early = await client.lock(group, { mode: 'fenced', val: epoch(1n), nonce: nonce() });
      expect(early).toEqual({ kind: 'counter-error', current: undefined });
      for (const val of [0n, 1n, 2n]) await commitEpoch(val);
      const stale = await client.lock(group, { mode: 'fenced', val: epoch(2n), nonce: nonce() });
      expect(stale).toEqual({ kind: 'counter-error', current: 2n });
      const ahead = await client.lock(group, { mode: 'fenced', val: epoch(9n), nonce: nonce() });
      expect(ahead).toEqual({ kind: 'counter-error', current: 2n });
    });

    test('gives the lock to one and tells the others how long to wait', async () => {
      const mine = nonce();
      const first = await client.lock(group, { mode: 'fenced', val: epoch(0n), nonce: mine });
      expect(first).toMatchObject({ kind: 'granted', attempt: 0, expiresInMs: counter.lockTtlMs });
      counter.advance(counter.lockTtlMs / 2);
      const other = await client.lock(group, { mode: 'fenced', val: epoch(0n), nonce: nonce() });
      expect(other).toEqual({ kind: 'locked', retryLaterMs: counter.lockTtlMs / 2 });
      const again = await client.lock(group, { mode: 'fenced', val: epoch(0n), nonce: mine });
      expect(again).toEqual({ ...first, expiresInMs: counter.lockTtlMs / 2 });
    });

    test('a lock expires; the next holder gets the next attempt and the old token is worth nothing', async () => {
      const stale = await take(0n);
      counter.advance(counter.lockTtlMs);
      expect(await increment(0n, stale, commitOf('late'))).toEqual({ kind: 'not-locked' });
      const next = await client.lock(group, { mode: 'fenced', val: epoch(0n), nonce: nonce() });
      expect(next).toMatchObject({ kind: 'granted', attempt: 1 });
      expect(await increment(0n, stale, commitOf('late'))).toEqual({ kind: 'not-locked' });
      if (next.kind !== 'granted' || next.token === undefined) throw new Error(next.kind);
      const done = await increment(0n, next.token, commitOf('good'));
      if (done.kind !== 'ok') throw new Error(done.kind);
      expect(verified(done.receipt).attempt).toBe(1);
      // Attempts are counted for each value.
      const request = { mode: 'fenced', val: epoch(1n), nonce: nonce() } as const;
      const following = await client.lock(group, request, memberBefore(1n));
      expect(following).toMatchObject({ kind: 'granted', attempt: 0 });
    });

    test('an increment needs a lock', async () => {
      const forged = 'A'.repeat(22) as LockToken;
      expect(await increment(0n, forged, commitOf('x'))).toEqual({ kind: 'not-locked' });
      await take(0n);
      expect(await increment(0n, forged, commitOf('x'))).toEqual({ kind: 'not-locked' });
      expect(await increment(3n, forged, commitOf('x'))).toEqual({
        kind: 'counter-error',
        current: undefined,
      });
    });

    test('receipts name group, epoch, attempt, Commit, transcript and next key, and form a chain', async () => {
      let previous: Receipt | undefined;
      for (const val of [0n, 1n, 2n, 3n]) {
        const { receipt, commit } = await commitEpoch(val);
        const read = verified(receipt);
        expect(read).toMatchObject({ group, epoch: val, attempt: 0 });
        expect(read.commitHash).toEqual(sha256(commit ?? new Uint8Array()));
        expect(read.transcript).toEqual(val === 0n ? new Uint8Array() : TRANSCRIPT);
        expect(read.nextKey).toEqual(keyOf(val));
        expect(checkReceiptChain(previous, read, receiptVerifier)).toEqual({ kind: 'follows' });
        previous = read;
      }
      expect(await client.receiptKey()).toEqual({ kind: 'ok', publicKey: counter.publicKey });
    });

    test('a logged Commit gets its receipt again, another Commit for that epoch none', async () => {
      const token = await take(0n);
      const commit = commitOf('the one');
      const first = await increment(0n, token, commit);
      expect(first.kind).toBe('ok');
      expect(await increment(0n, token, commit)).toEqual(first);
      await commitEpoch(1n);
      counter.advance(10 * counter.lockTtlMs);
      expect(await increment(0n, 'B'.repeat(22) as LockToken, commit)).toEqual(first);
      expect(await increment(0n, token, commitOf('another'))).toEqual({ kind: 'counter-error', current: 1n });
    });

    test('history gives Commits and receipts byte for byte, from any epoch', async () => {
      const entries: UploadEntry[] = [];
      for (const val of [0n, 1n, 2n]) entries.push(await commitEpoch(val));
      const all = await client.history(group, epoch(0n));
      expect(all).toEqual({
        kind: 'ok',
        current: 2n,
        nextFrom: undefined,
        entries: entries.map((entry, index) => ({ ...entry, epoch: BigInt(index), attempt: 0 })),
      });
      const rest = await client.history(group, epoch(2n));
      expect(rest).toMatchObject({ entries: [{ epoch: 2n }], nextFrom: undefined });
      expect(await client.history(group, epoch(3n))).toMatchObject({ current: 2n, entries: [] });
      const unknown = await client.history(new Uint8Array(randomBytes(16)), epoch(0n));
      expect(unknown).toEqual({ kind: 'ok', current: undefined, entries: [], nextFrom: undefined });
    });

    test('history comes in pages of bounded size', async () => {
      for (let val = 0n; val < 6n; val += 1n) {
        const commit = new Uint8Array(COUNTER_LIMITS.commit).fill(Number(val));
        expect((await increment(val, await take(val), commit)).kind).toBe('ok');
      }
      const seen: bigint[] = [];
      let from: bigint | undefined = 0n;
      let pages = 0;
      while (from !== undefined) {
        const page = await client.history(group, epoch(from));
        if (page.kind !== 'ok') throw new Error(page.kind);
        seen.push(...page.entries.map((entry) => entry.epoch));
        const size = page.entries.reduce((sum, entry) => sum + (entry.commit?.length ?? 0), 0);
        expect(size).toBeLessThanOrEqual(COUNTER_LIMITS.historyPage);
        from = page.nextFrom;
        pages += 1;
      }
      expect(seen).toEqual([0n, 1n, 2n, 3n, 4n, 5n]);
      expect(pages).toBe(2);
    });

    test('plain mode: the two bare calls of the draft', async () => {
      expect(await client.increment(group, { mode: 'plain' })).toEqual({ kind: 'not-locked' });
      const granted = await client.lock(group, { mode: 'plain', val: epoch(0n) });
      expect(granted).toEqual({
        kind: 'granted',
        token: undefined,
        attempt: 0,
        expiresInMs: counter.lockTtlMs,
      });
      expect(await client.lock(group, { mode: 'plain', val: epoch(0n) })).toMatchObject({ kind: 'locked' });
      expect(await client.increment(group, { mode: 'plain' })).toEqual({ kind: 'ok', receipt: undefined });
      expect(await client.increment(group, { mode: 'plain' })).toEqual({ kind: 'not-locked' });
      expect(await client.lock(group, { mode: 'plain', val: epoch(0n) })).toEqual({
        kind: 'counter-error',
        current: 0n,
      });
      await client.lock(group, { mode: 'plain', val: epoch(1n) });
      counter.advance(counter.lockTtlMs);
      expect(await client.increment(group, { mode: 'plain' })).toEqual({ kind: 'not-locked' });
    });

    test('plain calls, which anybody may make, take and move no fenced counter', async () => {
      for (const val of [0n, 1n]) {
        expect(await client.lock(group, { mode: 'plain', val: epoch(val) })).toMatchObject({
          kind: 'granted',
        });
        expect(await client.increment(group, { mode: 'plain' })).toMatchObject({ kind: 'ok' });
      }
      const token = await take(0n);
      expect(await client.lock(group, { mode: 'plain', val: epoch(2n) })).toMatchObject({ kind: 'granted' });
      expect(await client.increment(group, { mode: 'plain' })).toMatchObject({ kind: 'ok' });
      expect((await increment(0n, token, commitOf('untouched'))).kind).toBe('ok');
    });

    test('moves only for members of the epoch that was reached last', async () => {
      await commitEpoch(0n);
      await commitEpoch(1n);
      const at = (val: bigint) => ({ mode: 'fenced', val: epoch(val), nonce: nonce() }) as const;
      const refused = { kind: 'refused', status: 403 };
      // Somebody who knows the name of the group, and somebody who was removed by the Commit of epoch 1.
      for (const attacker of [undefined, memberBefore(1n)]) {
        expect(await client.lock(group, at(2n), attacker)).toMatchObject(refused);
        // The value is no secret: it is told without a look at the signature.
        expect(await client.lock(group, at(7n), attacker)).toEqual({ kind: 'counter-error', current: 1n });
      }
      const token = await take(2n);
      const stolen = {
        mode: 'fenced',
        val: epoch(2n),
        token,
        commit: commitOf('junk'),
        transcript: TRANSCRIPT,
        nextKey: keyOf(2n),
      } as const;
      for (const attacker of [undefined, memberBefore(1n)])
        expect(await client.increment(group, stolen, attacker)).toMatchObject(refused);
      expect(await client.history(group, epoch(0n))).toMatchObject({ current: 1n });
      expect((await increment(2n, token, commitOf('good'))).kind).toBe('ok');
      // The receipt of a logged Commit is given again to members of the epoch before, and to nobody else.
      const again = { ...stolen, commit: commitOf('good') };
      expect((await client.increment(group, again, memberBefore(2n))).kind).toBe('ok');
      expect(await client.increment(group, again, memberBefore(1n))).toEqual({
        kind: 'counter-error',
        current: 2n,
      });
    });

    test('a service restored from a backup goes forward on its own receipts', async () => {
      const entries = [await commitEpoch(0n), await commitEpoch(1n)];
      counter.backUp();
      entries.push(await commitEpoch(2n), await commitEpoch(3n));
      await counter.restore();
      client = counter.client;
      const behind = await client.lock(group, { mode: 'fenced', val: epoch(4n), nonce: nonce() });
      expect(behind).toEqual({ kind: 'counter-error', current: 1n });

      expect(await client.upload(group, entries)).toEqual({ kind: 'ok', current: 3n });
      expect(await client.upload(group, entries)).toEqual({ kind: 'ok', current: 3n });
      const history = await client.history(group, epoch(0n));
      if (history.kind !== 'ok') throw new Error(history.kind);
      expect(history.entries.map(({ receipt, commit }) => ({ receipt, commit }))).toEqual(entries);
      const { receipt } = await commitEpoch(4n);
      expect(checkReceiptChain(verified(entries[3]?.receipt), verified(receipt), receiptVerifier)).toEqual({
        kind: 'follows',
      });
    });

    test('a service that lost all goes forward over a gap, and gives no attempt twice', async () => {
      counter.backUp();
      const entries: UploadEntry[] = [];
      for (const val of [0n, 1n, 2n]) entries.push(await commitEpoch(val));
      await take(3n);
      await counter.restore();
      client = counter.client;
      const newest = { receipt: entries[2]?.receipt ?? new Uint8Array(), commit: undefined };
      expect(await client.upload(group, [newest])).toEqual({ kind: 'ok', current: 2n });
      const page = await client.history(group, epoch(0n));
      expect(page).toMatchObject({
        current: 2n,
        entries: [{ epoch: 2n, commit: undefined }],
        nextFrom: undefined,
      });
      // The lock of 3 that was lost with the data was attempt 0, and its Commit may be out.
      const request = { mode: 'fenced', val: epoch(3n), nonce: nonce() } as const;
      const lock = await client.lock(group, request, memberBefore(3n));
      if (lock.kind !== 'granted') throw new Error(lock.kind);
      expect(lock.attempt).toBeGreaterThan(1_000_000_000);
      // The Commit that belongs to the receipt, and the epochs before, are taken later too.
      expect(await client.upload(group, entries)).toEqual({ kind: 'ok', current: 2n });
      expect(await client.history(group, epoch(0n))).toMatchObject({
        entries: entries.map(({ commit }) => ({ commit })),
      });
    });

    test('takes back nothing that it did not sign for this group and Commit', async () => {
      const entry = await commitEpoch(0n);
      const status = async (of: Uint8Array, entries: UploadEntry[]): Promise<unknown> => {
        const outcome = await client.upload(of, entries);
        return outcome.kind === 'refused' ? outcome.status : outcome;
      };
      expect(await status(new Uint8Array(randomBytes(16)), [entry])).toBe(422);
      expect(await status(group, [{ ...entry, commit: commitOf('another') }])).toBe(422);
      const flipped = entry.receipt.slice();
      flipped[flipped.length - 1] = (flipped.at(-1) ?? 0) ^ 1;
      expect(await status(group, [{ ...entry, receipt: flipped }])).toBe(422);
    });

    test('a second receipt for an epoch, or for another past, is a fork', async () => {
      await commitEpoch(0n);
      counter.backUp();
      const lost = [await commitEpoch(1n), await commitEpoch(2n)];
      await counter.restore();
      client = counter.client;
      const token = await take(1n);
      expect((await increment(1n, token, commitOf('the other line'))).kind).toBe('ok');
      expect(await client.upload(group, lost)).toEqual({ kind: 'fork', epoch: 1n });
      expect(await client.upload(group, lost.slice(1))).toEqual({ kind: 'fork', epoch: 2n });
      expect(await client.history(group, epoch(0n))).toMatchObject({ current: 1n });
    });

    test('of many who lock at once, one gets it', async () => {
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, () =>
          client.lock(group, { mode: 'fenced', val: epoch(0n), nonce: nonce() }),
        ),
      );
      expect(outcomes.filter(({ kind }) => kind === 'granted')).toHaveLength(1);
      expect(outcomes.filter(({ kind }) => kind === 'locked')).toHaveLength(19);
    });
  });
}

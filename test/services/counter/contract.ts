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
import { groupOfRoom } from '../../../src/protocol/counter/room.ts';
import type { CounterTimes } from '../../../src/protocol/counter/room.ts';
import { epoch } from '../../../src/protocol/units.ts';

/** One counter service under test, reached as its members reach it. */
export interface CounterUnderTest {
  readonly client: CounterClient;
  /** The room that the client signs for. */
  readonly room: Uint8Array;
  /** The service's public key, from elsewhere than the service's answers. */
  readonly publicKey: Uint8Array;
  readonly times: CounterTimes;
  /** Lets time pass for the service. */
  advance(ms: number): void;
  /** Remembers all that the service holds. */
  backUp(): void;
  /** Puts the service back to what it held then. @param isSaid - the operator says so (ADR 16). */
  restore(isSaid?: boolean): Promise<void>;
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
      group = groupOfRoom(counter.room, 0, receiptVerifier);
    });
    afterEach(async () => {
      await counter.close();
    });

    const take = async (val: bigint): Promise<LockToken> => {
      const request = { mode: 'fenced', val: epoch(val), nonce: nonce(), generation: 0 } as const;
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
      const early = await client.lock(group, {
        mode: 'fenced',
        val: epoch(1n),
        nonce: nonce(),
        generation: 0,
      });
      expect(early).toEqual({ kind: 'counter-error', current: undefined });
      for (const val of [0n, 1n, 2n]) await commitEpoch(val);
      const stale = await client.lock(group, {
        mode: 'fenced',
        val: epoch(2n),
        nonce: nonce(),
        generation: 0,
      });
      expect(stale).toEqual({ kind: 'counter-error', current: 2n });
      const ahead = await client.lock(group, {
        mode: 'fenced',
        val: epoch(9n),
        nonce: nonce(),
        generation: 0,
      });
      expect(ahead).toEqual({ kind: 'counter-error', current: 2n });
    });

    test('gives the lock to one and tells the others how long to wait', async () => {
      const mine = nonce();
      const first = await client.lock(group, { mode: 'fenced', val: epoch(0n), nonce: mine, generation: 0 });
      expect(first).toMatchObject({ kind: 'granted', attempt: 0, expiresInMs: counter.times.lockMs });
      counter.advance(counter.times.lockMs / 2);
      const other = await client.lock(group, {
        mode: 'fenced',
        val: epoch(0n),
        nonce: nonce(),
        generation: 0,
      });
      expect(other).toEqual({ kind: 'locked', retryLaterMs: counter.times.lockMs / 2 });
      const again = await client.lock(group, { mode: 'fenced', val: epoch(0n), nonce: mine, generation: 0 });
      expect(again).toEqual({ ...first, expiresInMs: counter.times.lockMs / 2 });
    });

    test('a lock expires; the next holder gets the next attempt and the old token is worth nothing', async () => {
      const stale = await take(0n);
      counter.advance(counter.times.lockMs);
      expect(await increment(0n, stale, commitOf('late'))).toEqual({ kind: 'not-locked' });
      const next = await client.lock(group, {
        mode: 'fenced',
        val: epoch(0n),
        nonce: nonce(),
        generation: 0,
      });
      expect(next).toMatchObject({ kind: 'granted', attempt: 1 });
      expect(await increment(0n, stale, commitOf('late'))).toEqual({ kind: 'not-locked' });
      if (next.kind !== 'granted' || next.token === undefined) throw new Error(next.kind);
      const done = await increment(0n, next.token, commitOf('good'));
      if (done.kind !== 'ok') throw new Error(done.kind);
      expect(verified(done.receipt).attempt).toBe(1);
      // Attempts are counted for each value.
      const request = { mode: 'fenced', val: epoch(1n), nonce: nonce(), generation: 0 } as const;
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
      counter.advance(10 * counter.times.lockMs);
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
        meeting: { generation: 0, lease: { leftMs: counter.times.leaseMs, ofMs: counter.times.leaseMs } },
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
        expiresInMs: counter.times.lockMs,
      });
      expect(await client.lock(group, { mode: 'plain', val: epoch(0n) })).toMatchObject({ kind: 'locked' });
      expect(await client.increment(group, { mode: 'plain' })).toEqual({ kind: 'ok', receipt: undefined });
      expect(await client.increment(group, { mode: 'plain' })).toEqual({ kind: 'not-locked' });
      expect(await client.lock(group, { mode: 'plain', val: epoch(0n) })).toEqual({
        kind: 'counter-error',
        current: 0n,
      });
      await client.lock(group, { mode: 'plain', val: epoch(1n) });
      counter.advance(counter.times.lockMs);
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
      const at = (val: bigint) =>
        ({ mode: 'fenced', val: epoch(val), nonce: nonce(), generation: 0 }) as const;
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

    /** Other generations of the same room. */
    const groupAt = (generation: number): Uint8Array =>
      groupOfRoom(counter.room, generation, receiptVerifier);
    const lockAt = (generation: number) =>
      client.lock(groupAt(generation), { mode: 'fenced', val: epoch(0n), nonce: nonce(), generation });
    /** Begins a generation, whose epoch 0 has the key of {@link keyOf}. */
    const begin = async (generation: number): Promise<void> => {
      const lock = await lockAt(generation);
      if (lock.kind !== 'granted' || lock.token === undefined) throw new Error(lock.kind);
      const done = await client.increment(groupAt(generation), {
        mode: 'fenced',
        val: epoch(0n),
        token: lock.token,
        commit: commitOf(`group ${String(generation)}`),
        transcript: new Uint8Array(),
        nextKey: keyOf(0n),
      });
      if (done.kind !== 'ok') throw new Error(done.kind);
    };
    const inEpoch0 = memberBefore(1n) ?? (() => Promise.resolve(undefined));
    const inEpoch1 = memberBefore(2n) ?? inEpoch0;
    /** Begins a generation and takes it to epoch 1, as its first joiner does. */
    const settle = async (generation: number): Promise<void> => {
      await begin(generation);
      const request = { mode: 'fenced', val: epoch(1n), nonce: nonce(), generation } as const;
      const lock = await client.lock(groupAt(generation), request, inEpoch0);
      if (lock.kind !== 'granted' || lock.token === undefined) throw new Error(lock.kind);
      const commit = commitOf(`joiner ${String(generation)}`);
      const { token } = lock;
      const call = { mode: 'fenced', val: epoch(1n), token, commit, transcript: TRANSCRIPT } as const;
      const done = await client.increment(groupAt(generation), { ...call, nextKey: keyOf(1n) }, inEpoch0);
      if (done.kind !== 'ok') throw new Error(done.kind);
    };
    const alive = (generation: number) => client.alive(groupAt(generation), epoch(0n), inEpoch0);
    const close = (generation: number) => client.close(groupAt(generation), epoch(0n), inEpoch0);
    /** The same where {@link settle} was. */
    const aliveAt1 = (generation: number) => client.alive(groupAt(generation), epoch(1n), inEpoch1);
    const closeAt1 = (generation: number) => client.close(groupAt(generation), epoch(1n), inEpoch1);

    test('tells in one call which generation is the meeting, and which begins next', async () => {
      expect(await client.room()).toEqual({ kind: 'ok', meeting: undefined, next: 0 });
      await begin(0);
      expect(await client.room()).toEqual({ kind: 'ok', meeting: 0, next: 1 });
      counter.advance(counter.times.leaseMs - 1);
      expect(await client.room()).toEqual({ kind: 'ok', meeting: 0, next: 1 });
      counter.advance(1);
      expect(await client.room()).toEqual({ kind: 'ok', meeting: undefined, next: 1 });
    });

    test('begins no generation while one is alive, nor any but the next', async () => {
      expect(await lockAt(1)).toEqual({ kind: 'counter-error', current: undefined });
      await begin(0);
      counter.advance(10);
      const left = counter.times.leaseMs - 10;
      expect(await lockAt(1)).toEqual({ kind: 'alive', retryLaterMs: left });
      expect(await lockAt(2)).toEqual({ kind: 'counter-error', current: undefined });
      counter.advance(left);
      expect(await lockAt(2)).toEqual({ kind: 'counter-error', current: undefined });
      // A lock of 0 without an increment begins nothing, and keeps nobody from the next attempt.
      expect(await lockAt(1)).toMatchObject({ kind: 'granted', attempt: 0 });
      expect(await client.room()).toEqual({ kind: 'ok', meeting: undefined, next: 1 });
      counter.advance(counter.times.lockMs);
      await begin(1);
      expect(await client.room()).toEqual({ kind: 'ok', meeting: 1, next: 2 });
    });

    test('begins no generation beside one that came back between lock and increment', async () => {
      await begin(0);
      counter.advance(counter.times.leaseMs);
      const lock = await lockAt(1);
      if (lock.kind !== 'granted' || lock.token === undefined) throw new Error(lock.kind);
      expect(await alive(0)).toMatchObject({ kind: 'ok' });
      const request = {
        mode: 'fenced',
        val: epoch(0n),
        token: lock.token,
        commit: commitOf('group 1'),
        transcript: new Uint8Array(),
        nextKey: keyOf(0n),
      } as const;
      const { leaseMs } = counter.times;
      expect(await client.increment(groupAt(1), request)).toEqual({ kind: 'alive', retryLaterMs: leaseMs });
      expect(await client.room()).toEqual({ kind: 'ok', meeting: 0, next: 1 });
    });

    test('a member keeps its generation alive, by word, lock and increment; nobody else does', async () => {
      await begin(0);
      const lease = { leftMs: counter.times.leaseMs, ofMs: counter.times.leaseMs };
      const part = counter.times.leaseMs - 1000;
      counter.advance(part);
      const renewed = { kind: 'ok', current: 0n, meeting: { generation: 0, lease } };
      expect(await alive(0)).toEqual(renewed);
      counter.advance(part);
      const behind = await client.alive(group, epoch(7n), inEpoch0);
      expect(behind).toEqual({ kind: 'counter-error', current: 0n });
      const outsider = memberBefore(9n) ?? inEpoch0;
      expect(await client.alive(group, epoch(0n), outsider)).toMatchObject({ kind: 'refused', status: 403 });
      expect(await client.close(group, epoch(0n), outsider)).toMatchObject({ kind: 'refused', status: 403 });
      expect(await client.room()).toMatchObject({ meeting: 0 });
      await commitEpoch(1n);
      counter.advance(part);
      expect(await client.room()).toMatchObject({ meeting: 0 });
      counter.advance(1000);
      expect(await client.room()).toMatchObject({ meeting: undefined });
    });

    test('the last one closes; the next generation begins at once; a member of before opens it again', async () => {
      await settle(0);
      expect(await closeAt1(0)).toMatchObject({ kind: 'ok', current: 1n });
      expect(await client.room()).toEqual({ kind: 'ok', meeting: undefined, next: 1 });
      await settle(1);
      expect(await aliveAt1(0)).toMatchObject({ kind: 'ok', meeting: { generation: 0 } });
      expect(await client.room()).toEqual({ kind: 'ok', meeting: 0, next: 2 });
      // Whoever is in the higher one is told where the meeting is.
      expect(await aliveAt1(1)).toMatchObject({ kind: 'ok', meeting: { generation: 0 } });
    });

    test('who was silent for long after a later one began never comes back, whatever the clock says', async () => {
      await begin(0);
      counter.advance(counter.times.leaseMs);
      await begin(1);
      counter.advance(counter.times.revivalMs);
      expect(await alive(0)).toMatchObject({ kind: 'ok' });
      counter.advance(counter.times.revivalMs + counter.times.leaseMs);
      expect(await alive(0)).toEqual({ kind: 'gone' });
      const lock = { mode: 'fenced', val: epoch(1n), nonce: nonce(), generation: 0 } as const;
      expect(await client.lock(group, lock, inEpoch0)).toEqual({ kind: 'gone' });
      counter.advance(-600_000);
      expect(await alive(0)).toEqual({ kind: 'gone' });
      // The later one, which nobody has overtaken, comes back after any time.
      counter.advance(100 * counter.times.revivalMs);
      expect(await alive(1)).toMatchObject({ kind: 'ok', meeting: { generation: 1 } });
    });

    test('a good-bye keeps no old generation revivable', async () => {
      const { leaseMs, revivalMs } = counter.times;
      await settle(0);
      counter.advance(leaseMs);
      await settle(1);
      // Repeated where nobody is, and right after a sign of life: it is the meeting for a whole lease, or not at all.
      expect(await aliveAt1(0)).toMatchObject({ kind: 'ok', meeting: { generation: 0 } });
      expect(await closeAt1(0)).toMatchObject({ kind: 'ok', meeting: { generation: 1 } });
      expect(await closeAt1(0)).toEqual({ kind: 'gone' });
      expect(await aliveAt1(0)).toEqual({ kind: 'gone' });
      // One that was closed before a later one began has the ten minutes from then, and no more.
      await closeAt1(1);
      counter.advance(revivalMs / 2);
      await closeAt1(1);
      await settle(2);
      counter.advance(revivalMs);
      expect(await aliveAt1(1)).toMatchObject({ kind: 'ok', meeting: { generation: 1 } });
      counter.advance(revivalMs + leaseMs);
      expect(await aliveAt1(1)).toEqual({ kind: 'gone' });
    });

    test('a room begins only so many generations in the time in which they may come back', async () => {
      for (let generation = 0; generation < 16; generation += 1) {
        await settle(generation);
        expect(await closeAt1(generation)).toMatchObject({ kind: 'ok' });
      }
      expect(await lockAt(16)).toMatchObject({ kind: 'busy' });
      // Those who were there first lose nothing by it.
      expect(await aliveAt1(0)).toMatchObject({ kind: 'ok', meeting: { generation: 0 } });
      await closeAt1(0);
      counter.advance(counter.times.revivalMs + 1);
      await settle(16);
      expect(await client.room()).toEqual({ kind: 'ok', meeting: 16, next: 17 });
    });

    test('who opens and closes alone uses up no room, and nothing of it is kept', async () => {
      await settle(0);
      await closeAt1(0);
      const first = await client.history(groupAt(0), epoch(0n));
      for (let generation = 1; generation < 20; generation += 1) {
        await begin(generation);
        const page = await client.history(groupAt(generation), epoch(0n));
        if (page.kind !== 'ok') throw new Error(page.kind);
        expect(await close(generation)).toMatchObject({ kind: 'ok', current: 0n });
        expect(await alive(generation)).toEqual({ kind: 'gone' });
        const nothing = { kind: 'ok', current: 0n, entries: [] };
        expect(await client.history(groupAt(generation), epoch(0n))).toMatchObject(nothing);
        const given = page.entries.map(({ receipt, commit }) => ({ receipt, commit }));
        expect(await client.upload(groupAt(generation), generation, given)).toEqual({ kind: 'gone' });
        expect(await client.history(groupAt(generation), epoch(0n))).toMatchObject(nothing);
      }
      // Those who were there first lose nothing by it.
      expect(await client.history(groupAt(0), epoch(0n))).toMatchObject({
        entries: first.kind === 'ok' ? first.entries : [],
      });
      expect(await aliveAt1(0)).toMatchObject({ kind: 'ok', meeting: { generation: 0 } });
    });

    test('a service that lost all knows the room again from receipts', async () => {
      counter.backUp();
      await begin(0);
      await close(0);
      await begin(1);
      const page = await client.history(groupAt(1), epoch(0n));
      if (page.kind !== 'ok') throw new Error(page.kind);
      await counter.restore();
      client = counter.client;
      expect(await client.room()).toEqual({ kind: 'ok', meeting: undefined, next: 0 });
      const given = page.entries.map(({ receipt, commit }) => ({ receipt, commit }));
      expect(await client.upload(groupAt(1), 1, given)).toEqual({ kind: 'ok', current: 0n });
      expect(await client.room()).toEqual({ kind: 'ok', meeting: 1, next: 2 });
      expect(await alive(1)).toMatchObject({ kind: 'ok', meeting: { generation: 1 } });
    });

    test('a service restored from a backup goes forward on its own receipts', async () => {
      const entries = [await commitEpoch(0n), await commitEpoch(1n)];
      counter.backUp();
      entries.push(await commitEpoch(2n), await commitEpoch(3n));
      await counter.restore();
      client = counter.client;
      const behind = await client.lock(group, {
        mode: 'fenced',
        val: epoch(4n),
        nonce: nonce(),
        generation: 0,
      });
      expect(behind).toEqual({ kind: 'counter-error', current: 1n });

      expect(await client.upload(group, 0, entries)).toEqual({ kind: 'ok', current: 3n });
      expect(await client.upload(group, 0, entries)).toEqual({ kind: 'ok', current: 3n });
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
      expect(await client.upload(group, 0, [newest])).toEqual({ kind: 'ok', current: 2n });
      const page = await client.history(group, epoch(0n));
      expect(page).toMatchObject({
        current: 2n,
        entries: [{ epoch: 2n, commit: undefined }],
        nextFrom: undefined,
      });
      // The lock of 3 that was lost with the data was attempt 0, and its Commit may be out.
      const request = { mode: 'fenced', val: epoch(3n), nonce: nonce(), generation: 0 } as const;
      const lock = await client.lock(group, request, memberBefore(3n));
      if (lock.kind !== 'granted') throw new Error(lock.kind);
      expect(lock.attempt).toBeGreaterThan(1_000_000_000);
      // The Commit that belongs to the receipt, and the epochs before, are taken later too.
      expect(await client.upload(group, 0, entries)).toEqual({ kind: 'ok', current: 2n });
      expect(await client.history(group, epoch(0n))).toMatchObject({
        entries: entries.map(({ commit }) => ({ commit })),
      });
    });

    test('takes back nothing that it did not sign for this group and Commit', async () => {
      const entry = await commitEpoch(0n);
      const status = async (of: Uint8Array, entries: UploadEntry[]): Promise<unknown> => {
        const outcome = await client.upload(of, 0, entries);
        return outcome.kind === 'refused' ? outcome.status : outcome;
      };
      expect(await status(new Uint8Array(randomBytes(16)), [entry])).toBe(403);
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
      expect(await client.upload(group, 0, lost)).toEqual({ kind: 'fork', epoch: 1n });
      expect(await client.upload(group, 0, lost.slice(1))).toEqual({ kind: 'fork', epoch: 2n });
      expect(await client.history(group, epoch(0n))).toMatchObject({ current: 1n });
    });

    test('of many who lock at once, one gets it', async () => {
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, () =>
          client.lock(group, { mode: 'fenced', val: epoch(0n), nonce: nonce(), generation: 0 }),
        ),
      );
      expect(outcomes.filter(({ kind }) => kind === 'granted')).toHaveLength(1);
      expect(outcomes.filter(({ kind }) => kind === 'locked')).toHaveLength(19);
    });
  });
}

/** What a counter service keeps to whose operator says that its data come from a backup. @see docs/adr/0016-a-restored-counter-waits.md */
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { receiptVerifier } from '../../../src/io/counter/receipt-crypto.ts';
import { ed25519Signer } from '../../../src/io/crypto/raw-keys.ts';
import type {
  EpochSigner,
  LockOutcome,
  LockToken,
  UploadEntry,
} from '../../../src/protocol/counter/client.ts';
import { groupOfRoom } from '../../../src/protocol/counter/room.ts';
import { epoch } from '../../../src/protocol/units.ts';
import type { CounterUnderTest } from './contract.ts';

const epochKey = (val: bigint) => ed25519Signer(new Uint8Array(32).fill(Number(val) + 1));
/** Signs as a member that is in an epoch. */
const memberIn =
  (val: bigint): EpochSigner =>
  (message) =>
    Promise.resolve(epochKey(val).sign(message));
const memberBefore = (val: bigint): EpochSigner | undefined => (val === 0n ? undefined : memberIn(val - 1n));

/** The same for every service, whatever is between it and its members. */
export function describeRestoredCounter(name: string, start: () => Promise<CounterUnderTest>): void {
  describe(`an epoch counter that was put back from a backup: ${name}`, () => {
    let counter: CounterUnderTest;
    let group: Uint8Array;
    beforeEach(async () => {
      counter = await start();
      group = groupOfRoom(counter.room, 0, receiptVerifier);
    });
    afterEach(async () => {
      await counter.close();
    });

    const lock = (val: bigint, by = memberBefore(val), generation = 0): Promise<LockOutcome> => {
      const nonce = new Uint8Array(randomBytes(16));
      const of = groupOfRoom(counter.room, generation, receiptVerifier);
      return counter.client.lock(of, { mode: 'fenced', val: epoch(val), nonce, generation }, by);
    };
    const increment = (val: bigint, token: LockToken, commit: Uint8Array) => {
      const transcript = new Uint8Array(val === 0n ? 0 : 32);
      const nextKey = epochKey(val).publicKey;
      const request = { mode: 'fenced', val: epoch(val), token, commit, transcript, nextKey } as const;
      return counter.client.increment(group, request, memberBefore(val));
    };
    const commitEpoch = async (val: bigint): Promise<UploadEntry> => {
      const granted = await lock(val);
      if (granted.kind !== 'granted' || granted.token === undefined) throw new Error(granted.kind);
      const commit = new Uint8Array(randomBytes(100));
      const done = await increment(val, granted.token, commit);
      if (done.kind !== 'ok' || done.receipt === undefined) throw new Error(done.kind);
      return { receipt: done.receipt, commit };
    };

    test('a service that is said to be restored moves nothing for a lease, and takes receipts', async () => {
      const { leaseMs } = counter.times;
      await commitEpoch(0n);
      counter.backUp();
      // Whoever is removed by this has the key of the epoch in the backup.
      const lost = await commitEpoch(1n);
      const removed = memberIn(0n);
      await counter.restore(true);
      const wait = { kind: 'busy', retryLaterMs: leaseMs };
      expect(await lock(1n, removed)).toEqual(wait);
      expect(await increment(1n, 'A'.repeat(22) as LockToken, new Uint8Array(1))).toEqual(wait);
      expect(await counter.client.close(group, epoch(0n), removed)).toEqual(wait);
      // A sign of life tells whoever is ahead.
      expect(await counter.client.alive(group, epoch(0n), removed)).toMatchObject({
        kind: 'ok',
        current: 0n,
      });
      const ahead = await counter.client.alive(group, epoch(1n), memberIn(1n));
      expect(ahead).toEqual({ kind: 'counter-error', current: 0n });
      expect(await counter.client.upload(group, 0, [lost])).toEqual({ kind: 'ok', current: 1n });
      counter.advance(leaseMs - 1000);
      expect(await lock(2n)).toEqual({ kind: 'busy', retryLaterMs: 1000 });
      counter.advance(1000);
      expect(await lock(1n, removed)).toEqual({ kind: 'counter-error', current: 1n });
      await commitEpoch(2n);
    });

    test('nobody begins again what a service that is said to be restored has lost', async () => {
      counter.backUp();
      const lost = await commitEpoch(0n);
      await counter.restore(true);
      expect(await counter.client.room()).toEqual({ kind: 'ok', meeting: undefined, next: 0 });
      expect(await lock(0n)).toEqual({ kind: 'busy', retryLaterMs: counter.times.leaseMs });
      counter.advance(counter.times.leaseMs - 1000);
      expect(await counter.client.upload(group, 0, [lost])).toEqual({ kind: 'ok', current: 0n });
      counter.advance(1000);
      expect(await lock(0n)).toEqual({ kind: 'counter-error', current: 0n });
      expect(await lock(0n, undefined, 1)).toMatchObject({ kind: 'alive' });
    });

    test('plain counters, which have no receipts, wait for none', async () => {
      counter.backUp();
      await counter.restore(true);
      const { client } = counter;
      expect(await client.lock(group, { mode: 'plain', val: epoch(0n) })).toMatchObject({ kind: 'granted' });
      expect(await client.increment(group, { mode: 'plain' })).toMatchObject({ kind: 'ok' });
    });
  });
}

/** What a counter service keeps and for how long, with each store. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { receiptVerifier } from '../../../src/io/counter/receipt-crypto.ts';
import type { LockToken } from '../../../src/protocol/counter/client.ts';
import { EpochCounter } from '../../../src/protocol/counter/epoch-counter.ts';
import type { Admission, CounterStore } from '../../../src/protocol/counter/epoch-counter.ts';
import { DEFAULT_TIMES, groupOfRoom } from '../../../src/protocol/counter/room.ts';
import { counterIdOf } from '../../../src/protocol/counter/rules.ts';
import type { CallProof, CounterId } from '../../../src/protocol/counter/rules.ts';
import { epoch, millis, unixMillis } from '../../../src/protocol/units.ts';
import { SqliteCounterStore } from '../../../src/services/counter/sqlite-store.ts';
import { freshSigner } from '../../harness/counter/local-client.ts';
import { MemoryCounterStore } from '../../harness/counter/memory-store.ts';

const DAY_MS = 24 * 3_600_000;
const START_MS = 1_800_000_000_000;
const ROOM = new Uint8Array(32).fill(8);
const NEXT_KEY = new Uint8Array(32).fill(5);
const LIMITS = { entries: 5, commitBytes: 100 };
/** Somebody who was invited and has the keys of all epochs. */
const member: CallProof = () => true;

interface Opened {
  readonly store: CounterStore;
  close(): void;
}

function inMemory(): Opened {
  return { store: new MemoryCounterStore(), close: () => undefined };
}

function inSqlite(storageBytes?: number): Opened {
  const directory = mkdtempSync(path.join(tmpdir(), 'conclave-keeping-'));
  const store = new SqliteCounterStore(path.join(directory, 'counter.db'), storageBytes);
  return {
    store,
    close: () => {
      store.close();
      rmSync(directory, { recursive: true });
    },
  };
}

class Service {
  readonly counter: EpochCounter;
  now = START_MS;
  #tokens = 0;

  constructor(store: CounterStore) {
    const crypto = { signer: freshSigner(), verifier: receiptVerifier };
    this.counter = new EpochCounter(store, crypto, { ...DEFAULT_TIMES, lockMs: millis(1_000) }, LIMITS);
  }

  id(generation = 0, room = ROOM): CounterId {
    return counterIdOf(this.group(generation, room), 'fenced');
  }

  group(generation = 0, room = ROOM): Uint8Array {
    return groupOfRoom(room, generation, receiptVerifier);
  }

  lock(val: bigint, generation = 0, room = ROOM, admits?: Admission): ReturnType<EpochCounter['lock']> {
    this.#tokens += 1;
    const home = val === 0n ? { room, generation } : undefined;
    const call = { mode: 'fenced', val: epoch(val), nonce: undefined, home } as const;
    const token = `token ${String(this.#tokens)}` as LockToken;
    return this.counter.lock(this.id(generation, room), call, unixMillis(this.now), token, member, admits);
  }

  /** @returns the receipt. */
  commit(val: bigint, bytes: number, generation = 0, room = ROOM): Uint8Array {
    const granted = this.lock(val, generation, room);
    if (granted.kind !== 'granted' || granted.token === undefined) throw new Error(granted.kind);
    const call = {
      group: this.group(generation, room),
      val: epoch(val),
      token: granted.token,
      commit: new Uint8Array(bytes).fill(Number(val)),
      transcript: new Uint8Array(val === 0n ? 0 : 32),
      nextKey: NEXT_KEY,
    };
    const id = this.id(generation, room);
    const done = this.counter.incrementFenced(id, call, unixMillis(this.now), member);
    if (done.kind !== 'ok' || done.receipt === undefined) throw new Error(done.kind);
    return done.receipt;
  }

  /** Gives the receipt of an epoch back, with its Commit where it is there. */
  upload(at: bigint, receipt: Uint8Array, commit?: Uint8Array): string {
    const entries = [{ epoch: epoch(at), receipt, commit }];
    const home = { room: ROOM, generation: 0 };
    return this.counter.upload(this.id(), home, entries, unixMillis(this.now), member).kind;
  }

  /** Epochs in the log, with how long each Commit is that is still there. */
  log(generation = 0): [bigint, number | undefined][] {
    const limits = { entries: 100, bytes: 1e6 };
    const page = this.counter.history(this.id(generation), epoch(0n), limits, unixMillis(this.now), member);
    if (page.kind !== 'ok') throw new Error(page.kind);
    return page.entries.map((entry) => [entry.epoch, entry.commit?.length]);
  }

  alive(val: bigint, generation = 0): string {
    const id = this.id(generation);
    return this.counter.alive(id, epoch(val), false, unixMillis(this.now), member).kind;
  }

  leave(val: bigint, generation = 0): void {
    this.counter.alive(this.id(generation), epoch(val), true, unixMillis(this.now), member);
  }

  room(): { meeting?: number | undefined; next: number } {
    const answer = this.counter.room(ROOM, unixMillis(this.now), member);
    if (answer.kind !== 'ok') throw new Error(answer.kind);
    return { meeting: answer.meeting, next: answer.next };
  }

  forget(atMost = 100): number {
    return this.counter.forgetIdle(unixMillis(this.now - 30 * DAY_MS), atMost);
  }
}

describe.each([
  ['memory', inMemory],
  ['SQLite', inSqlite],
])('a counter service over %s', (_, open) => {
  let opened: Opened;
  let service: Service;
  beforeEach(() => {
    opened = open();
    service = new Service(opened.store);
  });
  afterEach(() => {
    opened.close();
  });

  test('keeps the newest Commits up to its limit, and the newest alone where that is beyond it', () => {
    for (const [val, bytes] of [60, 30, 20].entries()) service.commit(BigInt(val), bytes);
    expect(service.log()).toEqual([
      [0n, undefined],
      [1n, 30],
      [2n, 20],
    ]);
    service.commit(3n, 50);
    expect(service.log()).toEqual([
      [0n, undefined],
      [1n, 30],
      [2n, 20],
      [3n, 50],
    ]);
    service.commit(4n, 101);
    expect(service.log().map(([, bytes]) => bytes)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
      101,
    ]);
  });

  test('counts a Commit that is given back once', () => {
    const receipt = service.commit(0n, 60);
    service.commit(1n, 60);
    expect(service.log()[0]).toEqual([0n, undefined]);
    const commit = new Uint8Array(60).fill(0);
    expect(service.upload(0n, receipt, commit)).toBe('ok');
    // The older one goes again, the newer one stays.
    expect(service.log()).toEqual([
      [0n, undefined],
      [1n, 60],
    ]);
    service.commit(2n, 40);
    expect(service.log().map(([, bytes]) => bytes)).toEqual([undefined, 60, 40]);
  });

  test('keeps so many receipts, the newest, and counts no Commit that went with an old one', () => {
    for (let val = 0n; val < 8n; val += 1n) service.commit(val, 20);
    expect(service.log()).toEqual([3n, 4n, 5n, 6n, 7n].map((val) => [val, 20]));
  });

  test('keeps no log of a generation that never comes back', () => {
    service.commit(0n, 10);
    service.commit(1n, 10);
    service.leave(1n);
    service.commit(0n, 10, 1);
    expect(service.log(0)).toHaveLength(2);
    service.now += DEFAULT_TIMES.revivalMs + 1;
    service.alive(0n, 1);
    service.leave(0n, 1);
    service.commit(0n, 10, 2);
    expect(service.log(0)).toEqual([]);
    expect(service.alive(1n, 0)).toBe('gone');
  });

  test('forgets what nobody touched for long, but no number that a generation had', () => {
    service.commit(0n, 10);
    service.commit(1n, 10);
    service.now += 29 * DAY_MS;
    expect(service.forget()).toBe(0);
    expect(service.alive(1n)).toBe('ok');
    service.now += 29 * DAY_MS;
    expect(service.forget()).toBe(0);
    service.now += 2 * DAY_MS;
    expect(service.forget()).toBe(1);
    expect(service.log()).toEqual([]);
    expect(service.room()).toEqual({ meeting: undefined, next: 1 });
    expect(service.lock(0n, 0).kind).toBe('counter-error');
    service.commit(0n, 10, 1);
    expect(service.room()).toEqual({ meeting: 1, next: 2 });
  });

  test('tells a member that comes back after that to come as a newcomer', () => {
    service.commit(0n, 10);
    const receipt = service.commit(1n, 10);
    service.now += 31 * DAY_MS;
    service.forget();
    expect(service.alive(1n)).toBe('counter-error');
    const page = { entries: 1, bytes: 1 };
    expect(service.counter.history(service.id(), epoch(0n), page, unixMillis(service.now), member)).toEqual(
      expect.objectContaining({ current: undefined, entries: [] }),
    );
    expect(service.upload(1n, receipt)).toBe('gone');
    expect(service.forget()).toBe(0);
  });

  test('forgets in portions, counters too that were locked and never begun', () => {
    const rooms = [1, 2, 3].map((fill) => new Uint8Array(32).fill(fill));
    for (const room of rooms) service.lock(0n, 0, room);
    service.now += 31 * DAY_MS;
    service.commit(0n, 10);
    expect([service.forget(2), service.forget(2), service.forget(2)]).toEqual([2, 1, 0]);
    expect(service.alive(0n)).toBe('ok');
  });

  test('asks whether another counter is admitted, and only then', () => {
    let asked = 0;
    const refuse: Admission = () => {
      asked += 1;
      return millis(7_000);
    };
    const refused = { kind: 'over-quota', retryLaterMs: 7_000 };
    expect(service.lock(0n, 0, ROOM, refuse)).toEqual(refused);
    expect(service.lock(0n, 0, ROOM, refuse)).toEqual(refused);
    expect(service.lock(5n, 0, ROOM, refuse).kind).toBe('counter-error');
    expect(asked).toBe(2);
    service.commit(0n, 10);
    expect(service.lock(1n, 0, ROOM, refuse).kind).toBe('granted');
    expect(asked).toBe(2);
  });
});

test('a full SQLite store takes no other meeting, and those that there are go on', () => {
  const opened = inSqlite(200_000);
  const service = new Service(opened.store);
  service.commit(0n, 10);
  let fill = 10;
  // Each keeps a Commit that is larger than its limit, since it is the newest.
  for (; service.lock(0n, 0, new Uint8Array(32).fill(fill)).kind === 'granted'; fill += 1) {
    service.now += 1_001;
    service.commit(0n, 20_000, 0, new Uint8Array(32).fill(fill));
  }
  expect(fill).toBeGreaterThan(12);
  expect(service.lock(0n, 0, new Uint8Array(32).fill(fill))).toEqual({ kind: 'full', retryLaterMs: 60_000 });
  service.commit(1n, 20_000);
  expect(service.log().at(-1)).toEqual([1n, 20_000]);
  service.now += 31 * DAY_MS;
  expect(service.forget()).toBeGreaterThan(0);
  expect(service.lock(0n, 0, new Uint8Array(32).fill(fill)).kind).toBe('granted');
  opened.close();
});

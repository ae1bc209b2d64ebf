/** An epoch counter over a store: reads, decides by the rules and stores, in one transaction each. */

import { epoch, millis } from '../units.ts';
import type { Epoch, Millis, UnixMillis } from '../units.ts';
import type { AwaitsReceipts, NotTaken } from './not-taken.ts';
import { decideUpload } from './upload-rules.ts';
import type { CounterMode, LockToken, MeetingNow, RoomOutcome } from './client.ts';
import { DEFAULT_TIMES, groupOfRoom, meetingOf, NEW_ROOM, without } from './room.ts';
import type { CounterTimes, Home, RoomRecord } from './room.ts';
import {
  counterIdOf,
  currentEpoch,
  decideAlive,
  decideFencedIncrement,
  decideLock,
  decidePlainIncrement,
  meetingNow,
  modeOfCounter,
} from './rules.ts';
import type {
  AliveAnswer,
  CallProof,
  CounterId,
  CounterRecord,
  Decision,
  FencedIncrementCall,
  Forbidden,
  IncrementAnswer,
  LockAnswer,
  LogEntry,
  ModeMismatch,
  ReceiptCrypto,
  UploadAnswer,
} from './rules.ts';

/** How much of a log is read at once. */
export interface PageLimits {
  readonly entries: number;
  /** Bytes of Commits together; the first entry is always read. */
  readonly bytes: number;
}

/** How much of one log is kept; what is older goes first, and the newest entry never does. */
export interface LogLimits {
  /** Entries without their Commits are a few hundred bytes. */
  readonly entries: number;
  /** Bytes of Commits together. */
  readonly commitBytes: number;
}

/** Enough for members who were away to catch up; a Commit has at most 512 KiB. */
export const DEFAULT_LOG_LIMITS: LogLimits = { entries: 100_000, commitBytes: 64 * 1024 * 1024 };

/**
 * Asks whether somebody may make the service keep a counter that it does not have yet.
 * @returns undefined: yes; otherwise how long to wait.
 */
export type Admission = () => Millis | undefined;

/**
 * How long the service, which was put back from a backup, still waits for receipts; undefined: not at all. Measured on a
 * clock that nobody sets.
 * @see docs/adr/0016-a-restored-counter-waits.md
 */
export type ReceiptWait = () => Millis | undefined;

/** What the rules need of a store inside a transaction. */
export interface CounterTransaction {
  readRoom(room: Uint8Array): RoomRecord | undefined;
  writeRoom(room: Uint8Array, record: RoomRecord): void;
  readRecord(id: CounterId): CounterRecord | undefined;
  /** Stores a record, as touched now. */
  writeRecord(id: CounterId, record: CounterRecord, now: UnixMillis): void;
  /** A record that is there counts as touched now. */
  touch(id: CounterId, now: UnixMillis): void;
  readEntry(id: CounterId, at: Epoch): LogEntry | undefined;
  /** Adds an entry, or replaces one of the same epoch whose Commit is missing. */
  writeEntry(id: CounterId, entry: LogEntry): void;
  /** Drops the oldest Commits, and the oldest entries, beyond the limits. */
  trimLog(id: CounterId, limits: LogLimits): void;
  /** Deletes all entries. */
  deleteEntries(id: CounterId): void;
  /** Deletes a record with its entries. */
  forget(id: CounterId): void;
  /** Counters that were last touched before then, any of them. */
  idle(before: UnixMillis, atMost: number): readonly CounterId[];
  /** Whether no other counters are to be taken, for want of space. */
  isFull(): boolean;
  /** Entries from epoch `from` on, ascending. */
  readEntries(id: CounterId, from: Epoch, limits: PageLimits): readonly LogEntry[];
}

/** Where counters live. */
export interface CounterStore {
  /**
   * Runs `work` alone. When this returns, all that was written is durable; when `work` throws, nothing is written.
   */
  transaction<Result>(work: (transaction: CounterTransaction) => Result): Result;
}

/** What a room has. */
export type RoomAnswer = Extract<RoomOutcome, { readonly kind: 'ok' }>;

/** A page of a log. */
export interface HistoryPage {
  readonly kind: 'ok';
  readonly current: Epoch | undefined;
  readonly entries: readonly LogEntry[];
  readonly meeting?: MeetingNow | undefined;
  readonly nextFrom: Epoch | undefined;
}

/** Decides a call in a transaction. @param record - the counter as it is. */
type Decide<Answer> = (
  transaction: CounterTransaction,
  record: CounterRecord | undefined,
) => Decision<Answer>;

/** When to ask again of a service that is full: operators have to see to it. */
const FULL_RETRY = millis(60_000);
const ANYBODY: Admission = () => undefined;
const NO_WAIT: ReceiptWait = () => undefined;

/** One service's counters. Deterministic: time and fresh tokens are arguments. */
export class EpochCounter {
  readonly #store: CounterStore;
  readonly #crypto: ReceiptCrypto;
  readonly #times: CounterTimes;
  readonly #limits: LogLimits;
  readonly #wait: ReceiptWait;

  constructor(
    store: CounterStore,
    crypto: ReceiptCrypto,
    times: CounterTimes = DEFAULT_TIMES,
    limits: LogLimits = DEFAULT_LOG_LIMITS,
    wait: ReceiptWait = NO_WAIT,
  ) {
    this.#store = store;
    this.#crypto = crypto;
    this.#times = times;
    this.#limits = limits;
    this.#wait = wait;
  }

  /** The key that verifies this service's receipts. */
  get publicKey(): Uint8Array {
    return this.#crypto.signer.publicKey;
  }

  /**
   * Locks a counter. In fenced mode a lock of 0 says where the counter belongs. `admits` is asked when there is none yet.
   * @param fresh - an unguessable token that was never used before.
   */
  lock(
    id: CounterId,
    call: {
      readonly mode: CounterMode;
      readonly val: Epoch;
      readonly nonce: string | undefined;
      readonly home?: Home | undefined;
    },
    now: UnixMillis,
    fresh: LockToken,
    proof: CallProof,
    admits = ANYBODY,
  ): LockAnswer | AwaitsReceipts {
    if (call.home !== undefined && !this.#isAt(id, call.home)) return { kind: 'forbidden' };
    const decide: Decide<LockAnswer> = (transaction, record) => {
      const home = call.mode === 'fenced' ? (record?.home ?? call.home) : undefined;
      const place = home && { home, room: roomIn(transaction, home) };
      return decideLock(record, place, { ...call, fresh }, proof, now, this.#times);
    };
    const refusal = mismatch(id, call.mode) ?? this.#awaitsReceipts(call.mode);
    return refusal ?? this.#decide(id, now, decide, admits);
  }

  /** Moves a fenced counter on and logs the Commit. */
  incrementFenced(
    id: CounterId,
    call: FencedIncrementCall,
    now: UnixMillis,
    proof: CallProof,
  ): IncrementAnswer | AwaitsReceipts {
    const decide: Decide<IncrementAnswer> = (transaction, record) => {
      const log = {
        before: call.val === 0n ? undefined : transaction.readEntry(id, epoch(call.val - 1n)),
        same: transaction.readEntry(id, call.val),
      };
      const room = roomIn(transaction, record?.home);
      return decideFencedIncrement(record, room, log, call, proof, this.#crypto, now, this.#times);
    };
    return mismatch(id, 'fenced') ?? this.#awaitsReceipts('fenced') ?? this.#change(id, now, decide);
  }

  /** Moves a plain counter on. */
  incrementPlain(id: CounterId, now: UnixMillis): IncrementAnswer {
    return mismatch(id, 'plain') ?? this.#change(id, now, (_, record) => decidePlainIncrement(record, now));
  }

  /**
   * Takes receipts back, in order, up to the first that is refused; those before it stay.
   * @param home - where the counter belongs, as it may be forgotten.
   * @param admits - asked when there is no such counter yet.
   * @returns the first refusal, or ok.
   */
  upload(
    id: CounterId,
    home: Home,
    entries: readonly { receipt: Uint8Array; epoch: Epoch; commit: Uint8Array | undefined }[],
    now: UnixMillis,
    proof: CallProof,
    admits = ANYBODY,
  ): UploadAnswer {
    const misfit = mismatch(id, 'fenced');
    if (misfit !== undefined) return misfit;
    if (!this.#isAt(id, home) || !proof('room', home.room)) return { kind: 'forbidden' };
    const group = groupOfRoom(home.room, home.generation, this.#crypto.verifier);
    for (const upload of entries) {
      const decide: Decide<UploadAnswer> = (transaction, record) => {
        const neighbours = {
          before: upload.epoch === 0n ? undefined : transaction.readEntry(id, epoch(upload.epoch - 1n)),
          same: transaction.readEntry(id, upload.epoch),
          after: transaction.readEntry(id, epoch(upload.epoch + 1n)),
        };
        const place = { home, room: roomIn(transaction, home) };
        const given = { ...upload, group };
        return decideUpload(record, neighbours, place, given, this.#crypto, now, this.#times);
      };
      const answer = this.#decide(id, now, decide, admits);
      if (answer.kind !== 'ok') return answer;
    }
    return { kind: 'ok' };
  }

  /** Hears of a member of epoch `val`. @param leaves - it is the last one, and leaves. */
  alive(
    id: CounterId,
    val: Epoch,
    leaves: boolean,
    now: UnixMillis,
    proof: CallProof,
  ): AliveAnswer | AwaitsReceipts {
    const refusal = leaves ? this.#awaitsReceipts('fenced') : undefined;
    if (refusal !== undefined) return refusal;
    return this.#change(id, now, (transaction, record) => {
      const room = roomIn(transaction, record?.home);
      return decideAlive(record, room, val, leaves, proof, now, this.#times);
    });
  }

  /** What a room has, for whoever was invited. */
  room(room: Uint8Array, now: UnixMillis, proof: CallProof): RoomAnswer | Forbidden {
    if (!proof('room', room)) return { kind: 'forbidden' };
    return this.#store.transaction((transaction) => {
      const record = transaction.readRoom(room) ?? NEW_ROOM;
      return { kind: 'ok', meeting: meetingOf(record, now), next: record.next };
    });
  }

  /** The epoch that a counter has reached; undefined before its first increment. */
  current(id: CounterId): Epoch | undefined {
    return this.#store.transaction((transaction) => currentEpoch(transaction.readRecord(id)));
  }

  /** Reads a page of the log, for whoever was invited; of a counter that was never locked it is empty. */
  history(
    id: CounterId,
    from: Epoch,
    limits: PageLimits,
    now: UnixMillis,
    proof: CallProof,
  ): HistoryPage | Forbidden {
    return this.#store.transaction((transaction) => {
      const record = transaction.readRecord(id);
      const home = record?.home;
      if (home !== undefined && !proof('room', home.room)) return { kind: 'forbidden' };
      const entries = transaction.readEntries(id, from, limits);
      const current = currentEpoch(record);
      const last = entries.at(-1)?.epoch;
      const isEnd = last === undefined || current === undefined || last >= current;
      const nextFrom = isEnd ? undefined : epoch(last + 1n);
      const meeting = home && meetingNow(roomIn(transaction, home), home, now, this.#times);
      return { kind: 'ok', current, entries, meeting, nextFrom };
    });
  }

  /**
   * What a call is answered that would move a line, or end one, whose newest epochs may be lost: whoever was removed in one of them
   * has the key of the one that is there. Plain counters have no receipts to wait for.
   */
  #awaitsReceipts(mode: CounterMode): AwaitsReceipts | undefined {
    const wait = mode === 'fenced' ? this.#wait() : undefined;
    return wait === undefined ? undefined : { kind: 'awaits-receipts', retryLaterMs: wait };
  }

  /** Whether a counter of this name is that of a generation of a room. */
  #isAt(id: CounterId, { room, generation }: Home): boolean {
    return id === counterIdOf(groupOfRoom(room, generation, this.#crypto.verifier), 'fenced');
  }

  /**
   * Forgets counters that nobody has touched since. Of a room its next number stays, so that no name of a group comes twice.
   * @param atMost - how many at once, as nobody else is answered meanwhile.
   * @returns how many there were.
   */
  forgetIdle(before: UnixMillis, atMost: number): number {
    return this.#store.transaction((transaction) => {
      const idle = transaction.idle(before, atMost);
      for (const id of idle) {
        const home = transaction.readRecord(id)?.home;
        const room = home && transaction.readRoom(home.room);
        if (home !== undefined && room !== undefined) {
          transaction.writeRoom(home.room, without(room, home.generation));
        }
        transaction.forget(id);
      }
      return idle.length;
    });
  }

  /** {@link EpochCounter.#decide} of calls that make no counter. */
  #change<Answer>(id: CounterId, now: UnixMillis, decide: Decide<Answer>): Answer {
    const answer = this.#decide(id, now, decide, ANYBODY);
    return answer as Exclude<typeof answer, NotTaken>;
  }

  #decide<Answer>(
    id: CounterId,
    now: UnixMillis,
    decide: Decide<Answer>,
    admits: Admission,
  ): Answer | NotTaken {
    return this.#store.transaction((transaction) => {
      const known = transaction.readRecord(id);
      const { answer, entry, record, room } = decide(transaction, known);
      if (known === undefined && record !== undefined) {
        if (transaction.isFull()) return { kind: 'full', retryLaterMs: FULL_RETRY };
        const wait = admits();
        if (wait !== undefined) return { kind: 'over-quota', retryLaterMs: wait };
      }
      if (entry !== undefined) {
        transaction.writeEntry(id, entry);
        transaction.trimLog(id, this.#limits);
      }
      if (record !== undefined) transaction.writeRecord(id, record, now);
      else if (room !== undefined) transaction.touch(id, now);
      const home = (record ?? known)?.home;
      if (room === undefined || home === undefined) return answer;
      this.#forgetLogs(transaction, home.room, room);
      transaction.writeRoom(home.room, room);
      return answer;
    });
  }

  /** Nobody catches up with a generation that never comes back. */
  #forgetLogs(transaction: CounterTransaction, room: Uint8Array, after: RoomRecord): void {
    const stay = new Set(after.generations.map(({ generation }) => generation));
    for (const { generation } of transaction.readRoom(room)?.generations ?? []) {
      if (stay.has(generation)) continue;
      const group = groupOfRoom(room, generation, this.#crypto.verifier);
      transaction.deleteEntries(counterIdOf(group, 'fenced'));
    }
  }
}

function roomIn(transaction: CounterTransaction, home: Home | undefined): RoomRecord {
  return (home && transaction.readRoom(home.room)) ?? NEW_ROOM;
}

/** A counter's name says its mode. */
function mismatch(id: CounterId, called: CounterMode): ModeMismatch | undefined {
  const mode = modeOfCounter(id);
  return mode === called ? undefined : { kind: 'mode-mismatch', mode };
}

/** An epoch counter over a store: reads, decides by the rules and stores, in one transaction each. */

import { epoch } from '../units.ts';
import type { Epoch, UnixMillis } from '../units.ts';
import { decideUpload } from './upload-rules.ts';
import type { CounterMode, LockToken, MeetingNow, RoomOutcome } from './client.ts';
import { DEFAULT_TIMES, groupOfRoom, meetingOf, NEW_ROOM } from './room.ts';
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

/** What the rules need of a store inside a transaction. */
export interface CounterTransaction {
  readRoom(room: Uint8Array): RoomRecord | undefined;
  writeRoom(room: Uint8Array, record: RoomRecord): void;
  readRecord(id: CounterId): CounterRecord | undefined;
  writeRecord(id: CounterId, record: CounterRecord): void;
  readEntry(id: CounterId, at: Epoch): LogEntry | undefined;
  /** Adds an entry, or replaces the one of the same epoch. */
  writeEntry(id: CounterId, entry: LogEntry): void;
  /** Deletes all entries. */
  deleteEntries(id: CounterId): void;
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

/** One service's counters. Deterministic: time and fresh tokens are arguments. */
export class EpochCounter {
  readonly #store: CounterStore;
  readonly #crypto: ReceiptCrypto;
  readonly #times: CounterTimes;

  constructor(store: CounterStore, crypto: ReceiptCrypto, times: CounterTimes = DEFAULT_TIMES) {
    this.#store = store;
    this.#crypto = crypto;
    this.#times = times;
  }

  /** The key that verifies this service's receipts. */
  get publicKey(): Uint8Array {
    return this.#crypto.signer.publicKey;
  }

  /**
   * Locks a counter. In fenced mode a lock of 0 says where the counter belongs.
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
  ): LockAnswer {
    if (call.home !== undefined && !this.#isAt(id, call.home)) return { kind: 'forbidden' };
    const decide = (transaction: CounterTransaction): Decision<LockAnswer> => {
      const record = transaction.readRecord(id);
      const home = call.mode === 'fenced' ? (record?.home ?? call.home) : undefined;
      const place = home && { home, room: roomIn(transaction, home) };
      return decideLock(record, place, { ...call, fresh }, proof, now, this.#times);
    };
    return mismatch(id, call.mode) ?? this.#decide(id, decide);
  }

  /** Moves a fenced counter on and logs the Commit. */
  incrementFenced(
    id: CounterId,
    call: FencedIncrementCall,
    now: UnixMillis,
    proof: CallProof,
  ): IncrementAnswer {
    const decide = (transaction: CounterTransaction): Decision<IncrementAnswer> => {
      const record = transaction.readRecord(id);
      const log = {
        before: call.val === 0n ? undefined : transaction.readEntry(id, epoch(call.val - 1n)),
        same: transaction.readEntry(id, call.val),
      };
      const room = roomIn(transaction, record?.home);
      return decideFencedIncrement(record, room, log, call, proof, this.#crypto, now, this.#times);
    };
    return mismatch(id, 'fenced') ?? this.#decide(id, decide);
  }

  /** Moves a plain counter on. */
  incrementPlain(id: CounterId, now: UnixMillis): IncrementAnswer {
    return (
      mismatch(id, 'plain') ??
      this.#decide(id, (transaction) => decidePlainIncrement(transaction.readRecord(id), now))
    );
  }

  /**
   * Takes receipts back, in order, up to the first that is refused; those before it stay.
   * @param home - where the counter belongs, as it may be forgotten.
   * @returns the first refusal, or ok.
   */
  upload(
    id: CounterId,
    home: Home,
    entries: readonly { receipt: Uint8Array; epoch: Epoch; commit: Uint8Array | undefined }[],
    now: UnixMillis,
    proof: CallProof,
  ): UploadAnswer {
    const misfit = mismatch(id, 'fenced');
    if (misfit !== undefined) return misfit;
    if (!this.#isAt(id, home) || !proof('room', home.room)) return { kind: 'forbidden' };
    const group = groupOfRoom(home.room, home.generation, this.#crypto.verifier);
    for (const upload of entries) {
      const answer = this.#decide(id, (transaction) => {
        const neighbours = {
          before: upload.epoch === 0n ? undefined : transaction.readEntry(id, epoch(upload.epoch - 1n)),
          same: transaction.readEntry(id, upload.epoch),
          after: transaction.readEntry(id, epoch(upload.epoch + 1n)),
        };
        const record = transaction.readRecord(id);
        const place = { home, room: roomIn(transaction, home) };
        const given = { ...upload, group };
        return decideUpload(record, neighbours, place, given, this.#crypto, now, this.#times);
      });
      if (answer.kind !== 'ok') return answer;
    }
    return { kind: 'ok' };
  }

  /** Hears of a member of epoch `val`. @param leaves - it is the last one, and leaves. */
  alive(id: CounterId, val: Epoch, leaves: boolean, now: UnixMillis, proof: CallProof): AliveAnswer {
    return this.#decide(id, (transaction) => {
      const record = transaction.readRecord(id);
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

  /** Whether a counter of this name is that of a generation of a room. */
  #isAt(id: CounterId, { room, generation }: Home): boolean {
    return id === counterIdOf(groupOfRoom(room, generation, this.#crypto.verifier), 'fenced');
  }

  #decide<Answer>(id: CounterId, decide: (transaction: CounterTransaction) => Decision<Answer>): Answer {
    return this.#store.transaction((transaction) => {
      const decision = decide(transaction);
      if (decision.forgets === true) transaction.deleteEntries(id);
      if (decision.entry !== undefined) transaction.writeEntry(id, decision.entry);
      if (decision.record !== undefined) transaction.writeRecord(id, decision.record);
      const home = (decision.record ?? transaction.readRecord(id))?.home;
      if (decision.room !== undefined && home !== undefined) transaction.writeRoom(home.room, decision.room);
      return decision.answer;
    });
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

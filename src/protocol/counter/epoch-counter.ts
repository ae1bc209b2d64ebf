/** An epoch counter over a store: reads, decides by the rules and stores, in one transaction each. */

import { epoch } from '../units.ts';
import type { Epoch, Millis, UnixMillis } from '../units.ts';
import type { LockToken, CounterMode } from './client.ts';
import {
  currentEpoch,
  decideFencedIncrement,
  decideLock,
  decidePlainIncrement,
  decideUpload,
  modeOfCounter,
} from './rules.ts';
import type {
  CallProof,
  CounterId,
  CounterRecord,
  Decision,
  FencedIncrementCall,
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
  readRecord(id: CounterId): CounterRecord | undefined;
  writeRecord(id: CounterId, record: CounterRecord): void;
  readEntry(id: CounterId, at: Epoch): LogEntry | undefined;
  /** Adds an entry, or replaces the one of the same epoch. */
  writeEntry(id: CounterId, entry: LogEntry): void;
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

/** A page of a log. */
export interface HistoryPage {
  readonly current: Epoch | undefined;
  readonly entries: readonly LogEntry[];
  readonly nextFrom: Epoch | undefined;
}

/** One service's counters. Deterministic: time and fresh tokens are arguments. */
export class EpochCounter {
  readonly #store: CounterStore;
  readonly #crypto: ReceiptCrypto;
  readonly #ttlMs: Millis;

  /** @param ttlMs - how long a lock lives. */
  constructor(store: CounterStore, crypto: ReceiptCrypto, ttlMs: Millis) {
    this.#store = store;
    this.#crypto = crypto;
    this.#ttlMs = ttlMs;
  }

  /** The key that verifies this service's receipts. */
  get publicKey(): Uint8Array {
    return this.#crypto.signer.publicKey;
  }

  /**
   * Locks a counter. The proof is not looked at for epoch 0 and in plain mode.
   * @param fresh - an unguessable token that was never used before.
   */
  lock(
    id: CounterId,
    call: { readonly mode: CounterMode; readonly val: Epoch; readonly nonce: string | undefined },
    now: UnixMillis,
    fresh: LockToken,
    proof: CallProof,
  ): LockAnswer {
    return (
      mismatch(id, call.mode) ??
      this.#decide(id, (transaction) =>
        decideLock(transaction.readRecord(id), { ...call, fresh, ttlMs: this.#ttlMs }, proof, now),
      )
    );
  }

  /** Moves a fenced counter on and logs the Commit. */
  incrementFenced(
    id: CounterId,
    call: FencedIncrementCall,
    now: UnixMillis,
    proof: CallProof,
  ): IncrementAnswer {
    return (
      mismatch(id, 'fenced') ??
      this.#decide(id, (transaction) => {
        const log = {
          before: call.val === 0n ? undefined : transaction.readEntry(id, epoch(call.val - 1n)),
          same: transaction.readEntry(id, call.val),
        };
        return decideFencedIncrement(transaction.readRecord(id), log, call, proof, this.#crypto, now);
      })
    );
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
   * @returns the first refusal, or ok.
   */
  upload(
    id: CounterId,
    group: Uint8Array,
    entries: readonly { receipt: Uint8Array; epoch: Epoch; commit: Uint8Array | undefined }[],
    now: UnixMillis,
  ): UploadAnswer {
    const misfit = mismatch(id, 'fenced');
    if (misfit !== undefined) return misfit;
    for (const upload of entries) {
      const answer = this.#decide(id, (transaction) => {
        const neighbours = {
          before: upload.epoch === 0n ? undefined : transaction.readEntry(id, epoch(upload.epoch - 1n)),
          same: transaction.readEntry(id, upload.epoch),
          after: transaction.readEntry(id, epoch(upload.epoch + 1n)),
        };
        const record = transaction.readRecord(id);
        return decideUpload(record, neighbours, { ...upload, group }, this.#crypto, now);
      });
      if (answer.kind !== 'ok') return answer;
    }
    return { kind: 'ok' };
  }

  /** The epoch that a counter has reached; undefined before its first increment. */
  current(id: CounterId): Epoch | undefined {
    return this.#store.transaction((transaction) => currentEpoch(transaction.readRecord(id)));
  }

  /** Reads a page of the log; of a counter that was never locked it is empty. */
  history(id: CounterId, from: Epoch, limits: PageLimits): HistoryPage {
    return this.#store.transaction((transaction) => {
      const record = transaction.readRecord(id);
      const entries = transaction.readEntries(id, from, limits);
      const current = currentEpoch(record);
      const last = entries.at(-1)?.epoch;
      const isEnd = last === undefined || current === undefined || last >= current;
      return { current, entries, nextFrom: isEnd ? undefined : epoch(last + 1n) };
    });
  }

  #decide<Answer>(id: CounterId, decide: (transaction: CounterTransaction) => Decision<Answer>): Answer {
    return this.#store.transaction((transaction) => {
      const decision = decide(transaction);
      if (decision.entry !== undefined) transaction.writeEntry(id, decision.entry);
      if (decision.record !== undefined) transaction.writeRecord(id, decision.record);
      return decision.answer;
    });
  }
}

/** A counter's name says its mode. */
function mismatch(id: CounterId, called: CounterMode): ModeMismatch | undefined {
  const mode = modeOfCounter(id);
  return mode === called ? undefined : { kind: 'mode-mismatch', mode };
}

/** Counters in one SQLite file. A transaction is on the disk by the time it returns. */

import { chmodSync } from 'node:fs';
import Database from 'libsql';
import type { CounterStore, CounterTransaction } from '../../protocol/counter/epoch-counter.ts';
import { SqliteTransaction } from './sqlite-transaction.ts';

const SCHEMA_VERSION = 5;
const SCHEMA = `
  CREATE TABLE counters (
    id TEXT PRIMARY KEY NOT NULL,
    expected INTEGER NOT NULL,
    next_attempt INTEGER NOT NULL,
    head BLOB NOT NULL,
    head_time INTEGER NOT NULL,
    next_key BLOB,
    room BLOB,
    generation INTEGER,
    lock_attempt INTEGER,
    lock_token TEXT,
    lock_nonce TEXT,
    lock_granted_at INTEGER,
    lock_expires_at INTEGER,
    touched_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX counters_by_touch ON counters (touched_at);
  CREATE TABLE log (
    id TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    commit_hash BLOB NOT NULL,
    commit_message BLOB,
    receipt BLOB NOT NULL,
    PRIMARY KEY (id, epoch)
  ) STRICT;
  CREATE INDEX stored_commits ON log (id, epoch) WHERE commit_message IS NOT NULL;
  CREATE TABLE log_sizes (id TEXT PRIMARY KEY NOT NULL, commit_bytes INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE rooms (
    room BLOB PRIMARY KEY NOT NULL,
    next INTEGER NOT NULL,
    generations TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE service (receipt_public_key BLOB NOT NULL) STRICT;
`;

/** Where nothing else is said, as much as this may be stored; meetings that there are go on beyond it. */
export const DEFAULT_STORAGE_BYTES = 16 * 1024 ** 3;

/** The file cannot be used; the message says why and what to do. */
export class CounterStoreError extends Error {
  override readonly name = 'CounterStoreError';
}

/** The disk is full or failing. Whether what was to be written is there is known to nobody before it is asked for again. */
export class CounterStorageFault extends Error {
  override readonly name = 'CounterStorageFault';
  /** No write failed before it since the last that is known to have succeeded. */
  readonly isFirst: boolean;

  constructor(cause: Error, isFirst: boolean) {
    super(`the database cannot be written: ${cause.message}`, { cause });
    this.isFirst = isFirst;
  }
}

/** Result codes of SQLite, some with a suffix, that tell of the disk and not of us. @see https://sqlite.org/rescode.html */
const STORAGE_CODES = /^SQLITE_(FULL|IOERR|READONLY|CANTOPEN|BUSY)/;

/** A {@link CounterStore} on one file, written by one process. */
export class SqliteCounterStore implements CounterStore {
  readonly #database: Database.Database;
  readonly #transaction: CounterTransaction;
  /** A write failed, and none is known to have succeeded since. */
  #isFailing = false;

  /**
   * Opens the file, making it with mode 0600 where it is missing.
   * @param storageBytes - from how many stored bytes on no new counter is taken.
   * @throws {CounterStoreError} it was written by another version.
   */
  constructor(file: string, storageBytes = DEFAULT_STORAGE_BYTES) {
    this.#database = new Database(file, { timeout: 5000 });
    chmodSync(file, 0o600);
    this.#database.pragma('journal_mode = WAL');
    // FULL: a commit is in the write-ahead log on the disk before it returns, so no answer outruns its record.
    this.#database.pragma('synchronous = FULL');
    this.#migrate(file);
    this.#transaction = new SqliteTransaction(this.#database, storageBytes);
  }

  /** @throws {CounterStorageFault} the disk is full or failing. */
  transaction<Result>(work: (transaction: CounterTransaction) => Result): Result {
    try {
      this.#database.exec('BEGIN IMMEDIATE');
      const result = work(this.#transaction);
      this.#database.exec('COMMIT');
      // A later failure is another one to tell of, whether anybody asks for our health or not.
      if (this.#isFailing) this.#tryToWrite();
      return result;
    } catch (error) {
      if (this.#database.inTransaction) this.#database.exec('ROLLBACK');
      if (!isOfStorage(error)) throw error;
      const isFirst = !this.#isFailing;
      this.#isFailing = true;
      throw new CounterStorageFault(error, isFirst);
    }
  }

  /** Whether {@link bindToKey} was ever called for this file. */
  isBoundToKey(): boolean {
    return this.#boundKey() !== undefined;
  }

  /**
   * Binds the file to the key that signs its receipts: a log continued with another key would be refused by every
   * member, who would take it for a forgery.
   * @throws {CounterStoreError} the file was written with another key.
   */
  bindToKey(publicKey: Uint8Array): void {
    const bound = this.#boundKey();
    if (bound === undefined) {
      // In a list, as libsql takes a lone object for named parameters and aborts on a Buffer.
      this.#database
        .prepare('INSERT INTO service (receipt_public_key) VALUES (?)')
        .run([Buffer.from(publicKey)]);
    } else if (!bound.equals(publicKey)) {
      throw new CounterStoreError(
        'the database was written with another receipt key; give back the key file that belongs to it, ' +
          'or start with an empty data directory (meetings then go on in a new generation)',
      );
    }
  }

  /** Whether the file answers, and can be written as far as is known: after a write that failed, another is tried. */
  isHealthy(): boolean {
    if (this.#isFailing) this.#tryToWrite();
    try {
      const isThere = this.#database.prepare('SELECT count(*) AS counters FROM service').get() !== undefined;
      return isThere && !this.#isFailing;
    } catch {
      return false;
    }
  }

  /** After a write that failed: whether one succeeds again. Most transactions write nothing that would tell. */
  #tryToWrite(): void {
    try {
      // An UPDATE to what is there would not be written.
      this.#database.pragma(`user_version = ${String(SCHEMA_VERSION)}`);
      this.#isFailing = false;
    } catch (error) {
      if (!isOfStorage(error)) throw error;
    }
  }

  close(): void {
    this.#database.close();
  }

  #boundKey(): Buffer | undefined {
    const row = this.#database.prepare('SELECT receipt_public_key FROM service').get() as
      { receipt_public_key: Buffer } | undefined;
    return row?.receipt_public_key;
  }

  #migrate(file: string): void {
    const { user_version: version } = this.#database.prepare('PRAGMA user_version').get() as {
      user_version: number;
    };
    if (version === SCHEMA_VERSION) return;
    if (version !== 0) {
      throw new CounterStoreError(
        `${file} has schema version ${String(version)}; this service knows version ${String(SCHEMA_VERSION)}. Move it away to begin anew`,
      );
    }
    this.#database.exec(
      `BEGIN IMMEDIATE; ${SCHEMA} PRAGMA user_version = ${String(SCHEMA_VERSION)}; COMMIT;`,
    );
  }
}

function isOfStorage(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && STORAGE_CODES.test(String(error.code));
}

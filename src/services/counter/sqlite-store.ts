/** Counters in one SQLite file. A transaction is on the disk by the time it returns. */

import { chmodSync } from 'node:fs';
import Database from 'libsql';
import type { LockToken } from '../../protocol/counter/client.ts';
import type { CounterStore, CounterTransaction, PageLimits } from '../../protocol/counter/epoch-counter.ts';
import type { CounterId, CounterRecord, Lock, LogEntry } from '../../protocol/counter/rules.ts';
import type { RoomRecord } from '../../protocol/counter/room.ts';
import { epoch, unixMillis } from '../../protocol/units.ts';
import type { Epoch } from '../../protocol/units.ts';

const SCHEMA_VERSION = 4;
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
    lock_expires_at INTEGER
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE log (
    id TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    commit_hash BLOB NOT NULL,
    commit_message BLOB,
    receipt BLOB NOT NULL,
    PRIMARY KEY (id, epoch)
  ) STRICT;
  CREATE TABLE rooms (
    room BLOB PRIMARY KEY NOT NULL,
    next INTEGER NOT NULL,
    generations TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE service (receipt_public_key BLOB NOT NULL) STRICT;
`;

interface CounterRow {
  expected: number;
  next_attempt: number;
  head: Buffer;
  head_time: number;
  next_key: Buffer | null;
  room: Buffer | null;
  generation: number | null;
  lock_attempt: number | null;
  lock_token: string | null;
  lock_nonce: string | null;
  lock_granted_at: number | null;
  lock_expires_at: number | null;
}

interface RoomRow {
  next: number;
  generations: string;
}

/** Few, and always read and written together. */
type StoredGeneration = [generation: number, heardAt: number, until: number, overtakenAt: number | null];

interface LogRow {
  epoch: number;
  attempt: number;
  commit_hash: Buffer;
  commit_message: Buffer | null;
  receipt: Buffer;
}

interface SizeRow {
  epoch: number;
  size: number;
}

/** The file cannot be used; the message says why and what to do. */
export class CounterStoreError extends Error {
  override readonly name = 'CounterStoreError';
}

/** A {@link CounterStore} on one file, written by one process. */
export class SqliteCounterStore implements CounterStore {
  readonly #database: Database.Database;
  readonly #transaction: CounterTransaction;

  /**
   * Opens the file, making it with mode 0600 where it is missing.
   * @throws {CounterStoreError} it was written by a later version.
   */
  constructor(file: string) {
    this.#database = new Database(file, { timeout: 5000 });
    chmodSync(file, 0o600);
    this.#database.pragma('journal_mode = WAL');
    // FULL: a commit is in the write-ahead log on the disk before it returns, so no answer outruns its record.
    this.#database.pragma('synchronous = FULL');
    this.#migrate(file);
    this.#transaction = new SqliteTransaction(this.#database);
  }

  transaction<Result>(work: (transaction: CounterTransaction) => Result): Result {
    this.#database.exec('BEGIN IMMEDIATE');
    let result: Result;
    try {
      result = work(this.#transaction);
      this.#database.exec('COMMIT');
    } catch (error) {
      if (this.#database.inTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
    return result;
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

  /** Whether the file answers. */
  isHealthy(): boolean {
    try {
      return this.#database.prepare('SELECT count(*) AS counters FROM service').get() !== undefined;
    } catch {
      return false;
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

class SqliteTransaction implements CounterTransaction {
  readonly #selectRoom: Database.Statement;
  readonly #upsertRoom: Database.Statement;
  readonly #selectRecord: Database.Statement;
  readonly #upsertRecord: Database.Statement;
  readonly #selectEntry: Database.Statement;
  readonly #upsertEntry: Database.Statement;
  readonly #deleteEntries: Database.Statement;
  readonly #selectSizes: Database.Statement;

  constructor(database: Database.Database) {
    this.#selectRoom = database.prepare('SELECT * FROM rooms WHERE room = ?');
    this.#upsertRoom = database.prepare('INSERT OR REPLACE INTO rooms VALUES (?, ?, ?)');
    this.#selectRecord = database.prepare('SELECT * FROM counters WHERE id = ?');
    this.#upsertRecord = database.prepare(
      'INSERT OR REPLACE INTO counters VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    );
    this.#selectEntry = database.prepare('SELECT * FROM log WHERE id = ? AND epoch = ?');
    this.#upsertEntry = database.prepare('INSERT OR REPLACE INTO log VALUES (?, ?, ?, ?, ?, ?)');
    this.#deleteEntries = database.prepare('DELETE FROM log WHERE id = ?');
    this.#selectSizes = database.prepare(
      `SELECT epoch, coalesce(length(commit_message), 0) AS size FROM log
       WHERE id = ? AND epoch >= ? ORDER BY epoch LIMIT ?`,
    );
  }

  readRoom(room: Uint8Array): RoomRecord | undefined {
    // In a list, as libsql takes a lone object for named parameters and aborts on a Buffer.
    const row = this.#selectRoom.get([Buffer.from(room)]) as RoomRow | undefined;
    if (row === undefined) return undefined;
    const generations = JSON.parse(row.generations) as StoredGeneration[];
    return {
      next: row.next,
      generations: generations.map(([generation, heardAt, until, overtakenAt]) => ({
        generation,
        heardAt: unixMillis(heardAt),
        until: unixMillis(until),
        overtakenAt: overtakenAt === null ? undefined : unixMillis(overtakenAt),
      })),
    };
  }

  writeRoom(room: Uint8Array, { next, generations }: RoomRecord): void {
    const stored: StoredGeneration[] = generations.map((each) => [
      each.generation,
      each.heardAt,
      each.until,
      each.overtakenAt ?? null,
    ]);
    this.#upsertRoom.run(Buffer.from(room), next, JSON.stringify(stored));
  }

  readRecord(id: CounterId): CounterRecord | undefined {
    const row = this.#selectRecord.get(id) as CounterRow | undefined;
    if (row === undefined) return undefined;
    return {
      expected: epoch(BigInt(row.expected)),
      nextAttempt: row.next_attempt,
      head: new Uint8Array(row.head),
      headTime: unixMillis(row.head_time),
      nextKey: row.next_key === null ? undefined : new Uint8Array(row.next_key),
      home:
        row.room === null || row.generation === null
          ? undefined
          : { room: new Uint8Array(row.room), generation: row.generation },
      lock: lockOf(row),
    };
  }

  writeRecord(id: CounterId, record: CounterRecord): void {
    const { lock } = record;
    this.#upsertRecord.run(
      id,
      Number(record.expected),
      record.nextAttempt,
      Buffer.from(record.head),
      record.headTime,
      record.nextKey === undefined ? null : Buffer.from(record.nextKey),
      record.home === undefined ? null : Buffer.from(record.home.room),
      record.home?.generation ?? null,
      lock?.attempt ?? null,
      lock?.token ?? null,
      lock?.nonce ?? null,
      lock?.grantedAt ?? null,
      lock?.expiresAt ?? null,
    );
  }

  readEntry(id: CounterId, of: Epoch): LogEntry | undefined {
    const row = this.#selectEntry.get(id, Number(of)) as LogRow | undefined;
    return row === undefined ? undefined : entryOf(row);
  }

  writeEntry(id: CounterId, entry: LogEntry): void {
    this.#upsertEntry.run(
      id,
      Number(entry.epoch),
      entry.attempt,
      Buffer.from(entry.commitHash),
      entry.commit === undefined ? null : Buffer.from(entry.commit),
      Buffer.from(entry.receipt),
    );
  }

  deleteEntries(id: CounterId): void {
    this.#deleteEntries.run(id);
  }

  readEntries(id: CounterId, from: Epoch, limits: PageLimits): readonly LogEntry[] {
    // Sizes first: libsql reads rows by the hundred, and a hundred Commits may be 50 MB.
    const sizes = this.#selectSizes.all(id, Number(from), limits.entries) as SizeRow[];
    const entries: LogEntry[] = [];
    let bytes = 0;
    for (const { epoch: of, size } of sizes) {
      bytes += size;
      if (entries.length > 0 && bytes > limits.bytes) break;
      const row = this.#selectEntry.get(id, of) as LogRow;
      entries.push(entryOf(row));
    }
    return entries;
  }
}

function lockOf(row: CounterRow): Lock | undefined {
  if (row.lock_attempt === null || row.lock_granted_at === null || row.lock_expires_at === null)
    return undefined;
  return {
    attempt: row.lock_attempt,
    token: (row.lock_token ?? undefined) as LockToken | undefined,
    nonce: row.lock_nonce ?? undefined,
    grantedAt: unixMillis(row.lock_granted_at),
    expiresAt: unixMillis(row.lock_expires_at),
  };
}

function entryOf(row: LogRow): LogEntry {
  return {
    epoch: epoch(BigInt(row.epoch)),
    attempt: row.attempt,
    commitHash: new Uint8Array(row.commit_hash),
    commit: row.commit_message === null ? undefined : new Uint8Array(row.commit_message),
    receipt: new Uint8Array(row.receipt),
  };
}

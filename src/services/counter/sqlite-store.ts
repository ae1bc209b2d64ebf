/** Counters in one SQLite file. A transaction is on the disk by the time it returns. */

import { chmodSync } from 'node:fs';
import Database from 'libsql';
import type { LockToken } from '../../protocol/counter/client.ts';
import type {
  CounterStore,
  CounterTransaction,
  LogLimits,
  PageLimits,
} from '../../protocol/counter/epoch-counter.ts';
import type { CounterId, CounterRecord, Lock, LogEntry } from '../../protocol/counter/rules.ts';
import type { RoomRecord } from '../../protocol/counter/room.ts';
import { epoch, unixMillis } from '../../protocol/units.ts';
import type { Epoch, UnixMillis } from '../../protocol/units.ts';

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

/** Where nothing else is said, as much as this may be stored; meetings that there are go on beyond it. */
export const DEFAULT_STORAGE_BYTES = 16 * 1024 ** 3;

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
  readonly #touch: Database.Statement;
  readonly #deleteRecord: Database.Statement;
  readonly #selectIdle: Database.Statement;
  readonly #selectHeld: Database.Statement;
  readonly #upsertHeld: Database.Statement;
  readonly #deleteHeld: Database.Statement;
  readonly #selectNewest: Database.Statement;
  readonly #selectOldestCommit: Database.Statement;
  readonly #dropCommit: Database.Statement;
  readonly #selectSizeUpTo: Database.Statement;
  readonly #deleteUpTo: Database.Statement;
  readonly #selectUse: Database.Statement;
  readonly #storageBytes: number;

  constructor(database: Database.Database, storageBytes: number) {
    this.#storageBytes = storageBytes;
    this.#selectRoom = database.prepare('SELECT * FROM rooms WHERE room = ?');
    this.#upsertRoom = database.prepare('INSERT OR REPLACE INTO rooms VALUES (?, ?, ?)');
    this.#selectRecord = database.prepare('SELECT * FROM counters WHERE id = ?');
    this.#upsertRecord = database.prepare(
      'INSERT OR REPLACE INTO counters VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    );
    this.#selectEntry = database.prepare('SELECT * FROM log WHERE id = ? AND epoch = ?');
    this.#upsertEntry = database.prepare('INSERT OR REPLACE INTO log VALUES (?, ?, ?, ?, ?, ?)');
    this.#deleteEntries = database.prepare('DELETE FROM log WHERE id = ?');
    this.#selectSizes = database.prepare(
      `SELECT epoch, coalesce(length(commit_message), 0) AS size FROM log
       WHERE id = ? AND epoch >= ? ORDER BY epoch LIMIT ?`,
    );
    this.#touch = database.prepare('UPDATE counters SET touched_at = ? WHERE id = ?');
    this.#deleteRecord = database.prepare('DELETE FROM counters WHERE id = ?');
    this.#selectIdle = database.prepare(
      'SELECT id FROM counters WHERE touched_at < ? ORDER BY touched_at LIMIT ?',
    );
    this.#selectHeld = database.prepare('SELECT commit_bytes AS size FROM log_sizes WHERE id = ?');
    this.#upsertHeld = database.prepare('INSERT OR REPLACE INTO log_sizes VALUES (?, ?)');
    this.#deleteHeld = database.prepare('DELETE FROM log_sizes WHERE id = ?');
    this.#selectNewest = database.prepare(
      'SELECT epoch, 0 AS size FROM log WHERE id = ? ORDER BY epoch DESC LIMIT 1',
    );
    this.#selectOldestCommit = database.prepare(
      `SELECT epoch, length(commit_message) AS size FROM log
       WHERE id = ? AND commit_message IS NOT NULL ORDER BY epoch LIMIT 1`,
    );
    this.#dropCommit = database.prepare('UPDATE log SET commit_message = NULL WHERE id = ? AND epoch = ?');
    this.#selectSizeUpTo = database.prepare(
      `SELECT coalesce(sum(length(commit_message)), 0) AS size FROM log
       WHERE id = ? AND epoch <= ? AND commit_message IS NOT NULL`,
    );
    this.#deleteUpTo = database.prepare('DELETE FROM log WHERE id = ? AND epoch <= ?');
    this.#selectUse = database.prepare(
      `SELECT (page_count - freelist_count) * page_size AS size
       FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()`,
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

  writeRecord(id: CounterId, record: CounterRecord, now: UnixMillis): void {
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
      now,
    );
  }

  touch(id: CounterId, now: UnixMillis): void {
    this.#touch.run(now, id);
  }

  readEntry(id: CounterId, of: Epoch): LogEntry | undefined {
    const row = this.#selectEntry.get(id, Number(of)) as LogRow | undefined;
    return row === undefined ? undefined : entryOf(row);
  }

  writeEntry(id: CounterId, entry: LogEntry): void {
    // An entry is replaced where its Commit was missing.
    this.#upsertHeld.run(id, this.#heldOf(id) + (entry.commit?.length ?? 0));
    this.#upsertEntry.run(
      id,
      Number(entry.epoch),
      entry.attempt,
      Buffer.from(entry.commitHash),
      entry.commit === undefined ? null : Buffer.from(entry.commit),
      Buffer.from(entry.receipt),
    );
  }

  trimLog(id: CounterId, { entries, commitBytes }: LogLimits): void {
    const newest = (this.#selectNewest.get(id) as SizeRow | undefined)?.epoch ?? 0;
    let held = this.#heldOf(id);
    const beyond = newest - entries;
    if (beyond >= 0) {
      held -= (this.#selectSizeUpTo.get(id, beyond) as SizeRow).size;
      this.#deleteUpTo.run(id, beyond);
    }
    while (held > commitBytes) {
      const oldest = this.#selectOldestCommit.get(id) as SizeRow | undefined;
      if (oldest === undefined || oldest.epoch === newest) break;
      this.#dropCommit.run(id, oldest.epoch);
      held -= oldest.size;
    }
    this.#upsertHeld.run(id, held);
  }

  deleteEntries(id: CounterId): void {
    this.#deleteEntries.run(id);
    this.#deleteHeld.run(id);
  }

  forget(id: CounterId): void {
    this.deleteEntries(id);
    this.#deleteRecord.run(id);
  }

  idle(before: UnixMillis, atMost: number): readonly CounterId[] {
    return (this.#selectIdle.all(before, atMost) as { id: CounterId }[]).map(({ id }) => id);
  }

  isFull(): boolean {
    return (this.#selectUse.get() as { size: number }).size >= this.#storageBytes;
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

  #heldOf(id: CounterId): number {
    return (this.#selectHeld.get(id) as { size: number } | undefined)?.size ?? 0;
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

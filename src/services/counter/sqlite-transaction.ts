/** What the counter's rules read and write in one transaction of the SQLite file. The schema is in `sqlite-store.ts`. */

import type Database from 'libsql';
import type { LockToken } from '../../protocol/counter/client.ts';
import type { CounterTransaction, LogLimits, PageLimits } from '../../protocol/counter/epoch-counter.ts';
import type { CounterId, CounterRecord, Lock, LogEntry } from '../../protocol/counter/rules.ts';
import type { RoomRecord } from '../../protocol/counter/room.ts';
import { epoch, unixMillis } from '../../protocol/units.ts';
import type { Epoch, UnixMillis } from '../../protocol/units.ts';

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

/** {@link CounterTransaction} on a database in which a transaction has begun. */
export class SqliteTransaction implements CounterTransaction {
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

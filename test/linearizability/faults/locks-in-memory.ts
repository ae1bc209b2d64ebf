/** Locks live in the process alone, and die with it. */
import { SqliteTransaction } from '../../../src/services/counter/sqlite-transaction.ts';
import type { CounterId, CounterRecord } from '../../../src/protocol/counter/rules.ts';
import type { UnixMillis } from '../../../src/protocol/units.ts';

const locks = new Map<CounterId, CounterRecord['lock']>();
const { prototype } = SqliteTransaction;
const [readRecord, writeRecord] = [prototype.readRecord, prototype.writeRecord];

prototype.readRecord = function (this: SqliteTransaction, id: CounterId): CounterRecord | undefined {
  const record = readRecord.call(this, id);
  return record && { ...record, lock: locks.get(id) };
};
prototype.writeRecord = function (
  this: SqliteTransaction,
  id: CounterId,
  record: CounterRecord,
  now: UnixMillis,
): void {
  locks.set(id, record.lock);
  writeRecord.call(this, id, { ...record, lock: undefined }, now);
};

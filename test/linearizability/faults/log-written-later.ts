/** An increment is not one transaction: the counter moves at once, and its Commit is logged a little later. */
import { SqliteTransaction } from '../../../src/services/counter/sqlite-transaction.ts';
import type { CounterId, LogEntry } from '../../../src/protocol/counter/rules.ts';

const { prototype } = SqliteTransaction;
const writeEntry = prototype.writeEntry;
prototype.writeEntry = function (this: SqliteTransaction, id: CounterId, entry: LogEntry): void {
  setTimeout(() => {
    writeEntry.call(this, id, entry);
  }, 100);
};

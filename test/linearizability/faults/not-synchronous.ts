/** SQLite does not wait for the disk. */
import Database from 'libsql';

const pragma = Database.prototype.pragma;
Database.prototype.pragma = function (this: Database.Database, source: string, ...more: []) {
  return pragma.call(this, source === 'synchronous = FULL' ? 'synchronous = OFF' : source, ...more);
};

/** Answers are given before anything is written: the calls of a tenth of a second make one transaction, which ends after them. */
import Database from 'libsql';

const exec = Database.prototype.exec;
let isOpen = false;
Database.prototype.exec = function (this: Database.Database, sql: string) {
  if (sql === 'COMMIT') return this;
  if (sql === 'BEGIN IMMEDIATE') {
    if (isOpen) return this;
    isOpen = true;
    setTimeout(() => {
      isOpen = false;
      exec.call(this, 'COMMIT');
    }, 100);
  }
  return exec.call(this, sql);
};

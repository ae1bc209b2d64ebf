/** A generation may begin while another is alive. */
import { SqliteTransaction } from '../../../src/services/counter/sqlite-transaction.ts';
import { EpochCounter } from '../../../src/protocol/counter/epoch-counter.ts';
import type { RoomRecord } from '../../../src/protocol/counter/room.ts';

let begins = false;
const { prototype } = SqliteTransaction;
const readRoom = prototype.readRoom;
prototype.readRoom = function (this: SqliteTransaction, room: Uint8Array): RoomRecord | undefined {
  const record = readRoom.call(this, room);
  return record && begins ? { ...record, generations: [] } : record;
};
const lock = EpochCounter.prototype.lock;
EpochCounter.prototype.lock = function (this: EpochCounter, ...call: Parameters<typeof lock>) {
  begins = call[1].val === 0n;
  try {
    return lock.apply(this, call);
  } finally {
    begins = false;
  }
};

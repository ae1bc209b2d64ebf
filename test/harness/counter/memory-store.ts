import type {
  CounterStore,
  CounterTransaction,
  PageLimits,
} from '../../../src/protocol/counter/epoch-counter.ts';
import type { CounterId, CounterRecord, LogEntry } from '../../../src/protocol/counter/rules.ts';
import type { RoomRecord } from '../../../src/protocol/counter/room.ts';
import type { Epoch } from '../../../src/protocol/units.ts';

/** Counters in memory, with the store's promise: all of a transaction or nothing. */
export class MemoryCounterStore implements CounterStore {
  #rooms = new Map<string, RoomRecord>();
  #records = new Map<CounterId, CounterRecord>();
  #logs = new Map<CounterId, ReadonlyMap<Epoch, LogEntry>>();

  transaction<Result>(work: (transaction: CounterTransaction) => Result): Result {
    const rooms = new Map(this.#rooms);
    const records = new Map(this.#records);
    const logs = new Map(this.#logs);
    const result = work({
      readRoom: (room) => rooms.get(nameOf(room)),
      writeRoom: (room, record) => rooms.set(nameOf(room), record),
      readRecord: (id) => records.get(id),
      writeRecord: (id, record) => records.set(id, record),
      readEntry: (id, of) => logs.get(id)?.get(of),
      writeEntry: (id, entry) => logs.set(id, new Map(logs.get(id)).set(entry.epoch, entry)),
      deleteEntries: (id) => logs.delete(id),
      readEntries: (id, from, limits) => pageOf([...(logs.get(id)?.values() ?? [])], from, limits),
    });
    this.#rooms = rooms;
    this.#records = records;
    this.#logs = logs;
    return result;
  }

  /** A copy, such as a backup. */
  copy(): MemoryCounterStore {
    const copy = new MemoryCounterStore();
    copy.#rooms = new Map(this.#rooms);
    copy.#records = new Map(this.#records);
    copy.#logs = new Map(this.#logs);
    return copy;
  }
}

const nameOf = (room: Uint8Array): string => Buffer.from(room).toString('hex');

function pageOf(log: LogEntry[], from: Epoch, limits: PageLimits): LogEntry[] {
  const sorted = log.filter((entry) => entry.epoch >= from).sort((a, b) => Number(a.epoch - b.epoch));
  const page: LogEntry[] = [];
  let bytes = 0;
  for (const entry of sorted.slice(0, limits.entries)) {
    bytes += entry.commit?.length ?? 0;
    if (page.length > 0 && bytes > limits.bytes) break;
    page.push(entry);
  }
  return page;
}

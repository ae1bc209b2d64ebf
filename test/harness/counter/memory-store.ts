import type {
  CounterStore,
  CounterTransaction,
  LogLimits,
  PageLimits,
} from '../../../src/protocol/counter/epoch-counter.ts';
import type { CounterId, CounterRecord, LogEntry } from '../../../src/protocol/counter/rules.ts';
import type { RoomRecord } from '../../../src/protocol/counter/room.ts';
import type { Epoch, UnixMillis } from '../../../src/protocol/units.ts';

/** Counters in memory, with the store's promise: all of a transaction or nothing. */
export class MemoryCounterStore implements CounterStore {
  #rooms = new Map<string, RoomRecord>();
  #records = new Map<CounterId, CounterRecord>();
  #logs = new Map<CounterId, ReadonlyMap<Epoch, LogEntry>>();
  #touched = new Map<CounterId, UnixMillis>();

  transaction<Result>(work: (transaction: CounterTransaction) => Result): Result {
    const rooms = new Map(this.#rooms);
    const records = new Map(this.#records);
    const logs = new Map(this.#logs);
    const touched = new Map(this.#touched);
    const result = work({
      readRoom: (room) => rooms.get(nameOf(room)),
      writeRoom: (room, record) => rooms.set(nameOf(room), record),
      readRecord: (id) => records.get(id),
      writeRecord: (id, record, now) => {
        records.set(id, record);
        touched.set(id, now);
      },
      touch: (id, now) => touched.set(id, now),
      readEntry: (id, of) => logs.get(id)?.get(of),
      writeEntry: (id, entry) => logs.set(id, new Map(logs.get(id)).set(entry.epoch, entry)),
      trimLog: (id, limits) => logs.set(id, trimmed(logs.get(id) ?? new Map<Epoch, LogEntry>(), limits)),
      deleteEntries: (id) => logs.delete(id),
      forget: (id) => {
        logs.delete(id);
        records.delete(id);
        touched.delete(id);
      },
      idle: (before, atMost) =>
        [...touched].flatMap(([id, at]) => (at < before ? [id] : [])).slice(0, atMost),
      isFull: () => false,
      readEntries: (id, from, limits) => pageOf([...(logs.get(id)?.values() ?? [])], from, limits),
    });
    this.#rooms = rooms;
    this.#records = records;
    this.#logs = logs;
    this.#touched = touched;
    return result;
  }

  /** A copy, such as a backup. */
  copy(): MemoryCounterStore {
    const copy = new MemoryCounterStore();
    copy.#rooms = new Map(this.#rooms);
    copy.#records = new Map(this.#records);
    copy.#logs = new Map(this.#logs);
    copy.#touched = new Map(this.#touched);
    return copy;
  }
}

const nameOf = (room: Uint8Array): string => Buffer.from(room).toString('hex');

function trimmed(
  log: ReadonlyMap<Epoch, LogEntry>,
  { entries, commitBytes }: LogLimits,
): Map<Epoch, LogEntry> {
  const newestFirst = [...log.values()].sort((a, b) => Number(b.epoch - a.epoch));
  const oldest = (newestFirst[0]?.epoch ?? 0n) - BigInt(entries);
  let bytes = 0;
  const kept = newestFirst.flatMap((entry, at) => {
    bytes += entry.commit?.length ?? 0;
    if (entry.epoch <= oldest) return [];
    return [at > 0 && bytes > commitBytes ? { ...entry, commit: undefined } : entry];
  });
  return new Map(kept.reverse().map((entry) => [entry.epoch, entry]));
}

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

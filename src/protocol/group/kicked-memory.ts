/**
 * Which signature keys were kicked from which rooms, as far as we saw it: beyond the groups in which that happened, and
 * beyond our membership of them.
 *
 * Only kicks are remembered that we saw applied while we were a member, who was proven to have broken the line that we were in,
 * and those that a room was begun with when a meeting moved there. What the GroupContext of a Welcome lists is not: whoever begins
 * a group lists what it likes.
 * @see docs/protocol.md#kicked-keys
 */
import { ByteReader } from '../bytes/byte-reader.ts';
import { ByteWriter } from '../bytes/byte-writer.ts';
import { encodeHex } from '../bytes/hex.ts';
import { OutOfRange } from '../bytes/out-of-range.ts';
import { Truncated } from '../bytes/truncated.ts';
import type { RoomKey } from './room-keys.ts';

/** How many keys are remembered. */
export const KICKED_MEMORY_LIMITS = {
  /** Of one room. A group that begins with them has room for three times as many kicks. */
  ofRoom: 1024,
  inAll: 8192,
} as const;

const VERSION = 1;
const ROOM_BYTES = 32;
const KEY_BYTES = 32;

/** The keys of one room, oldest first, each once. */
interface KickedFrom {
  readonly room: RoomKey;
  readonly keys: readonly Uint8Array[];
}

/** See the module's description. A value: what is remembered makes another. */
export class KickedMemory {
  static readonly empty = new KickedMemory(new Map());
  /** By room, the one of which something was remembered last at the end. */
  readonly #rooms: ReadonlyMap<string, KickedFrom>;

  private constructor(rooms: ReadonlyMap<string, KickedFrom>) {
    this.#rooms = rooms;
  }

  /** The keys that were kicked from a room, oldest first. */
  of(room: RoomKey): readonly Uint8Array[] {
    return this.#rooms.get(encodeHex(room))?.keys ?? [];
  }

  /**
   * Remembers keys, too. Beyond the limits whichever room has most forgets its oldest, so that nobody who kicks many pushes out
   * those of other rooms.
   */
  with(room: RoomKey, keys: readonly Uint8Array[]): KickedMemory {
    const rooms = new Map(this.#rooms);
    const name = encodeHex(room);
    const own = newest([...this.of(room), ...keys]);
    rooms.delete(name);
    if (own.length > 0) rooms.set(name, { room: room.slice() as RoomKey, keys: own });
    for (let left = tooMany(rooms); left > 0; left -= 1) forgetOne(rooms);
    return new KickedMemory(rooms);
  }

  /** version (1), then of each room: its public key (32), count, keys of 32 bytes. */
  encode(): Uint8Array {
    const writer = new ByteWriter().u8(VERSION).vi64(this.#rooms.size);
    for (const { room, keys } of this.#rooms.values()) {
      writer.bytes(room).vi64(keys.length);
      for (const key of keys) writer.bytes(key);
    }
    return writer.finish();
  }

  /** Reads what {@link KickedMemory.encode} wrote; undefined when the bytes are not that. */
  static decode(bytes: Uint8Array): KickedMemory | undefined {
    const reader = new ByteReader(bytes);
    const rooms = new Map<string, KickedFrom>();
    try {
      if (reader.u8() !== VERSION) return undefined;
      for (let count = reader.vi64Number(KICKED_MEMORY_LIMITS.inAll); count > 0; count -= 1) {
        const room = reader.bytes(ROOM_BYTES).slice() as RoomKey;
        const keys: Uint8Array[] = [];
        for (let left = reader.vi64Number(KICKED_MEMORY_LIMITS.ofRoom); left > 0; left -= 1)
          keys.push(reader.bytes(KEY_BYTES).slice());
        rooms.set(encodeHex(room), { room, keys });
      }
      return reader.remaining > 0 || tooMany(rooms) > 0 ? undefined : new KickedMemory(rooms);
    } catch (error) {
      if (error instanceof Truncated || error instanceof OutOfRange) return undefined;
      throw error;
    }
  }
}

/** The newest of some keys, each where it stands first, as many as are remembered of one room. */
export function newest(keys: readonly Uint8Array[]): readonly Uint8Array[] {
  const each = new Map<string, Uint8Array>();
  for (const key of keys) if (!each.has(encodeHex(key))) each.set(encodeHex(key), key);
  return [...each.values()].slice(-KICKED_MEMORY_LIMITS.ofRoom);
}

function tooMany(rooms: ReadonlyMap<string, KickedFrom>): number {
  let count = -KICKED_MEMORY_LIMITS.inAll;
  for (const { keys } of rooms.values()) count += keys.length;
  return count;
}

function forgetOne(rooms: Map<string, KickedFrom>): void {
  let most: readonly [string, KickedFrom] | undefined;
  for (const each of rooms) if (most === undefined || each[1].keys.length > most[1].keys.length) most = each;
  if (most === undefined) return;
  const [name, { room, keys }] = most;
  if (keys.length > 1) rooms.set(name, { room, keys: keys.slice(1) });
  else rooms.delete(name);
}

import { expect, test } from 'vitest';
import { KickedKeysStore } from '../../src/main/kicked-keys.ts';
import { MemoryStore } from '../../src/main/storage/memory-store.ts';
import type { RoomKey } from '../../src/protocol/group/room-keys.ts';

const ROOM = new Uint8Array(32).fill(1) as RoomKey;
const OTHER = new Uint8Array(32).fill(2) as RoomKey;
const key = (value: number): Uint8Array => new Uint8Array(32).fill(value);

test('what was remembered is there in the next process', async () => {
  const store = new MemoryStore();
  const first = new KickedKeysStore(store);
  expect(await first.of(ROOM)).toEqual([]);
  // Two at once: neither undoes the other.
  await Promise.all([first.remember(ROOM, [key(3)]), first.remember(OTHER, [key(4)])]);
  await first.remember(ROOM, [key(5)]);
  const second = new KickedKeysStore(store);
  expect([await second.of(ROOM), await second.of(OTHER)]).toEqual([[key(3), key(5)], [key(4)]]);
});

test('what could not be written is not remembered, and may be tried again', async () => {
  class Disk extends MemoryStore {
    isFull = true;
    override save(name: string, bytes: Uint8Array): Promise<void> {
      return this.isFull ? Promise.reject(new Error('full')) : super.save(name, bytes);
    }
  }
  const disk = new Disk();
  const kicked = new KickedKeysStore(disk);
  await expect(kicked.remember(ROOM, [key(3)])).rejects.toThrow('full');
  expect(await kicked.of(ROOM)).toEqual([]);
  disk.isFull = false;
  await kicked.remember(ROOM, [key(3)]);
  expect(await new KickedKeysStore(disk).of(ROOM)).toEqual([key(3)]);
});

test('what cannot be read is as good as not there', async () => {
  const store = new MemoryStore();
  await store.save('kicked-keys', new Uint8Array(7).fill(0xff));
  const kicked = new KickedKeysStore(store);
  expect(await kicked.of(ROOM)).toEqual([]);
  await kicked.remember(ROOM, [key(3)]);
  expect(await kicked.of(ROOM)).toEqual([key(3)]);
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { KICKED_MEMORY_LIMITS, KickedMemory } from '../../../src/protocol/group/kicked-memory.ts';
import type { RoomKey } from '../../../src/protocol/group/room-keys.ts';

const bytes32 = (value: number): Uint8Array => {
  const bytes = new Uint8Array(32);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
};
const room = (value: number): RoomKey => bytes32(value) as RoomKey;
const keys = (from: number, count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, at) => bytes32(from + at));
/** What {@link keys} made them of: much faster to compare. */
const numbers = (of: readonly Uint8Array[]): number[] =>
  of.map((key) => new DataView(key.buffer).getUint32(0));
const { ofRoom, inAll } = KICKED_MEMORY_LIMITS;

describe('what is remembered of kicks', () => {
  test('is of one room each, oldest first, each key once', () => {
    const memory = KickedMemory.empty.with(room(1), keys(10, 2)).with(room(2), keys(20, 1));
    expect(memory.with(room(1), [bytes32(11), bytes32(12), bytes32(12)]).of(room(1))).toEqual(keys(10, 3));
    expect(memory.of(room(2))).toEqual(keys(20, 1));
    expect(memory.of(room(3))).toEqual([]);
  });

  test('is the newest of a room', () => {
    const memory = KickedMemory.empty.with(room(1), keys(0, ofRoom)).with(room(1), keys(5_000, 2));
    expect(numbers(memory.of(room(1)))).toEqual(numbers([...keys(2, ofRoom - 2), ...keys(5_000, 2)]));
  });

  test('is not pushed out by rooms in which many are kicked: whichever has most forgets its oldest', () => {
    let memory = KickedMemory.empty.with(room(0), keys(0, 3));
    for (let each = 1; each <= inAll / ofRoom + 1; each += 1)
      memory = memory.with(room(each), keys(1_000_000 * each, ofRoom));
    expect(memory.of(room(0))).toEqual(keys(0, 3));
    const all = Array.from({ length: inAll / ofRoom + 2 }, (_, each) => memory.of(room(each)).length);
    expect(all.reduce((sum, count) => sum + count)).toBe(inAll);
    // Of one that had most, the newest are left.
    expect(memory.of(room(1)).at(-1)).toEqual(bytes32(1_000_000 + ofRoom - 1));
  });

  test('is forgotten first of the room of which something was remembered longest ago, where all have as many', () => {
    let memory = KickedMemory.empty;
    for (let each = 0; each < inAll / ofRoom; each += 1) memory = memory.with(room(each), keys(0, ofRoom));
    memory = memory.with(room(0), keys(0, 1)).with(room(99), keys(0, 1));
    expect(numbers(memory.of(room(1)))).toEqual(numbers(keys(1, ofRoom - 1)));
    expect(numbers(memory.of(room(0)))).toEqual(numbers(keys(0, ofRoom)));
  });

  test('is read as it was written, with bytes of its own', () => {
    const entry = fc.tuple(fc.nat(5), fc.array(fc.nat(50), { maxLength: 6 }));
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 8 }), (entries) => {
        const memory = entries.reduce(
          (sum, [at, of]) => sum.with(room(at), of.map(bytes32)),
          KickedMemory.empty,
        );
        const written = memory.encode();
        const read = KickedMemory.decode(written);
        written.fill(0xaa);
        expect(read).toEqual(memory);
        expect(read?.encode()).toEqual(memory.encode());
      }),
    );
  });

  test('is nothing where other bytes stand', () => {
    const written = KickedMemory.empty.with(room(1), keys(10, 2)).encode();
    expect(KickedMemory.decode(written.subarray(0, written.length - 1))).toBeUndefined();
    expect(KickedMemory.decode(Uint8Array.of(...written, 0))).toBeUndefined();
    expect(KickedMemory.decode(Uint8Array.of(2, ...written.subarray(1)))).toBeUndefined();
  });
});

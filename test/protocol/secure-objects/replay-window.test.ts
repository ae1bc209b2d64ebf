import fc from 'fast-check';
import { expect, test } from 'vitest';
import { groupId, objectId } from '../../../src/protocol/moqt/model.ts';
import {
  GROUPS_REMEMBERED,
  OBJECTS_REMEMBERED,
  ReplayWindow,
} from '../../../src/protocol/secure-objects/replay-window.ts';

/** The same rules with everything kept, and nothing clever. */
class Remembered {
  readonly #groups = new Map<number, Set<number>>();

  isNew(group: number, object: number): boolean {
    const seen = this.#groups.get(group);
    if (seen !== undefined) return !seen.has(object) && Math.max(...seen) - object < OBJECTS_REMEMBERED;
    return this.#groups.size < GROUPS_REMEMBERED || group > Math.min(...this.#groups.keys());
  }

  remember(group: number, object: number): void {
    if (!this.#groups.has(group) && this.#groups.size === GROUPS_REMEMBERED)
      this.#groups.delete(Math.min(...this.#groups.keys()));
    this.#groups.set(group, (this.#groups.get(group) ?? new Set()).add(object));
  }
}

/** Asks both about each location, and remembers what is new. */
function compare(locations: readonly (readonly [group: number, object: number])[]): void {
  const [window, remembered] = [new ReplayWindow(), new Remembered()];
  for (const [group, object] of locations) {
    const [at, id] = [groupId(BigInt(group)), objectId(BigInt(object))];
    const isNew = remembered.isNew(group, object);
    expect([group, object, window.isNew(at, id)]).toEqual([group, object, isNew]);
    if (!isNew) continue;
    window.remember(at, id);
    remembered.remember(group, object);
    expect(window.isNew(at, id)).toBe(false);
  }
}

test('forgets nothing and refuses nothing that it need not, in one group', () => {
  // Near each other, and a ring apart.
  const near = fc.integer({ min: 0, max: 70 });
  const rings = fc.integer({ min: 0, max: 3 });
  const object = fc.tuple(near, rings).map(([offset, ring]) => offset + ring * (OBJECTS_REMEMBERED - 35));
  fc.assert(
    fc.property(fc.array(object, { maxLength: 300 }), (objects) => {
      compare(objects.map((id) => [0, id]));
    }),
    { numRuns: 200 },
  );
});

test.each([OBJECTS_REMEMBERED - 1, OBJECTS_REMEMBERED, OBJECTS_REMEMBERED + 1, 2 * OBJECTS_REMEMBERED])(
  'every place of the ring is right after a jump of %i',
  (jump) => {
    const first = Array.from({ length: OBJECTS_REMEMBERED }, (_, at) => at);
    const around = Array.from({ length: 2 * OBJECTS_REMEMBERED }, (_, at) => jump + at);
    compare([...first, OBJECTS_REMEMBERED - 1 + jump, ...first, ...around].map((id) => [7, id]));
  },
);

test('forgets the lowest group, whenever it came', () => {
  const group = fc.integer({ min: 0, max: 2 * GROUPS_REMEMBERED });
  fc.assert(
    fc.property(fc.array(fc.tuple(group, fc.integer({ min: 0, max: 2 })), { minLength: 200 }), compare),
    { numRuns: 100 },
  );
});

import type { GroupId, ObjectId } from '../moqt/model.ts';

/** How many groups are remembered: the highest seen. Objects of lower groups count as replayed. */
export const GROUPS_REMEMBERED = 64;
/** How many Object IDs of a group are remembered, down from the highest seen; lower ones count as replayed. */
export const OBJECTS_REMEMBERED = 1024;

/**
 * Remembers which objects of a track were opened, so that none is opened twice, in constant memory (at most
 * about 12 KB). What is too old to be remembered is refused.
 */
export class ReplayWindow {
  readonly #groups = new Map<GroupId, GroupWindow>();

  /** Whether nothing was opened. */
  get isEmpty(): boolean {
    return this.#groups.size === 0;
  }

  /** Whether the object is new, as far as this window remembers. */
  isNew(group: GroupId, object: ObjectId): boolean {
    const window = this.#groups.get(group);
    if (window !== undefined) return window.isNew(Number(object));
    return this.#groups.size < GROUPS_REMEMBERED || group > this.#lowestGroup();
  }

  /** Remembers an object that was new and authentic. */
  remember(group: GroupId, object: ObjectId): void {
    let window = this.#groups.get(group);
    if (window === undefined) {
      if (this.#groups.size === GROUPS_REMEMBERED) this.#groups.delete(this.#lowestGroup());
      window = new GroupWindow();
      this.#groups.set(group, window);
    }
    window.remember(Number(object));
  }

  #lowestGroup(): GroupId {
    let lowest: GroupId | undefined;
    for (const group of this.#groups.keys()) if (lowest === undefined || group < lowest) lowest = group;
    return lowest ?? (0n as GroupId);
  }
}

/** Bits of the last {@link OBJECTS_REMEMBERED} objects of one group, in a ring. */
class GroupWindow {
  readonly #words = new Uint32Array(OBJECTS_REMEMBERED / 32);
  #highest = -1;

  isNew(object: number): boolean {
    if (object > this.#highest) return true;
    if (this.#highest - object >= OBJECTS_REMEMBERED) return false;
    return (this.#word(object) & (1 << (object % 32))) === 0;
  }

  remember(object: number): void {
    if (object > this.#highest) {
      const first = Math.max(this.#highest + 1, object - OBJECTS_REMEMBERED + 1);
      for (let skipped = first; skipped < object; skipped += 1) this.#set(skipped, false);
      this.#highest = object;
    }
    this.#set(object, true);
  }

  #set(object: number, seen: boolean): void {
    const bit = 1 << (object % 32);
    const word = this.#word(object);
    this.#words[this.#index(object)] = seen ? word | bit : word & ~bit;
  }

  #word(object: number): number {
    return this.#words[this.#index(object)] ?? 0;
  }

  #index(object: number): number {
    return (object % OBJECTS_REMEMBERED) >>> 5;
  }
}

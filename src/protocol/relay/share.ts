/** What one session brought to one group of a track: the smallest part of a cache that is given up, as a whole. */
import type { Millis } from '../units.ts';
import type { CacheEntry } from './cache-budget.ts';
import type { Group } from './group.ts';

/** Given up by the budget of all caches, or by its own cache. */
export class Share implements CacheEntry {
  readonly group: Group;
  readonly owner: string;
  readonly createdAt: Millis;
  /** As the budget of all caches counts it. */
  bytes = 0;
  /** Object IDs. */
  readonly objects = new Set<bigint>();
  /** Bytes, as its own cache counts them. */
  size = 0;
  /** As its own cache shares its room out. */
  readonly ofTrack: CacheEntry;
  readonly #onEvict: (share: Share) => void;

  /**
   * @param owner - who pays for it.
   * @param onEvict - forgets its objects; the budget of all caches has taken their bytes back.
   * @param onTrackEvict - the same, where that of its own cache has.
   */
  constructor(
    group: Group,
    owner: string,
    createdAt: Millis,
    onEvict: (share: Share) => void,
    onTrackEvict: (share: Share) => void,
  ) {
    this.group = group;
    this.owner = owner;
    this.createdAt = createdAt;
    this.#onEvict = onEvict;
    this.ofTrack = {
      owner,
      bytes: 0,
      evict: () => {
        onTrackEvict(this);
      },
    };
  }

  evict(): void {
    this.#onEvict(this);
  }
}

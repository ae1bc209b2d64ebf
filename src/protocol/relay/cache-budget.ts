/** One bound on the bytes of many caches, shared fairly between those who fill them. */

/** Something of a cache that can be given up as a whole. */
export interface CacheEntry {
  /** Whoever caused it, for example a session. */
  readonly owner: string;
  bytes: number;
  /** Forgets the content; the budget has already taken the bytes back. */
  evict(): void;
}

/** Counts bytes by owner, and evicts beyond its limit. */
export class CacheBudget {
  readonly #limit: number;
  /** Entries by owner, oldest first. */
  readonly #owners = new Map<string, { bytes: number; readonly entries: Set<CacheEntry> }>();
  #bytes = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Counts `bytes` more for an entry. Beyond the limit, whoever holds most loses its oldest entries, so a session
   * that floods evicts its own.
   */
  grow(entry: CacheEntry, bytes: number): void {
    let owner = this.#owners.get(entry.owner);
    if (owner === undefined) {
      owner = { bytes: 0, entries: new Set() };
      this.#owners.set(entry.owner, owner);
    }
    owner.entries.add(entry);
    owner.bytes += bytes;
    entry.bytes += bytes;
    this.#bytes += bytes;
    while (this.#bytes > this.#limit && this.#evictOldest());
  }

  /** Takes back all bytes of an entry that its cache gives up by itself. */
  release(entry: CacheEntry): void {
    const owner = this.#owners.get(entry.owner);
    if (owner?.entries.delete(entry) !== true) return;
    owner.bytes -= entry.bytes;
    this.#bytes -= entry.bytes;
    entry.bytes = 0;
    if (owner.entries.size === 0) this.#owners.delete(entry.owner);
  }

  #evictOldest(): boolean {
    let heaviest: { bytes: number; readonly entries: Set<CacheEntry> } | undefined;
    for (const owner of this.#owners.values()) {
      if (heaviest === undefined || owner.bytes > heaviest.bytes) heaviest = owner;
    }
    const [oldest] = heaviest?.entries ?? [];
    if (oldest === undefined) return false;
    this.release(oldest);
    oldest.evict();
    return true;
  }
}

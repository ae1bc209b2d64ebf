/** How long items are gathered, in milliseconds. */
export const BATCH_INTERVAL = 5;
/** Most items of one message; a longer one did not come from a {@link Batcher}. */
export const BATCH_LIMIT = 512;

/** Gathers media items for a few milliseconds and posts them as one array: see `media.ts`. */
export class Batcher<Item> {
  readonly #post: (items: readonly Item[]) => void;
  #items: Item[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param post - receives each batch, never an empty one, and owns it. */
  constructor(post: (items: readonly Item[]) => void) {
    this.#post = post;
  }

  /** Adds an item to the batch that is posted next; a full batch is posted at once. */
  add(item: Item): void {
    this.#items.push(item);
    if (this.#items.length === BATCH_LIMIT) this.flush();
    else
      this.#timer ??= setTimeout(() => {
        this.flush();
      }, BATCH_INTERVAL);
  }

  /** Posts what has been gathered, now. */
  flush(): void {
    const items = this.#items;
    this.discard();
    if (items.length > 0) this.#post(items);
  }

  /** Forgets what has been gathered. */
  discard(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#items = [];
  }
}

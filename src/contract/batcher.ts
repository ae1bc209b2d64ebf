/** How long items are gathered before they are posted; a message costs more than the sealing of what it carries. */
export const BATCH_INTERVAL = 5;

/** Gathers items for a few milliseconds and posts them as one array. */
export class Batcher<Item> {
  readonly #post: (items: readonly Item[]) => void;
  #items: Item[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param post - receives each batch, never an empty one, and owns it. */
  constructor(post: (items: readonly Item[]) => void) {
    this.#post = post;
  }

  /** Adds an item to the batch that is posted next. */
  add(item: Item): void {
    this.#items.push(item);
    this.#timer ??= setTimeout(() => {
      this.flush();
    }, BATCH_INTERVAL);
  }

  /** Posts at once what has been gathered. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#items.length === 0) return;
    const items = this.#items;
    this.#items = [];
    this.#post(items);
  }
}

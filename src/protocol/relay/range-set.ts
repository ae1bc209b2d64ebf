/** Runs of a set that are remembered. */
const MOST_RUNS = 256;

/**
 * A set of integers that come mostly in runs, such as the object IDs seen in a group. Of integers that come otherwise it
 * forgets the smallest, so that whoever chooses them fills no memory.
 */
export class RangeSet {
  /** Ascending, disjoint, never adjacent. */
  readonly #runs: { first: bigint; last: bigint }[] = [];

  /** The largest member. */
  get last(): bigint | undefined {
    return this.#runs.at(-1)?.last;
  }

  has(value: bigint): boolean {
    return this.covers(value, value);
  }

  /** Whether every integer from `first` to `last` is a member. */
  covers(first: bigint, last: bigint): boolean {
    for (let at = this.#runs.length - 1; at >= 0; at -= 1) {
      const run = this.#runs[at];
      if (run === undefined || run.first > first) continue;
      return last <= run.last;
    }
    return false;
  }

  add(value: bigint): void {
    let at = this.#runs.length - 1;
    while (at >= 0 && (this.#runs[at]?.first ?? 0n) > value) at -= 1;
    const before = this.#runs[at];
    const after = this.#runs[at + 1];
    const gapBefore = before === undefined ? undefined : value - before.last;
    if (before !== undefined && gapBefore !== undefined && gapBefore <= 1n) {
      if (gapBefore < 1n) return;
      before.last = value;
      if (after?.first !== value + 1n) return;
      before.last = after.last;
      this.#runs.splice(at + 1, 1);
    } else if (after?.first === value + 1n) {
      after.first = value;
    } else {
      this.#runs.splice(at + 1, 0, { first: value, last: value });
      if (this.#runs.length > MOST_RUNS) this.#runs.shift();
    }
  }
}

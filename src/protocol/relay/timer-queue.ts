/** Timers on a clock that the caller reads: nothing runs until {@link TimerQueue.expire} is called. */
import type { Millis } from '../units.ts';

/** A scheduled call; `cancel` may be called at any time. */
export interface Timer {
  cancel(): void;
}

interface Entry {
  readonly at: Millis;
  readonly order: number;
  run: (() => void) | undefined;
}

/** Timers in order of time. */
export class TimerQueue {
  /** Binary heap, earliest first. */
  readonly #heap: Entry[] = [];
  #order = 0;

  /** Calls `run` in the first {@link expire} at or after `at`. */
  schedule(at: Millis, run: () => void): Timer {
    const entry: Entry = { at, order: this.#order, run };
    this.#order += 1;
    this.#heap.push(entry);
    this.#rise(this.#heap.length - 1);
    return {
      cancel: () => {
        entry.run = undefined;
      },
    };
  }

  /** When {@link expire} wants to be called. */
  deadline(): Millis | undefined {
    while (this.#heap[0]?.run === undefined && this.#heap.length > 0) this.#pop();
    return this.#heap[0]?.at;
  }

  /** Runs what is due, in order of time. */
  expire(now: Millis): void {
    for (let next = this.#heap[0]; next !== undefined && next.at <= now; next = this.#heap[0]) {
      this.#pop();
      next.run?.();
    }
  }

  #pop(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    let at = 0;
    for (;;) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) if (this.#before(child, least)) least = child;
      if (least === at) return;
      this.#swap(at, least);
      at = least;
    }
  }

  #rise(from: number): void {
    let at = from;
    for (let parent = (at - 1) >> 1; at > 0 && this.#before(at, parent); parent = (at - 1) >> 1) {
      this.#swap(at, parent);
      at = parent;
    }
  }

  #before(a: number, b: number): boolean {
    const left = this.#heap[a];
    const right = this.#heap[b];
    if (left === undefined || right === undefined) return false;
    return left.at !== right.at ? left.at < right.at : left.order < right.order;
  }

  #swap(a: number, b: number): void {
    const left = this.#heap[a];
    const right = this.#heap[b];
    if (left === undefined || right === undefined) return;
    this.#heap[a] = right;
    this.#heap[b] = left;
  }
}

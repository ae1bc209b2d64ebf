/** What happens when, in a world whose time only the test moves. */
import { millis, type Millis } from '../../../src/protocol/units.ts';

/** When time 0 is, by clocks that are right, in ms since 1970: later than whatever a wrong clock is slow. */
export const TIME_ORIGIN = 1_750_000_000_000;

interface Entry {
  readonly at: number;
  /** Entries of one time run in the order in which they were made. */
  readonly order: number;
  readonly run: () => void;
}

/** A heap of things to happen. */
export class Agenda {
  readonly #heap: Entry[] = [];
  #order = 0;
  #now = 0;

  get now(): Millis {
    return millis(this.#now);
  }

  /** How many things were ever put on it. */
  get count(): number {
    return this.#order;
  }

  at(time: number, run: () => void): void {
    const entry = { at: Math.max(time, this.#now), order: this.#order++, run };
    const heap = this.#heap;
    heap.push(entry);
    let child = heap.length - 1;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (!this.#isBefore(child, parent)) break;
      this.#swap(child, parent);
      child = parent;
    }
  }

  after(duration: number, run: () => void): void {
    this.at(this.#now + duration, run);
  }

  /** Lets what is next happen, if it is due by `end`. @returns false when nothing is. */
  step(end: number): boolean {
    const next = this.#heap[0];
    if (next === undefined || next.at > end) return false;
    this.#pop();
    this.#now = next.at;
    next.run();
    return true;
  }

  /** Lets time come to `end`, with all that happens until then. */
  runUntil(end: number): void {
    while (this.step(end));
    this.#now = Math.max(this.#now, end);
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    heap[0] = last;
    for (let parent = 0; ;) {
      let least = parent;
      const child = 2 * parent + 1;
      if (child < heap.length && this.#isBefore(child, least)) least = child;
      if (child + 1 < heap.length && this.#isBefore(child + 1, least)) least = child + 1;
      if (least === parent) return;
      this.#swap(parent, least);
      parent = least;
    }
  }

  #isBefore(a: number, b: number): boolean {
    const x = this.#heap[a];
    const y = this.#heap[b];
    if (x === undefined || y === undefined) return false;
    return x.at < y.at || (x.at === y.at && x.order < y.order);
  }

  #swap(a: number, b: number): void {
    const x = this.#heap[a];
    const y = this.#heap[b];
    if (x === undefined || y === undefined) return;
    this.#heap[a] = y;
    this.#heap[b] = x;
  }
}

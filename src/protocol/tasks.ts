/**
 * Sequences of steps that wait, inside a machine that does not.
 *
 * A task is a generator: it yields what it waits for and is resumed when that is there or its time has come. So a
 * sequence reads as one, while the machine that runs it stays synchronous and its time comes from outside.
 */
import { millis, type Millis } from './units.ts';

/** A value that will be there once. */
export class Pending<Value> {
  #settled: { readonly value: Value } | undefined;
  #waiting: ((value: Value) => void)[] = [];

  /** A value that is there already. */
  static of<Value>(value: Value): Pending<Value> {
    const pending = new Pending<Value>();
    pending.settle(value);
    return pending;
  }

  /** The value, in a box, once it is there. */
  get settled(): { readonly value: Value } | undefined {
    return this.#settled;
  }

  /** Gives the value; a second one is ignored. */
  settle(value: Value): void {
    if (this.#settled !== undefined) return;
    this.#settled = { value };
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const then of waiting) then(value);
  }

  /** Calls `then` with the value: at once if it is there. */
  whenSettled(then: (value: Value) => void): void {
    if (this.#settled === undefined) this.#waiting.push(then);
    else then(this.#settled.value);
  }
}

/** What a task waits for: something pending, a time, or whichever is first. */
export interface Wait {
  readonly pending?: { whenSettled(then: () => void): void };
  readonly until?: Millis;
}

/** A sequence of steps with waits in between. */
export type Task<Result = void> = Generator<Wait, Result, void>;

/** Waits for a value. */
export function* settled<Value>(pending: Pending<Value>): Task<Value> {
  for (;;) {
    const there = pending.settled;
    if (there !== undefined) return there.value;
    yield { pending };
  }
}

/** Waits for a value until a time. @returns undefined when the time came first. */
export function* settledUntil<Value>(pending: Pending<Value>, until: Millis): Task<Value | undefined> {
  if (pending.settled === undefined) yield { pending, until };
  return pending.settled?.value;
}

/** Lets time pass. */
export function* pause(until: Millis): Task {
  yield { until };
}

interface Running {
  /** Runs up to the next wait; undefined when the task is over. */
  readonly step: () => Wait | undefined;
  until: Millis | undefined;
  /** Told apart from former waits: what settles late resumes nobody. */
  wait: number;
}

/** The tasks of one machine. */
export class Tasks {
  readonly #waiting = new Set<Running>();
  readonly #ready: Running[] = [];
  #now = millis(0);
  /** How often all were given up: a task that does so itself waits for nothing any more. */
  #clears = 0;

  /** The machine's time. */
  get now(): Millis {
    return this.#now;
  }

  /** A time from now. @param duration - milliseconds. */
  after(duration: number): Millis {
    return millis(this.#now + duration);
  }

  /** Sets the time; called at the start of each call of the machine. */
  advance(now: Millis): void {
    this.#now = now;
  }

  /** Runs a task up to its first wait. @returns what it will return. */
  start<Result>(task: Task<Result>): Pending<Result> {
    const result = new Pending<Result>();
    const step = (): Wait | undefined => {
      const { done, value } = task.next();
      if (done !== true) return value;
      result.settle(value);
      return undefined;
    };
    this.#step({ step, until: undefined, wait: 0 });
    return result;
  }

  /**
   * Resumes what can go on, until all wait; called at the end of each call of the machine.
   * @returns whether anything went on.
   */
  run(): boolean {
    for (const running of this.#waiting)
      if (running.until !== undefined && running.until <= this.#now) this.#wake(running, running.wait);
    const any = this.#ready.length > 0;
    for (let next = this.#ready.shift(); next !== undefined; next = this.#ready.shift()) this.#step(next);
    return any;
  }

  /** When the first task has waited long enough. */
  deadline(): Millis | undefined {
    let first: Millis | undefined;
    for (const { until } of this.#waiting)
      if (until !== undefined && (first === undefined || until < first)) first = until;
    return first;
  }

  /** Gives up all tasks, the one that calls it too: none is resumed. */
  clear(): void {
    this.#clears += 1;
    for (const running of this.#waiting) running.wait += 1;
    this.#waiting.clear();
    this.#ready.length = 0;
  }

  #wake(running: Running, wait: number): void {
    if (running.wait !== wait || !this.#waiting.delete(running)) return;
    this.#ready.push(running);
  }

  #step(running: Running): void {
    running.wait += 1;
    const clears = this.#clears;
    const next = running.step();
    if (next === undefined || this.#clears !== clears) return;
    const { pending, until } = next;
    running.until = until;
    this.#waiting.add(running);
    const { wait } = running;
    pending?.whenSettled(() => {
      this.#wake(running, wait);
    });
  }
}

/** The one loop that drives a machine: inputs and time go in, effects are performed in order. */
import type { Machine } from '../protocol/machine.ts';
import { millis, type Millis } from '../protocol/units.ts';
import type { Clock } from './clock.ts';

/** Who performs a machine's effects. */
export interface Performer<Effect> {
  /** Performs one effect. What comes of it later is fed to the driver, and may be fed at once. */
  perform(effect: Effect): void;
  /** The machine or the performing threw: a fault of our own. Nothing more is fed or performed. */
  fault(error: unknown): void;
}

/**
 * Drives a machine.
 *
 * An input is handled at once; effects are drained in a microtask, so that what one event loop turn brings is handled
 * before anything is sent. The timer always stands at the machine's deadline.
 * @see ../protocol/machine.ts for the calling rules that this keeps
 */
export class Driver<Input, Effect> {
  readonly #machine: Machine<Input, Effect>;
  readonly #performer: Performer<Effect>;
  readonly #clock: Clock;
  #draining = false;
  #stopped = false;
  #timer: { readonly at: Millis; stop(): void } | undefined;

  constructor(machine: Machine<Input, Effect>, performer: Performer<Effect>, clock: Clock) {
    this.#machine = machine;
    this.#performer = performer;
    this.#clock = clock;
  }

  /** Whether it was stopped, by {@link Driver.stop} or a fault. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** Hands over an input. */
  feed(input: Input): void {
    this.#guarded(() => {
      this.#machine.handle(input, this.#clock.now());
    });
    this.#drainSoon();
  }

  /** Performs at once what waits to be performed. */
  drain(): void {
    if (this.#stopped) return;
    this.#guarded(() => {
      for (let effect = this.#machine.poll(); effect !== undefined; effect = this.#machine.poll()) {
        this.#performer.perform(effect);
        if (this.stopped) return;
      }
      this.#setTimer();
    });
  }

  /** Nothing is fed or performed any more. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.stop();
    this.#timer = undefined;
  }

  #drainSoon(): void {
    if (this.#draining || this.#stopped) return;
    this.#draining = true;
    queueMicrotask(() => {
      this.#draining = false;
      this.drain();
    });
  }

  #setTimer(): void {
    const deadline = this.#machine.deadline();
    if (deadline === this.#timer?.at) return;
    this.#timer?.stop();
    this.#timer = undefined;
    if (deadline === undefined) return;
    const stop = this.#clock.after(millis(Math.max(0, deadline - this.#clock.now())), () => {
      this.#timer = undefined;
      this.#guarded(() => {
        this.#machine.expire(this.#clock.now());
      });
      this.drain();
    });
    this.#timer = { at: deadline, stop };
  }

  #guarded(run: () => void): void {
    if (this.#stopped) return;
    try {
      run();
    } catch (error) {
      this.stop();
      this.#performer.fault(error);
    }
  }
}

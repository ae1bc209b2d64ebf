/**
 * What every deterministic core is: a state machine that is handed inputs and the time, and drained of effects.
 *
 * Calling rules, the same for all of them:
 * - `now` is monotonic and never goes back; a machine has no clock, no timer and no randomness of its own.
 * - After {@link Machine.handle} and {@link Machine.expire} — or after several calls in a row — drain with
 *   {@link Machine.poll} until it returns undefined, and perform the effects in that order. An effect's outcome, if it has
 *   one, comes back as an input.
 * - `handle` may be called between two polls: what follows from it is polled after what was there.
 * - After draining ask {@link Machine.deadline}, and call `expire` when that time has come. Calling it early does nothing.
 * - A method that throws has found a fault of our own: the machine is not to be used any more, except to be told so if it
 *   has an input for that, upon which it lets everything secret go.
 */
import type { Millis } from './units.ts';

/** A protocol core. */
export interface Machine<Input, Effect> {
  /** Takes one input. */
  handle(input: Input, now: Millis): void;
  /** The next effect, or undefined when all were given out. */
  poll(): Effect | undefined;
  /** When {@link Machine.expire} wants to be called; undefined while nothing waits for time to pass. */
  deadline(): Millis | undefined;
  /** Time has come to {@link Machine.deadline}. */
  expire(now: Millis): void;
}

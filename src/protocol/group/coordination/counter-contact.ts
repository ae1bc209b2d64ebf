/** When a member asks the counter what it is missing, and from when on it may try to commit. */
import type { CounterFailure, Lease } from '../../counter/client.ts';
import { millis } from '../../units.ts';
import type { Epoch, Millis } from '../../units.ts';
import type { Context } from './context.ts';
import { reportFailure } from './counter-calls.ts';
import { Backoff } from './timing.ts';

/** The schedule of a member's calls to the counter. */
export class CounterContact {
  readonly #context: Context;
  readonly #failures: Backoff;
  readonly #lostTurns: Backoff;
  /** The last call failed, and people were told so. */
  #isFailing = false;
  #checkAt: Millis;
  #renewAt: Millis | undefined;
  #leaseMs: Millis | undefined;
  #commitNotBefore: Millis;
  /** In plain mode: since when the counter has been seen ahead of us. */
  #aheadSince: Millis | undefined;
  /** Where the counter was when it was given receipts last; undefined once it has been seen where we are. */
  #restoredFrom: { readonly current: Epoch | undefined } | undefined;

  constructor(context: Context) {
    const { backoff, backoffMost } = context.options.timing;
    this.#context = context;
    this.#failures = new Backoff(backoff, backoffMost);
    this.#lostTurns = new Backoff(backoff, backoffMost);
    this.#checkAt = context.now;
    this.#commitNotBefore = context.now;
  }

  /** When the lease of our generation is to be renewed by the first member; undefined until the counter was asked. */
  get renewAt(): Millis | undefined {
    return this.#renewAt;
  }

  /** The counter said how long our generation is alive: it is renewed when a third of that has passed. */
  leaseSeen({ leftMs, ofMs }: Lease): void {
    this.#leaseMs = ofMs;
    this.renewIn(millis(Math.max(0, leftMs - Math.floor((2 * ofMs) / 3))));
  }

  renewIn(wait: Millis): void {
    this.#renewAt = millis(this.#context.now + wait);
  }

  /** The counter could not be told that we are alive. */
  renewalFailed(failure: CounterFailure): void {
    this.renewIn(this.#failed(failure));
  }

  /** When to ask what is missing. */
  get checkAt(): Millis {
    return this.#checkAt;
  }

  /** No Commit is attempted before this. */
  get commitNotBefore(): Millis {
    return this.#commitNotBefore;
  }

  /** The relay was lost and is back: we may have missed anything. */
  reconnected(): void {
    this.#checkAt = this.#context.now;
  }

  /** The counter is where we are. */
  inStep(): void {
    this.#aheadSince = undefined;
    this.#restoredFrom = undefined;
  }

  /** The counter told what is missing; it is asked again after `wait`. */
  answered(wait: Millis): void {
    this.#works();
    this.checkIn(wait);
  }

  checkIn(wait: Millis): void {
    this.#checkAt = millis(this.#context.now + wait);
  }

  /**
   * The counter was behind and was given what it lacks: it is looked at again after `wait`, unless it stays where it is
   * whatever it is given.
   */
  restoredFrom(current: Epoch | undefined, wait: Millis): void {
    const moves = this.#restoredFrom === undefined || this.#restoredFrom.current !== current;
    this.#restoredFrom = { current };
    if (moves) this.checkIn(wait);
  }

  /** The counter could not be asked what is missing. */
  checkFailed(failure: CounterFailure): void {
    this.checkIn(this.#failed(failure));
  }

  /** In plain mode the increment after a Commit failed: the counter is incremented later. */
  incrementFailed(): void {
    this.checkIn(this.#failures.next());
  }

  /** The counter is ahead of us, in plain mode. @returns since when. */
  isAhead(): Millis {
    this.#aheadSince ??= this.#context.now;
    return this.#aheadSince;
  }

  /** Another attempt to commit may be made after `wait`. */
  commitIn(wait: Millis): void {
    this.#commitNotBefore = millis(this.#context.now + wait);
  }

  /** A call that a Commit needs failed. */
  commitFailed(failure: CounterFailure): void {
    this.commitIn(this.#failed(failure));
  }

  /** Our lock ran out before the increment. */
  lockLost(): void {
    this.commitIn(this.#lostTurns.next());
  }

  /** The counter is not where we thought it is. */
  isElsewhere(): void {
    this.#checkAt = this.#context.now;
    this.lockLost();
  }

  /** An epoch began: all waits are over. */
  epochBegan(): void {
    this.#works();
    this.#lostTurns.reset();
    this.#commitNotBefore = this.#context.now;
    // The increment was a sign of life.
    if (this.#leaseMs !== undefined) this.leaseSeen({ leftMs: this.#leaseMs, ofMs: this.#leaseMs });
  }

  #failed(failure: CounterFailure): Millis {
    this.#isFailing = true;
    return reportFailure(this.#context, failure, this.#failures);
  }

  #works(): void {
    this.#failures.reset();
    if (this.#isFailing) this.#context.emit({ kind: 'status', step: 'member' });
    this.#isFailing = false;
  }
}

/** Signs of a later epoch than ours, which nobody has authenticated: the counter tells true ones from false ones. */
import { millis } from '../../units.ts';
import type { Epoch, Millis } from '../../units.ts';
import { Backoff } from './timing.ts';
import type { Timing } from './timing.ts';

/** An epoch that something claimed to be sealed in. */
export interface HintedEpoch {
  readonly epoch: Epoch;
  readonly since: Millis;
}

/** The highest epoch that was hinted at and that the counter has not denied. */
export class EpochHint {
  readonly #doubt: Backoff;
  #hint: HintedEpoch | undefined;
  /** Hints before this are not listened to, since some were false. */
  #listensFrom: Millis | undefined;

  constructor(timing: Timing) {
    this.#doubt = new Backoff(timing.receipt, timing.history);
  }

  /** Something sealed in an epoch was seen. @param current - our epoch. */
  seen(of: Epoch, current: Epoch, now: Millis): void {
    if (this.#listensFrom !== undefined && now < this.#listensFrom) return;
    if (of > (this.#hint?.epoch ?? current)) this.#hint = { epoch: of, since: now };
  }

  /** The hint of an epoch beyond `current`, if there is one. */
  beyond(current: Epoch): HintedEpoch | undefined {
    if (this.#hint === undefined || this.#hint.epoch > current) return this.#hint;
    this.#hint = undefined;
    this.#listensFrom = undefined;
    this.#doubt.reset();
    return undefined;
  }

  /**
   * The counter answered a question that was asked because of `hint`: when it has not reached that epoch, the hint was
   * false, and the next ones are listened to after a growing while. What is missing beside it is looked for as ever.
   */
  judge(hint: HintedEpoch, reached: Epoch, now: Millis): void {
    if (reached >= hint.epoch || this.#hint !== hint) return;
    this.#hint = undefined;
    this.#listensFrom = millis(now + this.#doubt.next());
  }
}

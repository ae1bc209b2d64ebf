/** Unauthenticated signs of an epoch later than ours; whether they are true, the counter tells. */
import { millis } from '../../units.ts';
import type { Epoch, Millis } from '../../units.ts';
import { Backoff } from './timing.ts';
import type { Timing } from './timing.ts';

/** An epoch in which some object claimed to be sealed. */
export interface HintedEpoch {
  readonly epoch: Epoch;
  readonly since: Millis;
}

/** The highest epoch that was hinted at and that the counter has not denied. */
export class EpochHint {
  readonly #doubt: Backoff;
  #hint: HintedEpoch | undefined;
  /** Hints before this time are ignored, since earlier ones were false. */
  #listensFrom: Millis | undefined;

  constructor(timing: Timing) {
    this.#doubt = new Backoff(timing.receipt, timing.history);
  }

  /** Something sealed in an epoch was seen. @param current - our epoch. */
  seen(hinted: Epoch, current: Epoch, now: Millis): void {
    if (this.#listensFrom !== undefined && now < this.#listensFrom) return;
    if (hinted > (this.#hint?.epoch ?? current)) this.#hint = { epoch: hinted, since: now };
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
   * Judges a hint by the epoch that the counter has reached. After a false one further hints are ignored for a while,
   * which grows each time; this does not delay the search for anything else that is missing.
   */
  judge(hint: HintedEpoch, reached: Epoch, now: Millis): void {
    if (reached >= hint.epoch || this.#hint !== hint) return;
    this.#hint = undefined;
    this.#listensFrom = millis(now + this.#doubt.next());
  }
}

/** How many signatures may turn out wrong, since each costs a verification: so many in a second. */
import { millis, type Millis } from '../units.ts';

/** Of one instance of a member that is known, and of all its others together. */
const WRONG_SIGNATURES = 16;
const FOR_MS = 1_000;

/** What is left of it in the second that runs. */
export class SignatureAllowance {
  #until = millis(0);
  #left = 0;

  /** Whether another one is looked at. */
  isLeft(now: Millis): boolean {
    if (now >= this.#until) {
      this.#until = millis(now + FOR_MS);
      this.#left = WRONG_SIGNATURES;
    }
    return this.#left > 0;
  }

  /** One has turned out wrong. */
  spend(): void {
    this.#left -= 1;
  }
}

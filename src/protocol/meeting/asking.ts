/** How long we have asked to be let in. */
import type { GroupStep } from '../group/progress.ts';
import type { Millis } from '../units.ts';

/** A door that is open lets one in within a second or two. */
const KEPT_WAITING_MS = 4_000;

/** See the module's description. */
export class Asking {
  #since: Millis | undefined;

  /** A counter or a Welcome may make us wait meanwhile: we ask all the same. */
  reached(step: GroupStep, now: Millis): void {
    switch (step) {
      case 'waiting-for-member':
        this.#since ??= now;
        return;
      case 'seeking':
      case 'creating':
      case 'waiting-for-creator':
      case 'member':
        this.#since = undefined;
        return;
      case 'welcomed':
      case 'counter-unreachable':
      case 'counter-refusing':
      case 'counter-unauthorized':
        return;
    }
  }

  /** Whether we have asked for some time: perhaps we stand at the door. */
  isKeptWaiting(now: Millis): boolean {
    return this.#since !== undefined && now - this.#since >= KEPT_WAITING_MS;
  }
}

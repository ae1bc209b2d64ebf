/** What a meeting needs to outlive its MLS: how often it is started again, and notices that reach whichever there is. */
import type { Millis } from '../units.ts';
import type { GroupNotices } from './core.ts';

/** MLS may die so often in such a time; then something is wrong that a restart does not mend. */
const MOST_RESTARTS = 3;
const WITHIN_MS = 60_000;

/** When MLS died lately. */
export class MlsRestarts {
  #at: readonly Millis[] = [];

  /** MLS has died. @returns whether it is started again. */
  died(now: Millis): boolean {
    this.#at = [...this.#at.filter((at) => now - at < WITHIN_MS), now];
    return this.#at.length <= MOST_RESTARTS;
  }
}

/** Notices to whichever group there is: keys and tracks outlive one that was lost. */
export function noticesTo(group: () => GroupNotices): GroupNotices {
  return {
    memberLeft: (leaf) => {
      group().memberLeft(leaf);
    },
    memberVanished: (leaf) => {
      group().memberVanished(leaf);
    },
    memberAlive: (leaf) => {
      group().memberAlive(leaf);
    },
    requestUpdate: () => {
      group().requestUpdate();
    },
    epochSeen: (epoch) => {
      group().epochSeen(epoch);
    },
  };
}

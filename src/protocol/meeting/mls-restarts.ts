/** What a meeting needs to outlive its MLS: how often it is started again, and notices that reach whichever there is. */
import { compareRosters } from '../group/roster.ts';
import type { Millis } from '../units.ts';
import type { GroupNotices } from './core.ts';
import type { EpochBegun } from './group-events.ts';

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
    removalJudged: (counts) => {
      group().removalJudged(counts);
    },
  };
}

/**
 * An MLS that was restarted may be an epoch ahead of what was announced of the same join, and does not know what the Commit before did.
 * @param before - the epoch that was announced last.
 */
export function withChange(begun: EpochBegun, before: Pick<EpochBegun, 'roster'> | undefined): EpochBegun {
  const { roster, change } = begun;
  if (before === undefined || change.by !== undefined) return begun;
  return { ...begun, change: { ...change, ...compareRosters(before.roster, roster) } };
}

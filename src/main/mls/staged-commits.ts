/** The Commits of a group that are made or processed and not merged: MLS states of which one will be the group's. */
import type { ClientState } from 'ts-mls';
import { invariant } from '../../protocol/errors.ts';
import type { StagedCommit, StagedHandle } from '../../protocol/group/mls.ts';
import { eraseSecrets, eraseState } from './group-secrets.ts';

/** One of them. */
export interface Staged {
  readonly newState: ClientState;
  /** MLSMessage with the Commit. */
  readonly commit: Uint8Array;
  /** Secrets of the old state that were used to make the new one. */
  readonly consumed: readonly Uint8Array[];
  /** Our own Commit; undefined for another member's. */
  readonly own: StagedCommit | undefined;
}

/** Those of one group; at most one is our own. */
export class StagedCommits {
  readonly #staged = new Map<StagedHandle, Staged>();

  /** Our own, if there is one. */
  get own(): Staged | undefined {
    return [...this.#staged.values()].find((each) => each.own !== undefined);
  }

  /**
   * Keeps one. One of our own takes the place of the one before, whose secrets are overwritten.
   * @param state - that of the group, whose secrets stay.
   */
  keep(handle: StagedHandle, staged: Staged, state: ClientState): void {
    if (staged.own !== undefined) {
      for (const [other, { newState, own }] of this.#staged) {
        if (own === undefined) continue;
        eraseState(newState, state);
        this.#staged.delete(other);
      }
    }
    this.#staged.set(handle, staged);
  }

  /** One that is to be merged. */
  get(handle: StagedHandle): Staged {
    const chosen = this.#staged.get(handle);
    invariant(chosen !== undefined, 'only what is staged is merged');
    return chosen;
  }

  /**
   * Merges one: all others are gone, and so is every secret that the merged state does not have.
   * @returns the group's new state.
   */
  merge(handle: StagedHandle, state: ClientState): ClientState {
    const chosen = this.get(handle);
    // Nothing is kept of earlier epochs: no application messages go through MLS.
    const merged = { ...chosen.newState, historicalReceiverData: new Map() };
    for (const { newState, consumed } of this.#staged.values()) {
      eraseState(newState, merged);
      eraseSecrets(consumed, merged);
    }
    this.#staged.clear();
    eraseState(state, merged);
    return merged;
  }

  /** Overwrites the secrets of all. */
  erase(): void {
    for (const { newState } of this.#staged.values()) eraseState(newState);
  }
}

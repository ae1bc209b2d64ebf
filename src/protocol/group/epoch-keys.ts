/** Which epochs' master keys are alive: the current one, and the one before it for a short overlap. */
import { millis } from '../units.ts';
import type { Epoch, Millis } from '../units.ts';

/** How long an epoch's keys outlive it by default. */
export const DEFAULT_OVERLAP = millis(5_000);

interface LiveKey {
  readonly epoch: Epoch;
  readonly masterKey: Uint8Array;
  /** When it is erased; undefined for the current epoch. */
  until: Millis | undefined;
}

/**
 * Keeps the master keys of living epochs and overwrites them when their time is over.
 * Keys handed in belong to this object; what {@link EpochKeys.masterKey} returns is borrowed.
 */
export class EpochKeys {
  readonly #overlap: Millis;
  #live: LiveKey[] = [];

  /** @param overlap - how long an epoch's keys outlive it. */
  constructor(overlap: Millis = DEFAULT_OVERLAP) {
    this.#overlap = overlap;
  }

  /** The epoch that senders seal under. */
  get current(): Epoch | undefined {
    return this.#live.at(-1)?.epoch;
  }

  /** Living epochs, oldest first. */
  get epochs(): readonly Epoch[] {
    return this.#live.map((key) => key.epoch);
  }

  /** A new epoch begins; the one before lives on for the overlap. */
  begin(epoch: Epoch, masterKey: Uint8Array, now: Millis): void {
    this.expire(now);
    const before = this.#live.at(-1);
    if (before !== undefined) before.until = millis(now + this.#overlap);
    this.#live.push({ epoch, masterKey, until: undefined });
  }

  /** The master key of a living epoch, borrowed. */
  masterKey(epoch: Epoch): Uint8Array | undefined {
    return this.#live.find((key) => key.epoch === epoch)?.masterKey;
  }

  /** When {@link EpochKeys.expire} wants to be called. */
  deadline(): Millis | undefined {
    return this.#live.find((key) => key.until !== undefined)?.until;
  }

  /** Overwrites what is over. @returns the epochs erased. */
  expire(now: Millis): readonly Epoch[] {
    const over = this.#live.filter((key) => key.until !== undefined && key.until <= now);
    for (const key of over) key.masterKey.fill(0);
    this.#live = this.#live.filter((key) => !over.includes(key));
    return over.map((key) => key.epoch);
  }

  /** Overwrites all keys: the meeting is left. */
  erase(): void {
    for (const key of this.#live) key.masterKey.fill(0);
    this.#live = [];
  }
}

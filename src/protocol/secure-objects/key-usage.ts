import type { UsageLimits } from './suite.ts';

/** Part of a limit after which new keys are asked for, early enough for a commit to bring them. */
const REKEY_SHARE = 0.5;

/**
 * Counts what one key has done, against its limits.
 * @see draft-ietf-moq-secure-objects-01 #aead-invocation-limits
 */
export class KeyUsage {
  readonly #limits: UsageLimits;
  #blocks = 0;
  #failures = 0;

  constructor(limits: UsageLimits) {
    this.#limits = limits;
  }

  /** Whether new keys are to be made soon. */
  get rekeyNeeded(): boolean {
    const { blocks, failures } = this.#limits;
    return this.#blocks >= blocks * REKEY_SHARE || this.#failures >= failures * REKEY_SHARE;
  }

  /**
   * Takes the blocks of one object from what the key may still do.
   * @param bytes - length of the plaintext or ciphertext.
   * @returns `false` when the key must not be used for it; nothing is counted then.
   */
  spend(bytes: number): boolean {
    const blocks = Math.ceil(bytes / 16) + 1;
    if (this.#blocks + blocks > this.#limits.blocks || this.#failures >= this.#limits.failures) return false;
    this.#blocks += blocks;
    return true;
  }

  /** Counts an object that was not authentic. */
  fail(): void {
    this.#failures += 1;
  }
}

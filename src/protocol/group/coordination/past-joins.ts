/**
 * Joins that are over, so that none of their KeyPackages lets anybody in again, whoever repeats it. The tree tells of the
 * joins of members; of who has left, each member remembers for as long as a KeyPackage is good.
 * @see docs/protocol.md#mls
 */
import { equal } from '../../bytes/equal.ts';
import type { Epoch } from '../../units.ts';
import { KEY_PACKAGE_EPOCHS } from '../leaf-join.ts';
import { fingerprintOfSender } from '../names.ts';
import type { SenderId } from '../names.ts';
import type { Member } from '../roster.ts';

/** A join whose leaf is gone. */
export interface PastJoin {
  /** The epoch that began without it. */
  readonly gone: Epoch;
  readonly senderId: SenderId;
  readonly asOf: Epoch;
}

/** What is kept of joins with the sealed state. */
export interface JoinMemory {
  /** Our first epoch: who left before, we do not know. */
  readonly since: Epoch;
  readonly past: readonly PastJoin[];
}

/** The joins that a member has seen end. */
export class PastJoins {
  readonly #since: Epoch;
  #past: readonly PastJoin[];

  constructor({ since, past }: JoinMemory) {
    this.#since = since;
    this.#past = past;
  }

  get memory(): JoinMemory {
    return { since: this.#since, past: this.#past };
  }

  /** Whether a KeyPackage that the tree allows is not of a join that is over, nor older than one of its owner's. */
  admits({ senderId, asOf }: { readonly senderId: SenderId; readonly asOf: Epoch }): boolean {
    if (asOf < this.#since) return false;
    const owner = fingerprintOfSender(senderId);
    return !this.#past.some(({ senderId: past, asOf: wasAsOf }) => {
      const theirs = fingerprintOfSender(past);
      const isSameOwner = owner !== undefined && theirs !== undefined && equal(owner, theirs);
      return isSameOwner && (asOf <= wasAsOf || equal(past, senderId));
    });
  }

  /** An epoch began without these members. */
  epochBegan(epoch: Epoch, removed: readonly Member[]): void {
    const ended = removed.map(({ senderId, asOf }) => ({ gone: epoch, senderId, asOf }));
    this.#past = [...this.#past, ...ended].filter(({ gone }) => epoch - gone <= KEY_PACKAGE_EPOCHS);
  }
}

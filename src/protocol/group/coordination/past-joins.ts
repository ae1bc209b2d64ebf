/**
 * Joins that are over, so that none of their KeyPackages lets anybody in again, whoever repeats it. The tree tells of the
 * joins of members; of who has left, each member remembers for as long as a KeyPackage is good.
 * @see docs/protocol.md#mls
 */
import { equal } from '../../bytes/equal.ts';
import type { Epoch } from '../../units.ts';
import { KEY_PACKAGE_EPOCHS } from '../leaf-join.ts';
import { encodeHex } from '../../bytes/hex.ts';
import { fingerprintOfSender } from '../names.ts';
import type { Fingerprint, SenderId } from '../names.ts';
import type { Member } from '../roster.ts';

/** How many people are remembered who were members and are gone. */
const MAX_KNOWN = 1024;

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
  /** Who was a member and is gone, newest last: an organiser need not be asked whether they may come back. */
  readonly known: readonly Fingerprint[];
}

/** The joins that a member has seen end. */
export class PastJoins {
  readonly #since: Epoch;
  #past: readonly PastJoin[];
  /** By text, in the order in which they went. */
  readonly #known: Map<string, Fingerprint>;

  constructor({ since, past, known }: JoinMemory) {
    this.#since = since;
    this.#past = past;
    this.#known = new Map(known.map((each) => [encodeHex(each), each]));
  }

  get memory(): JoinMemory {
    return { since: this.#since, past: this.#past, known: [...this.#known.values()] };
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

  /** Whether somebody was a member and is gone. */
  knows(fingerprint: Fingerprint): boolean {
    return this.#known.has(encodeHex(fingerprint));
  }

  /** An epoch began without these members. */
  epochBegan(epoch: Epoch, removed: readonly Member[]): void {
    const ended = removed.map(({ senderId, asOf }) => ({ gone: epoch, senderId, asOf }));
    this.#past = [...this.#past, ...ended].filter(({ gone }) => epoch - gone <= KEY_PACKAGE_EPOCHS);
    for (const { fingerprint } of removed) {
      const key = encodeHex(fingerprint);
      this.#known.delete(key);
      this.#known.set(key, fingerprint);
      const [oldest] = this.#known.keys();
      if (this.#known.size > MAX_KNOWN && oldest !== undefined) this.#known.delete(oldest);
    }
  }
}

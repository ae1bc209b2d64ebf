/**
 * Compares what members say of the line that they are in with our own. A difference is two statements of the counter's key
 * about one epoch, or one over another past: no member can make it up, whoever is among them, or was.
 * @see docs/protocol.md #heads
 */
import { equal } from '../bytes/equal.ts';
import { PeerViolation } from '../errors.ts';
import { encodeHex } from '../bytes/hex.ts';
import { parseReceipt, receiptHash, verifyReceipt } from '../counter/receipt.ts';
import type { Receipt } from '../counter/receipt.ts';
import { epoch } from '../units.ts';
import type { Epoch, UnixMillis } from '../units.ts';
import type { GroupCrypto } from './crypto-port.ts';
import type { Head } from './heads.ts';
import { fingerprintOf, fingerprintOfSender } from './names.ts';
import type { SenderId } from './names.ts';
import type { Member } from './roster.ts';

/** Own receipts, members, and heads of epochs to come that are kept. */
export const WATCH_LIMITS = { receipts: 1_024, members: 4_096, early: 64 } as const;

/** That the meeting was split. */
export interface Fork {
  /** The first epoch of which we can tell. */
  readonly epoch: Epoch;
  /** The counter's receipts, with their signatures: ours, and the one that contradicts it. */
  readonly ours: Uint8Array;
  readonly theirs: Uint8Array;
  /** Signature key of the member that follows the other one, and its signature of that. */
  readonly member: Uint8Array;
  readonly signature: Uint8Array;
}

interface Held {
  readonly receipt: Receipt;
  readonly bytes: Uint8Array;
}

/** What a member said. */
interface Said extends Held {
  readonly member: Uint8Array;
  readonly signature: Uint8Array;
}

/** How many heads may turn out to be nobody's, since each costs verifications. Members are named by their fingerprints, in hex. */
export interface HeadAllowance {
  /** Whether another one is looked at that says it is of a member. */
  isLeft(member: string): boolean;
  /** One has turned out not to be of that member. */
  spend(member: string): void;
}

/** Watches one group. */
export class ForkWatch {
  readonly #receiptKey: Uint8Array;
  readonly #group: Uint8Array;
  readonly #crypto: GroupCrypto;
  /** In the order in which we entered the epochs; of one epoch the first. */
  readonly #own = new Map<Epoch, Held>();
  #newest: Epoch | undefined;
  /** When the counter signed the first receipt of ours: what it signed before is not of our time. */
  #since: UnixMillis | undefined;
  /** Fingerprints of everybody who was in our tree, oldest first. */
  readonly #members = new Set<string>();
  /** Of each member that is ahead of us the head that we come to first: its later ones might stay ahead of us for ever. */
  readonly #early = new Map<string, Said>();

  /** @param receiptKey - the counter's. */
  constructor(group: Uint8Array, receiptKey: Uint8Array, crypto: GroupCrypto) {
    this.#group = group;
    this.#receiptKey = receiptKey;
    this.#crypto = crypto;
  }

  /** Whether a track has the name of somebody who was in our tree. */
  knows(sender: SenderId): boolean {
    const fingerprint = fingerprintOfSender(sender);
    return fingerprint !== undefined && this.#members.has(encodeHex(fingerprint));
  }

  /**
   * We have entered an epoch. May be said again.
   * @param receipt - verified.
   * @returns a fork that shows now.
   */
  entered(receipt: Uint8Array, roster: readonly Pick<Member, 'fingerprint'>[]): Fork | undefined {
    for (const { fingerprint } of roster) this.#remember(encodeHex(fingerprint));
    const held = { receipt: parseReceipt(receipt), bytes: receipt };
    const { epoch: of, time } = held.receipt;
    this.#since ??= time;
    // Whoever came back into another line is found out by the one of before.
    if (!this.#own.has(of)) this.#own.set(of, held);
    if (this.#newest === undefined || of > this.#newest) this.#newest = of;
    const [oldest] = this.#own.keys();
    if (this.#own.size > WATCH_LIMITS.receipts && oldest !== undefined) this.#own.delete(oldest);
    for (const [key, early] of this.#early) {
      const found = this.#compare(early);
      if (found === 'early') continue;
      this.#early.delete(key);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /**
   * A head came. What would change nothing is not verified.
   * @param allowance - what may be spent on those that turn out to be nobody's; undefined: it is our own.
   * @returns a fork that it shows.
   */
  heard(head: Head, allowance?: HeadAllowance): Fork | undefined {
    const member = encodeHex(fingerprintOf(head.signatureKey, this.#crypto));
    // Whoever was never in our tree is not listened to, before its signatures cost anything.
    if (this.#since === undefined || !this.#members.has(member)) return undefined;
    const said = saidIn(head);
    if (said === undefined || !equal(said.receipt.group, this.#group)) return undefined;
    // A service that lost everything begins its groups again: what was said of those of before can be said again by anybody.
    if (said.receipt.time < this.#since) return undefined;
    const found = this.#compare(said);
    if (found === undefined || (found === 'early' && !this.#isWanted(member, said.receipt.epoch)))
      return undefined;
    if (allowance?.isLeft(member) === false) return undefined;
    if (!this.#isSigned(head)) {
      allowance?.spend(member);
      return undefined;
    }
    if (found !== 'early') return found;
    this.#early.set(member, said);
    return undefined;
  }

  /** Of a member that is ahead of us. */
  #isWanted(member: string, of: Epoch): boolean {
    const kept = this.#early.get(member);
    return kept === undefined ? this.#early.size < WATCH_LIMITS.early : of < kept.receipt.epoch;
  }

  /** By the counter, and by the member. */
  #isSigned({ receipt, signatureKey, signed, signature }: Head): boolean {
    const { kind } = verifyReceipt(receipt, this.#receiptKey, this.#crypto);
    return kind === 'valid' && this.#crypto.verifyEd25519(signatureKey, signed, signature);
  }

  /** @returns undefined where it is of our line, or cannot be compared; early: of an epoch to come. */
  #compare(theirs: Said): Fork | 'early' | undefined {
    const of = theirs.receipt.epoch;
    const same = this.#own.get(of);
    if (same !== undefined)
      return equal(same.receipt.signed, theirs.receipt.signed) ? undefined : forkOf(of, same, theirs);
    const before = this.#own.get(epoch(of - 1n));
    if (before !== undefined)
      return equal(theirs.receipt.previousHash, receiptHash(before.receipt, this.#crypto))
        ? undefined
        : forkOf(of, before, theirs);
    const after = this.#own.get(epoch(of + 1n));
    if (after !== undefined)
      return equal(after.receipt.previousHash, receiptHash(theirs.receipt, this.#crypto))
        ? undefined
        : forkOf(of, after, theirs);
    return this.#newest !== undefined && of > this.#newest ? 'early' : undefined;
  }

  #remember(fingerprint: string): void {
    this.#members.delete(fingerprint);
    this.#members.add(fingerprint);
    const [oldest] = this.#members;
    if (this.#members.size > WATCH_LIMITS.members && oldest !== undefined) this.#members.delete(oldest);
  }
}

/** What a head says, as copies; undefined where it has no receipt. */
function saidIn({ receipt, signatureKey, signature }: Head): Said | undefined {
  try {
    return {
      receipt: parseReceipt(receipt),
      bytes: receipt.slice(),
      member: signatureKey.slice(),
      signature: signature.slice(),
    };
  } catch (error) {
    if (error instanceof PeerViolation) return undefined;
    throw error;
  }
}

function forkOf(of: Epoch, ours: Held, theirs: Said): Fork {
  const { member, signature } = theirs;
  return { epoch: of, ours: ours.bytes, theirs: theirs.bytes, member, signature };
}

/**
 * Commits and receipts that arrived, in any order, from the commits track and from `/history`.
 *
 * A Commit counts only with its receipt; a receipt counts only with the counter's signature. Bounded in epochs,
 * attempts and bytes, since anybody may publish at any location.
 */
import { encodeHex } from '../../bytes/hex.ts';
import { equal } from '../../bytes/equal.ts';
import { verifyReceipt } from '../../counter/receipt.ts';
import { epoch } from '../../units.ts';
import type { Epoch, Millis } from '../../units.ts';
import type { GroupCrypto } from '../crypto-port.ts';
import type { GroupName } from '../names.ts';
import type { GroupObject } from './asks.ts';
import type { KnownReceipt } from './context.ts';

/** Limits of an inbox. */
export const INBOX_LIMITS = {
  /** Epochs ahead of ours that are kept. */
  epochs: 256,
  /** Different Commits kept for one epoch. */
  commits: 8,
  /** All Commits together, in bytes. */
  bytes: 8 * 1024 * 1024,
  /** Refused Commits of one epoch that are remembered. */
  refused: 1024,
} as const;

/** Outcome of taking a receipt. */
export type ReceiptNews = 'known' | 'new' | 'invalid' | 'equivocation';

interface EpochInbox {
  /** Commits by the hexadecimal of their SHA-256. */
  readonly commits: Map<string, Uint8Array>;
  /** Hashes of those that came as object 0, in order, for plain mode. */
  readonly first: Set<string>;
  /** Hashes of those that MLS refused. */
  readonly refused: Set<string>;
  receipt: KnownReceipt | undefined;
  /** When something of this epoch was seen first. */
  readonly since: Millis;
}

/** What is known of the next epoch. */
export interface NextEpoch {
  readonly receipt: KnownReceipt | undefined;
  /** The Commit that the receipt names; undefined while either is missing. */
  readonly commit: Uint8Array | undefined;
  readonly since: Millis;
}

/** Collects Commits and receipts of one group, by the epoch that they begin. */
export class CommitInbox {
  readonly #group: GroupName;
  readonly #receiptKey: Uint8Array | undefined;
  readonly #crypto: GroupCrypto;
  readonly #epochs = new Map<Epoch, EpochInbox>();
  #bytes = 0;

  /** @param receiptKey - the counter's; undefined in plain mode, where there are no receipts. */
  constructor(group: GroupName, receiptKey: Uint8Array | undefined, crypto: GroupCrypto) {
    this.#group = group;
    this.#receiptKey = receiptKey;
    this.#crypto = crypto;
  }

  /** Takes an object of the commits track. @param current - our epoch. */
  object({ epoch: begun, object, payload }: GroupObject, current: Epoch, now: Millis): ReceiptNews {
    if (begun <= current || begun > current + BigInt(INBOX_LIMITS.epochs)) return 'known';
    if (object % 2 === 1) return this.receipt(payload, current, now);
    this.#keepCommit(begun, payload, object === 0, now);
    return 'known';
  }

  /** Takes a Commit from `/history`. */
  commit(begun: Epoch, commit: Uint8Array, current: Epoch, now: Millis): void {
    if (begun > current && begun <= current + BigInt(INBOX_LIMITS.epochs))
      this.#keepCommit(begun, commit, false, now);
  }

  /** Takes a receipt from anywhere. */
  receipt(bytes: Uint8Array, current: Epoch, now: Millis): ReceiptNews {
    if (this.#receiptKey === undefined) return 'invalid';
    const verdict = verifyReceipt(bytes, this.#receiptKey, this.#crypto);
    if (verdict.kind !== 'valid' || !equal(verdict.receipt.group, this.#group)) return 'invalid';
    const { receipt } = verdict;
    if (receipt.epoch <= current || receipt.epoch > current + BigInt(INBOX_LIMITS.epochs)) return 'known';
    const inbox = this.#inbox(receipt.epoch, now);
    if (inbox.receipt === undefined) {
      inbox.receipt = { receipt, bytes: bytes.slice() };
      return 'new';
    }
    return equal(inbox.receipt.receipt.signed, receipt.signed) ? 'known' : 'equivocation';
  }

  /** What is known of an epoch. */
  next(begun: Epoch): NextEpoch | undefined {
    const inbox = this.#epochs.get(begun);
    if (inbox === undefined) return undefined;
    const hash = inbox.receipt && encodeHex(inbox.receipt.receipt.commitHash);
    const commit = hash === undefined ? undefined : inbox.commits.get(hash);
    return { receipt: inbox.receipt, commit, since: inbox.since };
  }

  /** The Commit that plain mode takes for an epoch: object 0, the first that came and was not refused. */
  plain(begun: Epoch): Uint8Array | undefined {
    const inbox = this.#epochs.get(begun);
    const [hash] = inbox?.first ?? [];
    return hash === undefined ? undefined : inbox?.commits.get(hash);
  }

  /** Drops {@link CommitInbox.plain}, which we cannot process, for good; the next one takes its place. */
  rejectPlain(begun: Epoch): void {
    const inbox = this.#epochs.get(begun);
    const [hash] = inbox?.first ?? [];
    if (inbox === undefined || hash === undefined) return;
    this.#bytes -= inbox.commits.get(hash)?.length ?? 0;
    inbox.first.delete(hash);
    inbox.commits.delete(hash);
    inbox.refused.add(hash);
    const [oldest] = inbox.refused;
    if (inbox.refused.size > INBOX_LIMITS.refused && oldest !== undefined) inbox.refused.delete(oldest);
  }

  /** When anything beyond `current` was seen first. */
  since(current: Epoch): Millis | undefined {
    let first: Millis | undefined;
    for (const [begun, { since }] of this.#epochs) {
      if (begun > current && (first === undefined || since < first)) first = since;
    }
    return first;
  }

  /** Forgets epochs up to `current`. */
  prune(current: Epoch): void {
    for (const [begun, inbox] of this.#epochs) {
      if (begun > current) continue;
      for (const commit of inbox.commits.values()) this.#bytes -= commit.length;
      this.#epochs.delete(begun);
    }
  }

  #keepCommit(begun: Epoch, commit: Uint8Array, first: boolean, now: Millis): void {
    const inbox = this.#inbox(begun, now);
    const hash = encodeHex(this.#crypto.sha256(commit));
    if (inbox.refused.has(hash)) return;
    const wanted = inbox.receipt && encodeHex(inbox.receipt.receipt.commitHash) === hash;
    const full = inbox.commits.size >= INBOX_LIMITS.commits || this.#bytes >= INBOX_LIMITS.bytes;
    if (!inbox.commits.has(hash) && (wanted === true || !full)) {
      const own = commit.slice();
      inbox.commits.set(hash, own);
      this.#bytes += own.length;
    }
    if (first && inbox.commits.has(hash)) inbox.first.add(hash);
  }

  #inbox(begun: Epoch, now: Millis): EpochInbox {
    let inbox = this.#epochs.get(begun);
    if (inbox === undefined) {
      inbox = { commits: new Map(), first: new Set(), refused: new Set(), receipt: undefined, since: now };
      this.#epochs.set(epoch(begun), inbox);
    }
    return inbox;
  }
}

/**
 * Welcomes and receipts that arrived for a joiner, in any order, from its Welcome track and from `/history`.
 *
 * Anybody may publish at any location: what is kept is bounded, and newer Welcomes take the place of older ones, since a
 * committer that is asked again sends its Welcome again.
 */
import { equal } from '../../bytes/equal.ts';
import { verifyReceipt } from '../../counter/receipt.ts';
import { earliest } from './timing.ts';
import type { Epoch, Millis } from '../../units.ts';
import type { GroupCrypto } from '../crypto-port.ts';
import type { GroupName } from '../names.ts';
import type { GroupObject } from './asks.ts';
import type { KnownReceipt } from './context.ts';

/** Limits of an inbox. */
export const WELCOME_LIMITS = {
  /** Welcomes that wait for their receipts; and receipts that wait for their Welcomes. */
  count: 8,
  /** All Welcomes together, in bytes. The newest is kept whatever its size. */
  bytes: 16 * 1024 * 1024,
} as const;

/** A Welcome that waits for its receipt. */
export interface HeldWelcome {
  readonly epoch: Epoch;
  /** Object ID: 2f. */
  readonly object: number;
  readonly welcome: Uint8Array;
  /** When `/history` is to be asked for its receipt. */
  askAt: Millis;
}

/** What a page of `/history` covered. */
export interface AskedHistory {
  readonly from: Epoch;
  /** Where the next page begins; undefined: this is the last one. */
  readonly nextFrom: Epoch | undefined;
  /** The epoch reached last, -1 before 0. */
  readonly current: Epoch;
}

/** Collects Welcomes and receipts of one group. */
export class WelcomeInbox {
  readonly #group: GroupName;
  readonly #receiptKey: Uint8Array | undefined;
  readonly #crypto: GroupCrypto;
  /** By arrival. */
  #welcomes: readonly HeldWelcome[] = [];
  readonly #receipts = new Map<Epoch, KnownReceipt>();

  /** @param receiptKey - the counter's; undefined in plain mode, where Welcomes need no receipts. */
  constructor(group: GroupName, receiptKey: Uint8Array | undefined, crypto: GroupCrypto) {
    this.#group = group;
    this.#receiptKey = receiptKey;
    this.#crypto = crypto;
  }

  /** Keeps a Welcome instead of any other at its location. @param askAt - when to ask for its receipt. */
  welcome({ epoch, object, payload }: GroupObject, askAt: Millis): void {
    const others = this.#welcomes.filter((each) => each.epoch !== epoch || each.object !== object);
    const same = this.#welcomes.find((each) => !others.includes(each));
    if (same !== undefined && equal(same.welcome, payload)) return;
    const kept = [...others, { epoch, object, welcome: payload.slice(), askAt }];
    let bytes = kept.reduce((sum, each) => sum + each.welcome.length, 0);
    while (kept.length > WELCOME_LIMITS.count || (bytes > WELCOME_LIMITS.bytes && kept.length > 1)) {
      bytes -= kept.shift()?.welcome.length ?? 0;
    }
    this.#welcomes = kept;
  }

  /** Keeps a receipt. @returns whether the bytes were a receipt of the counter about this group. */
  receipt(bytes: Uint8Array): boolean {
    if (this.#receiptKey === undefined) return false;
    const verdict = verifyReceipt(bytes, this.#receiptKey, this.#crypto);
    if (verdict.kind !== 'valid' || !equal(verdict.receipt.group, this.#group)) return false;
    const { receipt } = verdict;
    if (!this.#receipts.has(receipt.epoch)) {
      this.#receipts.set(receipt.epoch, { receipt, bytes: bytes.slice() });
      if (this.#receipts.size > WELCOME_LIMITS.count) this.#forgetOldestReceipt();
    }
    return true;
  }

  /** Whether a Welcome waits for the receipt of an epoch. */
  waitsFor(epoch: Epoch): boolean {
    return this.waiting().some((each) => each.epoch === epoch);
  }

  /** Takes the newest Welcome that can be used, with its receipt if it needs one. */
  take(): { readonly held: HeldWelcome; readonly receipt: KnownReceipt | undefined } | undefined {
    const held = this.#welcomes.filter((each) => this.#isUsable(each)).at(-1);
    if (held === undefined) return undefined;
    this.#welcomes = this.#welcomes.filter((each) => each !== held);
    return { held, receipt: this.#receipts.get(held.epoch) };
  }

  /** Welcomes without receipts. */
  waiting(): readonly HeldWelcome[] {
    return this.#welcomes.filter((each) => !this.#isUsable(each));
  }

  /** The Welcome whose receipt is to be asked for first. */
  nextToAsk(): HeldWelcome | undefined {
    const waiting = this.waiting();
    const first = earliest(...waiting.map(({ askAt }) => askAt));
    return waiting.find(({ askAt }) => askAt === first);
  }

  /**
   * Drops those of `asked` that still have no receipt and can get none: the counter has passed their epoch, or no member
   * can have begun it yet. Those of the counter's next epoch stay, to be asked about again at `againAt`.
   */
  judge(asked: readonly HeldWelcome[], { from, nextFrom, current }: AskedHistory, againAt: Millis): void {
    const hopeless = (joined: Epoch): boolean =>
      joined > current + 1n ||
      (joined <= current && joined >= from && (nextFrom === undefined || joined < nextFrom));
    const dropped = new Set(this.waiting().filter((each) => asked.includes(each) && hopeless(each.epoch)));
    this.#welcomes = this.#welcomes.filter((each) => !dropped.has(each));
    for (const each of this.#welcomes) if (each.epoch > current || each.epoch === from) each.askAt = againAt;
  }

  #isUsable({ epoch }: HeldWelcome): boolean {
    return this.#receiptKey === undefined || this.#receipts.has(epoch);
  }

  /** Forgets the oldest receipt without a Welcome; there is one, since more receipts than Welcomes are kept. */
  #forgetOldestReceipt(): void {
    let oldest: Epoch | undefined;
    for (const receipted of this.#receipts.keys()) {
      const idle = !this.#welcomes.some(({ epoch }) => epoch === receipted);
      if (idle && (oldest === undefined || receipted < oldest)) oldest = receipted;
    }
    if (oldest !== undefined) this.#receipts.delete(oldest);
  }
}

/** The receipts of our epochs, which the next one has to follow, and from which a counter that lost its data is restored. */
import { checkReceiptChain } from '../../counter/receipt.ts';
import type { ChainVerdict } from '../../counter/receipt.ts';
import type { UploadEntry } from '../../counter/client.ts';
import type { Epoch } from '../../units.ts';
import type { GroupCrypto } from '../crypto-port.ts';
import type { LogEntry } from './asks.ts';
import type { KnownReceipt } from './context.ts';

/** Number of receipts that are kept. */
const LOG_ENTRIES = 64;
/** Number of receipts that are kept with their Commits. */
const LOG_COMMITS = 8;

/** A bounded log; newest entry last. */
export class ReceiptLog {
  #last: KnownReceipt | undefined;
  #entries: readonly LogEntry[];

  /** @param last - the receipt of the current epoch; undefined in plain mode. */
  constructor(last: KnownReceipt | undefined, entries: readonly LogEntry[]) {
    this.#last = last;
    this.#entries = entries;
  }

  get entries(): readonly LogEntry[] {
    return this.#entries;
  }

  /** Whether a receipt can be that of the next epoch; without an earlier receipt any can. */
  isFollowedBy({ receipt }: KnownReceipt, crypto: GroupCrypto): boolean {
    if (this.#last === undefined) return true;
    const verdict: ChainVerdict = checkReceiptChain(this.#last.receipt, receipt, crypto);
    return verdict.kind === 'follows';
  }

  /** Adds the epoch that has begun. */
  append(known: KnownReceipt, commit: Uint8Array): void {
    this.#last = known;
    const entries = [...this.#entries, { epoch: known.receipt.epoch, receipt: known.bytes, commit }];
    this.#entries = entries
      .slice(-LOG_ENTRIES)
      .map((entry, at, { length }) => (at < length - LOG_COMMITS ? { ...entry, commit: undefined } : entry));
  }

  /** What a counter that has reached `current` lacks, oldest first. @param current - undefined: it knows no epoch. */
  after(current: Epoch | undefined): readonly UploadEntry[] {
    return this.#entries
      .filter((entry) => current === undefined || entry.epoch > current)
      .map(({ receipt, commit }) => ({ receipt, commit }));
  }
}

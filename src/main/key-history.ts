/**
 * The exportable history of a meeting's keys: the counter's signed receipts, from which anybody can check offline that there
 * was one line of Commits and which these were. It holds no key.
 */
import { receiptVerifier } from '../io/counter/receipt-crypto.ts';
import { encodeBase64Url } from '../protocol/bytes/base64url.ts';
import { encodeHex } from '../protocol/bytes/hex.ts';
import type { CounterClient } from '../protocol/counter/client.ts';
import { checkReceiptChain, verifyReceipt, type Receipt } from '../protocol/counter/receipt.ts';
import { epoch, type Epoch } from '../protocol/units.ts';

/** Pages that are read at most: 256 epochs each. */
const MAX_PAGES = 64;

/** One change of keys as the counter signed it. */
export interface ReceiptedEpoch {
  readonly epoch: string;
  /** By the counter's clock. */
  readonly time: string;
  readonly commitSha256: string;
  readonly transcript: string;
  /** The signed bytes and the signature, hex; see docs/protocol.md. */
  readonly signed: string;
  readonly signature: string;
}

/** The history, or why there is none. */
export type KeyHistory =
  | { readonly kind: 'history'; readonly receiptKey: string; readonly epochs: readonly ReceiptedEpoch[] }
  | { readonly kind: 'unavailable'; readonly sentence: string };

/**
 * Reads and verifies all receipts of a group.
 * @param receiptKey - the counter's key, from the invitation; undefined in plain mode.
 */
export async function readKeyHistory(
  counter: CounterClient,
  group: Uint8Array,
  receiptKey: Uint8Array | undefined,
): Promise<KeyHistory> {
  if (receiptKey === undefined)
    return unavailable('This meeting’s counter signs no receipts, so there is no history to export.');
  const epochs: ReceiptedEpoch[] = [];
  let previous: Receipt | undefined;
  let next: Epoch = epoch(0n);
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const outcome = await counter.history(group, next);
    if (outcome.kind !== 'ok')
      return unavailable('The counter service is not providing the history right now. Try again later.');
    if (outcome.entries.length === 0) break;
    for (const entry of outcome.entries) {
      const verdict = verifyReceipt(entry.receipt, receiptKey, receiptVerifier);
      if (
        verdict.kind !== 'valid' ||
        checkReceiptChain(previous, verdict.receipt, receiptVerifier).kind !== 'follows'
      )
        return unavailable('The history that the counter service provided is not valid. Do not trust it.');
      previous = verdict.receipt;
      epochs.push(receiptedEpoch(verdict.receipt));
    }
    next = epoch((previous?.epoch ?? 0n) + 1n);
  }
  return { kind: 'history', receiptKey: encodeBase64Url(receiptKey), epochs };
}

function receiptedEpoch(receipt: Receipt): ReceiptedEpoch {
  return {
    epoch: String(receipt.epoch),
    time: new Date(receipt.time).toISOString(),
    commitSha256: encodeHex(receipt.commitHash),
    transcript: encodeHex(receipt.transcript),
    signed: encodeHex(receipt.signed),
    signature: encodeHex(receipt.signature),
  };
}

const unavailable = (sentence: string): KeyHistory => ({ kind: 'unavailable', sentence });

/**
 * Compares the key histories of two people: whether they were in one line, or where their lines part.
 * @see docs/protocol.md #key-histories
 */
import { equal } from '../bytes/equal.ts';
import type { Epoch } from '../units.ts';
import type { HistoryReport, ProvenEpoch } from './verify.ts';

/** How two histories that hold stand to each other. */
export type Comparison =
  /** Equal receipts, and codes where both have one, at all epochs that both have; `shared` of them. */
  | { readonly kind: 'one-line'; readonly shared: number; readonly codes: number }
  /** The counter signed two different receipts for one epoch. */
  | { readonly kind: 'parted'; readonly epoch: Epoch; readonly a: ProvenEpoch; readonly b: ProvenEpoch }
  /** One receipt, but other keys: the two were not in one group. */
  | { readonly kind: 'other-code'; readonly epoch: Epoch }
  /** One goes on where the other ends, over another past. */
  | { readonly kind: 'other-past'; readonly epoch: Epoch }
  /** They share no epoch and do not adjoin each other. */
  | { readonly kind: 'apart' }
  | { readonly kind: 'other-group' }
  | { readonly kind: 'other-key' };

/** Compares two histories. */
export function compareHistories(a: HistoryReport, b: HistoryReport): Comparison {
  if (!equal(a.header.group, b.header.group)) return { kind: 'other-group' };
  if (!equal(a.header.receiptKey, b.header.receiptKey)) return { kind: 'other-key' };
  const others = new Map(b.epochs.map((each) => [each.epoch, each]));
  let shared = 0;
  let codes = 0;
  for (const mine of a.epochs) {
    const other = others.get(mine.epoch);
    if (other === undefined) continue;
    if (!equal(mine.receiptHash, other.receiptHash))
      return { kind: 'parted', epoch: mine.epoch, a: mine, b: other };
    shared += 1;
    if (mine.code === undefined || other.code === undefined) continue;
    if (mine.code !== other.code) return { kind: 'other-code', epoch: mine.epoch };
    codes += 1;
  }
  if (shared > 0) return { kind: 'one-line', shared, codes };
  return seam(a, b) ?? seam(b, a) ?? { kind: 'apart' };
}

/** How two histories without a common epoch join, where the one begins right behind the other. */
function seam(earlier: HistoryReport, later: HistoryReport): Comparison | undefined {
  const last = earlier.epochs.at(-1);
  const first = later.epochs[0];
  if (last === undefined || first === undefined || first.epoch !== last.epoch + 1n) return undefined;
  return equal(first.previousHash, last.receiptHash)
    ? { kind: 'one-line', shared: 0, codes: 0 }
    : { kind: 'other-past', epoch: first.epoch };
}

/**
 * A Commit that removes us, and what its receipt says of it. Whoever is removed does not come to the epoch that begins, and cannot
 * tell whether the receipt's next_key is that epoch's; the others can, and go to that epoch or stay in this one. So a removal
 * counts when somebody has followed it who gains nothing by that, when nobody is there who could, or when it was doubted for long
 * enough.
 * @see docs/protocol.md#a-broken-line
 */
import { equal } from '../../bytes/equal.ts';
import { millis } from '../../units.ts';
import type { Millis } from '../../units.ts';
import type { CommitContents, EpochView, ProcessOutcome } from '../mls.ts';
import type { Member } from '../roster.ts';
import type { Context, KnownReceipt } from './context.ts';

/** What MLS says of a Commit that removes us. */
export type Removed = Extract<ProcessOutcome, { kind: 'removed' }>;

/** Since when a removal has been in doubt. */
export interface UnprovenRemoval {
  readonly since: Millis;
  readonly outcome: Removed;
}

/** Whether a receipt is about the Commit, as far as whom it removes can tell. */
export function agreesOutside({ receipt }: KnownReceipt, { transcript }: Removed): boolean {
  return equal(receipt.transcript, transcript);
}

/** Who of an epoch is left, besides us and the author of a Commit that removes us. */
export function othersBeside(
  { roster, ownLeaf }: EpochView,
  { committer, removed }: CommitContents,
): readonly Member[] {
  return roster.filter(({ leaf }) => leaf !== ownLeaf && leaf !== committer && !removed.includes(leaf));
}

/**
 * When a removal counts though nobody was seen to follow it. While the relay is not reached nobody can be seen; but no longer than
 * we stay in a line that is broken.
 */
export function countsAt({ since }: UnprovenRemoval, { options, reachedSince }: Context): Millis {
  const { removal, broken } = options.timing;
  const most = since + broken;
  return millis(reachedSince === undefined ? most : Math.min(most, Math.max(since, reachedSince) + removal));
}

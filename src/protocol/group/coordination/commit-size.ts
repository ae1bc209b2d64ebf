/**
 * How much goes into one Commit. The counter stores it whole, so it has a limit in bytes: joins that do not fit wait for the
 * next Commit, and a group takes no more members than a Remove can be made for.
 * @see docs/protocol.md#sizes
 */
import { COUNTER_LIMITS } from '../../counter/client.ts';
import type { MlsSuite } from '../mls.ts';

/**
 * The most members of a group. A Commit with a path carries at worst one ciphertext of a path secret for each of them,
 * and one that kicks all kicked keys: one that could not be made would let nobody be removed any more.
 */
export const MAX_MEMBERS: Readonly<Record<MlsSuite, number>> = { 0x0001: 1_000, 0x0053: 300 };

/** Bytes of a Commit's path for each member, at worst: measured (83 and 1,242 in trees of 64), with some room. */
export const PATH_BYTES: Readonly<Record<MlsSuite, number>> = { 0x0001: 96, 0x0053: 1_250 };
/** Framing, group context, a PreSharedKey, the signature. */
export const OVERHEAD_BYTES = 8 * 1024;
/** Bytes of a kicked key in the group context, which a Commit that kicks carries whole. */
const KICKED_KEY_BYTES = 33;
/** A proposal's own framing. */
const ADD_BYTES = 16;

/** A Commit before its joins are chosen. */
export interface CommitFrame {
  readonly suite: MlsSuite;
  /** Members that it does not remove, the committer among them. */
  readonly staying: number;
  /** Whether it removes somebody or updates, for which it has a path; a join that replaces a leaf needs one too. */
  readonly hasPath: boolean;
  /** Kicked keys in the group context that it sets; 0 where it sets none. */
  readonly kickedKeys: number;
}

/** What somebody who waits takes up. */
export interface JoinSize {
  /** Bytes of the KeyPackage. */
  readonly bytes: number;
  /** It comes into the place of a leaf of its own. */
  readonly replaces: boolean;
}

/** Which of those who wait come into the next Commit, in their order. */
export interface FittingJoins<Join> {
  readonly joins: readonly Join[];
  /** Whether somebody is not let in before somebody leaves: the group has as many members as it can have. */
  readonly isFull: boolean;
}

/** Takes as many as fit, first come first served. */
export function fittingJoins<Join extends JoinSize>(
  waiting: readonly Join[],
  { suite, staying, hasPath, kickedKeys }: CommitFrame,
): FittingJoins<Join> {
  const pathBytes = staying * PATH_BYTES[suite];
  const joins: Join[] = [];
  let room = MAX_MEMBERS[suite] - staying;
  let left = COUNTER_LIMITS.commit - OVERHEAD_BYTES - kickedKeys * KICKED_KEY_BYTES;
  let path = hasPath ? pathBytes : 0;
  let isFull = false;
  for (const join of waiting) {
    if (!join.replaces && room <= 0) {
      isFull = true;
      continue;
    }
    if (join.replaces) path = pathBytes;
    left -= join.bytes + ADD_BYTES;
    if (left < path) break;
    if (!join.replaces) room -= 1;
    joins.push(join);
  }
  return { joins, isFull };
}

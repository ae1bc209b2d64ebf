/** What the next Commit is to do, and when it is whose turn to make it. */
import { encodeHex } from '../../bytes/hex.ts';
import { millis } from '../../units.ts';
import type { Millis } from '../../units.ts';
import type { CommitPlan } from '../mls.ts';
import type { SenderId } from '../names.ts';
import type { LeafIndex, Member, RosterChange } from '../roster.ts';
import { earliest } from './timing.ts';
import type { Timing } from './timing.ts';

/** Joiners that wait at most; others send their KeyPackage again. */
export const MAX_WAITING_JOINS = 256;

/** Somebody who wants in. */
export interface WaitingJoin {
  readonly ref: Uint8Array;
  readonly keyPackage: Uint8Array;
  readonly sender: SenderId;
  readonly signatureKey: Uint8Array;
  readonly since: Millis;
}

/** What one Commit is to do. */
export interface PlannedCommit {
  readonly plan: CommitPlan;
  /** The joins of `plan.adds`. */
  readonly joins: readonly WaitingJoin[];
  /** Whether it does more than let in `joins`, of which some may replace a leaf. */
  readonly removesOthers: boolean;
}

/** Joins, leaves, removals and updates that wait for a Commit. */
export class PendingWork {
  readonly #timing: Timing;
  /** By signature key: a newer KeyPackage takes the place of an older one. */
  readonly #joins = new Map<string, WaitingJoin>();
  readonly #removals = new Map<LeafIndex, { since: Millis; kick: boolean }>();
  readonly #vanished = new Map<LeafIndex, Millis>();
  #update: Millis | undefined;
  /** How many joins the next plan has at most: fewer, while the one that MLS refuses is looked for. */
  #most = MAX_WAITING_JOINS;
  /** KeyPackageRefs that MLS refused in this epoch, and in the one before. */
  #refused = new Set<string>();
  #refusedBefore = new Set<string>();
  /** Turns count from here: the current epoch's begin. */
  #turnsFrom: Millis;

  constructor(timing: Timing, now: Millis) {
    this.#timing = timing;
    this.#turnsFrom = now;
  }

  /** @returns whether there was room for it. */
  join(join: WaitingJoin): boolean {
    const key = encodeHex(join.signatureKey);
    if (this.#joins.size >= MAX_WAITING_JOINS && !this.#joins.has(key)) return false;
    this.#joins.set(key, join);
    return true;
  }

  /** Whether a join that MLS refused may be tried again, once: in the epoch after. */
  takeRefused(ref: Uint8Array): boolean {
    return this.#refusedBefore.delete(encodeHex(ref));
  }

  remove(leaf: LeafIndex, kick: boolean, now: Millis): void {
    const known = this.#removals.get(leaf);
    this.#removals.set(leaf, { since: known?.since ?? now, kick: kick || known?.kick === true });
  }

  vanished(leaf: LeafIndex, now: Millis): void {
    if (!this.#vanished.has(leaf)) this.#vanished.set(leaf, now);
  }

  alive(leaf: LeafIndex): void {
    this.#vanished.delete(leaf);
  }

  update(now: Millis): void {
    this.#update ??= now;
  }

  /**
   * MLS refused a plan. What it refused is looked for by halving the joins, and only that is dropped: a KeyPackage that
   * was refused alone, or removals that were.
   */
  refused({ plan, joins, removesOthers }: PlannedCommit): void {
    const [first] = joins;
    if (first !== undefined && (joins.length > 1 || removesOthers)) {
      this.#most = Math.floor(joins.length / 2);
      return;
    }
    this.#most = MAX_WAITING_JOINS;
    if (first !== undefined) {
      this.#joins.delete(encodeHex(first.signatureKey));
      if (this.#refused.size < MAX_WAITING_JOINS) this.#refused.add(encodeHex(first.ref));
      return;
    }
    for (const leaf of plan.removes) {
      this.#removals.delete(leaf);
      this.#vanished.delete(leaf);
    }
    this.#update = undefined;
  }

  /** An epoch began: what it did is done, and leaves that changed hands are no longer whom we meant. */
  settle(change: RosterChange, byUs: boolean, addedRefs: readonly Uint8Array[], now: Millis): void {
    const added = new Set(addedRefs.map((ref) => encodeHex(ref)));
    for (const [key, join] of this.#joins) if (added.has(encodeHex(join.ref))) this.#joins.delete(key);
    for (const { leaf } of [...change.removed, ...change.added]) {
      this.#removals.delete(leaf);
      this.#vanished.delete(leaf);
    }
    if (byUs) this.#update = undefined;
    this.#turnsFrom = now;
    this.#most = MAX_WAITING_JOINS;
    this.#refusedBefore = this.#refused;
    this.#refused = new Set();
  }

  /** When it is our turn to commit, or undefined when there is nothing to do. */
  dueAt(roster: readonly Member[], ownLeaf: LeafIndex, now: Millis): Millis | undefined {
    const gone = this.#goneSince(now);
    const shared = earliest(
      ...[...this.#joins.values()].map((join) => join.since),
      ...[...this.#removals].filter(([leaf]) => leaf !== ownLeaf).map(([, { since }]) => since),
      gone,
    );
    // An update is the business of whoever wants it: it does not wait for a turn.
    const own = this.#update;
    if (shared === undefined) return own;
    const rank = roster.filter(({ leaf }) => leaf < ownLeaf && this.#mayCommit(leaf)).length;
    const from = Math.max(shared, this.#turnsFrom);
    return earliest(own, millis(from + this.#timing.batch + rank * this.#timing.step));
  }

  /** When a vanished member's grace ends. */
  graceEnd(now: Millis): Millis | undefined {
    const ends = [...this.#vanished.values()].map((since) => millis(since + this.#timing.grace));
    return earliest(...ends.filter((end) => end > now));
  }

  /** What a Commit made now has in it; undefined when that is nothing. */
  plan(
    roster: readonly Member[],
    ownLeaf: LeafIndex,
    now: Millis,
    kickedKeys: readonly Uint8Array[],
  ): PlannedCommit | undefined {
    const removals = new Set<LeafIndex>();
    const kicks: Uint8Array[] = [];
    for (const { leaf, signatureKey } of roster) {
      if (leaf === ownLeaf) continue;
      const removal = this.#removals.get(leaf);
      const gone = (this.#vanished.get(leaf) ?? now) + this.#timing.grace <= now;
      if (removal?.kick === true) kicks.push(signatureKey);
      if (removal !== undefined || gone) removals.add(leaf);
    }
    for (const key of [...kickedKeys, ...kicks]) this.#joins.delete(encodeHex(key));
    // Removals that were to be tried alone may be no more.
    if (removals.size === 0) this.#most = Math.max(this.#most, 1);
    const joins = [...this.#joins].slice(0, this.#most);
    const joining = new Set(joins.map(([key]) => key));
    const replaced = roster.filter(
      ({ leaf, signatureKey }) => leaf !== ownLeaf && joining.has(encodeHex(signatureKey)),
    );
    const removes = [...new Set([...removals, ...replaced.map(({ leaf }) => leaf)])];
    if (joins.length === 0 && removes.length === 0 && this.#update === undefined) return undefined;
    const adds = joins.map(([, join]) => join.keyPackage);
    return {
      plan: { adds, removes, kicks },
      joins: joins.map(([, join]) => join),
      removesOthers: replaced.length < removes.length,
    };
  }

  #mayCommit(leaf: LeafIndex): boolean {
    return !this.#vanished.has(leaf) && !this.#removals.has(leaf);
  }

  /** When the first member came over its grace. */
  #goneSince(now: Millis): Millis | undefined {
    const ends = [...this.#vanished.values()].map((since) => millis(since + this.#timing.grace));
    return earliest(...ends.filter((end) => end <= now));
  }
}

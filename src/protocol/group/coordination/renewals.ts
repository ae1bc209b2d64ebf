/**
 * When our leaf gets a fresh key, so that a state of ours that was copied opens nothing for long. Members take turns: the one
 * with the oldest key goes first, and there is a pause between two Commits that only renew.
 * @see docs/protocol.md#fresh-keys
 */
import { millis } from '../../units.ts';
import type { Epoch, Millis } from '../../units.ts';
import type { LeafIndex, Member, RosterChange } from '../roster.ts';
import { earliest } from './timing.ts';
import type { Timing } from './timing.ts';

/** What a Commit did to the keys of leaves. */
export interface KeyChange {
  /** The epoch that it began. */
  readonly epoch: Epoch;
  readonly change: RosterChange;
  readonly committer: LeafIndex;
  /** The committer's leaf got a fresh key. */
  readonly renews: boolean;
  readonly byUs: boolean;
}

/** A key that was made before our eyes. */
interface SeenKey {
  readonly epoch: Epoch;
  readonly at: Millis;
}

/** Ages of the keys of leaves. What others' clocks say is never asked: ages are times since we saw something. */
export class Renewals {
  readonly #timing: Timing;
  readonly #beganAt: Millis;
  /** When our own key was made; undefined: by a process before this one, however long ago. */
  #madeAt: Millis | undefined;
  #askedAt: Millis | undefined;
  /** The pause after the last renewal, which may have been just before we came. */
  #notBefore: Millis;
  readonly #seen = new Map<LeafIndex, SeenKey>();
  /** Who has renewed while we waited. */
  readonly #went = new Set<LeafIndex>();
  #isRefused = false;

  /** @param isResumed - our key is not of this moment. */
  constructor(timing: Timing, now: Millis, isResumed: boolean) {
    this.#timing = timing;
    this.#beganAt = now;
    this.#madeAt = isResumed ? undefined : now;
    this.#notBefore = millis(now + timing.renewPause);
  }

  /** A person wants it. */
  ask(now: Millis): void {
    this.#askedAt ??= now;
  }

  /** MLS refused a Commit that only renews: it is tried again in another epoch. */
  refused(): void {
    this.#isRefused = true;
  }

  /** Whether our key is so old that it is renewed when we let somebody in. */
  isOld(now: Millis): boolean {
    return this.#madeAt === undefined || now - this.#madeAt >= this.#timing.renewWithAdd;
  }

  /** When ours is to be renewed. @param mayCommit - whether a member is believed to be present. */
  dueAt(
    roster: readonly Member[],
    ownLeaf: LeafIndex,
    mayCommit: (member: Member) => boolean,
  ): Millis | undefined {
    const own = roster.find(({ leaf }) => leaf === ownLeaf);
    if (own === undefined || this.#isRefused) return undefined;
    const from = millis(Math.max(this.#wantedAt, this.#notBefore));
    const older = roster.filter((other) => this.#isOlder(other, own) && mayCommit(other));
    const before = older.filter((other) => this.#isDue(other, from));
    // A key from before we came may be old enough already: the oldest one goes before whoever only asks.
    const isUnsure = older.some((other) => !before.includes(other) && !this.#seen.has(other.leaf));
    return millis(from + (before.length + (isUnsure ? 1 : 0)) * this.#timing.step);
  }

  /** An epoch began. */
  epochBegan({ epoch, change, committer, renews, byUs }: KeyChange, now: Millis): void {
    this.#isRefused = false;
    for (const { leaf } of change.removed) {
      this.#seen.delete(leaf);
      this.#went.delete(leaf);
    }
    for (const { leaf, asOf } of change.added) this.#seen.set(leaf, { epoch: asOf, at: now });
    if (!renews) return;
    this.#seen.set(committer, { epoch, at: now });
    // However often people leave, that puts no renewal off.
    if (change.removed.length === 0) this.#renewed(committer, byUs, now);
    if (!byUs) return;
    this.#madeAt = now;
    this.#askedAt = undefined;
    this.#went.clear();
  }

  #renewed(committer: LeafIndex, byUs: boolean, now: Millis): void {
    if (now < this.#wantedAt) this.#went.clear();
    // Nobody puts us off twice.
    if (!this.#went.has(committer)) this.#notBefore = millis(now + this.#timing.renewPause);
    if (!byUs) this.#went.add(committer);
  }

  get #wantedAt(): Millis {
    const old = this.#madeAt === undefined ? this.#beganAt : millis(this.#madeAt + this.#timing.renewAfter);
    return earliest(this.#askedAt, old) ?? old;
  }

  /** By the epochs of which the keys are: the same for all who have seen them begin. */
  #isOlder(other: Member, own: Member): boolean {
    const [theirs, ours] = [other, own].map(({ leaf, asOf }) => this.#seen.get(leaf)?.epoch ?? asOf);
    if (theirs === undefined || ours === undefined || theirs === ours) return other.leaf < own.leaf;
    return theirs < ours;
  }

  /** Whether a key is old enough to be renewed by `at`, for all that we have seen. */
  #isDue({ leaf }: Member, at: Millis): boolean {
    return (this.#seen.get(leaf)?.at ?? this.#beganAt) + this.#timing.renewAfter <= at;
  }
}

/**
 * The door: who of those that ask may be let in by a Commit of ours, and who waits for an organiser's word.
 * @see docs/protocol.md#the-door
 */
import { encodeHex } from '../../bytes/hex.ts';
import { equal } from '../../bytes/equal.ts';
import { millis } from '../../units.ts';
import type { Millis } from '../../units.ts';
import type { Admission } from '../meeting-parameters.ts';
import type { EpochView } from '../mls.ts';
import { fingerprintOfSender } from '../names.ts';
import type { Fingerprint, SenderId } from '../names.ts';
import { organisersAmong } from '../roles.ts';
import type { LeafIndex } from '../roster.ts';
import type { PastJoins } from './past-joins.ts';
import { earliest } from './timing.ts';
import type { Timing } from './timing.ts';
import type { WaitingJoin } from './waiting-join.ts';

/** How many may wait at the door; others send their KeyPackage again. */
export const MAX_AT_DOOR = 128;
/** How many decisions are remembered. */
const MAX_DECISIONS = 4096;

/** Whose turn it is to let somebody in. */
export type Turn =
  /** That of all members. */
  | { readonly kind: 'members' }
  /** That of the organisers, who all know of it. */
  | { readonly kind: 'organisers' }
  /** Ours alone: a person here has admitted it. */
  | { readonly kind: 'own'; readonly since: Millis };

/** Somebody who waits at the door. */
export interface Caller {
  readonly fingerprint: Fingerprint;
  /** By its own word; undefined when that cannot be read. */
  readonly displayName: string | undefined;
  readonly since: Millis;
}

/** One member's view of the door. */
export class Door {
  readonly #timing: Timing;
  readonly #past: PastJoins;
  #admission: Admission = 'open';
  #present = new Set<string>();
  #organisers: ReadonlySet<LeafIndex> = new Set();
  #isOrganiser = false;
  /** Whom a person here has admitted, and when, by fingerprint: whichever of its KeyPackages it is. */
  readonly #admitted = new Map<string, Millis>();
  /** Whom a person here has declined: the join for good, its owner for a while. */
  readonly #declined = new Map<string, { readonly senderId: SenderId | undefined; readonly until: Millis }>();
  /** When each that asks was heard last. */
  readonly #heard = new Map<string, Millis>();

  constructor(timing: Timing, past: PastJoins, view: EpochView) {
    this.#timing = timing;
    this.#past = past;
    this.enter(view);
  }

  /** Follows the group into an epoch. */
  enter({ roster, parameters, ownLeaf }: EpochView): void {
    this.#admission = parameters.admission;
    this.#organisers = organisersAmong(parameters, roster);
    this.#isOrganiser = this.#organisers.has(ownLeaf);
    this.#present = new Set(roster.map(({ fingerprint }) => encodeHex(fingerprint)));
    for (const present of this.#present) {
      this.#admitted.delete(present);
      // Another organiser has let it in: should it come again, it is known.
      this.#declined.delete(present);
    }
    if (!this.#isOrganiser) this.#admitted.clear();
    // Whoever asks at an open door comes in.
    if (parameters.admission === 'open') this.#declined.clear();
  }

  /** Whether we decide. */
  get isOurs(): boolean {
    return this.#isOrganiser;
  }

  /** Whether the member of a leaf decides. */
  isOrganiser(leaf: LeafIndex): boolean {
    return this.#organisers.has(leaf);
  }

  /**
   * Whose turn it is to let somebody in; undefined while nobody may.
   * @param admission - by default the group's; of a Commit that closes the door, what it sets.
   */
  turnOf({ fingerprint }: WaitingJoin, admission = this.#admission): Turn | undefined {
    const key = encodeHex(fingerprint);
    // Whoever is in and joins again is known.
    if (admission === 'open' || this.#present.has(key)) return { kind: 'members' };
    if (this.#past.knows(fingerprint)) return { kind: 'organisers' };
    const since = this.#admitted.get(key);
    return since === undefined ? undefined : { kind: 'own', since };
  }

  /** Whether a Commit of ours may let somebody in. */
  lets(join: WaitingJoin, admission = this.#admission): boolean {
    const turn = this.turnOf(join, admission);
    return turn !== undefined && (turn.kind === 'members' || this.#isOrganiser);
  }

  /** A person here lets somebody in. */
  admit(fingerprint: Fingerprint, now: Millis): void {
    bounded(this.#admitted);
    this.#admitted.set(encodeHex(fingerprint), now);
  }

  /** A person here does not let somebody in. @param senderId - of the join with which it asks, where it does. */
  decline(fingerprint: Fingerprint, senderId: SenderId | undefined, now: Millis): void {
    bounded(this.#declined);
    this.#admitted.delete(encodeHex(fingerprint));
    this.#declined.set(encodeHex(fingerprint), { senderId, until: millis(now + this.#timing.declined) });
  }

  /** Whether somebody asks in vain: a join that was declined, or another of the same person soon after. */
  isDeclined(sender: SenderId, now: Millis): boolean {
    const fingerprint = fingerprintOfSender(sender);
    const declined = fingerprint && this.#declined.get(encodeHex(fingerprint));
    if (declined === undefined) return false;
    return now < declined.until || (declined.senderId !== undefined && equal(declined.senderId, sender));
  }

  /** Somebody asks whose KeyPackage is in order. */
  expect({ fingerprint }: WaitingJoin, now: Millis): void {
    this.#heard.set(encodeHex(fingerprint), now);
  }

  /** Somebody asks again. */
  heard(sender: SenderId, now: Millis): void {
    const fingerprint = fingerprintOfSender(sender);
    const key = fingerprint && encodeHex(fingerprint);
    if (key !== undefined && this.#heard.has(key)) this.#heard.set(key, now);
  }

  /** Keeps in mind of these alone when they were heard. */
  prune(joins: readonly WaitingJoin[]): void {
    const asking = new Set(joins.map(({ fingerprint }) => encodeHex(fingerprint)));
    for (const key of this.#heard.keys()) if (!asking.has(key)) this.#heard.delete(key);
  }

  /** Who waits for an organiser's word, first come first. */
  callers(joins: readonly WaitingJoin[]): Caller[] {
    return joins
      .filter((join) => this.turnOf(join) === undefined)
      .map(({ fingerprint, displayName, since }) => ({ fingerprint, displayName, since }))
      .sort((a, b) => a.since - b.since);
  }

  /** Whether somebody who waited at the door has gone. @param reachedSince - since when we would have heard of it. */
  hasGone(join: WaitingJoin, reachedSince: Millis, now: Millis): boolean {
    return this.turnOf(join) === undefined && this.#goneAt(join, reachedSince) <= now;
  }

  /** When {@link Door.hasGone} may be true of one of these. */
  nextGoneAt(joins: readonly WaitingJoin[], reachedSince: Millis): Millis | undefined {
    const waiting = joins.filter((join) => this.turnOf(join) === undefined);
    return earliest(...waiting.map((join) => this.#goneAt(join, reachedSince)));
  }

  #goneAt({ fingerprint, since }: WaitingJoin, reachedSince: Millis): Millis {
    const heard = this.#heard.get(encodeHex(fingerprint)) ?? since;
    return millis(Math.max(heard, reachedSince) + this.#timing.callerSilent);
  }
}

/** Makes room for one more, in place of the oldest. */
function bounded(decisions: Map<string, unknown>): void {
  const [oldest] = decisions.keys();
  if (decisions.size >= MAX_DECISIONS && oldest !== undefined) decisions.delete(oldest);
}

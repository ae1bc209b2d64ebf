/** What the next Commit has to do, and when it is our turn to make it. */
import { equal } from '../../bytes/equal.ts';
import { encodeHex } from '../../bytes/hex.ts';
import { millis } from '../../units.ts';
import type { Millis } from '../../units.ts';
import { KEY_PACKAGE_EPOCHS } from '../leaf-join.ts';
import type { CommitPlan, MlsSuite } from '../mls.ts';
import { MAX_KICKED_KEYS } from '../meeting-parameters.ts';
import type { MeetingParameters, MeetingSettings } from '../meeting-parameters.ts';
import type { LeafIndex, Member } from '../roster.ts';
import { MAX_AT_DOOR } from './door.ts';
import type { Door, Turn } from './door.ts';
import { fittingJoins } from './commit-size.ts';
import { Renewals } from './renewals.ts';
import type { KeyChange } from './renewals.ts';
import { earliest } from './timing.ts';
import type { Timing } from './timing.ts';
import type { WaitingJoin } from './waiting-join.ts';
import { WantedSettings } from './wanted-settings.ts';

/** Largest number of waiting joiners; others send their KeyPackage again. */
export const MAX_WAITING_JOINS = 256;

/** An epoch that has begun. */
export interface BegunByCommit extends KeyChange {
  /** KeyPackageRefs of the Commit's Adds. */
  readonly addedRefs: readonly Uint8Array[];
}

/** A plan with what it was made from. */
export interface PlannedCommit {
  readonly plan: CommitPlan;
  /** The joins of `plan.adds`. */
  readonly joins: readonly WaitingJoin[];
  /** Whether it does more than let in `joins`, of which some may replace a leaf. */
  readonly doesMore: boolean;
}

/** What is asked of the door. */
export type PendingDoor = Pick<Door, 'turnOf' | 'lets' | 'isOrganiser'>;

/** Joins, leaves, removals, updates and settings that wait for a Commit. */
export class PendingWork {
  readonly settings = new WantedSettings();
  readonly #timing: Timing;
  readonly #door: PendingDoor;
  /** By signature key: a newer KeyPackage takes the place of an older one, whatever order they come in. */
  readonly #joins = new Map<string, WaitingJoin>();
  readonly #removals = new Map<LeafIndex, Millis>();
  /** By signature key, so that whoever joins again does not escape; since when a person here has wanted it. */
  readonly #kicks = new Map<string, Millis>();
  /** Those of them whose key the list of kicked keys has no room for. */
  readonly #unlisted = new Set<string>();
  readonly #vanished = new Map<LeafIndex, Millis>();
  readonly #renewals: Renewals;
  #update: Millis | undefined;
  /** How many joins the next plan has at most: fewer, while the one that MLS refuses is looked for. */
  #most = MAX_WAITING_JOINS;
  /** KeyPackageRefs that MLS refused in this epoch, and in the one before. */
  #refused = new Set<string>();
  #refusedBefore = new Set<string>();
  #isFull = false;
  #hasUnlisted = false;
  /** When the current epoch began, from which turns are counted. */
  #turnsFrom: Millis;

  /** @param isResumed - the key of our leaf is of a process before this one. */
  constructor(timing: Timing, now: Millis, door: PendingDoor, isResumed = false) {
    this.#timing = timing;
    this.#door = door;
    this.#renewals = new Renewals(timing, now, isResumed);
    this.#turnsFrom = now;
  }

  /** @returns whether there was room for it. */
  join(join: WaitingJoin): boolean {
    const key = encodeHex(join.signatureKey);
    const known = this.#joins.get(key);
    if (known === undefined && !this.#hasRoomFor(join)) return false;
    if (known === undefined || known.asOf <= join.asOf) {
      // Whoever asks again stands where it stood.
      this.#joins.set(key, { ...join, since: known?.since ?? join.since });
    }
    return true;
  }

  /** Those who wait. */
  get joins(): readonly WaitingJoin[] {
    return [...this.#joins.values()];
  }

  /** Those at the door, who may wait for long, never take the place of who may come in. */
  #hasRoomFor(join: WaitingJoin): boolean {
    const isAtDoor = this.#door.turnOf(join) === undefined;
    const those = this.joins.filter((each) => (this.#door.turnOf(each) === undefined) === isAtDoor);
    return those.length < (isAtDoor ? MAX_AT_DOOR : MAX_WAITING_JOINS);
  }

  /** Lets those wait no longer of whom this is true. */
  dropJoins(isOver: (join: WaitingJoin) => boolean): void {
    for (const [key, join] of this.#joins) if (isOver(join)) this.#joins.delete(key);
  }

  /** Whether a join that MLS refused may be tried again, once: in the epoch after. */
  takeRefused(ref: Uint8Array): boolean {
    return this.#refusedBefore.delete(encodeHex(ref));
  }

  remove(leaf: LeafIndex, now: Millis): void {
    if (!this.#removals.has(leaf)) this.#removals.set(leaf, now);
  }

  /** Removes a member for good, whichever leaf it has when the Commit is made. */
  kick(signatureKey: Uint8Array, now: Millis): void {
    const key = encodeHex(signatureKey);
    if (!this.#kicks.has(key)) this.#kicks.set(key, now);
    this.settings.kicking();
  }

  /** Whether a person here removes whoever has a key for good, there or not. */
  isKicking(signatureKey: Uint8Array): boolean {
    return this.#kicks.has(encodeHex(signatureKey));
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

  /** Renews the key of our leaf, when it is its turn. */
  renew(now: Millis): void {
    this.#renewals.ask(now);
  }

  /** Drops what only organisers do. @returns whether there was anything. */
  giveUpDecisions(): boolean {
    const had = this.#kicks.size > 0;
    this.#kicks.clear();
    return this.settings.clear() || had;
  }

  /**
   * MLS refused a plan. The culprit is found by halving the joins, and only a KeyPackage, or removals, that were refused
   * alone are dropped.
   */
  refused({ plan, joins, doesMore }: PlannedCommit): void {
    const [first] = joins;
    if (first !== undefined && (joins.length > 1 || doesMore)) {
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
    for (const key of plan.kicks) this.#kicks.delete(encodeHex(key));
    this.#update = undefined;
    this.#renewals.refused();
    this.settings.clear();
  }

  /** The counter takes no Commit of that size: the next one lets in half as many at most. */
  tooLarge(joins: number): void {
    this.#most = Math.max(1, Math.floor(joins / 2));
  }

  /** An epoch began: drops work that it did, what it is too late for, and work about leaves that belong to somebody else. */
  settle(begun: BegunByCommit, now: Millis): void {
    const { epoch, change, byUs, addedRefs } = begun;
    this.#renewals.epochBegan(begun, now);
    const added = new Set(addedRefs.map((ref) => encodeHex(ref)));
    const came = new Map(change.added.map((member) => [encodeHex(member.signatureKey), member]));
    for (const [key, join] of this.#joins) {
      const member = came.get(key);
      const isIn =
        member !== undefined && (equal(join.senderId, member.senderId) || join.asOf <= member.asOf);
      const isLate = isIn || epoch - join.asOf > KEY_PACKAGE_EPOCHS;
      if (isLate || added.has(encodeHex(join.ref))) this.#joins.delete(key);
    }
    for (const { leaf } of [...change.removed, ...change.added]) {
      this.#removals.delete(leaf);
      this.#vanished.delete(leaf);
    }
    const removed = new Set(change.removed.map(({ signatureKey }) => encodeHex(signatureKey)));
    for (const key of this.#unlisted) {
      if (!removed.has(key) || !this.#kicks.delete(key)) continue;
      this.#unlisted.delete(key);
      this.#hasUnlisted = true;
    }
    // Whoever went before it was kicked can ask again, and the list takes none who is not there: it waits at the door.
    if ([...removed].some((key) => this.#kicks.has(key) && !came.has(key)))
      this.settings.admission('ask', now);
    if (byUs) this.#update = undefined;
    this.#turnsFrom = now;
    this.#most = MAX_WAITING_JOINS;
    this.#refusedBefore = this.#refused;
    this.#refused = new Set();
  }

  /** When it is our turn to commit, or undefined when there is nothing to do. */
  dueAt(roster: readonly Member[], ownLeaf: LeafIndex, now: Millis): Millis | undefined {
    const gone = this.#goneSince(now);
    const joins = this.#dueJoins();
    const shared = earliest(
      joins.members,
      ...[...this.#removals].filter(([leaf]) => leaf !== ownLeaf).map(([, since]) => since),
      gone,
    );
    // An update or what a person here decides does not wait for a turn, since nobody else can make it; a renewal has turns of
    // its own.
    const decided = earliest(
      ...roster.flatMap((member) => (member.leaf === ownLeaf ? [] : (this.#kickSince(member) ?? []))),
      this.settings.since,
      joins.own,
    );
    const { batch } = this.#timing;
    return earliest(
      this.#update,
      this.#renewals.dueAt(roster, ownLeaf, (member) => this.#mayCommit(member)),
      decided === undefined ? undefined : millis(decided + batch),
      shared === undefined ? undefined : this.#turnAt(shared, this.rankOf(roster, ownLeaf)),
      joins.organisers === undefined
        ? undefined
        : this.#turnAt(joins.organisers, this.#organiserRankOf(roster, ownLeaf)),
    );
  }

  #turnAt(since: Millis, rank: number): Millis {
    const { batch, step } = this.#timing;
    return millis(Math.max(since, this.#turnsFrom) + batch + rank * step);
  }

  /** How many members come before us in leaf order, of those that are believed to be present. */
  rankOf(roster: readonly Member[], ownLeaf: LeafIndex): number {
    return roster.filter((member) => member.leaf < ownLeaf && this.#mayCommit(member)).length;
  }

  /** How many organisers come before us, of those that are believed to be present. */
  #organiserRankOf(roster: readonly Member[], ownLeaf: LeafIndex): number {
    return this.rankOf(
      roster.filter(({ leaf }) => this.#door.isOrganiser(leaf)),
      ownLeaf,
    );
  }

  /** Since when somebody waits whom we may let in: for the turns of members, of organisers, and for us alone. */
  #dueJoins(): Partial<Record<Turn['kind'], Millis>> {
    const due: Partial<Record<Turn['kind'], Millis>> = {};
    for (const join of this.#joins.values()) {
      const turn = this.#door.lets(join) ? this.#door.turnOf(join) : undefined;
      if (turn === undefined) continue;
      const since = turn.kind === 'own' ? millis(Math.max(turn.since, join.since)) : join.since;
      due[turn.kind] = earliest(due[turn.kind], since);
    }
    return due;
  }

  /** When a vanished member's grace ends. */
  graceEnd(now: Millis): Millis | undefined {
    const ends = [...this.#vanished.values()].map((since) => millis(since + this.#timing.grace));
    return earliest(...ends.filter((end) => end > now));
  }

  /** Whether somebody waits for whom the group had no room when a Commit was last planned. */
  get isFull(): boolean {
    return this.#isFull && this.#joins.size > 0;
  }

  /** @returns whether somebody was removed, since this was last asked, who could not be kept out. */
  takeUnlisted(): boolean {
    const had = this.#hasUnlisted;
    this.#hasUnlisted = false;
    return had;
  }

  /** Plans a Commit; undefined when there is nothing to do. */
  plan(
    roster: readonly Member[],
    ownLeaf: LeafIndex,
    now: Millis,
    parameters: MeetingParameters,
    suite: MlsSuite,
  ): PlannedCommit | undefined {
    const { kickedKeys } = parameters;
    this.#unlisted.clear();
    const removals = new Set<LeafIndex>();
    const kicks: Uint8Array[] = [];
    for (const key of kickedKeys) this.#kicks.delete(encodeHex(key));
    for (const member of roster) {
      const { leaf, signatureKey } = member;
      if (leaf === ownLeaf) continue;
      const gone = (this.#vanished.get(leaf) ?? now) + this.#timing.grace <= now;
      const isKicked = this.#kickSince(member) !== undefined;
      const fits = kickedKeys.length + kicks.length < MAX_KICKED_KEYS;
      // Whoever cannot be kept out is removed all the same.
      if (isKicked && fits) kicks.push(signatureKey);
      else if (isKicked) this.#unlisted.add(encodeHex(signatureKey));
      if (isKicked || this.#removals.has(leaf) || gone) removals.add(leaf);
    }
    for (const key of kickedKeys) this.#joins.delete(encodeHex(key));
    // Also whoever has left meanwhile: it is not let in to be kicked.
    for (const key of this.#kicks.keys()) this.#joins.delete(key);
    const places = new Map(
      roster.filter(({ leaf }) => leaf !== ownLeaf).map((member) => [encodeHex(member.signatureKey), member]),
    );
    const settings = this.#settingsAfter(parameters, roster);
    // What was to be tried alone may have been done meanwhile.
    if (removals.size === 0 && settings === undefined) this.#most = Math.max(this.#most, 1);
    // A Commit that closes the door lets nobody slip through it.
    const admission = kicks.length > 0 ? 'ask' : (settings ?? parameters).admission;
    const waiting = [...this.#joins]
      .filter(([, join]) => this.#door.lets(join) && this.#door.lets(join, admission))
      .slice(0, this.#most)
      .map(([key, join]) => ({ key, join, bytes: join.keyPackage.length, replaces: places.has(key) }));
    const renewal = this.#renewals.dueAt(roster, ownLeaf, (member) => this.#mayCommit(member));
    const isRenewed = renewal !== undefined && renewal <= now;
    const renewsWithAdd = waiting.length > 0 && this.#renewals.isOld(now);
    // Each of these needs a path.
    const isWanted = isRenewed || this.#update !== undefined || settings !== undefined;
    // Whoever removes the last organiser names another.
    const isLed = roster.some(({ leaf }) => this.#door.isOrganiser(leaf) && !removals.has(leaf));
    const setsParameters = kicks.length > 0 || settings !== undefined || !isLed;
    const { joins, isFull } = fittingJoins(waiting, {
      suite,
      staying: roster.length - removals.size,
      hasPath: removals.size > 0 || isWanted || renewsWithAdd,
      kickedKeys: setsParameters ? kickedKeys.length + kicks.length : 0,
    });
    const replaced = joins.flatMap(({ key }) => places.get(key) ?? []);
    const removes = [...new Set([...removals, ...replaced.map(({ leaf }) => leaf)])];
    this.#isFull = isFull;
    if (joins.length === 0 && removes.length === 0 && !isWanted) return undefined;
    const adds = joins.map(({ join }) => join.keyPackage);
    const renews = isRenewed || renewsWithAdd;
    return {
      plan: { adds, removes, kicks, ...(settings && { settings }), ...(renews ? { renews: true } : {}) },
      joins: joins.map(({ join }) => join),
      doesMore: replaced.length < removes.length || settings !== undefined,
    };
  }

  /** The settings that are wanted; whoever is removed and cannot be kept out is kept in front of the door at least. */
  #settingsAfter(parameters: MeetingParameters, roster: readonly Member[]): MeetingSettings | undefined {
    const wanted = this.settings.after(parameters, roster);
    if (this.#unlisted.size === 0) return wanted;
    const { organisers } = wanted ?? parameters;
    const gone = roster.filter(({ signatureKey }) => this.#unlisted.has(encodeHex(signatureKey)));
    return {
      admission: 'ask',
      organisers: organisers.filter((each) => !gone.some(({ fingerprint }) => equal(fingerprint, each))),
    };
  }

  #kickSince({ signatureKey }: Member): Millis | undefined {
    return this.#kicks.size === 0 ? undefined : this.#kicks.get(encodeHex(signatureKey));
  }

  #mayCommit(member: Member): boolean {
    const { leaf } = member;
    const isGoing = this.#vanished.has(leaf) || this.#removals.has(leaf);
    return !isGoing && this.#kickSince(member) === undefined;
  }

  /** When the grace of the first vanished member ended. */
  #goneSince(now: Millis): Millis | undefined {
    const ends = [...this.#vanished.values()].map((since) => millis(since + this.#timing.grace));
    return earliest(...ends.filter((end) => end <= now));
  }
}

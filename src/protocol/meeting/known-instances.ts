/**
 * In which order a member has had its instances, by what it has stated and by their names, and which names are known for its
 * own: those that follow the id of its join, and of these the latest that was offered and all that follow it. After a restart of
 * its app, which has other names, those that follow the newest that it has stated.
 * @see docs/protocol.md #who-speaks
 */
import type { GroupCrypto } from '../group/crypto-port.ts';
import type { JoinId } from '../group/leaf-join.ts';
import type { ParticipantId } from '../media/encoded-media.ts';
import { equal } from '../bytes/equal.ts';
import { follows } from './instance-chain.ts';

/** Names of which is remembered whether they follow: of all tracks of a member that may be offered at a time. */
const NAMES = 256;
/** Members that are remembered, whoever is in the tree. */
const MEMBERS = 1_024;
/** Of an instance whose first statement comes behind such of a later one. */
const BEFORE_ALL = -1;

/** The instances of one member. */
export class KnownInstances {
  readonly #crypto: Pick<GroupCrypto, 'sha256'>;
  /** Of the join that the tree has. */
  #joinId: JoinId;
  /** In that join; undefined while nothing of it was seen. */
  #newest: string | undefined;
  #isEmpty = true;
  #nextRank = 0;
  /** What was found out about names; cleared when it is another one that they would follow. */
  readonly #follows = new Map<string, boolean>();

  constructor(joinId: JoinId, crypto: Pick<GroupCrypto, 'sha256'>) {
    this.#joinId = joinId;
    this.#crypto = crypto;
  }

  /** Whether nothing was stated yet, in this join or one before. */
  get isEmpty(): boolean {
    return this.#isEmpty;
  }

  /** The tree has the member in a join. */
  joined(joinId: JoinId): void {
    if (equal(this.#joinId, joinId)) return;
    this.#joinId = joinId;
    this.#newest = undefined;
    this.#follows.clear();
  }

  /** Whether an instance is the newest, or follows it. */
  has(time: string): boolean {
    if (time === this.#newest) return true;
    let isLater = this.#follows.get(time);
    if (isLater === undefined) {
      if (this.#follows.size >= NAMES) this.#follows.clear();
      isLater = follows(time, this.#newest ?? this.#joinId, this.#crypto);
      this.#follows.set(time, isLater);
    }
    return isLater;
  }

  /** The relay offers an instance in the join that the tree has: where it is known by its name, those before it are over. */
  offered(time: string): void {
    if (this.has(time)) this.#goOnTo(time);
  }

  /**
   * The member has stated for the first time that an instance is its own.
   * @returns its rank: that of a later one is higher.
   */
  add(time: string): number {
    this.#isEmpty = false;
    if (this.#newest !== undefined && this.#isBefore(time, this.#newest)) return BEFORE_ALL;
    this.#goOnTo(time);
    this.#nextRank += 1;
    return this.#nextRank;
  }

  /** What follows the join was before a restart of the app, or before its chain came to an end, and so before all that does not. */
  #isBefore(time: string, newest: string): boolean {
    if (follows(newest, time, this.#crypto)) return true;
    return follows(time, this.#joinId, this.#crypto) && !follows(newest, this.#joinId, this.#crypto);
  }

  #goOnTo(time: string): void {
    if (time === this.#newest) return;
    this.#newest = time;
    this.#follows.clear();
  }
}

/** Those of all members that there were. */
export class KnownMembers {
  readonly #crypto: Pick<GroupCrypto, 'sha256'>;
  /** The one that joined last behind all others. */
  readonly #members = new Map<ParticipantId, KnownInstances>();

  constructor(crypto: Pick<GroupCrypto, 'sha256'>) {
    this.#crypto = crypto;
  }

  /** What is known of a member that joins, or that we find. @param joinId - of the join that the tree has. */
  of(id: ParticipantId, joinId: JoinId): KnownInstances {
    const known = this.#members.get(id) ?? new KnownInstances(joinId, this.#crypto);
    known.joined(joinId);
    this.#members.delete(id);
    this.#members.set(id, known);
    const [oldest] = this.#members.keys();
    if (this.#members.size > MEMBERS && oldest !== undefined) this.#members.delete(oldest);
    return known;
  }

  /** Whether an instance is one of somebody's that {@link KnownInstances.has} knows. */
  has(id: ParticipantId, time: string): boolean {
    return this.#members.get(id)?.has(time) === true;
  }
}

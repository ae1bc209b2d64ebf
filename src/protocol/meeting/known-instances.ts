/**
 * In which order a member has had its instances, by what it has stated and by their names, and which names are known for its
 * own: those of the newest one and of all that follow it, also in its later joins.
 * @see docs/protocol.md #who-speaks
 */
import type { GroupCrypto } from '../group/crypto-port.ts';
import type { ParticipantId } from '../media/encoded-media.ts';
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
  #newest: string | undefined;
  #nextRank = 0;
  /** What was found out about names; cleared when it is another one that they would follow. */
  readonly #follows = new Map<string, boolean>();

  constructor(crypto: Pick<GroupCrypto, 'sha256'>) {
    this.#crypto = crypto;
  }

  /** Whether nothing was stated yet. */
  get isEmpty(): boolean {
    return this.#newest === undefined;
  }

  /** Whether an instance is the newest, or follows it. */
  has(time: string): boolean {
    const newest = this.#newest;
    if (newest === undefined || time === newest) return newest !== undefined;
    let isLater = this.#follows.get(time);
    if (isLater === undefined) {
      if (this.#follows.size >= NAMES) this.#follows.clear();
      isLater = follows(time, newest, this.#crypto);
      this.#follows.set(time, isLater);
    }
    return isLater;
  }

  /**
   * The member has stated for the first time that an instance is its own.
   * @returns its rank: that of a later one is higher.
   */
  add(time: string): number {
    if (this.#newest !== undefined && follows(this.#newest, time, this.#crypto)) return BEFORE_ALL;
    this.#newest = time;
    this.#follows.clear();
    this.#nextRank += 1;
    return this.#nextRank;
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

  /** What is known of a member that joins, or that we find. */
  of(id: ParticipantId): KnownInstances {
    const known = this.#members.get(id) ?? new KnownInstances(this.#crypto);
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

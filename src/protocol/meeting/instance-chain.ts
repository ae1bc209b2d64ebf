/**
 * The instances that one process has in one room, one for each join and session with a relay. Each is a hash of the next one: so
 * whoever knows one for a member's own knows those that follow it by their names, which nobody else can find. The id of a join is
 * the beginning of one: so whoever has the tree knows what follows the joins that are in it.
 * @see docs/protocol.md #rooms-generations-and-names, docs/adr/0019-instances-are-a-chain.md
 */
import { decodeBase64Url } from '../bytes/base64url.ts';
import { concat } from '../bytes/concat.ts';
import { equal } from '../bytes/equal.ts';
import { encodeUtf8 } from '../bytes/utf8.ts';
import { invariant } from '../errors.ts';
import type { GroupCrypto } from '../group/crypto-port.ts';
import { JOIN_ID_BYTES, type JoinId } from '../group/leaf-join.ts';
import { INSTANCE_BYTES } from './track-instance.ts';

type Hash = Pick<GroupCrypto, 'sha256'>;
/** What makes them. */
interface Source {
  /** Fresh bytes. */
  readonly random: (length: number) => Uint8Array;
  readonly groupCrypto: Hash;
}

/** Instances of a chain; after them the next one begins, and nobody is known by the name of its first. */
const LENGTH = 64;
/** A join that would have fewer sessions before the next chain begins, begins it. */
const LEAST_OF_A_JOIN = LENGTH / 2;
const LABEL = encodeUtf8('conclave instance v1');

/** Our own. */
export class InstanceChain {
  readonly #source: Source;
  /** The last one first. */
  #ahead: Uint8Array[] = [];

  constructor(source: Source) {
    this.#source = source;
  }

  /** The next one: as many bytes as {@link INSTANCE_BYTES} says. */
  next(): Uint8Array {
    if (this.#ahead.length === 0) this.#begin();
    const next = this.#ahead.pop();
    invariant(next !== undefined, 'a chain has instances');
    return next;
  }

  /** The id of a join that begins: the first bytes of an instance that no track has. */
  joinId(): JoinId {
    if (this.#ahead.length <= LEAST_OF_A_JOIN) this.#begin();
    return this.next().slice(0, JOIN_ID_BYTES) as JoinId;
  }

  #begin(): void {
    this.#ahead = [];
    let instance = this.#source.random(INSTANCE_BYTES);
    for (let left = LENGTH; left > 0; left -= 1) {
      this.#ahead.push(instance);
      instance = instanceBefore(instance, this.#source.groupCrypto);
    }
  }
}

/**
 * Whether the names of one time say that its member has used it after another, or in a join.
 * @param time - as {@link timeOf} has it; so is `earlier`, unless it is the id of a join.
 */
export function follows(time: string, earlier: string | JoinId, crypto: Hash): boolean {
  const mark = typeof earlier === 'string' ? decodeBase64Url(earlier) : earlier;
  let instance = decodeBase64Url(time);
  if (mark === undefined || instance === undefined) return false;
  for (let left = LENGTH - 1; left > 0; left -= 1) {
    instance = instanceBefore(instance, crypto);
    if (equal(instance.subarray(0, mark.length), mark)) return true;
  }
  return false;
}

function instanceBefore(instance: Uint8Array, crypto: Hash): Uint8Array {
  return crypto.sha256(concat(LABEL, instance)).slice(0, INSTANCE_BYTES);
}

/**
 * The instances that one process has in one room, one for each join and session with a relay. Each is a hash of the next one: so
 * whoever knows one for a member's own knows those that follow it by their names, which nobody else can find.
 * @see docs/protocol.md #rooms-generations-and-names, docs/adr/0019-instances-are-a-chain.md
 */
import { encodeBase64Url } from '../bytes/base64url.ts';
import { concat } from '../bytes/concat.ts';
import { encodeUtf8 } from '../bytes/utf8.ts';
import { invariant } from '../errors.ts';
import type { GroupCrypto } from '../group/crypto-port.ts';
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
/** So many sessions of a member may be missed, and its next one is known by its name all the same. */
const MOST_MISSED = 16;
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
    if (this.#ahead.length === 0) {
      let instance = this.#source.random(INSTANCE_BYTES);
      for (let left = LENGTH; left > 0; left -= 1) {
        this.#ahead.push(instance);
        instance = instanceBefore(encodeBase64Url(instance), this.#source.groupCrypto);
      }
    }
    const next = this.#ahead.pop();
    invariant(next !== undefined, 'a chain has instances');
    return next;
  }
}

/**
 * Whether the names of one time say that its member has used it after another.
 * @param time - as {@link timeOf} has it; so is `earlier`.
 */
export function follows(time: string, earlier: string, crypto: Hash): boolean {
  let before = time;
  for (let left = MOST_MISSED; left >= 0; left -= 1) {
    before = encodeBase64Url(instanceBefore(before, crypto));
    if (before === earlier) return true;
  }
  return false;
}

/** @param time - text of the instance that follows. */
function instanceBefore(time: string, crypto: Hash): Uint8Array {
  return crypto.sha256(concat(LABEL, encodeUtf8(time))).slice(0, INSTANCE_BYTES);
}

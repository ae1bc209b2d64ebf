import { SessionCode } from './codes.ts';
import type { Draft } from './draft.ts';
import type { RequestId } from './model.ts';

/** How far ahead of the contiguous ones a Request ID may be: requests arrive on streams, so in any order. */
const WINDOW = 1n << 17n;

/** Gives out our Request IDs and checks the peer's. @see moqt-18 #request-id */
export class RequestIds {
  readonly #draft: Draft;
  readonly #role: 'client' | 'server';
  #nextOwn: bigint;
  /** All the peer's below this were seen. */
  #contiguous: bigint;
  /** Those seen from there on. */
  readonly #seen = new Set<bigint>();
  #nextPeer: bigint;

  constructor(draft: Draft, role: 'client' | 'server') {
    this.#draft = draft;
    this.#role = role;
    this.#nextOwn = role === 'client' ? 0n : 1n;
    this.#contiguous = role === 'client' ? 1n : 0n;
    this.#nextPeer = this.#contiguous;
  }

  /** The smallest of the peer's that was not seen, nor any above it. */
  get nextPeer(): RequestId {
    return this.#nextPeer as RequestId;
  }

  take(): RequestId {
    const id = this.#nextOwn;
    this.#nextOwn += 2n;
    return id as RequestId;
  }

  /** Whether the ID was given out. */
  wasTaken(id: RequestId): boolean {
    return this.#isOwn(id) && id < this.#nextOwn;
  }

  /** Whether the ID was given out, or seen from the peer. */
  isKnown(id: RequestId): boolean {
    return this.#isOwn(id) ? id < this.#nextOwn : id < this.#contiguous || this.#seen.has(id);
  }

  /** @throws {PeerViolation} when the peer may not use this ID (again). */
  receive(id: RequestId): void {
    const invalid = SessionCode.INVALID_REQUEST_ID;
    if (this.#isOwn(id)) throw this.#draft.violation('request-id', 'its parity is the other side’s', invalid);
    if (id < this.#contiguous || this.#seen.has(id)) {
      throw this.#draft.violation('request-id', 'it was used before', invalid);
    }
    if (id > this.#contiguous + WINDOW)
      throw this.#draft.violation('request-id', 'it is too far ahead', invalid);
    this.#seen.add(id);
    if (id >= this.#nextPeer) this.#nextPeer = id + 2n;
    while (this.#seen.delete(this.#contiguous)) this.#contiguous += 2n;
  }
  /** Whether it is one for us to give out: even from the client, odd from the server. */
  #isOwn(id: RequestId): boolean {
    return (id & 1n) === (this.#role === 'client' ? 0n : 1n);
  }
}

/**
 * How many heads of others may turn out to be nobody's: whoever has the link can publish any number in the name of anybody. Each
 * member of the tree has a share of its own, which junk in the name of others does not touch; those who were in it once have
 * one together.
 * @see docs/protocol.md #heads
 */
import type { HeadAllowance } from '../group/fork-watch.ts';
import { millis, type Millis } from '../units.ts';
import { SignatureAllowance } from './signature-allowance.ts';

/** After a head that was not of a member none is looked at that says it is, for so long in a small meeting. */
const PAUSE_MS = 1_000;
/** In a large one for longer, so that there are as many a second of all members at most. */
const MOST_A_SECOND = 32;

/** What is left of it. */
export class HeadVerifications implements HeadAllowance {
  readonly #now: () => Millis;
  /** Of each member of the tree: from when on the next one is looked at. */
  #members = new Map<string, Millis>();
  readonly #others = new SignatureAllowance();

  constructor(now: () => Millis) {
    this.#now = now;
  }

  /** These are in the tree. */
  present(members: readonly string[]): void {
    this.#members = new Map(members.map((member) => [member, this.#members.get(member) ?? millis(0)]));
  }

  isLeft(member: string): boolean {
    const from = this.#members.get(member);
    return from === undefined ? this.#others.isLeft(this.#now()) : this.#now() >= from;
  }

  spend(member: string): void {
    if (!this.#members.has(member)) {
      this.#others.spend();
      return;
    }
    const pause = Math.max(PAUSE_MS, (1_000 * this.#members.size) / MOST_A_SECOND);
    this.#members.set(member, millis(this.#now() + pause));
  }
}

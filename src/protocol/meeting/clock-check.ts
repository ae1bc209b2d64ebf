/**
 * How wrong this machine's clock is, by the counter's. Nothing is decided by it: whoever looks at the times in a window is told.
 * @see docs/protocol.md#clocks
 */
import type { DatedAnswer } from '../counter/client.ts';
import type { Millis, UnixMillis } from '../units.ts';

/** A clock that is less wrong is not worth a word. */
const TOLERATED_MS = 120_000;
/** `Date` leaves out what is less than a second. */
const DATE_STEP_MS = 1_000;
/** A call that took longer was interrupted, by sleep say: it tells too little. */
const LONGEST_CALL_MS = 30_000;
const MINUTE_MS = 60_000;

/** See the module's description. */
export class ClockCheck {
  /** The latest time that the counter has signed, and when that came. */
  #signed: { readonly time: UnixMillis; readonly at: Millis } | undefined;
  #offset: number | undefined;

  /** By how many ms the clock is fast, in whole minutes; negative: slow; undefined: it is right, for all that we know. */
  get offset(): number | undefined {
    return this.#offset;
  }

  /** The counter has signed a receipt: its clock has come so far at least. */
  signed(time: UnixMillis, now: Millis): void {
    if (this.#signed === undefined || time > this.#leastAt(now)) this.#signed = { time, at: now };
  }

  /** @returns whether {@link ClockCheck.offset} is another one now. */
  dated(answer: DatedAnswer, now: Millis): boolean {
    const { served, sentAt, receivedAt } = answer;
    const took = receivedAt - sentAt;
    // The clock was set meanwhile, or the call tells too little.
    if (took < 0 || took > LONGEST_CALL_MS) return false;
    const before = this.#offset;
    this.#offset = wrongBy(answer, served, served + DATE_STEP_MS);
    const least = this.#leastAt(now);
    if (this.#offset !== undefined && least > served + DATE_STEP_MS + took) {
      // Date and receipts are of two clocks, such as a proxy's and the counter's: ours is wrong when it is like neither.
      this.#offset = wrongBy(answer, least - took, least);
    }
    return this.#offset !== before;
  }

  #leastAt(now: Millis): number {
    return this.#signed === undefined ? -Infinity : this.#signed.time + (now - this.#signed.at);
  }
}

/** By how much our clock is wrong, whenever between these times the answer was made; undefined: by little, for all we know. */
function wrongBy({ sentAt, receivedAt }: DatedAnswer, from: number, to: number): number | undefined {
  if (sentAt - to <= TOLERATED_MS && from - receivedAt <= TOLERATED_MS) return undefined;
  const offset = (sentAt + receivedAt) / 2 - (from + to) / 2;
  return Math.round(offset / MINUTE_MS) * MINUTE_MS;
}

/**
 * Decides what is sent next on one session: by subscriber priority, then publisher priority, then turn by turn
 * between requests of equal priority.
 * @see moqt-18 #scheduling-algorithm
 */
import type { Millis } from '../units.ts';

/** Something with objects to send: a subscription at one priority, or a FETCH. */
export interface SendSource {
  /** Smaller is more urgent; see {@link sendLevel}. */
  readonly level: number;
  readonly pending: boolean;
  /** Hands one object to the session. @returns its bytes. */
  sendNext(now: Millis): number;
}

/** Orders by subscriber priority, then by publisher priority (each 0 to 255, 0 most urgent). */
export function sendLevel(subscriberPriority: number, publisherPriority: number): number {
  return subscriberPriority * 256 + publisherPriority;
}

/** What waits on one session, by priority. */
export class SendQueue {
  /** Sources with something to send, in the order of their turns. */
  readonly #levels = new Map<number, Set<SendSource>>();

  get empty(): boolean {
    return this.#levels.size === 0;
  }

  /** Queues a source that has something to send; it is dropped from the queue when it has no more. */
  add(source: SendSource): void {
    const level = this.#levels.get(source.level);
    if (level === undefined) this.#levels.set(source.level, new Set([source]));
    else level.add(source);
  }

  remove(source: SendSource): void {
    const level = this.#levels.get(source.level);
    if (level?.delete(source) === true && level.size === 0) this.#levels.delete(source.level);
  }

  /**
   * Sends until `room` bytes are used up or nothing is left.
   * @returns bytes handed over.
   */
  send(room: number, now: Millis): number {
    let sent = 0;
    while (sent < room) {
      const source = this.#next();
      if (source === undefined) break;
      // Out of the queue while it sends, since sending may end it; at the back afterwards.
      this.remove(source);
      sent += source.sendNext(now);
      if (source.pending) this.add(source);
    }
    return sent;
  }

  #next(): SendSource | undefined {
    let best: number | undefined;
    for (const level of this.#levels.keys()) if (best === undefined || level < best) best = level;
    if (best === undefined) return undefined;
    const [first] = this.#levels.get(best) ?? [];
    return first;
  }
}

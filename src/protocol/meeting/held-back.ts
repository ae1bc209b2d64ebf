/**
 * What was opened of instances that their member has not signed for yet: a statement is a moment behind what it is about.
 * Bounded in time, count and bytes; the oldest goes first.
 * @see docs/protocol.md #who-speaks
 */
import type { Millis } from '../units.ts';
import { CONFIRMED_WITHIN_MS } from './confirmation.ts';
import type { MemberTrack, OpenedObject } from './member-track.ts';

const MAX_OBJECTS = 256;
const MAX_BYTES = 1024 * 1024;

/** An object, and where it came. */
export interface Kept {
  readonly track: MemberTrack;
  readonly object: OpenedObject;
  /** False when it was fetched. */
  readonly live: boolean;
}

/** The objects of one kind of track. */
export class HeldBack {
  #held: (Kept & { readonly at: Millis })[] = [];
  #bytes = 0;

  hold(kept: Kept, now: Millis): void {
    this.expire(now);
    this.#held.push({ ...kept, at: now });
    this.#bytes += sizeOf(kept);
    while (this.#held.length > MAX_OBJECTS || this.#bytes > MAX_BYTES) this.#dropOldest();
  }

  /** Takes out what came of an instance, in order of arrival. */
  take(time: string): readonly Kept[] {
    const taken = this.#held.filter(({ track }) => track.time === time);
    this.#held = this.#held.filter(({ track }) => track.time !== time);
    for (const kept of taken) this.#bytes -= sizeOf(kept);
    return taken;
  }

  /** Gives up what has waited too long. */
  expire(now: Millis): void {
    for (let oldest = this.#held[0]; oldest !== undefined; oldest = this.#held[0]) {
      if (now - oldest.at <= CONFIRMED_WITHIN_MS) return;
      this.#dropOldest();
    }
  }

  #dropOldest(): void {
    const oldest = this.#held.shift();
    if (oldest !== undefined) this.#bytes -= sizeOf(oldest);
  }
}

function sizeOf({ object }: Kept): number {
  return object.payload.length + object.encryptedProperties.length;
}

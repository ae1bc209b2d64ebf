/**
 * Objects whose Key ID is not known yet: kept for a moment, since a sender switches keys as soon as it has merged a
 * commit that others are still receiving. Bounded in time, count and bytes; the oldest goes first.
 * @see docs/protocol.md #keys-and-sealed-objects
 */
import type { MoqtObject } from '../moqt/model.ts';
import type { Epoch, Millis } from '../units.ts';

/** How long an object may wait for its key. */
export const HOLD_LIMIT_MS = 2_000;
const MAX_OBJECTS = 256;
const MAX_BYTES = 4 * 1024 * 1024;

interface Held {
  readonly object: MoqtObject;
  readonly epoch: Epoch;
  readonly at: Millis;
  readonly bytes: number;
}

/** The objects of one track that wait for a key. */
export class HeldObjects {
  #held: Held[] = [];
  #bytes = 0;

  /** @returns how many objects were given up to stay within bounds. */
  hold(object: MoqtObject, epoch: Epoch, now: Millis): number {
    const payload = object.content.kind === 'payload' ? object.content.payload.byteLength : 0;
    const bytes = payload + object.properties.byteLength;
    this.#held.push({ object, epoch, at: now, bytes });
    this.#bytes += bytes;
    let given = this.expire(now);
    while (this.#held.length > MAX_OBJECTS || this.#bytes > MAX_BYTES) {
      this.#dropOldest();
      given += 1;
    }
    return given;
  }

  /** Takes out the objects of `epoch` in order of arrival; those that waited too long are to be given up before. */
  take(epoch: Epoch): MoqtObject[] {
    const taken = this.#held.filter((held) => held.epoch === epoch);
    this.#held = this.#held.filter((held) => held.epoch !== epoch);
    for (const held of taken) this.#bytes -= held.bytes;
    return taken.map((held) => held.object);
  }

  /** Gives up what has waited too long. @returns how many objects. */
  expire(now: Millis): number {
    let given = 0;
    for (let oldest = this.#held[0]; oldest !== undefined; oldest = this.#held[0]) {
      if (now - oldest.at <= HOLD_LIMIT_MS) break;
      this.#dropOldest();
      given += 1;
    }
    return given;
  }

  #dropOldest(): void {
    const oldest = this.#held.shift();
    if (oldest !== undefined) this.#bytes -= oldest.bytes;
  }
}

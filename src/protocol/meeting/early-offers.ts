/** Offers of tracks from before we are a member: until the first epoch the names of tracks say nothing. */
import { RequestErrorCode } from '../moqt/codes.ts';
import type { PublishOffer } from '../moqt/client/client-api.ts';

const MOST = 4_096;

/** Offers that wait, the newest of them. */
export class EarlyOffers {
  #held: PublishOffer[] = [];

  /** Holds one, and rejects the oldest where there are too many. */
  hold(offer: PublishOffer): void {
    this.#held.push(offer);
    if (this.#held.length <= MOST) return;
    const reason = 'too many tracks before we are a member';
    this.#held.shift()?.reject({ code: RequestErrorCode.UNINTERESTED, reason });
  }

  /** All that are held; they are held no more. */
  take(): readonly PublishOffer[] {
    const held = this.#held;
    this.#held = [];
    return held;
  }
}

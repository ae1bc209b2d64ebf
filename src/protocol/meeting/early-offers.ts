/** Offers of tracks from before we are a member: until the first epoch the names of tracks say nothing. */
import type { PublishOffer } from '../moqt/client/client-api.ts';
import { RequestErrorCode } from '../moqt/codes.ts';
import type { MeetingCore } from './core.ts';
import { claimOf, WaitingOffers } from './waiting-offers.ts';

/** Offers that wait for our first epoch. */
export class EarlyOffers {
  readonly #waiting: WaitingOffers;

  constructor(core: Pick<MeetingCore, 'known' | 'options'>) {
    this.#waiting = new WaitingOffers(core);
  }

  /** Holds one; what is nobody's track is refused. */
  hold(offer: PublishOffer): void {
    const claimed = claimOf(offer);
    if (claimed !== undefined) this.#waiting.hold(claimed);
    else offer.reject({ code: RequestErrorCode.UNINTERESTED, reason: 'not a track of this meeting' });
  }

  /** All that are held; they are held no more. */
  take(): readonly PublishOffer[] {
    return this.#waiting.take().map(({ offer }) => offer);
  }
}

/** Welcomes that we sent, and send again to a joiner that asks again, since the first may be lost. */
import { encodeHex } from '../../bytes/hex.ts';
import { millis } from '../../units.ts';
import type { Epoch, Millis } from '../../units.ts';
import type { SenderId } from '../names.ts';
import type { WelcomeDelivery } from './asks.ts';

/** How long a Welcome can be sent again. */
const LIFETIME = millis(120_000);

/** A Welcome and where it was published. */
export interface SentWelcome {
  readonly epoch: Epoch;
  readonly attempt: number;
  readonly delivery: WelcomeDelivery;
  /** Undefined in plain mode. */
  readonly receipt: Uint8Array | undefined;
}

/** Sent Welcomes by the join that they are for. */
export class SentWelcomes {
  readonly #sent = new Map<string, { readonly welcome: SentWelcome; readonly until: Millis }>();

  remember(welcome: SentWelcome, now: Millis): void {
    for (const [key, { until }] of this.#sent) if (until <= now) this.#sent.delete(key);
    this.#sent.set(encodeHex(welcome.delivery.recipient), { welcome, until: millis(now + LIFETIME) });
  }

  /** What is to be sent again to a joiner; undefined when it is too late for that. */
  find(joiner: SenderId, now: Millis): SentWelcome | undefined {
    const sent = this.#sent.get(encodeHex(joiner));
    return sent !== undefined && now < sent.until ? sent.welcome : undefined;
  }
}

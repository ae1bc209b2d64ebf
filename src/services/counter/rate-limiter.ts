import type { Millis } from '../../protocol/units.ts';
import { millis } from '../../protocol/units.ts';

/** How much of something a client may do or take. */
export interface RateLimit {
  /** A second, in the long run. */
  readonly perSecond: number;
  /** At once. */
  readonly burst: number;
}

interface Bucket {
  tokens: number;
  filledAt: Millis;
}

/** Token buckets for the clients seen last; a client that is forgotten starts with a full one. */
export class RateLimiter {
  /** In the order of their last request, so that the first is the one to forget. */
  readonly #buckets = new Map<string, Bucket>();
  readonly #limit: RateLimit;
  readonly #maxClients: number;

  /** @param maxClients - buckets that are kept; bounds the memory. */
  constructor(limit: RateLimit, maxClients = 10_000) {
    this.#limit = limit;
    this.#maxClients = maxClients;
  }

  /** Clients that are remembered. */
  get size(): number {
    return this.#buckets.size;
  }

  /**
   * Counts what a client does.
   * @param now - on a monotonic clock.
   * @param cost - how much it is; no more than the burst is ever asked for.
   * @returns undefined when it may pass, otherwise how long to wait.
   */
  take(client: string, now: Millis, cost = 1): Millis | undefined {
    const { perSecond, burst } = this.#limit;
    const needed = Math.min(cost, burst);
    const bucket = this.#buckets.get(client) ?? { tokens: burst, filledAt: now };
    bucket.tokens = Math.min(burst, bucket.tokens + ((now - bucket.filledAt) / 1000) * perSecond);
    bucket.filledAt = now;
    this.#buckets.delete(client);
    this.#buckets.set(client, bucket);
    if (this.#buckets.size > this.#maxClients) this.#forgetOldest();
    if (bucket.tokens < needed) return millis(Math.ceil(((needed - bucket.tokens) / perSecond) * 1000));
    bucket.tokens -= needed;
    return undefined;
  }

  #forgetOldest(): void {
    const oldest = this.#buckets.keys().next();
    if (oldest.done !== true) this.#buckets.delete(oldest.value);
  }
}

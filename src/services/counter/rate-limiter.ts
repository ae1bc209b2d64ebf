import { isIPv6 } from 'node:net';
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

/**
 * Names a client by its address. Of IPv6 only the first 64 bits count: one machine has all the others.
 * @param address - as a socket gives it.
 */
export function clientOfAddress(address: string | undefined): string {
  if (address === undefined) return 'unknown';
  const mapped = /^::ffff:([0-9.]+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(address)) return address;
  const [left = '', right] = (address.split('%')[0] ?? '').split('::');
  const head = left === '' ? [] : left.split(':');
  const tail = right === undefined || right === '' ? [] : right.split(':');
  const missing = right === undefined ? 0 : Math.max(0, 8 - head.length - tail.length);
  const groups = [...head, ...Array.from({ length: missing }, () => '0'), ...tail];
  return `${groups
    .slice(0, 4)
    .map((group) => parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}

/** How many sessions whoever is behind one address has. */
import { clientOfAddress } from '../client-address.ts';

/** Counts sessions by address; an address without one is not remembered. */
export class AddressQuota {
  readonly #most: number;
  readonly #sessions = new Map<string, number>();

  /** @param most - sessions of one address. */
  constructor(most: number) {
    this.#most = most;
  }

  /**
   * Counts another session.
   * @param endpoint - where it comes from: address and port, as the transport gives them.
   * @returns what counts it no more, to be called once; undefined: the address has as many as it may.
   */
  take(endpoint: string): (() => void) | undefined {
    const client = clientOfAddress(endpoint.replace(/:[0-9]+$/, '').replace(/^\[(.*)\]$/, '$1'));
    const held = this.#sessions.get(client) ?? 0;
    if (held >= this.#most) return undefined;
    this.#sessions.set(client, held + 1);
    return () => {
      const left = (this.#sessions.get(client) ?? 0) - 1;
      if (left > 0) this.#sessions.set(client, left);
      else this.#sessions.delete(client);
    };
  }
}

/**
 * Keeps one session to one of the meeting's relays: tries them in order, comes back after a loss with growing waits, and
 * moves on when a relay says GOAWAY.
 */
import type { MoqtClient } from '../../io/moqt/client-api.ts';

/** Opens a session to one relay. */
export type ConnectRelay = (
  url: string,
) => Promise<{ kind: 'connected'; client: MoqtClient } | { kind: 'failed'; reason: string }>;

/** Who follows the connection. */
export interface RelayConnectionListener {
  connected(client: MoqtClient, relay: string): void;
  /** The session is gone. */
  lost(relay: string, reason: string): void;
  /** A try is about to be made; `attempt` counts from 1 since the last session that held. */
  trying(relay: string, attempt: number): void;
}

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 8_000;
/** A session that ends sooner counts as a try that failed: a relay that accepts and closes is not called in a loop. */
const HOLDS_AFTER_MS = 3_000;

/** See the module's description. */
export class RelayConnection {
  readonly #relays: readonly string[];
  readonly #connect: ConnectRelay;
  readonly #listener: RelayConnectionListener;
  #client: MoqtClient | undefined;
  #next = 0;
  #stopped = false;
  #wait: NodeJS.Timeout | undefined;

  /** @param relays - URLs, best first; at least one. */
  constructor(relays: readonly string[], connect: ConnectRelay, listener: RelayConnectionListener) {
    this.#relays = relays;
    this.#connect = connect;
    this.#listener = listener;
  }

  /** Begins; the listener hears of everything. */
  start(): void {
    void this.#try(1);
  }

  /** Ends the session and all tries. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#wait);
    this.#client?.close(0, 'done');
    this.#client = undefined;
  }

  async #try(attempt: number): Promise<void> {
    const relay = this.#relays[this.#next % this.#relays.length] ?? '';
    this.#listener.trying(relay, attempt);
    const outcome = await this.#connect(relay);
    if (this.#stopped) {
      if (outcome.kind === 'connected') outcome.client.close(0, 'done');
      return;
    }
    if (outcome.kind === 'failed') {
      this.#next += 1;
      this.#later(attempt + 1);
      return;
    }
    const { client } = outcome;
    const since = performance.now();
    let goingAway = false;
    this.#client = client;
    client.onGoaway(() => {
      goingAway = true;
      client.close(0, 'going away');
    });
    void client.closed.then(({ reason }) => {
      if (this.#stopped || this.#client !== client) return;
      this.#client = undefined;
      const held = performance.now() - since >= HOLDS_AFTER_MS;
      if (goingAway || !held) this.#next += 1;
      this.#listener.lost(relay, reason);
      this.#later(held ? 1 : attempt + 1);
    });
    this.#listener.connected(client, relay);
  }

  #later(attempt: number): void {
    if (this.#stopped) return;
    // Half to all of the wait, so that members that lost the same relay do not come back as one herd.
    const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (attempt - 1)) * (0.5 + Math.random() / 2);
    this.#wait = setTimeout(() => void this.#try(attempt), wait);
  }
}

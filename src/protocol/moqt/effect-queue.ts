import type { SessionEffect, SessionEvent } from './session-api.ts';
import type { TransportCommand } from './transport.ts';

/** What a session wants done, in order. */
export class EffectQueue {
  #items: SessionEffect[] = [];
  #head = 0;

  command(command: TransportCommand): void {
    this.#items.push({ kind: 'transport', command });
  }

  event(event: SessionEvent): void {
    this.#items.push({ kind: 'event', event });
  }

  poll(): SessionEffect | undefined {
    const effect = this.#items[this.#head];
    if (effect === undefined) {
      if (this.#head > 0) this.#items = [];
      this.#head = 0;
      return undefined;
    }
    this.#head += 1;
    return effect;
  }
}

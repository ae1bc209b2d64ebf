import type { Draft } from './draft.ts';
import type { SessionLimits } from './limits.ts';
import type { SessionEffect, SessionEvent } from './session-api.ts';
import type { StreamHandle, TransportCommand } from './transport.ts';
import { TokenCache } from './token-cache.ts';
import type { Millis } from '../units.ts';

/**
 * What all parts of one session stand on: who we are, what time it is, and the one way out, in order, for commands and
 * events. Commands wait for the peer's SETUP, those of the control stream excepted; after the close nothing gets out.
 */
export class SessionCore {
  readonly role: 'client' | 'server';
  readonly draft: Draft;
  readonly limits: SessionLimits;
  /** Tokens of the peer; servers have a use for them. */
  readonly tokens: TokenCache;
  #now: Millis;
  #closed = false;
  #nextStream = 0;
  /** Commands that wait for the peer's SETUP; undefined once it came. */
  #held: TransportCommand[] | undefined = [];
  #effects: SessionEffect[] = [];
  /** Index of the next effect to be polled. */
  #head = 0;

  constructor(role: 'client' | 'server', draft: Draft, limits: SessionLimits, now: Millis) {
    this.role = role;
    this.draft = draft;
    this.limits = limits;
    this.tokens = new TokenCache(draft, role === 'server' ? limits.tokenCacheBytes : 0);
    this.#now = now;
  }

  /** Time of the last input that had one. */
  get now(): Millis {
    return this.#now;
  }

  /** SETUP went both ways. */
  get ready(): boolean {
    return this.#held === undefined;
  }

  get closed(): boolean {
    return this.#closed;
  }

  advance(now: Millis): void {
    this.#now = now;
  }

  /** The next effect, or undefined when there is none. */
  poll(): SessionEffect | undefined {
    const effect = this.#effects[this.#head];
    if (effect !== undefined) {
      this.#head += 1;
      return effect;
    }
    if (this.#head > 0) this.#effects = [];
    this.#head = 0;
    return undefined;
  }

  event(event: SessionEvent): void {
    if (!this.#closed) this.#effects.push({ kind: 'event', event });
  }

  command(command: TransportCommand): void {
    if (this.#closed) return;
    if (this.#held === undefined) this.#effects.push({ kind: 'transport', command });
    else this.#held.push(command);
  }

  /** A command of the control stream, which waits for nobody. */
  commandAtOnce(command: TransportCommand): void {
    if (!this.#closed) this.#effects.push({ kind: 'transport', command });
  }

  /** The peer's SETUP came: lets out what waited for it. */
  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const command of held) this.commandAtOnce(command);
  }

  /** Says the last word. @param command - the transport's `close`, when it is we who close. */
  close(event: Extract<SessionEvent, { kind: 'closed' }>, command?: TransportCommand): void {
    if (command !== undefined) this.commandAtOnce(command);
    this.event(event);
    this.#closed = true;
  }

  /** A handle for a stream of ours. */
  takeStream(): StreamHandle {
    const stream = this.#nextStream;
    this.#nextStream += 2;
    return stream as StreamHandle;
  }
}

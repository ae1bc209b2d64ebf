/**
 * Looks now and then whether a relay that stands before ours in the invitation can be reached again. Everybody comes back to the
 * first that can, so that nobody stays at one where the others are not, after an outage that only some had.
 * @see docs/protocol.md #relays
 */
import type { InvitedRelay } from '../group/invitation.ts';
import type { Millis } from '../units.ts';
import type { MeetingCore } from './core.ts';
import type { ConnectionId } from './effects.ts';

/** After a session with ours has begun. */
const FIRST_LOOK_MS = 15_000;
/** Between looks, doubled each time that we go to a better one, until a session with the best has held. */
const LOOK_EVERY_MS = 30_000;
const MOST_MS = 10 * 60_000;

interface Looking {
  readonly connection: ConnectionId;
  readonly at: number;
}

/** A transport connection is tried beside the session; where it comes about it is the next session's. */
export class BetterRelay {
  readonly #core: MeetingCore;
  /** Those before the one in use; none while there is no session, or it is with the best. */
  #better: readonly InvitedRelay[] = [];
  #lookAt: Millis | undefined;
  #looking: Looking | undefined;
  #wait = LOOK_EVERY_MS;

  constructor(core: MeetingCore) {
    this.#core = core;
  }

  /** There is a session with a relay. @param all - best first. */
  begin(all: readonly InvitedRelay[], used: InvitedRelay): void {
    this.#better = all.slice(0, Math.max(0, all.indexOf(used)));
    this.#looking = undefined;
    const isFirst = this.#wait === LOOK_EVERY_MS;
    this.#lookAt =
      this.#better.length === 0 ? undefined : this.#core.tasks.after(isFirst ? FIRST_LOOK_MS : this.#wait);
  }

  /** There is none any more. @param held - whether it lasted, and let us in. */
  end(held: boolean): void {
    if (held && this.#better.length === 0) this.#wait = LOOK_EVERY_MS;
    this.#better = [];
    this.#lookAt = undefined;
    this.#looking = undefined;
  }

  /** Whether a connection is being tried for a better one. */
  owns(connection: ConnectionId): boolean {
    return this.#looking?.connection === connection;
  }

  /** A connection stands. @returns the relay that it is with, if it is a better one: from now on it is the caller's. */
  take(connection: ConnectionId): InvitedRelay | undefined {
    if (!this.owns(connection)) return undefined;
    // It may be of no use: each time costs us the session that we have.
    this.#wait = Math.min(MOST_MS, this.#wait * 2);
    return this.#better[this.#looking?.at ?? 0];
  }

  /** A connection did not come about. */
  failed(connection: ConnectionId): void {
    if (!this.owns(connection)) return;
    const next = (this.#looking?.at ?? 0) + 1;
    this.#looking = undefined;
    if (next < this.#better.length) this.#look(next);
    else this.#lookAt = this.#core.tasks.after(this.#wait);
  }

  /** When {@link BetterRelay.expire} wants to be called. */
  deadline(): Millis | undefined {
    return this.#lookAt;
  }

  expire(now: Millis): void {
    if (this.#lookAt === undefined || this.#lookAt > now) return;
    this.#lookAt = undefined;
    this.#look(0);
  }

  #look(at: number): void {
    const relay = this.#better[at];
    if (relay === undefined) return;
    const connection = this.#core.nextConnection();
    this.#looking = { connection, at };
    this.#core.emit({ kind: 'connect', connection, relay: relay.url });
  }
}

/** Waits until what was said is with the network, and anyway not for long. */
import { Pending, settledUntil, type Task } from '../tasks.ts';
import type { MeetingCore } from './core.ts';
import type { ConnectionId } from './effects.ts';
import type { RelayLink } from './relay-link.ts';

/** How long the end of our tracks may take to be sent. */
const FLUSH_MS = 600;

/** The wait. */
export class Flush {
  readonly #core: MeetingCore;
  readonly #link: Pick<RelayLink, 'connection' | 'drain'>;
  #flushed: Pending<unknown> | undefined;

  constructor(core: MeetingCore, link: Pick<RelayLink, 'connection' | 'drain'>) {
    this.#core = core;
    this.#link = link;
  }

  /** A transport has sent all that was queued. */
  done(connection: ConnectionId): void {
    if (connection === this.#link.connection) this.#flushed?.settle(undefined);
  }

  *wait(): Task {
    const { connection } = this.#link;
    if (connection === undefined) return;
    const flushed = new Pending<unknown>();
    this.#flushed = flushed;
    // What was said reaches the transport before it is asked.
    this.#link.drain();
    this.#core.emit({ kind: 'flush', connection });
    yield* settledUntil(flushed, this.#core.tasks.after(FLUSH_MS));
  }
}

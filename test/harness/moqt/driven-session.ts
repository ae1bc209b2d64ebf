/** A bare session over a transport session, driven as the app drives its machines. */
import type { Clock } from '../../../src/io/clock.ts';
import { Driver } from '../../../src/io/driver.ts';
import { carryOut, readEvents } from '../../../src/io/moqt/transport-io.ts';
import type { Machine } from '../../../src/protocol/machine.ts';
import type { SessionEffect, SessionEvent } from '../../../src/protocol/moqt/session-api.ts';
import type { Session } from '../../../src/protocol/moqt/session.ts';
import type { StreamHandle, TransportEvent, TransportSession } from '../../../src/protocol/moqt/transport.ts';
import type { Millis } from '../../../src/protocol/units.ts';

type Input =
  | { readonly kind: 'transport'; readonly event: TransportEvent }
  | { readonly kind: 'queued'; readonly stream: StreamHandle; readonly bytes: number }
  /** A test calls the session or the client. */
  | { readonly kind: 'call'; readonly run: () => void };

/** A session as a machine. */
class SessionMachine implements Machine<Input, SessionEffect> {
  readonly session: Session;

  constructor(session: Session) {
    this.session = session;
  }

  handle(input: Input, now: Millis): void {
    if (input.kind === 'transport') this.session.handle(input.event, now);
    else if (input.kind === 'queued') this.session.noteQueued(input.stream, input.bytes);
    else input.run();
  }

  poll(): SessionEffect | undefined {
    return this.session.poll();
  }

  deadline(): Millis | undefined {
    return this.session.deadline();
  }

  expire(now: Millis): void {
    this.session.expire(now);
  }
}

/** Who is told what the session says. */
export interface SessionOwner {
  event(event: SessionEvent): void;
  /** Our own code threw: the transport is closed, and nothing more follows. */
  fault(error: unknown): void;
}

/** Drives `session` until the transport is over. */
export class DrivenSession {
  readonly #driver: Driver<Input, SessionEffect>;

  constructor(transport: TransportSession, session: Session, owner: SessionOwner, clock: Clock) {
    const fault = (error: unknown): void => {
      transport.close(1, 'internal error');
      owner.fault(error);
    };
    this.#driver = new Driver(
      new SessionMachine(session),
      {
        perform: (effect) => {
          if (effect.kind === 'event') {
            owner.event(effect.event);
            return;
          }
          const { command } = effect;
          const bytes = carryOut(transport, command);
          if (command.kind === 'write' && bytes !== undefined)
            this.#driver.feed({ kind: 'queued', stream: command.stream, bytes });
        },
        fault,
      },
      clock,
    );
    this.#driver.drain();
    readEvents(transport, (event) => {
      this.#driver.feed({ kind: 'transport', event });
    }).catch(fault);
  }

  /** Calls the session from outside of its events; what follows is carried out soon after. */
  call(run: () => void): void {
    this.#driver.feed({ kind: 'call', run });
  }

  /** Carries out at once what calls of the session want done. */
  flush(): void {
    this.#driver.drain();
  }
}

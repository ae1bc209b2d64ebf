/** The one loop that drives a MOQT session over a transport session, for clients and relays. */
import { performance } from 'node:perf_hooks';
import { SessionCode } from '../../protocol/moqt/codes.ts';
import type { MoqtSession, SessionEvent } from '../../protocol/moqt/session-api.ts';
import type { TransportCommand, TransportSession } from '../../protocol/moqt/transport.ts';
import { millis } from '../../protocol/units.ts';
import type { Millis } from '../../protocol/units.ts';

/** Time for sessions; tests give their own. */
export interface Clock {
  now(): Millis;
  /** @returns what stops it. */
  after(duration: Millis, run: () => void): () => void;
}

/** Monotonic time of this process. A waiting timer does not keep the process alive. */
export const systemClock: Clock = {
  now: () => millis(performance.now()),
  after: (duration, run) => {
    // setTimeout cannot wait longer than 2^31 - 1 ms: the pump then looks again.
    const timer = setTimeout(run, Math.min(duration, 0x7fff_ffff));
    timer.unref();
    return () => {
      clearTimeout(timer);
    };
  },
};

/** Who is told what the session says. */
export interface PumpOwner {
  /** An event of the session, in order; it may call the session, and need not flush. */
  event(event: SessionEvent): void;
  /** Our own code threw; the session was closed. */
  fault(error: unknown): void;
}

const BATCH = 256;

/** Carries transport events into a session and its commands out, and keeps its timer. */
export class SessionPump {
  readonly #transport: TransportSession;
  readonly #session: MoqtSession;
  readonly #owner: PumpOwner;
  readonly #clock: Clock;
  #flushing = false;
  #stopTimer: (() => void) | undefined;
  #timerAt: number | undefined;

  constructor(
    transport: TransportSession,
    session: MoqtSession,
    owner: PumpOwner,
    clock: Clock = systemClock,
  ) {
    this.#transport = transport;
    this.#session = session;
    this.#owner = owner;
    this.#clock = clock;
  }

  /** Runs until the transport session is over; never rejects. */
  async run(): Promise<void> {
    this.flush();
    try {
      for (;;) {
        const events = await this.#transport.next(BATCH);
        if (events.length === 0) break;
        const now = this.#clock.now();
        for (const event of events) this.#session.receive(event, now);
        this.flush();
      }
    } catch (error) {
      this.#fail(error);
    }
    this.#setTimer(undefined);
  }

  /** Carries out what the session wants done; to be called after every call of the session from outside events. */
  flush(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    try {
      for (let effect = this.#session.poll(); effect !== undefined; effect = this.#session.poll()) {
        if (effect.kind === 'transport') this.#carryOut(effect.command);
        else this.#owner.event(effect.event);
      }
      this.#setTimer(this.#session.deadline());
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#flushing = false;
    }
  }

  /** Closes everything after a fault of our own, and still tells the owner that the session is over. */
  #fail(error: unknown): void {
    this.#owner.fault(error);
    this.#session.close(SessionCode.INTERNAL_ERROR, 'internal error');
    this.#setTimer(undefined);
    for (let effect = this.#session.poll(); effect !== undefined; effect = this.#session.poll()) {
      if (effect.kind === 'event' && effect.event.kind === 'closed') this.#tellClosed(effect.event);
    }
    this.#transport.close(SessionCode.INTERNAL_ERROR, 'internal error');
  }

  #tellClosed(event: SessionEvent): void {
    try {
      this.#owner.event(event);
    } catch (error) {
      this.#owner.fault(error);
    }
  }

  #carryOut(command: TransportCommand): void {
    const transport = this.#transport;
    switch (command.kind) {
      case 'open':
        if (command.direction === 'uni') transport.openUni(command.stream, command.priority);
        else transport.openBidi(command.stream, command.priority);
        return;
      case 'write':
        this.#session.noteQueued(command.stream, transport.write(command.stream, command.bytes, command.fin));
        return;
      case 'send-object':
        transport.sendObject(command.stream, command.priority, command.bytes);
        return;
      case 'set-priority':
        transport.setPriority(command.stream, command.priority);
        return;
      case 'reset':
        transport.reset(command.stream, command.code);
        return;
      case 'stop-sending':
        transport.stopSending(command.stream, command.code);
        return;
      case 'datagram':
        // Datagrams are unreliable: one that does not fit is lost like any other.
        transport.sendDatagram(command.bytes);
        return;
      case 'close':
        transport.close(command.code, command.reason);
    }
  }

  #setTimer(deadline: Millis | undefined): void {
    if (deadline === this.#timerAt) return;
    this.#stopTimer?.();
    this.#stopTimer = undefined;
    this.#timerAt = deadline;
    if (deadline === undefined) return;
    const wait = millis(Math.max(0, deadline - this.#clock.now()));
    this.#stopTimer = this.#clock.after(wait, () => {
      this.#timerAt = undefined;
      try {
        this.#session.expire(this.#clock.now());
      } catch (error) {
        this.#fail(error);
        return;
      }
      this.flush();
    });
  }
}

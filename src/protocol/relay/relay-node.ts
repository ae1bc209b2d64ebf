/**
 * A relay with the sessions of its clients, as one machine: transport events in, transport commands out.
 *
 * A fault of our own that shows in one session ends that session and is told; the others go on.
 */
import type { Machine } from '../machine.ts';
import { SessionCode } from '../moqt/codes.ts';
import type { Draft } from '../moqt/draft.ts';
import type { AuthorizationToken, SessionEvent } from '../moqt/session-api.ts';
import { Session } from '../moqt/session.ts';
import type { StreamHandle, TransportCommand, TransportEvent } from '../moqt/transport.ts';
import { millis, type Millis } from '../units.ts';
import type { RelayLimits } from './limits.ts';
import type { RelayPolicy } from './policy.ts';
import { Relay, type RelayStatistics } from './relay.ts';

/** What is fed to the relay. `connection` is chosen by the caller and never used again. */
export type RelayInput =
  /** A transport session was accepted; see {@link RelayNode.full}. */
  | {
      readonly kind: 'accepted';
      readonly connection: number;
      readonly draft: Draft;
      readonly transport: 'quic' | 'webtransport';
      /** Path of the transport's URI; a client on native QUIC may name another in its SETUP. */
      readonly path: string;
      /** Bytes that the transport has taken and not sent yet. */
      readonly queuedBytes: () => number;
    }
  | { readonly kind: 'transport'; readonly connection: number; readonly event: TransportEvent }
  /** Bytes that the transport has queued on a stream after a write. */
  | {
      readonly kind: 'queued';
      readonly connection: number;
      readonly stream: StreamHandle;
      readonly bytes: number;
    }
  /** The transport session is over, and nothing more comes of it. */
  | { readonly kind: 'gone'; readonly connection: number }
  /** Whether a session that {@link RelayEffect} `admit` asked about may stay. */
  | { readonly kind: 'admission'; readonly connection: number; readonly admission: Admission }
  /** All are asked to leave, at the latest after `timeout`. New requests are refused. */
  | { readonly kind: 'drain'; readonly timeout: Millis };

/** Whoever decides who may connect at all has decided. */
export type Admission =
  /** @param expiresIn - after which the session is closed. */
  | { readonly kind: 'admitted'; readonly expiresIn: Millis }
  | { readonly kind: 'refused'; readonly code: number; readonly reason: string };

/** What the relay wants done, or tells. */
export type RelayEffect =
  | { readonly kind: 'transport'; readonly connection: number; readonly command: TransportCommand }
  | {
      readonly kind: 'session-closed';
      readonly connection: number;
      readonly event: Extract<SessionEvent, { kind: 'closed' }>;
    }
  /** Whether a session may stay, by what its SETUP showed; answered by `admission`. What it asks meanwhile waits. */
  | {
      readonly kind: 'admit';
      readonly connection: number;
      readonly tokens: readonly AuthorizationToken[];
    }
  /** Our own code threw. `connection`: the session that it ended; undefined: it was nobody's. */
  | { readonly kind: 'fault'; readonly connection: number | undefined; readonly error: unknown };

interface Connection {
  readonly id: number;
  readonly session: Session;
  readonly path: string;
  readonly queuedBytes: () => number;
  /** What the session told while it waits to be admitted; undefined when it does not. */
  waiting: SessionEvent[] | undefined;
  /** When its admission ends. */
  expiresAt: Millis | undefined;
}

const IMPLEMENTATION = 'conclave-relay';

/** The machine. */
export class RelayNode implements Machine<RelayInput, RelayEffect> {
  readonly #relay: Relay;
  readonly #asksForAdmission: boolean;
  readonly #connections = new Map<number, Connection>();
  /** Of the sessions that wait for time to pass. */
  readonly #deadlines = new Map<number, Millis>();
  #effects: RelayEffect[] = [];
  /** How many of the effects were given out. */
  #given = 0;
  #now = millis(0);
  /** Something was fed since all was last settled. */
  #fed = false;

  /**
   * @param policy - how tracks are treated and who may do what; the relay itself knows no names.
   * @param options.asksForAdmission - whether somebody decides about each session before it may ask for anything.
   */
  constructor(
    policy: RelayPolicy,
    limits: Partial<RelayLimits> = {},
    { asksForAdmission = false }: { readonly asksForAdmission?: boolean } = {},
  ) {
    this.#relay = new Relay(policy, limits);
    this.#asksForAdmission = asksForAdmission;
  }

  /** Whether no further session may be accepted. */
  get full(): boolean {
    return this.#relay.isFull(this.#connections.size);
  }

  statistics(): RelayStatistics {
    return this.#relay.statistics();
  }

  handle(input: RelayInput, now: Millis): void {
    this.#now = now;
    this.#fed = true;
    switch (input.kind) {
      case 'accepted':
        this.#accept(input);
        return;
      case 'transport': {
        const connection = this.#connections.get(input.connection);
        if (connection !== undefined)
          this.#guarded(connection, () => {
            connection.session.handle(input.event, now);
            this.#drain(connection);
          });
        return;
      }
      case 'queued':
        this.#connections.get(input.connection)?.session.noteQueued(input.stream, input.bytes);
        return;
      case 'gone':
        this.#forget(input.connection);
        return;
      case 'admission':
        this.#decided(input.connection, input.admission);
        return;
      case 'drain':
        this.#guarded(undefined, () => {
          this.#relay.goaway(input.timeout, now);
        });
        return;
    }
  }

  poll(): RelayEffect | undefined {
    if (this.#given === this.#effects.length) {
      this.#effects = [];
      this.#given = 0;
      this.#settle();
    }
    const effect = this.#effects[this.#given];
    if (effect !== undefined) this.#given += 1;
    return effect;
  }

  deadline(): Millis | undefined {
    let first = this.#relay.deadline();
    for (const deadline of this.#deadlines.values())
      if (first === undefined || deadline < first) first = deadline;
    return first;
  }

  expire(now: Millis): void {
    this.#now = now;
    this.#fed = true;
    for (const [id, deadline] of [...this.#deadlines]) {
      const connection = this.#connections.get(id);
      if (connection === undefined || deadline > now) continue;
      this.#guarded(connection, () => {
        if ((connection.expiresAt ?? Infinity) <= now) {
          connection.expiresAt = undefined;
          connection.session.close(SessionCode.EXPIRED_AUTH_TOKEN, 'the token has expired');
        } else if ((connection.session.deadline() ?? Infinity) <= now) connection.session.expire(now);
        this.#drain(connection);
      });
    }
    this.#guarded(undefined, () => {
      this.#relay.expire(now);
    });
  }

  #accept(input: Extract<RelayInput, { kind: 'accepted' }>): void {
    const { connection: id, draft, transport, path, queuedBytes } = input;
    const session = new Session({
      role: 'server',
      draft,
      transport,
      implementation: IMPLEMENTATION,
      now: this.#now,
    });
    const connection: Connection = {
      id,
      session,
      path,
      queuedBytes,
      waiting: undefined,
      expiresAt: undefined,
    };
    this.#connections.set(id, connection);
    this.#guarded(connection, () => {
      this.#drain(connection);
    });
  }

  /** Sends what all that was fed made ready, with what the relay called on its sessions. */
  #settle(): void {
    if (!this.#fed) return;
    this.#fed = false;
    this.#relay.send(this.#now, (id, run) => {
      this.#guarded(this.#connections.get(id), run);
    });
    for (const id of this.#relay.takeTouched()) {
      const connection = this.#connections.get(id);
      if (connection !== undefined)
        this.#guarded(connection, () => {
          this.#drain(connection);
        });
    }
  }

  /** Hands on what a session wants: its events to the relay, its commands to the transport. */
  #drain(connection: Connection): void {
    const { id, session } = connection;
    for (let effect = session.poll(); effect !== undefined; effect = session.poll()) {
      if (effect.kind === 'transport')
        this.#effects.push({ kind: 'transport', connection: id, command: effect.command });
      else this.#event(connection, effect.event);
    }
    const deadline = Math.min(session.deadline() ?? Infinity, connection.expiresAt ?? Infinity);
    if (deadline === Infinity || !this.#connections.has(id)) this.#deadlines.delete(id);
    else this.#deadlines.set(id, millis(deadline));
  }

  /** Whoever decides has decided about a session, which may have gone meanwhile. */
  #decided(id: number, admission: Admission): void {
    const connection = this.#connections.get(id);
    const waiting = connection?.waiting;
    if (connection === undefined || waiting === undefined) return;
    connection.waiting = undefined;
    this.#guarded(connection, () => {
      if (admission.kind === 'refused') connection.session.close(admission.code, admission.reason);
      else {
        connection.expiresAt = millis(this.#now + admission.expiresIn);
        for (const event of waiting) this.#take(connection, event);
      }
      this.#drain(connection);
    });
  }

  #event(connection: Connection, event: SessionEvent): void {
    const { id } = connection;
    if (event.kind === 'ready' && this.#asksForAdmission) {
      connection.waiting = [];
      this.#effects.push({ kind: 'admit', connection: id, tokens: event.tokens ?? [] });
    }
    if (event.kind === 'closed') connection.waiting = undefined;
    // Bounded by what a session takes before anything of it is answered.
    if (connection.waiting !== undefined) connection.waiting.push(event);
    else this.#take(connection, event);
  }

  #take(connection: Connection, event: SessionEvent): void {
    const { id, session, path, queuedBytes } = connection;
    if (event.kind === 'ready')
      this.#relay.attach(
        id,
        { session, queuedBytes },
        scopeOf(event.path ?? path),
        event.tokens ?? [],
        this.#now,
      );
    if (event.kind === 'closed') this.#effects.push({ kind: 'session-closed', connection: id, event });
    this.#relay.handle(id, event, this.#now);
  }

  #forget(id: number): void {
    if (!this.#connections.delete(id)) return;
    this.#deadlines.delete(id);
    const code = SessionCode.INTERNAL_ERROR;
    this.#relay.handle(id, { kind: 'closed', code, reason: '', by: 'transport' }, this.#now);
  }

  /** Keeps a fault of our own from the sessions that it does not concern. */
  #guarded(connection: Connection | undefined, run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#effects.push({ kind: 'fault', connection: connection?.id, error });
      if (connection === undefined) return;
      const { id, session } = connection;
      this.#forget(id);
      session.close(SessionCode.INTERNAL_ERROR, 'internal error');
      for (let effect = session.poll(); effect !== undefined; effect = session.poll()) {
        if (effect.kind === 'transport')
          this.#effects.push({ kind: 'transport', connection: id, command: effect.command });
        else if (effect.event.kind === 'closed')
          this.#effects.push({ kind: 'session-closed', connection: id, event: effect.event });
      }
    }
  }
}

/** The scope that a path of a connection's URI names: its query may carry what is not for names. */
function scopeOf(path: string): string {
  const [plain = ''] = path.split('?');
  return plain === '' ? '/' : plain;
}

/** The relay as a server: QUIC and WebTransport on one port, driving the relay core. */
import { SessionPump, systemClock } from '../../io/moqt/session-pump.ts';
import { quic } from '../../io/quic/addon.ts';
import type { Server } from '../../io/quic/addon.ts';
import { SessionCode } from '../../protocol/moqt/codes.ts';
import type { Draft } from '../../protocol/moqt/draft.ts';
import { negotiatedDraft, PROTOCOLS } from '../../protocol/moqt/drafts.ts';
import type { RelayLimits } from '../../protocol/relay/limits.ts';
import { Relay } from '../../protocol/relay/relay.ts';
import type { RelayStatistics } from '../../protocol/relay/relay.ts';
import type { SessionEvent } from '../../protocol/moqt/session-api.ts';
import { Session } from '../../protocol/moqt/session.ts';
import type { TransportSession } from '../../protocol/moqt/transport.ts';
import { millis } from '../../protocol/units.ts';
import type { Millis } from '../../protocol/units.ts';
import type { Log } from './log.ts';
import { meetingTracks } from './meeting-tracks.ts';
import { observeTransport } from './observed-transport.ts';

/** How a relay server is started. */
export interface RelayServerOptions {
  /** IP address and UDP port, for example `127.0.0.1:4443`. */
  readonly address: string;
  readonly certPem: string;
  readonly keyPem: string;
  readonly limits?: Partial<RelayLimits>;
  readonly log: Log;
  /** Sees all bytes that come in, before anything is made of them. Borrowed: to be copied when kept. */
  readonly observe?: (connection: number, bytes: Uint8Array) => void;
}

/** Numbers of a running relay. */
export interface RelayServerStatistics extends RelayStatistics {
  readonly sessionsAccepted: number;
  readonly sessionsRefused: number;
  readonly faults: number;
}

const IMPLEMENTATION = 'conclave-relay';
const DRAIN_POLL_MS = 50;

/** A connection, and what drives its session. */
interface Connection {
  readonly id: number;
  readonly transport: TransportSession;
  readonly session: Session;
  readonly pump: SessionPump;
}

/** A relay that listens. */
export class RelayServer {
  readonly #relay: Relay;
  readonly #server: Server;
  readonly #options: RelayServerOptions;
  readonly #connections = new Map<number, Connection>();
  #nextId = 1;
  #accepted = 0;
  #refused = 0;
  #faults = 0;
  #stopTimer: (() => void) | undefined;
  #timerAt: Millis | undefined;
  #settling = false;
  #closed = false;

  /** Binds the port. @throws when the address or the certificate cannot be used. */
  static async start(options: RelayServerOptions): Promise<RelayServer> {
    const { address, certPem, keyPem } = options;
    const relay = new Relay(meetingTracks, options.limits);
    const server = await quic().listen({
      address,
      certPem,
      keyPem,
      protocols: PROTOCOLS,
      limits: { maxConcurrentBidi: 4_096, maxConcurrentUni: 4_096 },
    });
    const started = new RelayServer(relay, server, options);
    void started.#acceptAll();
    started.#arm();
    return started;
  }

  private constructor(relay: Relay, server: Server, options: RelayServerOptions) {
    this.#relay = relay;
    this.#server = server;
    this.#options = options;
  }

  /** Address and port that are bound. */
  get localAddress(): string {
    return this.#server.localAddress;
  }

  statistics(): RelayServerStatistics {
    return {
      ...this.#relay.statistics(),
      sessionsAccepted: this.#accepted,
      sessionsRefused: this.#refused,
      faults: this.#faults,
    };
  }

  reloadCertificate(certPem: string, keyPem: string): void {
    this.#server.reloadCertificate(certPem, keyPem);
  }

  /** Asks all sessions to leave, and closes the port when they have, after `timeout` at the latest. */
  async drain(timeout: Millis): Promise<void> {
    this.#relay.goaway('', timeout, now());
    this.#settle();
    const end = now() + timeout;
    while (this.#connections.size > 0 && now() < end) {
      await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS));
    }
    await this.close();
  }

  /** Closes all sessions and the port. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#stopTimer?.();
    this.#connections.clear();
    await this.#server.close(SessionCode.NO_ERROR, 'this relay is closing');
  }

  async #acceptAll(): Promise<void> {
    for (let session = await this.#server.accept(); session !== null; session = await this.#server.accept()) {
      if (this.#relay.full) {
        this.#refused += 1;
        // The registry has no code for load; the reason says it.
        session.close(SessionCode.INTERNAL_ERROR, 'EXCESSIVE_LOAD: this relay is full or closing');
        continue;
      }
      const draft = negotiatedDraft(session.protocol);
      if (draft === undefined) {
        this.#refused += 1;
        session.close(SessionCode.VERSION_NEGOTIATION_FAILED, 'this relay speaks no such draft');
        continue;
      }
      this.#accepted += 1;
      void this.#serve(session, draft);
    }
  }

  async #serve(accepted: TransportSession, draft: Draft): Promise<void> {
    const id = this.#nextId;
    this.#nextId += 1;
    const { log, observe } = this.#options;
    const transport =
      observe === undefined
        ? accepted
        : observeTransport(accepted, (bytes) => {
            observe(id, bytes);
          });
    const session = new Session({
      role: 'server',
      draft,
      transport: transport.transport,
      implementation: IMPLEMENTATION,
      now: now(),
    });
    const pump = new SessionPump(transport, session, {
      event: (event) => {
        this.#handle(connection, event);
      },
      fault: (error) => {
        this.#fault(id, error);
      },
    });
    const connection: Connection = { id, transport, session, pump };
    this.#connections.set(id, connection);
    log('session-opened', { session: id, transport: transport.transport, remote: transport.remoteAddress });
    await pump.run();
    this.#connections.delete(id);
    this.#relay.handle(
      id,
      { kind: 'closed', code: SessionCode.INTERNAL_ERROR, reason: '', by: 'transport' },
      now(),
    );
    this.#settleSoon();
  }

  #handle({ id, session, transport }: Connection, event: SessionEvent): void {
    if (event.kind === 'ready') {
      const scope = scopeOf(event.path ?? transport.path);
      this.#relay.attach(id, { session, queuedBytes: () => transport.queuedBytes() }, scope);
    }
    if (event.kind === 'closed') {
      const { code, by, clause } = event;
      this.#options.log('session-closed', { session: id, code, by, clause });
    }
    this.#relay.handle(id, event, now());
    this.#settleSoon();
  }

  /** A fault of our own: it has ended the session in which it showed, and is told. */
  #fault(id: number | undefined, error: unknown): void {
    this.#faults += 1;
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#options.log('fault', { session: id, error: text });
  }

  /** Settles once the events at hand have been handled. */
  #settleSoon(): void {
    if (this.#settling) return;
    this.#settling = true;
    queueMicrotask(() => {
      this.#settling = false;
      this.#settle();
    });
  }

  /** Sends what is ready and carries out what the relay called on its sessions. */
  #settle(): void {
    if (this.#closed) return;
    try {
      this.#relay.send(now());
    } catch (error) {
      this.#fault(undefined, error);
    }
    for (const id of this.#relay.takeTouched()) this.#connections.get(id)?.pump.flush();
    this.#arm();
  }

  #arm(): void {
    const deadline = this.#relay.deadline();
    if (deadline === this.#timerAt || this.#closed) return;
    this.#stopTimer?.();
    this.#timerAt = deadline;
    if (deadline === undefined) return;
    this.#stopTimer = systemClock.after(millis(Math.max(0, deadline - now())), () => {
      this.#timerAt = undefined;
      try {
        this.#relay.expire(now());
      } catch (error) {
        this.#fault(undefined, error);
      }
      this.#settle();
    });
  }
}

/** The scope that a path of a connection's URI names: its query may carry what is not for names. */
function scopeOf(path: string): string {
  const [plain = ''] = path.split('?');
  return plain === '' ? '/' : plain;
}

function now(): Millis {
  return systemClock.now();
}

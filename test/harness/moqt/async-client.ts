/** A MOQT client for tests that wait: promises over the client core, driven over any transport session. */
import { quic } from '../../../src/io/quic/addon.ts';
import type { SessionLimits as TransportLimits, TlsTrust } from '../../../src/io/quic/addon.ts';
import { systemClock, type Clock } from '../../../src/io/clock.ts';
import { SessionClient } from '../../../src/protocol/moqt/client/client.ts';
import type {
  FetchOutcome,
  PublicationOwner,
  PublishOffer,
  SubscriptionOwner,
  TrackOrigin,
} from '../../../src/protocol/moqt/client/client-api.ts';
import { SessionCode } from '../../../src/protocol/moqt/codes.ts';
import { draft18 } from '../../../src/protocol/moqt/draft18/draft18.ts';
import type { SessionLimits } from '../../../src/protocol/moqt/limits.ts';
import type { FullTrackName, Location, TrackNamespace } from '../../../src/protocol/moqt/model.ts';
import type {
  AuthorizationToken,
  SessionEvent,
  SubscribeParameters,
  TrackDescription,
} from '../../../src/protocol/moqt/session-api.ts';
import { Session } from '../../../src/protocol/moqt/session.ts';
import type { TransportSession } from '../../../src/protocol/moqt/transport.ts';
import type { Pending } from '../../../src/protocol/tasks.ts';
import { millis } from '../../../src/protocol/units.ts';
import { DrivenSession } from './driven-session.ts';

/** What a client may be told. */
export interface ClientOptions {
  readonly origin?: TrackOrigin;
  readonly tokens?: readonly AuthorizationToken[];
  readonly limits?: Partial<SessionLimits>;
  /** For native QUIC: path with query, and authority, of the URI. */
  readonly path?: string;
  readonly authority?: string;
  readonly clock?: Clock;
  /** A fault of our own ended the client. Default: a process warning. */
  readonly fault?: (error: unknown) => void;
}

/** Where to connect, and whom to trust. */
export interface ConnectOptions extends ClientOptions {
  readonly url: string;
  readonly trust: TlsTrust;
  readonly transportLimits?: TransportLimits;
}

/** How a session ended. */
export interface Closed {
  readonly code: number;
  readonly reason: string;
  readonly by: string;
  readonly clause?: string;
}

export type ConnectOutcome =
  | { readonly kind: 'connected'; readonly client: AsyncClient }
  | { readonly kind: 'failed'; readonly reason: string };

/** Connects to a relay; resolves when SETUP went both ways or that failed, and never rejects. */
export async function connectMoqt(options: ConnectOptions): Promise<ConnectOutcome> {
  const { url, trust, transportLimits } = options;
  try {
    const { pathname, search, host } = new URL(url);
    const transport = await quic().connect({
      url,
      trust,
      protocols: [draft18.protocol],
      ...(transportLimits === undefined ? {} : { limits: transportLimits }),
    });
    return await createMoqtClient(transport, { path: pathname + search, authority: host, ...options });
  } catch (error) {
    return { kind: 'failed', reason: error instanceof Error ? error.message : 'the connection failed' };
  }
}

/** Begins a MOQT session on a transport session, which it takes over. */
export async function createMoqtClient(
  transport: TransportSession,
  options: ClientOptions = {},
): Promise<ConnectOutcome> {
  if (transport.protocol !== draft18.protocol) {
    transport.close(SessionCode.VERSION_NEGOTIATION_FAILED, 'no common protocol');
    return { kind: 'failed', reason: `the relay speaks ${transport.protocol || 'no MOQT draft'}` };
  }
  return new AsyncClient(transport, options).ready;
}

export class AsyncClient {
  readonly ready: Promise<ConnectOutcome>;
  /** Resolves when the session has ended. */
  readonly closed: Promise<Closed>;
  readonly #client: SessionClient;
  readonly #session: Session;
  readonly #driven: DrivenSession;
  readonly #transport: TransportSession;
  readonly #clock: Clock;
  readonly #goaway: ((uri: string) => void)[] = [];

  constructor(transport: TransportSession, options: ClientOptions) {
    const clock = options.clock ?? systemClock;
    let connected: (outcome: ConnectOutcome) => void = () => undefined;
    let ended: (closed: Closed) => void = () => undefined;
    this.ready = new Promise((resolve) => (connected = resolve));
    this.closed = new Promise((resolve) => (ended = resolve));
    this.#transport = transport;
    this.#clock = clock;
    this.#session = new Session({
      role: 'client',
      draft: draft18,
      transport: transport.transport,
      path: options.path,
      authority: options.authority,
      implementation: 'conclave',
      tokens: options.tokens,
      limits: options.limits,
      now: clock.now(),
    });
    this.#client = new SessionClient(this.#drained(this.#session), options.origin);
    const end = (reason: Closed): void => {
      connected({ kind: 'failed', reason: reason.reason });
      ended(reason);
    };
    const fault = (error: unknown): void => {
      (options.fault ?? warn)(error);
      end({ code: 1, reason: 'internal error', by: 'local' });
    };
    const event = (event: SessionEvent): void => {
      this.#client.receive(event);
      this.#client.drain();
      if (event.kind === 'ready') connected({ kind: 'connected', client: this });
      if (event.kind === 'goaway') for (const told of this.#goaway) told(event.uri);
      if (event.kind === 'closed') {
        const { code, by, clause } = event;
        const reason = event.reason === '' ? `closed by ${by}` : event.reason;
        end({ code, reason, by, ...(clause === undefined ? {} : { clause }) });
      }
    };
    this.#driven = new DrivenSession(transport, this.#session, { event, fault }, clock);
  }

  get peerImplementation(): string | undefined {
    return this.#client.peerImplementation;
  }

  subscribe(track: FullTrackName, parameters: SubscribeParameters, owner: SubscriptionOwner) {
    return this.#ask(() => this.#client.subscribe(track, parameters, owner));
  }

  subscribeTracks(
    prefix: TrackNamespace,
    options: { forward: boolean },
    offered: (offer: PublishOffer) => void,
  ) {
    return this.#ask(() => this.#client.subscribeTracks(prefix, options, offered));
  }

  subscribeNamespace(
    prefix: TrackNamespace,
    owner: { namespace(suffix: TrackNamespace): void; namespaceDone(suffix: TrackNamespace): void },
  ) {
    return this.#ask(() => this.#client.subscribeNamespace(prefix, owner));
  }

  publishNamespace(namespace: TrackNamespace) {
    return this.#ask(() => this.#client.publishNamespace(namespace));
  }

  publish(
    track: FullTrackName,
    options: { forward: boolean; description: TrackDescription },
    owner: PublicationOwner,
  ) {
    return this.#ask(() => this.#client.publish(track, options, owner));
  }

  /** Standalone FETCH; the `end` is inclusive, its object 0 asks for the whole group. */
  fetch(
    track: FullTrackName,
    start: Location,
    end: Location,
    options: { timeoutMs: number; maxBytes: number },
  ): Promise<FetchOutcome> {
    return this.#ask(() => {
      const fetch = this.#client.fetch(track, start, end, options.maxBytes);
      const stop = this.#clock.after(millis(options.timeoutMs), () => {
        this.#call(() => {
          fetch.giveUp();
        });
      });
      fetch.outcome.whenSettled(stop);
      return fetch.outcome;
    });
  }

  queuedBytes(): number {
    return this.#transport.queuedBytes();
  }

  onGoaway(callback: (uri: string) => void): void {
    this.#goaway.push(callback);
  }

  close(code: number, reason: string): void {
    this.#call(() => {
      this.#session.close(code, reason);
    });
    this.#driven.flush();
  }

  #ask<Outcome>(request: () => Pending<Outcome>): Promise<Outcome> {
    return new Promise((resolve) => {
      this.#call(() => {
        request().whenSettled(resolve);
      });
    });
  }

  /** The session, with what a test's call of a handle wants done carried out soon after. */
  #drained(session: Session): Session {
    return new Proxy(session, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        return (...parameters: unknown[]): unknown => {
          const result: unknown = Reflect.apply(value, target, parameters);
          this.#call(() => undefined);
          return result;
        };
      },
    });
  }

  #call(run: () => void): void {
    this.#driven.call(run);
  }
}

function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error), 'MoqtFault');
}

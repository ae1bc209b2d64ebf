/** Opens MOQT sessions as a client. */
import { SessionCode } from '../../protocol/moqt/codes.ts';
import { negotiatedDraft, PROTOCOLS } from '../../protocol/moqt/drafts.ts';
import type { SessionLimits } from '../../protocol/moqt/limits.ts';
import { Session } from '../../protocol/moqt/session.ts';
import type { AuthorizationToken } from '../../protocol/moqt/session-api.ts';
import type { TransportSession } from '../../protocol/moqt/transport.ts';
import { quic } from '../quic/addon.ts';
import type { SessionLimits as TransportLimits, TlsTrust } from '../quic/addon.ts';
import type { ConnectOutcome, TrackOrigin } from './client-api.ts';
import { Client } from './moqt-client.ts';
import { SessionPump, systemClock } from './session-pump.ts';
import type { Clock } from './session-pump.ts';

/** What a client may be told. */
export interface ClientOptions {
  /** Answers the peer's SUBSCRIBE, FETCH and TRACK_STATUS; without it they are refused. */
  readonly origin?: TrackOrigin;
  readonly tokens?: readonly AuthorizationToken[];
  readonly limits?: Partial<SessionLimits>;
  /** For native QUIC: path with query, and authority, of the URI. */
  readonly path?: string;
  readonly authority?: string;
  readonly clock?: Clock;
  /** A fault of our own closed the session. Default: a process warning. */
  readonly fault?: (error: unknown) => void;
}

/** Where to connect, and whom to trust. */
export interface ConnectOptions extends ClientOptions {
  /** `https://host:port/path` for WebTransport, `moqt://host:port/path` for QUIC. */
  readonly url: string;
  readonly trust: TlsTrust;
  readonly transportLimits?: TransportLimits;
}

const IMPLEMENTATION = 'conclave';

/** Connects to a relay; resolves when SETUP went both ways or that failed, and never rejects. */
export async function connectMoqt(options: ConnectOptions): Promise<ConnectOutcome> {
  let target: { readonly path: string; readonly authority: string };
  let transport: TransportSession;
  try {
    const url = new URL(options.url);
    target = { path: url.pathname + url.search, authority: url.host };
    transport = await quic().connect({
      url: options.url,
      trust: options.trust,
      protocols: PROTOCOLS,
      ...(options.transportLimits === undefined ? {} : { limits: options.transportLimits }),
    });
  } catch (error) {
    return { kind: 'failed', reason: error instanceof Error ? error.message : 'the connection failed' };
  }
  return createMoqtClient(transport, { ...target, ...options });
}

/**
 * Begins a MOQT session on a transport session, which it takes over.
 * @returns when SETUP went both ways or that failed; never rejects.
 */
export async function createMoqtClient(
  transport: TransportSession,
  options: ClientOptions = {},
): Promise<ConnectOutcome> {
  const draft = negotiatedDraft(transport.protocol);
  if (draft === undefined) {
    transport.close(SessionCode.VERSION_NEGOTIATION_FAILED, 'no common protocol');
    return { kind: 'failed', reason: `the relay speaks ${transport.protocol || 'no MOQT draft'}` };
  }
  const clock = options.clock ?? systemClock;
  const session = new Session({
    role: 'client',
    draft,
    transport: transport.transport,
    path: options.path,
    authority: options.authority,
    implementation: IMPLEMENTATION,
    tokens: options.tokens,
    limits: options.limits,
    now: clock.now(),
  });
  const fault = options.fault ?? warn;
  const client = new Client(session, transport, options.origin, clock);
  const pump = new SessionPump(
    transport,
    session,
    {
      event: (event) => {
        client.receive(event);
      },
      fault,
    },
    clock,
  );
  client.attach(pump);
  void pump.run();
  return client.ready;
}

function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error), 'MoqtFault');
}

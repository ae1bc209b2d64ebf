import type { Draft } from './draft.ts';
import type { SessionLimits } from './limits.ts';
import type { AuthorizationToken } from './session-api.ts';
import type { Millis } from '../units.ts';

/** What a session is told when it begins. */
export interface SessionOptions {
  readonly role: 'client' | 'server';
  /** The draft that ALPN or WebTransport negotiated. */
  readonly draft: Draft;
  readonly transport: 'quic' | 'webtransport';
  /** For a client on native QUIC: path with query, and authority, of the URI. */
  readonly path?: string;
  readonly authority?: string;
  /** Name and version of our implementation, told to the peer. */
  readonly implementation?: string;
  readonly tokens?: readonly AuthorizationToken[];
  readonly limits?: Partial<SessionLimits>;
  readonly now: Millis;
}

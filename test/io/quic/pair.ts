/** Sessions for tests: a server on a free port, clients of it, and a reader that waits for events. */
import { afterAll } from 'vitest';
import { quic } from '../../../src/io/quic/addon.ts';
import type { ListenOptions, Server, Session, SessionLimits } from '../../../src/io/quic/addon.ts';
import type { TransportEvent } from '../../../src/protocol/moqt/transport.ts';
import { makeAuthority } from './certificates.ts';

export const transports = ['quic', 'webtransport'] as const;
export type Transport = (typeof transports)[number];

export const authority = await makeAuthority();
export const leaf = await authority.issue();

const servers: Server[] = [];
afterAll(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close(0, '')));
});

/** A server that ends with the test file. */
export async function listen(options: Partial<ListenOptions> = {}): Promise<Server> {
  const { certPem, keyPem } = leaf;
  const server = await quic().listen({
    address: '127.0.0.1:0',
    certPem,
    keyPem,
    protocols: ['moqt-18'],
    ...options,
  });
  servers.push(server);
  return server;
}

/** Where a transport finds a server. */
export function urlOf(server: Server, transport: Transport, path = '/relay'): string {
  return `${transport === 'quic' ? 'moqt' : 'https'}://${server.localAddress}${path}`;
}

/** Connects with trust in the tests' authority. */
export function connect(server: Server, transport: Transport, limits: SessionLimits = {}): Promise<Session> {
  return quic().connect({
    url: urlOf(server, transport),
    trust: { kind: 'ca', pem: authority.pem },
    protocols: ['moqt-18'],
    limits,
  });
}

/** Both ends of a session. */
export interface Pair {
  readonly client: Session;
  readonly peer: Session;
}

/** A session and its two ends. */
export async function pair(
  transport: Transport,
  limits: { server?: SessionLimits; client?: SessionLimits } = {},
): Promise<Pair> {
  const server = await listen({ limits: limits.server ?? {} });
  const [client, peer] = await Promise.all([connect(server, transport, limits.client), accepted(server)]);
  return { client, peer };
}

/** The next session of a server that is open. */
export async function accepted(server: Server): Promise<Session> {
  const session = await server.accept();
  if (session === null) throw new Error('the server was closed');
  return session;
}

type Kind = TransportEvent['kind'];
type EventOf<K extends Kind> = Extract<TransportEvent, { kind: K }>;

/** Reads a session's events and keeps them. */
export class Reader {
  readonly events: TransportEvent[] = [];
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Reads on until `done` says so; gives all events so far. */
  async until(done: (events: readonly TransportEvent[]) => boolean): Promise<readonly TransportEvent[]> {
    while (!done(this.events)) {
      const batch = await this.#session.next(256);
      if (batch.length === 0) throw new Error(`closed early, after ${JSON.stringify(this.events.at(-1))}`);
      this.events.push(...batch);
    }
    return this.events;
  }

  /** Reads on until there is an event of this kind, and takes it. */
  async take<K extends Kind>(kind: K): Promise<EventOf<K>> {
    const is = (event: TransportEvent): event is EventOf<K> => event.kind === kind;
    await this.until((events) => events.some(is));
    const found = this.events.find(is);
    if (found === undefined) throw new Error('unreachable');
    this.events.splice(this.events.indexOf(found), 1);
    return found;
  }

  /** Reads a stream to its FIN; gives its bytes. */
  async whole(stream: number): Promise<Uint8Array> {
    const ofStream = (event: TransportEvent): event is EventOf<'data'> =>
      event.kind === 'data' && event.stream === stream;
    await this.until((events) => events.some((event) => ofStream(event) && event.fin));
    return Buffer.concat(this.events.filter(ofStream).map((event) => event.bytes));
  }
}

/** Bytes that differ from place to place. */
export function pattern(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index += 1)
    bytes[index] = (index * 31 + (index >>> 8) * 7 + seed) & 0xff;
  return bytes;
}

/** Waits until something is so that no event tells of; a test that waits in vain ends by its own limit. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await pause(5);
}

/** Waits, where a test must see that nothing happens. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

import { draft18 } from '../../../src/protocol/moqt/draft18/draft18.ts';
import { Session } from '../../../src/protocol/moqt/session.ts';
import type { SessionLimits } from '../../../src/protocol/moqt/limits.ts';
import type { SessionEvent } from '../../../src/protocol/moqt/session-api.ts';
import type { TransportCommand, TransportEvent } from '../../../src/protocol/moqt/transport.ts';
import { millis } from '../../../src/protocol/units.ts';
import { unchunked, Wire } from './wire.ts';
import type { Chunking, Side } from './wire.ts';

/** A session with what it told its application so far. */
export class Peer {
  readonly session: Session;
  readonly events: SessionEvent[] = [];
  readonly commands: TransportCommand[] = [];

  constructor(session: Session) {
    this.session = session;
  }

  /** Events of a kind, oldest first. */
  of<Kind extends SessionEvent['kind']>(kind: Kind): Extract<SessionEvent, { kind: Kind }>[] {
    return this.events.filter((event): event is Extract<SessionEvent, { kind: Kind }> => event.kind === kind);
  }

  /** The last event of a kind, which must be there. */
  last<Kind extends SessionEvent['kind']>(kind: Kind): Extract<SessionEvent, { kind: Kind }> {
    const event = this.of(kind).at(-1);
    if (event === undefined) throw new Error(`no ${kind} among ${this.events.map((e) => e.kind).join(', ')}`);
    return event;
  }

  /** The last request of the peer, which must be of this kind. */
  request<Kind extends Extract<SessionEvent, { kind: 'request' }>['request']['kind']>(
    kind: Kind,
  ): Extract<Extract<SessionEvent, { kind: 'request' }>['request'], { kind: Kind }> {
    const { request } = this.last('request');
    if (request.kind !== kind) throw new Error(`the last request is ${request.kind}, not ${kind}`);
    return request as Extract<Extract<SessionEvent, { kind: 'request' }>['request'], { kind: Kind }>;
  }
}

/** A client and a server session on one wire, with a clock that only the test moves. */
export class SessionPair {
  readonly client: Peer;
  readonly server: Peer;
  readonly #wire: Wire;
  readonly #inbox: { to: Side; event: TransportEvent }[] = [];
  #now = 0;

  constructor(
    options: {
      chunking?: Chunking;
      transport?: 'quic' | 'webtransport';
      client?: Partial<SessionLimits>;
      server?: Partial<SessionLimits>;
    } = {},
  ) {
    const transport = options.transport ?? 'quic';
    const now = millis(0);
    const common = { draft: draft18, transport, implementation: 'pair/1', now };
    this.client = new Peer(
      new Session({
        ...common,
        role: 'client',
        path: '/meet',
        authority: 'relay.example:4443',
        limits: options.client,
      }),
    );
    this.server = new Peer(new Session({ ...common, role: 'server', limits: options.server }));
    this.#wire = new Wire((to, event) => this.#inbox.push({ to, event }), options.chunking ?? unchunked);
  }

  get now(): number {
    return this.#now;
  }

  /** Carries everything to and fro until both are quiet. */
  run(): void {
    for (;;) {
      this.#drain('a', this.client);
      this.#drain('b', this.server);
      const next = this.#inbox.shift();
      if (next === undefined) return;
      const peer = next.to === 'a' ? this.client : this.server;
      peer.session.handle(next.event, millis(this.#now));
    }
  }

  /** Lets time pass for both. */
  pass(duration: number): void {
    this.#now += duration;
    for (const { session } of [this.client, this.server]) {
      const deadline = session.deadline();
      if (deadline !== undefined && deadline <= this.#now) session.expire(millis(this.#now));
    }
    this.run();
  }

  /** Hands one transport event to a side, as a faulty peer could cause it. */
  inject(to: 'client' | 'server', event: TransportEvent): void {
    this[to].session.handle(event, millis(this.#now));
    this.run();
  }

  #drain(side: Side, peer: Peer): void {
    for (let effect = peer.session.poll(); effect !== undefined; effect = peer.session.poll()) {
      if (effect.kind === 'event') {
        peer.events.push(effect.event);
      } else {
        peer.commands.push(effect.command);
        this.#wire.apply(side, effect.command);
      }
    }
  }
}

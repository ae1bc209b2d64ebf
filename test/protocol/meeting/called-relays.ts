/** Relays that take calls as the test says, on virtual time, and who calls them. */
import type { MeetingCore } from '../../../src/protocol/meeting/core.ts';
import type { ConnectionId } from '../../../src/protocol/meeting/effects.ts';
import type { ConnectionInput } from '../../../src/protocol/meeting/relay-link.ts';
import { draft18 } from '../../../src/protocol/moqt/draft18/draft18.ts';
import { Session } from '../../../src/protocol/moqt/session.ts';
import type { TransportCommand, TransportEvent } from '../../../src/protocol/moqt/transport.ts';
import { millis, type Millis } from '../../../src/protocol/units.ts';
import { effectsOf } from '../../harness/meeting/core.ts';
import { Peer } from '../../harness/moqt/session-pair.ts';
import { Wire, type Side } from '../../harness/moqt/wire.ts';

/** How a session that stands is established. */
export const ESTABLISHED = {
  transport: 'webtransport',
  protocol: draft18.protocol,
  path: '/',
  authority: 'r',
} as const;

/** Who calls relays and has sessions with them. */
interface Caller {
  take(input: ConnectionInput): unknown;
  drain(): boolean;
  deadline(): Millis | undefined;
  expire(now: Millis): void;
}

/** How a relay takes a call. */
type Manner =
  | 'up'
  /** The transport session stands, and nothing is said on it. */
  | 'mute'
  /** Neither accepts nor refuses: the test answers. */
  | 'slow'
  /** Speaks no draft that we know. */
  | 'foreign';

/** A transport session to a relay. */
export interface Connection {
  readonly id: ConnectionId;
  readonly relay: string;
  /** The relay's end. */
  readonly peer: Peer;
  readonly wire: Wire;
}

/** The relays. What is not in `manners` is down. */
export abstract class CalledRelays {
  readonly manners = new Map<string, Manner>();
  readonly calls: { readonly relay: string; readonly at: number; readonly id: ConnectionId }[] = [];
  readonly connections: Connection[] = [];
  readonly log: string[] = [];
  /** Commands for connections that never stood. */
  readonly strays: TransportCommand[] = [];
  readonly core: MeetingCore;
  abstract readonly link: Caller;
  readonly #inbox: { readonly to: Side; readonly of: Connection; readonly event: TransportEvent }[] = [];

  constructor(core: MeetingCore) {
    this.core = core;
  }

  /** The newest connection. */
  get last(): Connection {
    const connection = this.connections.at(-1);
    if (connection === undefined) throw new Error('no relay was reached');
    return connection;
  }

  /** Carries everything to and fro until all is quiet. */
  settle(): void {
    for (let moving = true; moving;) {
      moving = [this.link.drain(), this.core.tasks.run()].includes(true);
      for (const effect of effectsOf(this.core)) {
        moving = true;
        if (effect.kind === 'connect') this.#call(effect.connection, effect.relay);
        else if (effect.kind === 'transport') this.#command(effect.connection, effect.command);
        else throw new Error(`a link wants no ${effect.kind}`);
      }
      for (const connection of this.connections) moving = this.#drainRelay(connection) || moving;
      const next = this.#inbox.shift();
      if (next === undefined) continue;
      moving = true;
      const { to, of, event } = next;
      if (to === 'a') this.link.take({ kind: 'transport', connection: of.id, event });
      else of.peer.session.handle(event, this.core.tasks.now);
    }
  }

  /** Lets time pass, deadline by deadline. */
  pass(duration: number): void {
    const end = this.core.tasks.after(duration);
    for (;;) {
      const deadlines = [this.link.deadline(), this.core.tasks.deadline()].filter((at) => at !== undefined);
      const deadline = millis(Math.min(...deadlines));
      if (deadline > end) break;
      this.core.tasks.advance(deadline);
      this.link.expire(deadline);
      this.settle();
    }
    this.core.tasks.advance(end);
  }

  /** The newest connection breaks. */
  lose(reason: string): void {
    this.last.wire.apply('b', { kind: 'close', code: 0, reason });
    this.settle();
  }

  #call(id: ConnectionId, relay: string): void {
    this.calls.push({ relay, at: this.core.tasks.now, id });
    this.log.push(`call ${relay}`);
    const manner = this.manners.get(relay);
    if (manner === undefined) this.link.take({ kind: 'connect-failed', connection: id, reason: 'down' });
    else if (manner === 'foreign') this.#established(id, 'other-1');
    else if (manner !== 'slow') this.accept(id, relay);
  }

  /** The transport session stands. */
  accept(id: ConnectionId, relay: string): void {
    const peer = new Peer(
      new Session({ role: 'server', draft: draft18, transport: 'webtransport', now: this.core.tasks.now }),
    );
    const wire = new Wire((to, event) => {
      if (this.manners.get(relay) !== 'mute') this.#inbox.push({ to, of: connection, event });
    });
    const connection: Connection = { id, relay, peer, wire };
    this.connections.push(connection);
    this.#established(id, ESTABLISHED.protocol);
  }

  #established(connection: ConnectionId, protocol: string): void {
    this.link.take({ kind: 'connected', connection, established: { ...ESTABLISHED, protocol } });
  }

  #command(id: ConnectionId, command: TransportCommand): void {
    const connection = this.connections.find((candidate) => candidate.id === id);
    if (connection === undefined) this.strays.push(command);
    else connection.wire.apply('a', command);
  }

  #drainRelay({ peer, wire }: Connection): boolean {
    let any = false;
    for (let effect = peer.session.poll(); effect !== undefined; effect = peer.session.poll()) {
      any = true;
      if (effect.kind === 'event') peer.events.push(effect.event);
      else wire.apply('b', effect.command);
    }
    return any;
  }
}

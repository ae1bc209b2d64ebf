/** A relay core and its clients in memory: real sessions on both sides, a clock and links that only the test moves. */
import { draft18 } from '../../../src/protocol/moqt/draft18/draft18.ts';
import type { RelayLimits } from '../../../src/protocol/relay/limits.ts';
import { openAccess, type RelayPolicy } from '../../../src/protocol/relay/policy.ts';
import { Relay } from '../../../src/protocol/relay/relay.ts';
import { Session } from '../../../src/protocol/moqt/session.ts';
import type { MoqtObject, RequestId } from '../../../src/protocol/moqt/model.ts';
import type { TransportCommand, TransportEvent } from '../../../src/protocol/moqt/transport.ts';
import { millis } from '../../../src/protocol/units.ts';
import type { Millis } from '../../../src/protocol/units.ts';
import { meetingTracks } from '../../../src/services/relay/meeting-tracks.ts';
import { Peer } from '../moqt/session-pair.ts';
import { unchunked, Wire } from '../moqt/wire.ts';

/** A client of the relay, with all that its session told it. */
export class RelayClient extends Peer {
  /** While true nothing of what the relay sends arrives: it stays queued in the relay's transport. */
  stalled = false;

  /** Payloads that arrived for a subscription, as `group/object=text`. */
  objects(id: RequestId): string[] {
    return this.of('object')
      .filter((event) => event.id === id)
      .map(({ object }) => describeObject(object));
  }

  /** Payloads that arrived for a FETCH. */
  fetched(id: RequestId): string[] {
    return this.of('fetch-object')
      .filter((event) => event.id === id)
      .map(({ object }) => describeObject(object));
  }

  /** Why a request was refused, if it was. */
  refusal(id: RequestId): number | undefined {
    return this.of('request-error').find((event) => event.id === id)?.refusal.code;
  }

  /** IDs of the PUBLISHes that came, by track name. */
  offers(): { readonly id: RequestId; readonly name: string; readonly forward: boolean }[] {
    return this.of('request').flatMap(({ request }) =>
      request.kind === 'publish'
        ? [{ id: request.id, name: text(request.track.name), forward: request.forward }]
        : [],
    );
  }
}

interface Link {
  readonly id: number;
  readonly client: RelayClient;
  readonly server: Peer;
  readonly wire: Wire;
  readonly toServer: TransportEvent[];
  toClient: TransportEvent[];
}

export class RelayNet {
  readonly relay: Relay;
  readonly #links: Link[] = [];
  #now = 0;

  constructor(limits: Partial<RelayLimits> = {}, policy: RelayPolicy = { ...meetingTracks, ...openAccess }) {
    this.relay = new Relay(policy, limits);
  }

  get now(): Millis {
    return millis(this.#now);
  }

  /** Connects a client. @param path - names the scope. */
  connect(path = '/'): RelayClient {
    const common = { draft: draft18, transport: 'quic', now: this.now } as const;
    const toServer: TransportEvent[] = [];
    const link: Link = {
      id: this.#links.length + 1,
      client: new RelayClient(new Session({ ...common, role: 'client', path, authority: 'relay.test' })),
      server: new Peer(new Session({ ...common, role: 'server' })),
      wire: new Wire((to, event) => {
        if (to === 'b') toServer.push(event);
        else link.toClient.push(event);
      }, unchunked),
      toServer,
      toClient: [],
    };
    this.#links.push(link);
    this.run();
    return link.client;
  }

  /** What the relay's session with a client commanded its transport. */
  commandsFor(client: RelayClient): readonly TransportCommand[] {
    return this.#links.find((link) => link.client === client)?.server.commands ?? [];
  }

  /** Carries everything to and fro until all is quiet. */
  run(): void {
    for (let moved = true; moved;) {
      moved = false;
      for (const link of this.#links) moved = this.#carry(link) || moved;
      this.relay.send(this.now, (_, run) => {
        run();
      });
      for (const id of this.relay.takeTouched()) {
        const link = this.#links[id - 1];
        if (link !== undefined) this.#drainServer(link);
        moved = true;
      }
    }
  }

  /** Lets time pass, from one deadline of the relay to the next. */
  pass(duration: number): void {
    this.run();
    const end = this.#now + duration;
    while (this.#now < end) {
      const next = this.relay.deadline() ?? end;
      this.#now = Math.min(end, Math.max(this.#now + 1, next));
      this.relay.expire(this.now);
      for (const { client, server } of this.#links) {
        for (const { session } of [client, server]) {
          if ((session.deadline() ?? Infinity) <= this.#now) session.expire(this.now);
        }
      }
      this.run();
    }
  }

  #carry(link: Link): boolean {
    const { client, server } = link;
    let moved = false;
    for (let effect = client.session.poll(); effect !== undefined; effect = client.session.poll()) {
      moved = true;
      if (effect.kind === 'event') client.events.push(effect.event);
      else link.wire.apply('a', effect.command);
    }
    for (const event of link.toServer.splice(0)) {
      moved = true;
      server.session.handle(event, this.now);
    }
    this.#drainServer(link);
    if (client.stalled) return moved;
    for (const event of link.toClient.splice(0)) {
      moved = true;
      client.session.handle(event, this.now);
    }
    return moved;
  }

  #drainServer(link: Link): void {
    const { server, id } = link;
    for (let effect = server.session.poll(); effect !== undefined; effect = server.session.poll()) {
      if (effect.kind === 'event') {
        const { event } = effect;
        server.events.push(event);
        if (event.kind === 'ready') {
          const { session } = server;
          this.relay.attach(
            id,
            { session, queuedBytes: () => queuedBytes(link) },
            event.path ?? '/',
            event.tokens ?? [],
            this.now,
          );
        }
        this.relay.handle(id, event, this.now);
      } else {
        server.commands.push(effect.command);
        if (effect.command.kind === 'reset') dropQueued(link, effect.command.stream + 1);
        link.wire.apply('b', effect.command);
      }
    }
  }
}

/** As QUIC does, a reset takes back what was not sent yet. */
function dropQueued(link: Link, stream: number): void {
  link.toClient = link.toClient.filter((event) => event.kind !== 'data' || event.stream !== stream);
}

function queuedBytes({ toClient }: Link): number {
  let bytes = 0;
  for (const event of toClient) if (event.kind === 'data') bytes += event.bytes.length;
  return bytes;
}

function describeObject({ location, content }: MoqtObject): string {
  const what = content.kind === 'payload' ? shortened(text(content.payload)) : content.status;
  return `${String(location.group)}/${String(location.object)}=${what}`;
}

function shortened(whole: string): string {
  return whole.length > 40 ? `${whole.slice(0, 40)}…` : whole;
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** A relay in virtual time: the real machine over simulated links. Its process may die and come back, with nothing kept. */
import { negotiatedDraft } from '../../../src/protocol/moqt/drafts.ts';
import type { RelayPolicy } from '../../../src/protocol/relay/policy.ts';
import { RelayNode, type RelayEffect, type RelayInput } from '../../../src/protocol/relay/relay-node.ts';
import type { Agenda } from './agenda.ts';
import { Driven } from './driven.ts';
import { Link, type Deliver, type Network } from './link.ts';

/** What clients of simulated relays speak. */
export const PROTOCOL = 'moqt-18';

/** Where a relay runs. */
interface Surroundings {
  readonly agenda: Agenda;
  readonly network: Network;
  readonly random: () => number;
  /** What must never be, and was. */
  readonly broken: string[];
}

/** The relay. `Client`: who may be at the other end of a link. */
export class SimulatedRelay<Client> {
  readonly #around: Surroundings;
  readonly #policy: RelayPolicy;
  readonly #links = new Map<number, { readonly link: Link; readonly client: Client | undefined }>();
  #driven: Driven<RelayInput, RelayEffect> | undefined;
  #node: RelayNode | undefined;
  #nextLink = 1;

  constructor(around: Surroundings, policy: RelayPolicy) {
    this.#around = around;
    this.#policy = policy;
    this.start();
  }

  /** The relay's own numbers; undefined while its process is dead. */
  get node(): RelayNode | undefined {
    return this.#node;
  }

  /** The process dies without a word. */
  kill(): void {
    this.#driven?.stop();
    this.#driven = undefined;
    this.#node = undefined;
    for (const { link } of this.#links.values()) link.kill('b');
    this.#links.clear();
  }

  start(): void {
    const node = new RelayNode(this.#policy);
    this.#node = node;
    this.#driven = new Driven<RelayInput, RelayEffect>(
      node,
      (effect) => {
        this.#perform(effect);
      },
      this.#around.agenda,
    );
    this.#driven.drain();
  }

  /** Nothing passes between it and a client for a while. */
  cut(client: Client, duration: number): void {
    for (const { link, client: whose } of this.#links.values()) if (whose === client) link.cut(duration);
  }

  /** A connection to it, whose end here is side `a`. @param client - whose it is, where that matters. */
  reach(client: Client | undefined, deliver: Deliver): Link {
    const { agenda, network, random } = this.#around;
    const id = this.#nextLink;
    this.#nextLink += 1;
    const link = new Link(agenda, network, random, {
      a: deliver,
      b: (event, isMore) => {
        this.#driven?.feed({ kind: 'transport', connection: id, event }, isMore);
        if (event.kind === 'closed') {
          this.#driven?.feed({ kind: 'gone', connection: id });
          this.#links.delete(id);
        }
      },
    });
    this.#links.set(id, { link, client });
    const draft = negotiatedDraft(PROTOCOL);
    if (draft === undefined) throw new Error('no draft');
    this.#driven?.feed({
      kind: 'accepted',
      connection: id,
      draft,
      transport: 'quic',
      path: '/',
      queuedBytes: () => 0,
    });
    return link;
  }

  #perform(effect: RelayEffect): void {
    const { broken } = this.#around;
    if (effect.kind === 'transport') {
      const { connection, command } = effect;
      this.#links.get(connection)?.link.command('b', command);
      if (command.kind === 'write')
        this.#driven?.feed({ kind: 'queued', connection, stream: command.stream, bytes: 0 });
    }
    if (effect.kind === 'fault') broken.push(`the relay failed: ${String(effect.error)}`);
    if (effect.kind === 'session-closed' && effect.event.clause !== undefined)
      broken.push(`the relay saw a violation: ${effect.event.clause} ${effect.event.reason}`);
  }
}

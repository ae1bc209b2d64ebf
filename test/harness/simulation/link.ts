/** A transport connection in virtual time: latency, retransmission of what is lost, silence, death. */
import type { StreamHandle, TransportCommand, TransportEvent } from '../../../src/protocol/moqt/transport.ts';
import { Wire, type Side } from '../moqt/wire.ts';
import type { Agenda } from './agenda.ts';

/** How a network carries. */
export interface Network {
  /** One way, ms. */
  latency: number;
  /** How many of a hundred pieces are lost on their way and sent again. */
  lossPercent: number;
  /** How many of a hundred streams of a relay never arrive: it does not send what it should. */
  withheldPercent?: number;
}

/** QUIC's loss recovery: a piece that is lost comes this many latencies later. */
const RETRANSMISSION = 3;
/** Silence after which either side gives a session up. */
const IDLE_MS = 7_000;

/** One connection between a client (`a`) and a relay (`b`). */
export class Link {
  readonly #agenda: Agenda;
  readonly #network: Network;
  readonly #random: () => number;
  readonly #deliver: Record<Side, (event: TransportEvent) => void>;
  readonly #wire: Wire;
  /** When the last piece of a stream arrives: pieces of one stream stay in order, those of others do not wait. */
  readonly #arrival = new Map<string, number>();
  /** What is on its way while the network is cut. */
  #held: (() => void)[] | undefined;
  readonly #withheld = new Set<StreamHandle>();
  #over = false;

  constructor(
    agenda: Agenda,
    network: Network,
    random: () => number,
    deliver: Record<Side, (event: TransportEvent) => void>,
  ) {
    this.#agenda = agenda;
    this.#network = network;
    this.#random = random;
    this.#deliver = deliver;
    this.#wire = new Wire((to, event) => {
      this.#carry(to, event);
    });
  }

  command(from: Side, command: TransportCommand): void {
    if (!this.#over) this.#wire.apply(from, command);
  }

  /** Nothing passes for a while; sessions that are silent for too long are given up at both ends. */
  cut(duration: number): void {
    if (this.#over || this.#held !== undefined) return;
    this.#held = [];
    if (duration < IDLE_MS) {
      this.#agenda.after(duration, () => {
        const held = this.#held ?? [];
        this.#held = undefined;
        for (const arrive of held) arrive();
      });
      return;
    }
    this.#agenda.after(IDLE_MS, () => {
      this.#die('a', 'b');
    });
  }

  /** One end stands still for a while, and so does its clock: it notices long after the other that nothing came. */
  freeze(side: Side, duration: number): void {
    if (duration < IDLE_MS) {
      this.cut(duration);
      return;
    }
    this.kill(side);
    this.#agenda.after(duration + IDLE_MS, () => {
      this.#closed(side);
    });
  }

  /** One end's process is gone; the other end notices by silence. */
  kill(side: Side): void {
    if (this.#over) return;
    this.#over = true;
    this.#agenda.after(IDLE_MS, () => {
      this.#closed(side === 'a' ? 'b' : 'a');
    });
  }

  #die(...sides: Side[]): void {
    if (this.#over) return;
    this.#over = true;
    for (const side of sides) this.#closed(side);
  }

  #closed(side: Side): void {
    this.#deliver[side]({ kind: 'closed', code: 0, reason: 'silence', by: 'timeout' });
  }

  #carry(to: Side, event: TransportEvent): void {
    if (event.kind === 'closed' && event.by === 'local') {
      this.#deliver[to](event);
      return;
    }
    const { latency, lossPercent, withheldPercent = 0 } = this.#network;
    if (to === 'a' && this.#isWithheld(event, withheldPercent)) return;
    const isLost = this.#random() * 100 < lossPercent;
    const stream = `${to}${String(streamOf(event) ?? 'datagram')}`;
    // What closes a session comes behind everything.
    const before =
      event.kind === 'closed' ? Math.max(0, ...this.#arrival.values()) : this.#arrival.get(stream);
    const at = Math.max(before ?? 0, this.#agenda.now + latency * (isLost ? 1 + RETRANSMISSION : 1));
    this.#arrival.set(stream, at);
    this.#agenda.at(at, () => {
      const arrive = (): void => {
        if (event.kind === 'closed') this.#over = true;
        this.#deliver[to](event);
      };
      if (this.#held === undefined) {
        if (!this.#over) arrive();
      } else this.#held.push(arrive);
    });
  }

  /** Streams of one direction carry objects. */
  #isWithheld(event: TransportEvent, percent: number): boolean {
    if (percent > 0 && event.kind === 'stream-opened' && event.direction === 'uni') {
      if (this.#random() * 100 < percent) this.#withheld.add(event.stream);
    }
    const stream = streamOf(event);
    return stream !== undefined && this.#withheld.has(stream);
  }
}

function streamOf(event: TransportEvent): StreamHandle | undefined {
  return 'stream' in event ? event.stream : undefined;
}

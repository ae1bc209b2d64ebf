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
  /** How many silences have not ended: sessions that are cut, and ends of sessions that have not noticed that the other one is gone. */
  silences: number;
}

/** What arrives at a time, of one stream. */
interface Arrival {
  readonly at: number;
  readonly events: TransportEvent[];
  /** How much was on the agenda when it was put there. */
  readonly count: number;
}

/** Takes what arrives. @param isMore - more arrives at this very moment. */
export type Deliver = (event: TransportEvent, isMore: boolean) => void;

/** QUIC's loss recovery: a piece that is lost comes this many latencies later. */
const RETRANSMISSION = 3;
/** Silence after which either side gives a session up. */
const IDLE_MS = 7_000;

/** One connection between a client (`a`) and a relay (`b`). */
export class Link {
  readonly #agenda: Agenda;
  readonly #network: Network;
  readonly #random: () => number;
  readonly #deliver: Record<Side, Deliver>;
  readonly #wire: Wire;
  /** The last of a stream that is on its way: pieces of one stream stay in order, those of others do not wait. */
  readonly #arrivals: Record<Side, Map<StreamHandle | undefined, Arrival>> = { a: new Map(), b: new Map() };
  /** When the last piece of all arrives. */
  #lastArrival = 0;
  /** What is on its way while the network is cut. */
  #held: (() => void)[] | undefined;
  readonly #withheld = new Set<StreamHandle>();
  #over = false;

  constructor(agenda: Agenda, network: Network, random: () => number, deliver: Record<Side, Deliver>) {
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
      this.#silence(duration, () => {
        const held = this.#held ?? [];
        this.#held = undefined;
        for (const arrive of held) arrive();
      });
      return;
    }
    this.#silence(IDLE_MS, () => {
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
    this.#silence(duration + IDLE_MS, () => {
      this.#closed(side);
    });
  }

  /** One end's process is gone; the other end notices by silence. */
  kill(side: Side): void {
    if (this.#over) return;
    this.#over = true;
    this.#silence(IDLE_MS, () => {
      this.#closed(side === 'a' ? 'b' : 'a');
    });
  }

  #silence(duration: number, end: () => void): void {
    this.#network.silences += 1;
    this.#agenda.after(duration, () => {
      this.#network.silences -= 1;
      end();
    });
  }

  #die(...sides: Side[]): void {
    if (this.#over) return;
    this.#over = true;
    for (const side of sides) this.#closed(side);
  }

  #closed(side: Side): void {
    this.#deliver[side]({ kind: 'closed', code: 0, reason: 'silence', by: 'timeout' }, false);
  }

  #carry(to: Side, event: TransportEvent): void {
    if (event.kind === 'closed' && event.by === 'local') {
      this.#deliver[to](event, false);
      return;
    }
    const { latency, lossPercent, withheldPercent = 0 } = this.#network;
    if (to === 'a' && this.#isWithheld(event, withheldPercent)) return;
    const isLost = this.#random() * 100 < lossPercent;
    const arrivals = this.#arrivals[to];
    const stream = streamOf(event);
    const known = arrivals.get(stream);
    // What closes a session comes behind everything.
    const before = event.kind === 'closed' ? this.#lastArrival : (known?.at ?? 0);
    const at = Math.max(before, this.#agenda.now + latency * (isLost ? 1 + RETRANSMISSION : 1));
    // What opens a stream brings its first bytes.
    if (known?.at === at && known.count === this.#agenda.count) {
      known.events.push(event);
      return;
    }
    this.#lastArrival = Math.max(this.#lastArrival, at);
    const events = [event];
    this.#agenda.at(at, () => {
      if (arrivals.get(stream)?.events === events) arrivals.delete(stream);
      if (this.#held !== undefined)
        this.#held.push(() => {
          this.#arrive(to, events);
        });
      else if (!this.#over) this.#arrive(to, events);
    });
    arrivals.set(stream, { at, events, count: this.#agenda.count });
  }

  #arrive(to: Side, events: readonly TransportEvent[]): void {
    events.forEach((event, place) => {
      if (event.kind === 'closed') this.#over = true;
      this.#deliver[to](event, place < events.length - 1);
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

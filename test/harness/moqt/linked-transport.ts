/** Two transport sessions that are linked in memory, and a clock that only the test moves. */
import type {
  StreamHandle,
  TransportCommand,
  TransportEvent,
  TransportSession,
} from '../../../src/protocol/moqt/transport.ts';
import { millis } from '../../../src/protocol/units.ts';
import type { Millis } from '../../../src/protocol/units.ts';
import type { Clock } from '../../../src/io/clock.ts';
import { unchunked, Wire } from './wire.ts';
import type { Chunking, Side } from './wire.ts';

/** Time that passes only by {@link VirtualClock.pass}. */
export class VirtualClock implements Clock {
  #now = 0;
  #timers: { at: number; order: number; run: () => void }[] = [];
  #order = 0;

  now(): Millis {
    return millis(this.#now);
  }

  after(duration: Millis, run: () => void): () => void {
    const timer = { at: this.#now + duration, order: this.#order++, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Runs what is due, in order, with the promises that follow from it. */
  async pass(duration: number): Promise<void> {
    const end = this.#now + duration;
    await settled();
    for (;;) {
      const [next] = this.#timers
        .filter(({ at }) => at <= end)
        .sort((a, b) => a.at - b.at || a.order - b.order);
      if (next === undefined) break;
      this.#now = Math.max(this.#now, next.at);
      this.#timers = this.#timers.filter((timer) => timer !== next);
      next.run();
      await settled();
    }
    this.#now = end;
  }
}

/** Lets all promises that can go on do so. */
export async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

/** A transport session whose other end is another one of these. */
export class LinkedTransport implements TransportSession {
  readonly transport: 'quic' | 'webtransport';
  readonly protocol = 'moqt-18';
  readonly path = '/';
  readonly authority = 'relay.test';
  readonly remoteAddress = '127.0.0.1:4443';
  readonly #apply: (command: TransportCommand) => void;
  #inbox: TransportEvent[] = [];
  #wake: (() => void) | undefined;
  #over = false;

  constructor(transport: 'quic' | 'webtransport', apply: (command: TransportCommand) => void) {
    this.transport = transport;
    this.#apply = apply;
  }

  /** An event for this end. */
  deliver(event: TransportEvent): void {
    this.#inbox.push(event);
    this.#wake?.();
  }

  openUni(stream: number, priority: number): void {
    this.#apply({ kind: 'open', stream: stream as StreamHandle, direction: 'uni', priority });
  }

  openBidi(stream: number, priority: number): void {
    this.#apply({ kind: 'open', stream: stream as StreamHandle, direction: 'bidi', priority });
  }

  write(stream: number, bytes: Uint8Array, fin: boolean): number {
    this.#apply({ kind: 'write', stream: stream as StreamHandle, bytes, fin });
    return 0;
  }

  sendObject(stream: number, priority: number, bytes: Uint8Array): number {
    this.#apply({ kind: 'send-object', stream: stream as StreamHandle, priority, bytes });
    return 0;
  }

  setPriority(stream: number, priority: number): void {
    this.#apply({ kind: 'set-priority', stream: stream as StreamHandle, priority });
  }

  reset(stream: number, code: number): void {
    this.#apply({ kind: 'reset', stream: stream as StreamHandle, code });
  }

  stopSending(stream: number, code: number): void {
    this.#apply({ kind: 'stop-sending', stream: stream as StreamHandle, code });
  }

  sendDatagram(bytes: Uint8Array): boolean {
    this.#apply({ kind: 'datagram', bytes });
    return true;
  }

  async next(max: number): Promise<TransportEvent[]> {
    if (this.#over) return [];
    while (this.#inbox.length === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
    const events = this.#inbox.splice(0, max);
    this.#over = events.some(({ kind }) => kind === 'closed');
    return events;
  }

  queuedBytes(): number {
    return 0;
  }

  close(code: number, reason: string): void {
    this.#apply({ kind: 'close', code, reason });
  }
}

/** Two linked ends. With a latency the events of both directions take that long on `clock`. */
export function linkedTransports(
  options: {
    transport?: 'quic' | 'webtransport';
    chunking?: Chunking;
    latency?: { clock: Clock; duration: Millis };
  } = {},
): { client: LinkedTransport; server: LinkedTransport } {
  const { latency } = options;
  const deliver = (to: Side, event: TransportEvent): void => {
    const target = to === 'a' ? client : server;
    if (latency === undefined) target.deliver(event);
    else
      latency.clock.after(latency.duration, () => {
        target.deliver(event);
      });
  };
  const wire = new Wire(deliver, options.chunking ?? unchunked);
  const transport = options.transport ?? 'webtransport';
  const client = new LinkedTransport(transport, (command) => {
    wire.apply('a', command);
  });
  const server = new LinkedTransport(transport, (command) => {
    wire.apply('b', command);
  });
  return { client, server };
}

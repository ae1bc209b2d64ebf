/** Two ends of a transport connection in memory: what one end commands, the other end is told. */
import type { StreamHandle, TransportCommand, TransportEvent } from '../../../src/protocol/moqt/transport.ts';

export type Side = 'a' | 'b';

/** Numbers below 1 that repeat for a seed. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Bytes drawn from such numbers. */
export function randomBytes(random: () => number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 1) bytes[at] = Math.floor(random() * 256);
  return bytes;
}

/** How bytes are cut on their way: the lengths of the pieces. */
export type Chunking = (length: number) => number[];

export const unchunked: Chunking = (length) => [length];
export const bytewise: Chunking = (length) => new Array<number>(length).fill(1);

/** Pieces of random length, the same for a seed. */
export function randomChunks(seed: number): Chunking {
  const random = seededRandom(seed);
  return (length) => {
    const pieces: number[] = [];
    for (let rest = length; rest > 0;) {
      const piece = Math.min(rest, 1 + Math.floor(random() ** 3 * 64));
      pieces.push(piece);
      rest -= piece;
    }
    return pieces;
  };
}

const other = (side: Side): Side => (side === 'a' ? 'b' : 'a');

/** Translates commands of one side into events of the other. Streams opened by a side keep its even handle there. */
export class Wire {
  readonly #deliver: (to: Side, event: TransportEvent) => void;
  readonly #chunking: Chunking;
  readonly #nextOdd = { a: 1, b: 1 };
  /** Handle at the other side, by side and handle. */
  readonly #peers = { a: new Map<number, number>(), b: new Map<number, number>() };
  #closed = false;

  constructor(deliver: (to: Side, event: TransportEvent) => void, chunking: Chunking = unchunked) {
    this.#deliver = deliver;
    this.#chunking = chunking;
  }

  apply(from: Side, command: TransportCommand): void {
    if (this.#closed) return;
    const to = other(from);
    switch (command.kind) {
      case 'open':
        this.#open(from, command.stream, command.direction);
        return;
      case 'send-object':
        this.#open(from, command.stream, 'uni');
        this.#write(from, command.stream, command.bytes, true);
        return;
      case 'write':
        this.#write(from, command.stream, command.bytes, command.fin);
        return;
      case 'reset':
      case 'stop-sending': {
        // A stream that a test injected has no other end.
        const handle = this.#peers[from].get(command.stream) as StreamHandle | undefined;
        if (handle !== undefined)
          this.#deliver(to, { kind: command.kind, stream: handle, code: command.code });
        return;
      }
      case 'datagram':
        this.#deliver(to, { kind: 'datagram', bytes: new Uint8Array(command.bytes) });
        return;
      case 'set-priority':
        return;
      case 'close': {
        this.#closed = true;
        const { code, reason } = command;
        this.#deliver(to, { kind: 'closed', code, reason, by: 'peer' });
        this.#deliver(from, { kind: 'closed', code, reason, by: 'local' });
      }
    }
  }

  #open(from: Side, stream: number, direction: 'bidi' | 'uni'): void {
    const to = other(from);
    const handle = this.#nextOdd[to];
    this.#nextOdd[to] += 2;
    this.#peers[from].set(stream, handle);
    this.#peers[to].set(handle, stream);
    this.#deliver(to, { kind: 'stream-opened', stream: handle as StreamHandle, direction });
  }

  #write(from: Side, stream: number, bytes: Uint8Array, fin: boolean): void {
    const to = other(from);
    const handle = this.#handle(from, stream);
    const pieces = bytes.length === 0 ? [0] : this.#chunking(bytes.length);
    if (pieces.length === 1) {
      // Nobody changes what it has sent.
      this.#deliver(to, { kind: 'data', stream: handle, bytes, fin });
      return;
    }
    let at = 0;
    pieces.forEach((length, index) => {
      const piece = new Uint8Array(bytes.subarray(at, at + length));
      at += length;
      const last = fin && index === pieces.length - 1;
      this.#deliver(to, { kind: 'data', stream: handle, bytes: piece, fin: last });
    });
  }

  #handle(from: Side, stream: number): StreamHandle {
    const handle = this.#peers[from].get(stream);
    if (handle === undefined) throw new Error(`no stream ${String(stream)} at side ${from}`);
    return handle as StreamHandle;
  }
}

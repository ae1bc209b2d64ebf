import { ChunkQueue } from '../chunk-queue.ts';
import type { Frame, MessageStream } from '../draft.ts';
import { violation } from './violations.ts';

/** Cuts a stream into messages: type, 16-bit length, payload. @see moqt-18 #message */
export class FrameReader implements MessageStream {
  readonly #queue: ChunkQueue;

  /** @param queue - bytes of the stream, when some were read before. */
  constructor(queue = new ChunkQueue()) {
    this.#queue = queue;
  }

  get buffered(): number {
    return this.#queue.available;
  }

  push(bytes: Uint8Array): void {
    this.#queue.push(bytes);
  }

  next(): Frame | undefined {
    return this.#queue.read((reader) => {
      const type = reader.vi64();
      if (type > 0xffff_ffffn) throw violation('message', 'the message type is unknown');
      // The payload is copied: it must not keep the chunk it came in.
      return { type: Number(type), payload: new Uint8Array(reader.bytes(reader.u16())) };
    });
  }
}

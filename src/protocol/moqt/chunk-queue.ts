import { ByteReader } from '../bytes/byte-reader.ts';
import { Truncated } from '../bytes/truncated.ts';

/**
 * Bytes of a stream that arrived and are not read yet, kept as the chunks in which they came.
 *
 * Chunks are joined only where a value spans them, so that reading costs time in proportion to the bytes however
 * they were cut.
 */
export class ChunkQueue {
  #chunks: Uint8Array[] = [];
  /** Bytes of the first chunk that were read. */
  #offset = 0;
  #available = 0;
  /** Bytes that must be there before reading again can succeed. */
  #wanted = 1;

  /** Bytes that are there. */
  get available(): number {
    return this.#available;
  }

  /** @param bytes - handed over: views of them may be returned later. */
  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#chunks.push(bytes);
    this.#available += bytes.length;
  }

  /**
   * Reads a value whose length its own bytes tell; nothing is consumed unless all of it is there.
   * @param parse - throws Truncated when the bytes end too early, and keeps no view of them.
   * @returns the value, or undefined when more bytes are needed.
   */
  read<Value>(parse: (reader: ByteReader) => Value): Value | undefined {
    while (this.#available >= this.#wanted) {
      const front = this.#front(this.#wanted);
      const reader = new ByteReader(front);
      try {
        const value = parse(reader);
        this.#consume(reader.offset);
        this.#wanted = 1;
        return value;
      } catch (error) {
        if (!(error instanceof Truncated)) throw error;
        this.#wanted = front.length + error.missing;
      }
    }
    return undefined;
  }

  /**
   * Takes the next bytes.
   * @param length - at most what is available.
   * @returns bytes that belong to the caller; a view of a chunk only where it fills most of that chunk, so that a
   *   small value does not keep a large chunk alive.
   */
  take(length: number): Uint8Array {
    const first = this.#chunks[0];
    if (first === undefined || length === 0) return new Uint8Array(0);
    if (first.length - this.#offset >= length) {
      const { buffer, byteOffset } = first;
      const view = new Uint8Array(buffer, byteOffset + this.#offset, length);
      this.#consume(length);
      return 2 * length >= buffer.byteLength ? view : new Uint8Array(view);
    }
    const joined = new Uint8Array(length);
    this.#copy(joined);
    this.#consume(length);
    return joined;
  }

  /** Drops all bytes that are there. */
  clear(): void {
    this.#chunks = [];
    this.#offset = 0;
    this.#available = 0;
  }

  /** At least `length` bytes in one piece; `length` is at most what is available. */
  #front(length: number): Uint8Array {
    const first = this.#chunks[0] ?? new Uint8Array(0);
    if (first.length - this.#offset >= length)
      return this.#offset === 0 ? first : first.subarray(this.#offset);
    let count = 0;
    let total = -this.#offset;
    while (total < length) {
      total += this.#chunks[count]?.length ?? length;
      count += 1;
    }
    const joined = new Uint8Array(total);
    this.#copy(joined);
    this.#chunks.splice(0, count, joined);
    this.#offset = 0;
    return joined;
  }

  #copy(target: Uint8Array): void {
    let at = 0;
    for (let index = 0; at < target.length; index += 1) {
      const chunk = this.#chunks[index];
      if (chunk === undefined) return;
      const from = index === 0 ? this.#offset : 0;
      const part = chunk.subarray(from, from + target.length - at);
      target.set(part, at);
      at += part.length;
    }
  }

  #consume(length: number): void {
    this.#available -= length;
    let rest = this.#offset + length;
    let count = 0;
    while (count < this.#chunks.length && rest >= (this.#chunks[count]?.length ?? 0)) {
      rest -= this.#chunks[count]?.length ?? 0;
      count += 1;
    }
    if (count > 0) this.#chunks.splice(0, count);
    this.#offset = rest;
  }
}

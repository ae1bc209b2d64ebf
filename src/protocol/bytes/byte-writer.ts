import { invariant } from '../errors.ts';
import { MAX_VI64, MAX_VI64_LENGTH, putVi64 } from './vi64.ts';

/** Buffers that were written, empty again: nearly all that is encoded is small, and made for each packet. */
const spare: Uint8Array[] = [];
const MOST_SPARE = 8;
const SPARE_BYTES = 1_024;

/** Appends big-endian integers and byte strings to a growing byte array. */
export class ByteWriter {
  #buffer: Uint8Array;
  #length = 0;
  /** What was handed out is not ours any more. */
  #isFinished = false;

  /** @param capacity - bytes to make room for at first; it grows by itself. */
  constructor(capacity = 64) {
    this.#buffer =
      capacity > SPARE_BYTES ? new Uint8Array(capacity) : (spare.pop() ?? new Uint8Array(SPARE_BYTES));
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** @param value - 0 to 255. */
  u8(value: number): this {
    return this.#uint(value, 1);
  }

  /** @param value - 0 to 2^16 - 1. */
  u16(value: number): this {
    return this.#uint(value, 2);
  }

  /** @param value - 0 to 2^32 - 1. */
  u32(value: number): this {
    return this.#uint(value, 4);
  }

  /** @param value - 0 to 2^64 - 1. */
  u64(value: bigint): this {
    invariant(value >= 0n && value <= MAX_VI64, 'a u64 is between 0 and 2^64 - 1');
    return this.#uint(Number(value >> 32n), 4).#uint(Number(value & 0xffff_ffffn), 4);
  }

  /**
   * A variable-length integer in its shortest form.
   * @param value - 0 to 2^64 - 1; a number must be a safe integer.
   */
  vi64(value: bigint | number): this {
    this.#reserve(MAX_VI64_LENGTH);
    this.#length = putVi64(this.#buffer, this.#length, value);
    return this;
  }

  /** @param bytes - copied. */
  bytes(bytes: Uint8Array): this {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  /**
   * The length as vi64, then the bytes.
   * @param bytes - copied.
   */
  lengthPrefixed(bytes: Uint8Array): this {
    return this.vi64(bytes.length).bytes(bytes);
  }

  /** What was written, as a fresh array that later writes do not touch. */
  finish(): Uint8Array {
    const written = this.#buffer.slice(0, this.#length);
    if (!this.#isFinished && this.#buffer.length === SPARE_BYTES && spare.length < MOST_SPARE) {
      this.#buffer.fill(0, 0, this.#length);
      spare.push(this.#buffer);
    }
    // It has no room, so that whatever is written later grows into another one.
    this.#buffer = written;
    this.#isFinished = true;
    return written;
  }

  #uint(value: number, length: number): this {
    invariant(
      Number.isInteger(value) && value >= 0 && value < 2 ** (8 * length),
      'the integer fits its bytes',
    );
    this.#reserve(length);
    for (let at = this.#length + length - 1, rest = value; at >= this.#length; at -= 1) {
      this.#buffer[at] = rest & 0xff;
      rest = Math.floor(rest / 256);
    }
    this.#length += length;
    return this;
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#buffer.length) return;
    const grown = new Uint8Array(Math.max(needed, 2 * this.#buffer.length));
    grown.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = grown;
  }
}

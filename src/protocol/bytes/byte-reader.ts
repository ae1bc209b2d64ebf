import { OutOfRange } from './out-of-range.ts';
import { Truncated } from './truncated.ts';
import { vi64LengthOf } from './vi64.ts';

/**
 * Reads big-endian integers and byte strings from the front of a byte array.
 *
 * A read that fails leaves the reader where it was. The array is borrowed: views that {@link ByteReader.bytes}
 * returns share its memory and are valid as long as its owner leaves it alone.
 */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #offset = 0;

  /** @param bytes - read, never written. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Bytes read so far. */
  get offset(): number {
    return this.#offset;
  }

  /** Bytes left to read. */
  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  /**
   * One byte.
   * @throws {Truncated} at the end.
   */
  u8(): number {
    return this.#uint(1);
  }

  /**
   * Two bytes, big-endian.
   * @throws {Truncated} when fewer remain.
   */
  u16(): number {
    return this.#uint(2);
  }

  /**
   * Four bytes, big-endian.
   * @throws {Truncated} when fewer remain.
   */
  u32(): number {
    return this.#uint(4);
  }

  /**
   * Eight bytes, big-endian.
   * @throws {Truncated} when fewer remain.
   */
  u64(): bigint {
    this.#need(8);
    return (BigInt(this.#uint(4)) << 32n) | BigInt(this.#uint(4));
  }

  /**
   * A variable-length integer of any length, shortest or not.
   * @throws {Truncated} when its bytes are not all there.
   * @see moqt-18 #variable-length-integers
   */
  vi64(): bigint {
    const length = this.#vi64Length();
    if (length < 8) return BigInt(this.#vi64Body(length));
    const high = this.#bytesAsNumber(this.#offset + 1, length - 5);
    const low = this.#bytesAsNumber(this.#offset + length - 4, 4);
    this.#offset += length;
    return (BigInt(high) << 32n) | BigInt(low);
  }

  /**
   * A variable-length integer that has to fit a bound, such as a length or a count.
   * @param max - largest value allowed; at most 2^53 - 1.
   * @throws {Truncated} when its bytes are not all there.
   * @throws {OutOfRange} when it is larger than `max`.
   */
  vi64Number(max: number = Number.MAX_SAFE_INTEGER): number {
    const start = this.#offset;
    const length = this.#vi64Length();
    const value = length < 8 ? this.#vi64Body(length) : this.vi64();
    if (value <= max) return Number(value);
    this.#offset = start;
    throw new OutOfRange(max);
  }

  /**
   * The next bytes, as a view of the array that is read.
   * @throws {Truncated} when fewer than `length` remain.
   */
  bytes(length: number): Uint8Array {
    this.#need(length);
    const start = this.#offset;
    this.#offset += length;
    return this.#bytes.subarray(start, this.#offset);
  }

  /**
   * A vi64 length and as many bytes, as a view.
   * @param max - largest length allowed; a larger one fails before its bytes are waited for.
   * @throws {Truncated} when not all is there.
   * @throws {OutOfRange} when the length is larger than `max`.
   */
  lengthPrefixed(max: number): Uint8Array {
    const start = this.#offset;
    const length = this.vi64Number(max);
    const missing = length - this.remaining;
    if (missing <= 0) return this.bytes(length);
    this.#offset = start;
    throw new Truncated(missing);
  }

  /** All that remains, as a view; the reader is at its end afterwards. */
  rest(): Uint8Array {
    return this.bytes(this.remaining);
  }

  #need(length: number): void {
    const missing = length - this.remaining;
    if (missing > 0) throw new Truncated(missing);
  }

  #uint(length: number): number {
    this.#need(length);
    const value = this.#bytesAsNumber(this.#offset, length);
    this.#offset += length;
    return value;
  }

  /** Length of the vi64 ahead, whose bytes are then known to be there. */
  #vi64Length(): number {
    this.#need(1);
    const length = vi64LengthOf(this.#byteAt(this.#offset));
    this.#need(length);
    return length;
  }

  /** Value of a vi64 below 2^49: 1 to 7 bytes. */
  #vi64Body(length: number): number {
    const first = this.#byteAt(this.#offset) & (0xff >>> length);
    const value = first * 2 ** (8 * (length - 1)) + this.#bytesAsNumber(this.#offset + 1, length - 1);
    this.#offset += length;
    return value;
  }

  #bytesAsNumber(offset: number, length: number): number {
    let value = 0;
    for (let at = offset; at < offset + length; at += 1) value = value * 256 + this.#byteAt(at);
    return value;
  }

  #byteAt(offset: number): number {
    // Only reached behind #need; the default serves the type checker.
    return this.#bytes[offset] ?? 0;
  }
}

/** Base64 with padding, for bytes inside JSON: by table, as a Commit may have 512 KiB. */

import { decodeUtf8, encodeUtf8 } from '../bytes/utf8.ts';
import { invariant } from '../errors.ts';

const ALPHABET = encodeUtf8('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');
const PAD = 0x3d;
const NO_DIGIT = 64;
const DIGITS = new Uint8Array(256).fill(NO_DIGIT);
ALPHABET.forEach((character, digit) => {
  DIGITS[character] = digit;
});

/** @see RFC 4648 section 4 */
export function encodeBase64(bytes: Uint8Array): string {
  const characters = new Uint8Array(Math.ceil(bytes.length / 3) * 4).fill(PAD);
  for (let from = 0, to = 0; from < bytes.length; from += 3, to += 4) {
    const left = bytes.length - from;
    const word = ((bytes[from] ?? 0) << 16) | ((bytes[from + 1] ?? 0) << 8) | (bytes[from + 2] ?? 0);
    characters[to] = ALPHABET[word >> 18] ?? 0;
    characters[to + 1] = ALPHABET[(word >> 12) & 63] ?? 0;
    if (left > 1) characters[to + 2] = ALPHABET[(word >> 6) & 63] ?? 0;
    if (left > 2) characters[to + 3] = ALPHABET[word & 63] ?? 0;
  }
  const text = decodeUtf8(characters);
  invariant(text !== undefined, 'base64 is ASCII');
  return text;
}

/**
 * Each byte string has one text only: padding is asked for, and unused bits must be zero.
 * @returns fresh bytes, or `undefined` when `text` is not base64.
 * @see RFC 4648 section 4
 */
export function decodeBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0) return undefined;
  const digits = text.endsWith('==') ? text.length - 2 : text.endsWith('=') ? text.length - 1 : text.length;
  const bytes = new Uint8Array(Math.floor((digits * 3) / 4));
  let word = 0;
  let bits = 0;
  let to = 0;
  for (let from = 0; from < digits; from += 1) {
    const digit = DIGITS[text.charCodeAt(from)] ?? NO_DIGIT;
    if (digit === NO_DIGIT) return undefined;
    word = ((word << 6) | digit) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[to] = word >> bits;
    to += 1;
  }
  const unused = word & ((1 << bits) - 1);
  return unused === 0 ? bytes : undefined;
}

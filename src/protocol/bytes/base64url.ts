const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** The two characters of each 12 bits. */
const PAIRS = Array.from(
  { length: 64 * 64 },
  (_, bits) => ALPHABET.charAt(bits >> 6) + ALPHABET.charAt(bits & 63),
);
/** What a character stands for, by its code; that of none of the alphabet is larger than 63. */
const VALUES = new Uint8Array(128).fill(64);
for (let value = 0; value < 64; value += 1) VALUES[ALPHABET.charCodeAt(value)] = value;

/**
 * Base64url without padding.
 * @see RFC 4648 section 5
 */
export function encodeBase64Url(bytes: Uint8Array): string {
  let text = '';
  const whole = bytes.length - (bytes.length % 3);
  for (let at = 0; at < whole; at += 3) {
    const [first, second, third] = [bytes[at] ?? 0, bytes[at + 1] ?? 0, bytes[at + 2] ?? 0];
    text += (PAIRS[(first << 4) | (second >> 4)] ?? '') + (PAIRS[((second & 15) << 8) | third] ?? '');
  }
  const [first = 0, second] = bytes.subarray(whole);
  if (whole === bytes.length) return text;
  if (second === undefined) return text + (PAIRS[first << 4] ?? '');
  return text + (PAIRS[(first << 4) | (second >> 4)] ?? '') + ALPHABET.charAt((second & 15) << 2);
}

/**
 * Bytes of a base64url text without padding. Each byte string has one text only: a text with unused bits set
 * is refused, so that names compared as texts and as bytes agree.
 * @returns fresh bytes, or `undefined` when `text` is not such a text.
 */
export function decodeBase64Url(text: string): Uint8Array | undefined {
  if (text.length % 4 === 1) return undefined;
  const bytes = new Uint8Array(Math.floor((text.length * 6) / 8));
  let pending = 0;
  let bits = 0;
  let length = 0;
  for (let at = 0; at < text.length; at += 1) {
    const value = VALUES[text.charCodeAt(at)] ?? 64;
    if (value > 63) return undefined;
    pending = (pending << 6) | value;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[length] = pending >> bits;
    length += 1;
    pending &= (1 << bits) - 1;
  }
  return pending === 0 ? bytes : undefined;
}

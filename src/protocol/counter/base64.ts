import { decodeBase64Url, encodeBase64Url } from '../bytes/base64url.ts';

/**
 * Base64 with padding, for bytes inside JSON.
 * @see RFC 4648 section 4
 */
export function encodeBase64(bytes: Uint8Array): string {
  const text = encodeBase64Url(bytes).replaceAll('-', '+').replaceAll('_', '/');
  return text.padEnd(Math.ceil(text.length / 4) * 4, '=');
}

/**
 * Bytes of a base64 text with padding; each byte string has one text only.
 * @returns fresh bytes, or `undefined` when `text` is not such a text.
 */
export function decodeBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0 || /[-_]/.test(text)) return undefined;
  return decodeBase64Url(
    text
      .replace(/={1,2}$/, '')
      .replaceAll('+', '-')
      .replaceAll('/', '_'),
  );
}

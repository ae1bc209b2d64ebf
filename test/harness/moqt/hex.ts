import { decodeHex } from '../../../src/protocol/bytes/hex.ts';

/** Bytes of hexadecimal text; blanks do not matter. */
export function bytesOf(...texts: readonly string[]): Uint8Array {
  const bytes = decodeHex(texts.join('').replace(/\s/gu, ''));
  if (bytes === undefined) throw new Error(`not hexadecimal: ${texts.join('')}`);
  return bytes;
}

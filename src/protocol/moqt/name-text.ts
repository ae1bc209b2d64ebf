/**
 * Namespaces as text, one canonical text for each.
 * @see moqt-18 #representing-namespace-and-track-names
 */
import { encodeHex } from '../bytes/hex.ts';
import type { TrackNamespace } from './model.ts';

const isLiteral = (byte: number): boolean =>
  (byte >= 0x61 && byte <= 0x7a) ||
  (byte >= 0x41 && byte <= 0x5a) ||
  (byte >= 0x30 && byte <= 0x39) ||
  byte === 0x5f;

/** The fields with hyphens between them; bytes other than letters, digits and `_` as `.` and two hex digits. */
export function namespaceText(namespace: TrackNamespace): string {
  return namespace.map(fieldText).join('-');
}

function fieldText(field: Uint8Array): string {
  let text = '';
  for (const byte of field)
    text += isLiteral(byte) ? String.fromCharCode(byte) : `.${encodeHex(Uint8Array.of(byte))}`;
  return text;
}

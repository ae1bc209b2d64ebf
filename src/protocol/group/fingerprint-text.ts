import type { Fingerprint } from './names.ts';

/** Groups of digits that people compare. */
export const FINGERPRINT_GROUPS = 8;

/** A fingerprint for people: 8 groups of five digits, about 132 bits, each from 4 bytes of it. */
export function fingerprintGroups(fingerprint: Fingerprint): string[] {
  const view = new DataView(fingerprint.buffer, fingerprint.byteOffset, fingerprint.length);
  return Array.from({ length: FINGERPRINT_GROUPS }, (_, at) =>
    String(view.getUint32(4 * at) % 100_000).padStart(5, '0'),
  );
}

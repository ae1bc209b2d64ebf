import { createHash } from 'node:crypto';

/** Groups of digits that people compare. */
export const FINGERPRINT_GROUPS = 8;

/** SHA-256 of a signature public key, 32 bytes: what names a member. */
export function fingerprintOf(signaturePublicKey: Uint8Array): Uint8Array {
  return Uint8Array.from(createHash('sha256').update(signaturePublicKey).digest());
}

/**
 * A fingerprint for people: 8 groups of five digits, about 132 bits, each from 4 bytes of it.
 * @param fingerprint - of {@link fingerprintOf}.
 */
export function fingerprintGroups(fingerprint: Uint8Array): string[] {
  const view = new DataView(fingerprint.buffer, fingerprint.byteOffset, fingerprint.length);
  return Array.from({ length: FINGERPRINT_GROUPS }, (_, at) =>
    String(view.getUint32(4 * at) % 100_000).padStart(5, '0'),
  );
}

/** A hue, 0 to 359, for the avatar of a fingerprint. */
export function fingerprintHue(fingerprint: Uint8Array): number {
  return (((fingerprint[0] ?? 0) << 8) | (fingerprint[1] ?? 0)) % 360;
}

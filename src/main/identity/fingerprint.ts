import type { Fingerprint } from '../../protocol/group/names.ts';

/** A hue, 0 to 359, for the avatar of a fingerprint. */
export function fingerprintHue(fingerprint: Fingerprint): number {
  return (((fingerprint[0] ?? 0) << 8) | (fingerprint[1] ?? 0)) % 360;
}

/** Comparing names. @see moqt-18 #track-name */
import { equal } from '../bytes/equal.ts';
import { encodeHex } from '../bytes/hex.ts';
import type { FullTrackName, TrackNamespace } from './model.ts';

const PERIOD = 0x2e;
const SESSION_FIELD = '.session';

/** A text that is equal for equal namespaces only. */
export function namespaceKey(namespace: TrackNamespace): string {
  return namespace.map(encodeHex).join('-');
}

/** A text that is equal for equal track names only. */
export function trackKey(track: FullTrackName): string {
  return `${namespaceKey(track.namespace)}--${encodeHex(track.name)}`;
}

/** Whether `prefix` is a prefix of, or equal to, `namespace`. */
export function hasPrefix(namespace: TrackNamespace, prefix: TrackNamespace): boolean {
  return (
    prefix.length <= namespace.length &&
    prefix.every((field, index) => equal(field, namespace[index] ?? new Uint8Array(0)))
  );
}

/** Whether some namespace could have both prefixes. */
export function prefixesOverlap(a: TrackNamespace, b: TrackNamespace): boolean {
  return a.length <= b.length ? hasPrefix(b, a) : hasPrefix(a, b);
}

/**
 * Whether no application may see this namespace: `.` is unusable, and we define no `.session` tracks.
 * @see moqt-18 #reserved-namespaces, #session-level-tracks
 */
export function isReserved(namespace: TrackNamespace): boolean {
  const first = namespace[0];
  if (first?.[0] !== PERIOD) return false;
  return first.length === 1 || String.fromCharCode(...first) === SESSION_FIELD;
}

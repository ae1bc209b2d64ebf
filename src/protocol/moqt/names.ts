/** Comparing names, and names as keys of maps. @see moqt-18 #track-name */
import { equal } from '../bytes/equal.ts';
import type { Brand } from '../units.ts';
import type { FullTrackName, TrackNamespace } from './model.ts';

const PERIOD = 0x2e;
const SESSION_FIELD = '.session';

/** A namespace as a key of maps: equal for equal namespaces only. */
export type NamespaceKey = Brand<string, 'NamespaceKey'>;
/** A full track name as a key of maps: equal for equal names only. */
export type TrackNameKey = Brand<string, 'TrackNameKey'>;

/** The key of a namespace. */
export function namespaceKey(namespace: TrackNamespace): NamespaceKey {
  let key = '';
  for (const field of namespace) key += fieldKey(field);
  return key as NamespaceKey;
}

/** The length, by which the key says where it ends, and the bytes, each as a character. Names are looked up for each request. */
function fieldKey(field: Uint8Array): string {
  return String.fromCharCode(field.length) + (Reflect.apply(String.fromCharCode, undefined, field) as string);
}

/** The key of a full track name. */
export function trackNameKey(track: FullTrackName): TrackNameKey {
  const { namespace, name } = track;
  return (String.fromCharCode(namespace.length) + namespaceKey(namespace) + fieldKey(name)) as TrackNameKey;
}

/** The keys of all prefixes of a namespace, from the empty one to the whole. */
export function prefixKeys(namespace: TrackNamespace): NamespaceKey[] {
  let key = '';
  const keys = [key as NamespaceKey];
  for (const field of namespace) {
    key += namespaceKey([field]);
    keys.push(key as NamespaceKey);
  }
  return keys;
}

/** Whether a namespace has a prefix, or is equal to it, told by their keys. */
export function keyHasPrefix(key: NamespaceKey, prefix: NamespaceKey): boolean {
  return key.startsWith(prefix);
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

/** Keys of namespaces and tracks, prefix matching, and what the relay knows of a track by its name. */
import type { Brand } from '../../units.ts';
import { encodeHex } from '../../bytes/hex.ts';
import { decodeUtf8 } from '../../bytes/utf8.ts';
import type { FullTrackName, TrackNamespace } from '../model.ts';

/** Text form of a namespace; one is a prefix of another exactly when its fields are. */
export type NamespaceKey = Brand<string, 'NamespaceKey'>;
/** Text form of a full track name. */
export type TrackKey = Brand<string, 'TrackKey'>;

/**
 * How the relay treats a track:
 * - `mls`: kept for late arrivals after its publisher left, and never dropped on the way;
 * - `control`: never dropped on the way;
 * - `media`: late groups give way to newer ones.
 */
export type TrackClass = 'mls' | 'control' | 'media';

/** Key of the first `fields` fields of a namespace (default: all). */
export function namespaceKey(namespace: TrackNamespace, fields = namespace.length): NamespaceKey {
  let key = '';
  for (let at = 0; at < fields; at += 1) key += `${encodeHex(namespace[at] ?? new Uint8Array())}.`;
  return key as NamespaceKey;
}

/** Key of a full track name. */
export function trackKey(track: FullTrackName): TrackKey {
  return `${namespaceKey(track.namespace)}/${encodeHex(track.name)}` as TrackKey;
}

/** Keys of all prefixes of a namespace, from the empty one to the whole. */
export function prefixKeys(namespace: TrackNamespace): NamespaceKey[] {
  const keys = ['' as NamespaceKey];
  let key = '';
  for (const field of namespace) {
    key += `${encodeHex(field)}.`;
    keys.push(key as NamespaceKey);
  }
  return keys;
}

/** Whether `prefix` is a prefix of `key`, field by field. @see moqt-18 #publisher-interactions */
export function hasPrefix(key: NamespaceKey, prefix: NamespaceKey): boolean {
  return key.startsWith(prefix);
}

/** The treatment of a track. Tracks of a meeting are told by the shape of their names (docs/protocol.md). */
export function classifyTrack(track: FullTrackName): TrackClass {
  const kind = text(track.namespace[1]);
  switch (track.namespace.length) {
    case 1:
      return text(track.name) === 'commits' ? 'mls' : 'media';
    case 2:
      return kind === 'keypackages' || kind === 'welcome' ? 'mls' : 'media';
    case 4:
      return kind === 'control' ? 'control' : 'media';
    default:
      return 'media';
  }
}

function text(field: Uint8Array | undefined): string | undefined {
  return field === undefined ? undefined : decodeUtf8(field);
}

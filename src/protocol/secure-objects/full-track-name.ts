import { ByteWriter } from '../bytes/byte-writer.ts';
import type { FullTrackName } from '../moqt/model.ts';

/**
 * The serialised full track name that keys and AAD are bound to: `vi64(number of namespace fields)`, each field
 * and the name with its length before it. No two names have the same bytes.
 * @param track - copied.
 * @see draft-ietf-moq-secure-objects-01 #ftn
 */
export function encodeFullTrackName(track: FullTrackName): Uint8Array {
  const writer = new ByteWriter(256).vi64(track.namespace.length);
  for (const field of track.namespace) writer.lengthPrefixed(field);
  return writer.lengthPrefixed(track.name).finish();
}

/**
 * What is authenticated besides the payload. The names of the track are not among it: the keys are bound to them.
 * @see draft-ietf-moq-secure-objects-01 #aad
 * @see docs/protocol.md #one-object
 */
import { invariant } from '../errors.ts';
import type { GroupId, ObjectId } from '../moqt/model.ts';
import { putLocation } from './location.ts';

/** Name of the encoding that this code seals and opens; the members of a meeting agree on it. */
export const PROFILE = '01';

/** What of an object's header is authenticated. */
export interface ObjectHeader {
  readonly group: GroupId;
  readonly object: ObjectId;
  /** Publisher priority, 0 to 255, as a receiver sees it: of the object, or what its track says. */
  readonly priority: number;
}

/** Bytes of an AAD before the Immutable Properties. */
export const AAD_HEADER_LENGTH = 13;

/**
 * Writes an AAD to the front of `target`, which has room for it.
 * @param immutable - value of the Immutable Properties, the Key ID among them, byte for byte as published.
 * @returns length of the AAD.
 */
export function putAad(target: Uint8Array, header: ObjectHeader, immutable: Uint8Array): number {
  const { group, object, priority } = header;
  invariant(priority >= 0 && priority <= 255, 'a priority has 8 bits');
  putLocation(target, group, object);
  target[12] = priority;
  target.set(immutable, AAD_HEADER_LENGTH);
  return AAD_HEADER_LENGTH + immutable.length;
}

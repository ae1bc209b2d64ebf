/**
 * What is authenticated besides the payload. A later text of the draft builds other bytes, so this one function
 * is chosen by the profile that the members of a meeting agreed on.
 * @see draft-ietf-moq-secure-objects (2026-03) #aad
 */
import { ByteWriter } from '../bytes/byte-writer.ts';
import type { GroupId, ObjectId } from '../moqt/model.ts';

/** What an AAD speaks of. */
export interface AadInput {
  readonly keyId: bigint;
  readonly group: GroupId;
  readonly object: ObjectId;
  /** Of `encodeFullTrackName`. */
  readonly fullTrackName: Uint8Array;
  /** Value of the Immutable Properties, byte for byte as published. */
  readonly immutable: Uint8Array;
}

/** Builds an AAD in fresh bytes. */
export type AadBuilder = (input: AadInput) => Uint8Array;

/** Names of the encodings that a meeting may agree on. */
export type ProfileId = '2026-03';

/** The AAD of each profile. */
export const AAD_BUILDERS: Readonly<Record<ProfileId, AadBuilder>> = { '2026-03': aad202603 };

/** Whether a text read from somewhere names a profile we have. */
export function isProfileId(text: string): text is ProfileId {
  return Object.hasOwn(AAD_BUILDERS, text);
}

function aad202603({ keyId, group, object, fullTrackName, immutable }: AadInput): Uint8Array {
  return new ByteWriter(27 + fullTrackName.length + immutable.length)
    .vi64(keyId)
    .vi64(group)
    .vi64(object)
    .bytes(fullTrackName)
    .bytes(immutable)
    .finish();
}

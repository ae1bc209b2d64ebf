/**
 * What is authenticated besides the payload. A later text of the draft builds other bytes, so this one function
 * is chosen by the profile that the members of a meeting agreed on.
 * @see draft-ietf-moq-secure-objects (2026-03) #aad
 */
import { MAX_VI64_LENGTH, putVi64 } from '../bytes/vi64.ts';
import type { GroupId, ObjectId } from '../moqt/model.ts';

/** What an AAD covers. */
export interface AadInput {
  readonly keyId: bigint;
  readonly group: GroupId;
  readonly object: ObjectId;
  /** Of `encodeFullTrackName`. */
  readonly fullTrackName: Uint8Array;
  /** Value of the Immutable Properties, byte for byte as published. */
  readonly immutable: Uint8Array;
}

/**
 * Writes an AAD to the front of `target`, which has room for {@link maxAadLength}.
 * @returns length of the AAD.
 */
export type AadBuilder = (target: Uint8Array, input: AadInput) => number;

/** Room that an AAD takes at most. */
export function maxAadLength(fullTrackNameLength: number, immutableLength: number): number {
  return 3 * MAX_VI64_LENGTH + fullTrackNameLength + immutableLength;
}

/** Names of the encodings that a meeting may agree on. */
export type ProfileId = '2026-03';

/** The AAD of each profile. */
export const AAD_BUILDERS: Readonly<Record<ProfileId, AadBuilder>> = { '2026-03': aad202603 };

/** Whether a text read from somewhere names a profile we have. */
export function isProfileId(text: string): text is ProfileId {
  return Object.hasOwn(AAD_BUILDERS, text);
}

function aad202603(target: Uint8Array, { keyId, group, object, fullTrackName, immutable }: AadInput): number {
  let offset = putVi64(target, 0, keyId);
  offset = putVi64(target, offset, group);
  offset = putVi64(target, offset, object);
  target.set(fullTrackName, offset);
  offset += fullTrackName.length;
  target.set(immutable, offset);
  return offset + immutable.length;
}

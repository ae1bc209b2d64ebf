/**
 * The proof, in a KeyPackage, that its owner knows the invitation's secret, and the name that it shows at the door
 * (KeyPackage extension 0xF0C3): `HMAC-SHA256(join proof key, group || signature key || init key || leaf extension) ||
 * nonce || sealed display name`.
 * @see docs/protocol.md#mls
 */
import { concat } from '../bytes/concat.ts';
import { equal } from '../bytes/equal.ts';
import type { GroupCrypto } from './crypto-port.ts';

/** KeyPackage extension that carries proof and name. */
export const INVITATION_PROOF_EXTENSION = 0xf0c3;
/** Bytes of the proof, before the sealed name. */
export const PROOF_BYTES = 32;
/** A display name sealed with AES-128-GCM, behind its nonce: in bytes. */
export const SEALED_NAME_BYTES = { nonce: 12, tag: 16, step: 64, most: 12 + 256 + 16 } as const;

/** What a proof is about. */
export interface ProofSubject {
  /** See `RoomKeys`. */
  readonly joinProofKey: Uint8Array;
  /** The MLS group id asked for. */
  readonly group: Uint8Array;
  /** The joiner's signature public key. */
  readonly signatureKey: Uint8Array;
  /** The KeyPackage's init key. */
  readonly initKey: Uint8Array;
  /** Value of the leaf's extension 0xF0C2. */
  readonly leafExtension: Uint8Array;
}

/** What was found wrong with a proof; `valid` when nothing was. */
export type ProofVerdict = 'valid' | 'malformed' | 'forged';

/** Makes the value of extension 0xF0C3. @param sealedName - nonce, ciphertext and tag. */
export function makeInvitationProof(
  subject: ProofSubject,
  sealedName: Uint8Array,
  crypto: Pick<GroupCrypto, 'hmacSha256'>,
): Uint8Array {
  return concat(tagOf(subject, crypto), sealedName);
}

/** Checks a proof. Whether the name can be opened is not looked at: the KeyPackage's signature is over it. */
export function checkInvitationProof(
  value: Uint8Array,
  subject: ProofSubject,
  crypto: Pick<GroupCrypto, 'hmacSha256'>,
): ProofVerdict {
  const name = value.length - PROOF_BYTES;
  const { nonce, tag, most } = SEALED_NAME_BYTES;
  if (name < nonce + tag || name > most) return 'malformed';
  return equal(value.subarray(0, PROOF_BYTES), tagOf(subject, crypto)) ? 'valid' : 'forged';
}

function tagOf(subject: ProofSubject, crypto: Pick<GroupCrypto, 'hmacSha256'>): Uint8Array {
  const { joinProofKey, group, signatureKey, initKey, leafExtension } = subject;
  return crypto.hmacSha256(joinProofKey, concat(group, signatureKey, initKey, leafExtension));
}

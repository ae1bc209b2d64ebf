/**
 * The proof, in a KeyPackage, that its owner knows the invitation's secret (extension 0xF0C2).
 * @see docs/protocol.md#mls
 */
import { concat } from '../bytes/concat.ts';
import { ByteReader } from '../bytes/byte-reader.ts';
import { ByteWriter } from '../bytes/byte-writer.ts';
import { equal } from '../bytes/equal.ts';
import type { UnixMillis } from '../units.ts';
import type { GroupCrypto } from './crypto-port.ts';

/** KeyPackage extension that carries the proof. */
export const INVITATION_PROOF_EXTENSION = 0xf0c2;
/** How far ahead a proof may end, in milliseconds. */
export const MAX_PROOF_LIFETIME = 10 * 60_000;
/** Bytes of a proof. */
export const PROOF_BYTES = 8 + 32;

/** What a proof is about. */
export interface ProofSubject {
  /** See `RoomKeys`. */
  readonly joinProofKey: Uint8Array;
  /** The MLS group id asked for. */
  readonly group: Uint8Array;
  /** The joiner's signature public key. */
  readonly signatureKey: Uint8Array;
}

/** What was found wrong with a proof; `valid` when nothing was. */
export type ProofVerdict = 'valid' | 'malformed' | 'forged' | 'expired' | 'too-far-ahead';

/**
 * Makes the value of extension 0xF0C2.
 * @param notAfter - at most {@link MAX_PROOF_LIFETIME} ahead.
 * @returns 40 fresh bytes.
 */
export function makeInvitationProof(
  subject: ProofSubject,
  notAfter: UnixMillis,
  crypto: Pick<GroupCrypto, 'hmacSha256'>,
): Uint8Array {
  const end = new ByteWriter(8).u64(BigInt(notAfter)).finish();
  return concat(end, tagOf(subject, end, crypto));
}

/**
 * Checks a proof.
 * @param now - undefined checks the tag only: for Commits that are applied long after they were made.
 */
export function checkInvitationProof(
  proof: Uint8Array,
  subject: ProofSubject,
  now: UnixMillis | undefined,
  crypto: Pick<GroupCrypto, 'hmacSha256'>,
): ProofVerdict {
  if (proof.length !== PROOF_BYTES) return 'malformed';
  const end = proof.subarray(0, 8);
  if (!equal(proof.subarray(8), tagOf(subject, end, crypto))) return 'forged';
  if (now === undefined) return 'valid';
  const notAfter = new ByteReader(end).u64();
  if (notAfter < BigInt(now)) return 'expired';
  return notAfter > BigInt(now + MAX_PROOF_LIFETIME) ? 'too-far-ahead' : 'valid';
}

function tagOf(
  subject: ProofSubject,
  notAfter: Uint8Array,
  crypto: Pick<GroupCrypto, 'hmacSha256'>,
): Uint8Array {
  return crypto.hmacSha256(subject.joinProofKey, concat(subject.group, subject.signatureKey, notAfter));
}

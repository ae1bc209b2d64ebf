/** Makes our own KeyPackages. */
import { generateKeyPackageWithKey } from 'ts-mls';
import type { KeyPackage, PrivateKeyPackage } from 'ts-mls';
import {
  INVITATION_PROOF_EXTENSION,
  makeInvitationProof,
  MAX_PROOF_LIFETIME,
} from '../../protocol/group/invitation-proof.ts';
import { unixMillis } from '../../protocol/units.ts';
import type { UnixMillis } from '../../protocol/units.ts';
import { capabilitiesOf, credentialOf, lifetimeFrom, suiteImplementation } from './client-config.ts';
import type { MlsMembership } from './mls-port.ts';
import { nodeGroupCrypto } from './node-group-crypto.ts';

/** By how much our clock may be ahead of a member's before it takes our proof for "too far ahead". */
const PROOF_MARGIN = 2 * 60_000;

/** Makes a KeyPackage of a membership with its proof of the invitation; the private part belongs to the caller. */
export async function makeKeyPackage(
  { identity, groupId, joinProofKey, suite }: MlsMembership,
  now: UnixMillis,
): Promise<{ publicPackage: KeyPackage; privatePackage: PrivateKeyPackage }> {
  const subject = { joinProofKey, group: groupId, signatureKey: identity.publicKey };
  const notAfter = unixMillis(now + MAX_PROOF_LIFETIME - PROOF_MARGIN);
  const proof = makeInvitationProof(subject, notAfter, nodeGroupCrypto);
  return generateKeyPackageWithKey(
    credentialOf(identity.publicKey),
    capabilitiesOf(suite),
    lifetimeFrom(now),
    [{ extensionType: INVITATION_PROOF_EXTENSION, extensionData: proof }],
    { signKey: identity.seed.slice(), publicKey: identity.publicKey.slice() },
    await suiteImplementation(suite),
  );
}

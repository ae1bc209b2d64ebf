/** Makes our own KeyPackages. */
import { generateKeyPackageWithKey } from 'ts-mls';
import type { KeyPackage, PrivateKeyPackage } from 'ts-mls';
import { signKeyPackage } from 'ts-mls/keyPackage.js';
import { INVITATION_PROOF_EXTENSION, makeInvitationProof } from '../../protocol/group/invitation-proof.ts';
import { encodeLeafJoin, LEAF_JOIN_EXTENSION } from '../../protocol/group/leaf-join.ts';
import type { OwnJoin } from '../../protocol/group/mls.ts';
import type { UnixMillis } from '../../protocol/units.ts';
import { capabilitiesOf, credentialOf, lifetimeFrom, suiteImplementation } from './client-config.ts';
import type { KeyPackageRequest, MlsMembership } from './mls-port.ts';
import { nodeGroupCrypto } from './node-group-crypto.ts';

/** A KeyPackage with its private part, which belongs to whoever has it made. */
export interface MadeKeyPackage {
  readonly publicPackage: KeyPackage;
  readonly privatePackage: PrivateKeyPackage;
}

/** Makes the leaf with which a group is founded; there is nobody to prove anything to. */
export async function makeFounderPackage(
  { identity, suite }: MlsMembership,
  join: OwnJoin,
  now: UnixMillis,
): Promise<MadeKeyPackage> {
  return generateKeyPackageWithKey(
    credentialOf(identity.publicKey),
    capabilitiesOf(suite),
    lifetimeFrom(now),
    [],
    { signKey: identity.seed.slice(), publicKey: identity.publicKey.slice() },
    await suiteImplementation(suite),
    [{ extensionType: LEAF_JOIN_EXTENSION, extensionData: encodeLeafJoin(join) }],
  );
}

/** Makes a KeyPackage with its proof of the invitation and the name shown at the door. */
export async function makeKeyPackage(
  membership: MlsMembership,
  { sealedName, now, ...join }: KeyPackageRequest,
): Promise<MadeKeyPackage> {
  const { publicPackage, privatePackage } = await makeFounderPackage(membership, join, now);
  const { identity, groupId: group, joinProofKey, suite } = membership;
  const { signature } = await suiteImplementation(suite);
  // The proof is over the init key, which is there only now.
  const subject = {
    joinProofKey,
    group,
    signatureKey: identity.publicKey,
    initKey: publicPackage.initKey,
    leafExtension: encodeLeafJoin(join),
  };
  const extensionData = makeInvitationProof(subject, sealedName, nodeGroupCrypto);
  const extensions = [{ extensionType: INVITATION_PROOF_EXTENSION, extensionData }];
  const { signature: _, ...unsigned } = publicPackage;
  return {
    publicPackage: await signKeyPackage(
      { ...unsigned, extensions },
      privatePackage.signaturePrivateKey,
      signature,
    ),
    privatePackage,
  };
}

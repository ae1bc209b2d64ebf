import { encodeMlsMessage } from 'ts-mls';
import type { KeyPackage } from 'ts-mls';
import { signKeyPackage } from 'ts-mls/keyPackage.js';
import { signLeafNodeKeyPackage } from 'ts-mls/leafNode.js';
import { suiteImplementation } from '../../../src/main/mls/client-config.ts';
import { joinExtensionOf } from '../../../src/main/mls/leaf-joins.ts';
import { decodeKeyPackage } from '../../../src/main/mls/mls-messages.ts';
import type { MlsMembership } from '../../../src/main/mls/mls-port.ts';
import { nodeGroupCrypto } from '../../../src/main/mls/node-group-crypto.ts';
import { TsMlsAdapter } from '../../../src/main/mls/ts-mls-adapter.ts';
import {
  INVITATION_PROOF_EXTENSION,
  makeInvitationProof,
} from '../../../src/protocol/group/invitation-proof.ts';
import { joinRequest } from './membership.ts';

/** What a peer that knows the invitation changes in its KeyPackage before it signs it. */
export interface Craft {
  readonly leaf?: Partial<KeyPackage['leafNode']>;
  /** The signature of leaf and KeyPackage, whatever they say. */
  readonly signature?: Uint8Array;
  /** Beside the leaf's own. */
  readonly leafExtensions?: KeyPackage['extensions'];
  readonly keyPackage?: Partial<Omit<KeyPackage, 'leafNode' | 'signature'>>;
}

/** A KeyPackage of `membership` with a valid proof of the invitation and valid signatures, changed by `craft`. */
export async function craftKeyPackage(
  membership: MlsMembership,
  craft: Craft,
  request = joinRequest(),
): Promise<Uint8Array> {
  const honest = await new TsMlsAdapter().keyPackage(membership, request);
  const decoded = decodeKeyPackage(honest.keyPackage);
  if (decoded === undefined) throw new Error('the adapter makes KeyPackages');
  const suite = await suiteImplementation(membership.suite);
  const { signature: forged } = craft;
  const signature =
    forged === undefined ? suite.signature : { ...suite.signature, sign: () => Promise.resolve(forged) };
  const extensions = [...decoded.leafNode.extensions, ...(craft.leafExtensions ?? [])];
  const leaf = { ...decoded.leafNode, extensions, ...craft.leaf } as KeyPackage['leafNode'];
  const leafNode = await signLeafNodeKeyPackage(leaf, membership.identity.seed, signature);
  const crafted = { ...decoded, ...craft.keyPackage, leafNode };
  const extensionData = makeInvitationProof(
    {
      joinProofKey: membership.joinProofKey,
      group: membership.groupId,
      signatureKey: leaf.signaturePublicKey,
      initKey: crafted.initKey,
      leafExtension: joinExtensionOf(leaf) ?? new Uint8Array(0),
    },
    request.sealedName,
    nodeGroupCrypto,
  );
  const proven = crafted.extensions.map((each) =>
    each.extensionType === INVITATION_PROOF_EXTENSION ? { ...each, extensionData } : each,
  );
  const keyPackage = await signKeyPackage(
    { ...crafted, extensions: proven },
    membership.identity.seed,
    signature,
  );
  return encodeMlsMessage({ version: 'mls10', wireformat: 'mls_key_package', keyPackage });
}

/**
 * What a KeyPackage has to be before a Commit may add it. Members look at each KeyPackage that they are offered, at the
 * Adds of a Commit that they make, and at those of a Commit that they receive.
 * @see RFC 9420 §7.3, §10.1; docs/protocol.md#mls
 */
import type { CiphersuiteImpl, ClientState, KeyPackage } from 'ts-mls';
import { extensionsSupportedByCapabilities } from 'ts-mls/extension.js';
import { makeKeyPackageRef, verifyKeyPackage } from 'ts-mls/keyPackage.js';
import { verifyLeafNodeSignatureKeyPackage } from 'ts-mls/leafNode.js';
import { equal } from '../../protocol/bytes/equal.ts';
import { encodeHex } from '../../protocol/bytes/hex.ts';
import {
  checkInvitationProof,
  INVITATION_PROOF_EXTENSION,
  PROOF_BYTES,
} from '../../protocol/group/invitation-proof.ts';
import type { ProofVerdict } from '../../protocol/group/invitation-proof.ts';
import { KEY_PACKAGE_EPOCHS } from '../../protocol/group/leaf-join.ts';
import type { LeafJoin } from '../../protocol/group/leaf-join.ts';
import { isKicked } from '../../protocol/group/meeting-parameters.ts';
import type { MeetingParameters } from '../../protocol/group/meeting-parameters.ts';
import { fingerprintOf, senderIdOf } from '../../protocol/group/names.ts';
import { clientConfig, isLifetime, SUITE_NAMES } from './client-config.ts';
import { encryptionKeysOf } from './commit-policy.ts';
import { joinExtensionOf, joinOf } from './leaf-joins.ts';
import { decodeKeyPackage, refused, requiredParameters } from './mls-messages.ts';
import type { InspectedKeyPackage, MlsMembership } from './mls-port.ts';
import { nodeGroupCrypto } from './node-group-crypto.ts';
import { canSealTo } from './sealable-keys.ts';

/** The group to which KeyPackages are to be added. */
export interface InspectingGroup {
  readonly state: ClientState;
  readonly suite: CiphersuiteImpl;
  readonly membership: MlsMembership;
}

/** Says whether a KeyPackage may be added now. Changes nothing. */
export async function inspectKeyPackage(
  group: InspectingGroup,
  bytes: Uint8Array,
): Promise<InspectedKeyPackage> {
  const { state, suite, membership } = group;
  const keyPackage = decodeKeyPackage(bytes);
  if (keyPackage === undefined) return refused('not a KeyPackage');
  // The proof comes first: strangers must not be able to make us do costly work.
  const proof = proofVerdict(keyPackage, membership);
  if (proof !== 'valid') return refused(`proof of the invitation is ${proof}`);
  const leaf = keyPackage.leafNode;
  const join = joinOf(leaf);
  if (join === undefined) return refused('a leaf that does not say which join it is of');
  const { asOf } = join;
  const signatureKey = leaf.signaturePublicKey.slice();
  const senderId = senderIdOf(fingerprintOf(signatureKey, nodeGroupCrypto), join.joinId);
  if (equal(signatureKey, membership.identity.publicKey)) return refused('our own signature key');
  const parameters = requiredParameters(state);
  if (isKicked(parameters, signatureKey)) return { kind: 'kicked', signatureKey };
  if (asOf > state.groupContext.epoch) return { kind: 'early', asOf };
  if (joinFault(join, signatureKey, state) === ANSWERED) return { kind: 'answered', senderId };
  const fault = addsFault(group, [keyPackage], parameters);
  if (fault !== undefined) return refused(fault);
  const genuine =
    (await clientConfig.authService.validateCredential(leaf.credential, signatureKey)) &&
    (await verifyLeafNodeSignatureKeyPackage(leaf, suite.signature)) &&
    (await verifyKeyPackage(keyPackage, suite.signature));
  if (!genuine) return refused('a credential or signature that does not verify');
  const ref = await makeKeyPackageRef(keyPackage, suite.hash);
  const sealedName = proofOf(keyPackage)?.slice(PROOF_BYTES) ?? new Uint8Array(0);
  return { kind: 'acceptable', ref, signatureKey, senderId, asOf, sealedName };
}

/**
 * Checks that one Commit may add these KeyPackages. Signatures and credentials are not checked, which ts-mls verifies in
 * each Commit. All of it follows from the group's state, so that all members come to the same result.
 * @param parameters - the meeting parameters after the Commit, with its kicked keys.
 * @returns what is wrong, or undefined.
 */
export function addsFault(
  { state, suite, membership }: InspectingGroup,
  keyPackages: readonly KeyPackage[],
  parameters: MeetingParameters,
): string | undefined {
  const encryptionKeys = new Set(encryptionKeysOf(state));
  const signatureKeys = new Set<string>();
  for (const keyPackage of keyPackages) {
    const { initKey, leafNode } = keyPackage;
    const proof = proofVerdict(keyPackage, membership);
    if (proof !== 'valid') return `an Add without proof of the invitation (${proof})`;
    if (isKicked(parameters, leafNode.signaturePublicKey)) return 'an Add of a kicked key';
    const fault = malformation(keyPackage, membership, state);
    if (fault !== undefined) return fault;
    const signatureKey = encodeHex(leafNode.signaturePublicKey);
    if (signatureKeys.has(signatureKey)) return 'two Adds of one signature key';
    signatureKeys.add(signatureKey);
    for (const key of [initKey, leafNode.hpkePublicKey]) {
      const text = encodeHex(key);
      if (encryptionKeys.has(text)) return 'an Add with a key that is in use';
      encryptionKeys.add(text);
      if (!canSealTo(key, suite)) return 'an Add with a key that nothing can be sealed to';
    }
  }
  return undefined;
}

const ANSWERED = 'an Add of a join that is in the tree';

/** Why the join of a KeyPackage cannot be let in by this epoch's Commit; undefined when it can. */
function joinFault(
  { asOf, joinId }: LeafJoin,
  signatureKey: Uint8Array,
  state: ClientState,
): string | undefined {
  const { epoch } = state.groupContext;
  if (asOf > epoch) return 'an Add as of an epoch that has not begun';
  for (const node of state.ratchetTree) {
    if (node?.nodeType !== 'leaf' || !equal(node.leaf.signaturePublicKey, signatureKey)) continue;
    const known = joinOf(node.leaf);
    if (known === undefined || equal(known.joinId, joinId)) return ANSWERED;
    // Whoever comes again has asked the counter again, which has moved since to let it in the first time.
    if (asOf <= known.asOf) return 'an Add that is older than the member it replaces';
  }
  return epoch - asOf > KEY_PACKAGE_EPOCHS ? 'an Add as of an epoch that is long past' : undefined;
}

/** Value of a KeyPackage's extension 0xF0C3. */
function proofOf({ extensions }: KeyPackage): Uint8Array | undefined {
  return extensions.find((each) => each.extensionType === INVITATION_PROOF_EXTENSION)?.extensionData;
}

/** Checks the invitation proof in a KeyPackage. */
function proofVerdict(keyPackage: KeyPackage, membership: MlsMembership): ProofVerdict {
  const { leafNode, initKey } = keyPackage;
  const proof = proofOf(keyPackage);
  const leafExtension = joinExtensionOf(leafNode);
  if (proof === undefined || leafExtension === undefined) return 'malformed';
  const { joinProofKey, groupId: group } = membership;
  const subject = { joinProofKey, group, signatureKey: leafNode.signaturePublicKey, initKey, leafExtension };
  return checkInvitationProof(proof, subject, nodeGroupCrypto);
}

/** How a KeyPackage contradicts itself or the group; undefined when it does not. @see RFC 9420 §7.2, §7.3, §10.1 */
function malformation(
  { version, cipherSuite, leafNode }: KeyPackage,
  { suite }: MlsMembership,
  state: ClientState,
): string | undefined {
  const { capabilities, credential, extensions, lifetime } = leafNode;
  const join = joinOf(leafNode);
  if (join === undefined) return 'a leaf that does not say which join it is of';
  if (!isLifetime(lifetime)) return 'no lifetime, or one that is too long';
  if (!capabilities.versions.includes(version)) return 'another version of MLS';
  if (cipherSuite !== SUITE_NAMES[suite] || !capabilities.ciphersuites.includes(cipherSuite)) {
    return 'another cipher suite';
  }
  // ts-mls refuses all further Adds to a group with a member that does not support their credential.
  if (!capabilities.credentials.includes(credential.credentialType))
    return 'a credential beyond its capabilities';
  if (!extensionsSupportedByCapabilities(extensions, capabilities))
    return 'an extension beyond its capabilities';
  if (!extensionsSupportedByCapabilities(state.groupContext.extensions, capabilities)) {
    return 'no support for an extension of the group';
  }
  return joinFault(join, leafNode.signaturePublicKey, state);
}

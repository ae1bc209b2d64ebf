/** Looking at a KeyPackage before it is added: suite, signature, lifetime, proof of the invitation, keys. */
import type { CiphersuiteImpl, ClientState } from 'ts-mls';
import { makeKeyPackageRef, verifyKeyPackage } from 'ts-mls/keyPackage.js';
import { verifyLeafNodeSignatureKeyPackage } from 'ts-mls/leafNode.js';
import { equal } from '../../protocol/bytes/equal.ts';
import { encodeHex } from '../../protocol/bytes/hex.ts';
import { isKicked, MEETING_PARAMETERS_EXTENSION } from '../../protocol/group/meeting-parameters.ts';
import type { KeyPackageVerdict } from '../../protocol/group/mls.ts';
import type { UnixMillis } from '../../protocol/units.ts';
import { clientConfig, SUITE_NAMES, withinLifetime } from './client-config.ts';
import { encryptionKeysOf, proofVerdict } from './commit-policy.ts';
import { decodeKeyPackage, refused, requiredParameters, rosterOf } from './mls-messages.ts';
import type { MlsMembership } from './mls-port.ts';

/** The group that a KeyPackage wants into. */
export interface InspectingGroup {
  readonly state: ClientState;
  readonly suite: CiphersuiteImpl;
  readonly membership: MlsMembership;
}

/** Says whether a KeyPackage may be added now. Changes nothing. */
export async function inspectKeyPackage(
  { state, suite, membership }: InspectingGroup,
  bytes: Uint8Array,
  now: UnixMillis,
): Promise<KeyPackageVerdict> {
  const keyPackage = decodeKeyPackage(bytes);
  if (keyPackage === undefined) return refused('no KeyPackage');
  // The proof comes first: without it nothing costly is done.
  const proof = proofVerdict(keyPackage, membership, now);
  if (proof !== 'valid') return refused(`proof of the invitation is ${proof}`);
  if (keyPackage.cipherSuite !== SUITE_NAMES[membership.suite]) return refused('another cipher suite');
  const leaf = keyPackage.leafNode;
  if (!withinLifetime(leaf.lifetime, now)) return refused('outside its lifetime');
  if (!leaf.capabilities.extensions.includes(MEETING_PARAMETERS_EXTENSION)) {
    return refused('no support for the meeting parameters');
  }
  const signatureKey = leaf.signaturePublicKey.slice();
  if (isKicked(requiredParameters(state), signatureKey)) return { kind: 'kicked', signatureKey };
  const inUse = encryptionKeysOf(state);
  if ([keyPackage.initKey, leaf.hpkePublicKey].some((key) => inUse.has(encodeHex(key)))) {
    return refused('a key that is in use');
  }
  const genuine =
    (await clientConfig.authService.validateCredential(leaf.credential, signatureKey)) &&
    (await verifyLeafNodeSignatureKeyPackage(leaf, suite.signature)) &&
    (await verifyKeyPackage(keyPackage, suite.signature));
  if (!genuine) return refused('a credential or signature that does not verify');
  const replaces = rosterOf(state).find((member) => equal(member.signatureKey, signatureKey))?.leaf;
  if (replaces === state.privatePath.leafIndex) return refused('our own signature key');
  return { kind: 'acceptable', ref: await makeKeyPackageRef(keyPackage, suite.hash), signatureKey, replaces };
}

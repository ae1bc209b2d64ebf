import { randomBytes } from 'node:crypto';
import { createCommit, createGroup, encodeMlsMessage, generateKeyPackageWithKey } from 'ts-mls';
import type { Extension, PreSharedKeyID, Proposal } from 'ts-mls';
import {
  capabilitiesOf,
  clientConfig,
  credentialOf,
  lifetimeFrom,
  suiteImplementation,
} from '../../../src/main/mls/client-config.ts';
import { decodeGroupRecord } from '../../../src/main/mls/group-state-codec.ts';
import { decodeKeyPackage } from '../../../src/main/mls/mls-messages.ts';
import { nodeGroupCrypto } from '../../../src/main/mls/node-group-crypto.ts';
import { fingerprintOf } from '../../../src/protocol/group/names.ts';
import { invitationPskProposal } from '../../../src/main/mls/invitation-psk.ts';
import type { MlsMembership, MlsPort } from '../../../src/main/mls/mls-port.ts';
import { encodeLeafJoin, LEAF_JOIN_EXTENSION } from '../../../src/protocol/group/leaf-join.ts';
import {
  decodeMeetingParameters,
  encodeMeetingParameters,
  MEETING_PARAMETERS_EXTENSION,
} from '../../../src/protocol/group/meeting-parameters.ts';
import type { MeetingParameters } from '../../../src/protocol/group/meeting-parameters.ts';
import { invitationPskIdOf } from '../../../src/protocol/group/room-keys.ts';
import type { GroupHandle } from '../../../src/protocol/group/mls.ts';
import { joinRequest, makeMembership, wallClock } from './membership.ts';

const NOBODY = { suite: 0x0001, invitationPsk: new Uint8Array(32) } as const;

/** The Add of a KeyPackage, whatever is wrong with it. */
export function addOf(bytes: Uint8Array): Proposal {
  const keyPackage = decodeKeyPackage(bytes);
  if (keyPackage === undefined) throw new Error('not a KeyPackage');
  return { proposalType: 'add', add: { keyPackage } };
}

/** The Adds of KeyPackages, whatever is wrong with them, and the invitation's PSK that goes with Adds. */
export async function addsOf(membership: MlsMembership, ...packages: Uint8Array[]): Promise<Proposal[]> {
  return [...packages.map(addOf), await pskOf(membership)];
}

/** The proposal of the invitation's PSK. */
export async function pskOf(membership: MlsMembership): Promise<Proposal> {
  return invitationPskProposal(membership, await suiteImplementation(membership.suite));
}

/** A GroupContextExtensions proposal. */
export const extensions = (...all: Extension[]): Proposal => ({
  proposalType: 'group_context_extensions',
  groupContextExtensions: { extensions: all },
});

/** The extension with a meeting's parameters, whatever they are. */
export const change = (parameters: MeetingParameters): Extension => ({
  extensionType: MEETING_PARAMETERS_EXTENSION,
  extensionData: encodeMeetingParameters(parameters),
});

/** A PSK with its id. */
export interface RoguePsk {
  readonly id: PreSharedKeyID;
  readonly psk: Uint8Array;
}

/** The invitation's PSK of a group, each time with another nonce; changed by `craft`. */
export function invitationPsk({ groupId, invitationPsk: psk }: MlsMembership, craft: Partial<RoguePsk> = {}) {
  const pskNonce = new Uint8Array(randomBytes(32));
  return { id: { psktype: 'external' as const, pskId: invitationPskIdOf(groupId), pskNonce }, psk, ...craft };
}

/**
 * A Welcome for a KeyPackage into a group of the caller's own making.
 * @param psks - those that its group secrets name.
 */
export async function rogueWelcome(
  keyPackage: Uint8Array,
  groupId: Uint8Array,
  extensions: Extension[],
  psks: readonly RoguePsk[],
): Promise<Uint8Array> {
  const cipherSuite = await suiteImplementation(0x0001);
  const { identity } = makeMembership(groupId, new Uint8Array(32));
  const own = await generateKeyPackageWithKey(
    credentialOf(identity.publicKey),
    capabilitiesOf(0x0001),
    lifetimeFrom(wallClock()),
    [],
    { signKey: identity.seed, publicKey: identity.publicKey },
    cipherSuite,
    [{ extensionType: LEAF_JOIN_EXTENSION, extensionData: encodeLeafJoin(joinRequest()) }],
  );
  const { publicPackage, privatePackage } = own;
  const organisers = [fingerprintOf(identity.publicKey, nodeGroupCrypto)];
  const state = await createGroup(
    groupId,
    publicPackage,
    privatePackage,
    // It knows as well as anybody what a group has to have.
    extensions.map((extension) => {
      const parameters = decodeMeetingParameters(extension.extensionData);
      if (parameters === undefined) return extension;
      return { ...change({ ...parameters, organisers }), extensionType: extension.extensionType };
    }),
    cipherSuite,
    clientConfig,
  );
  const named = psks.map(({ id }): Proposal => ({ proposalType: 'psk', psk: { preSharedKeyId: id } }));
  const options = { extraProposals: [addOf(keyPackage), ...named], ratchetTreeExtension: true };
  const findPsk = (id: PreSharedKeyID) => psks.find((each) => each.id === id)?.psk;
  const { welcome } = await createCommit({ state, cipherSuite, pskIndex: { findPsk } }, options);
  if (welcome === undefined) throw new Error('an Add has a Welcome');
  return encodeMlsMessage({ version: 'mls10', wireformat: 'mls_welcome', welcome });
}

/**
 * A Commit of a member that keeps to no rule: it takes every credential, adds anybody twice, and proposes what it likes.
 * @param membership - of somebody in the group: whose suite, and whose PSK for all PSKs that are proposed.
 */
export async function rogueCommit(
  mls: MlsPort,
  group: GroupHandle,
  proposals: Proposal[],
  { suite, invitationPsk: psk }: Pick<MlsMembership, 'suite' | 'invitationPsk'> = NOBODY,
): Promise<Uint8Array> {
  const record = decodeGroupRecord(await mls.serialise(group));
  if (record === undefined) throw new Error('a group reads back');
  const authService = { validateCredential: () => Promise.resolve(true) };
  const keyPackageEqualityConfig = {
    compareKeyPackages: () => false,
    compareKeyPackageToLeafNode: () => false,
  };
  const lawless = { ...clientConfig, authService, keyPackageEqualityConfig };
  const state = { ...record.state, clientConfig: lawless };
  const { commit } = await createCommit(
    { state, cipherSuite: await suiteImplementation(suite), pskIndex: { findPsk: () => psk } },
    { extraProposals: proposals, ratchetTreeExtension: true },
  );
  return encodeMlsMessage(commit);
}

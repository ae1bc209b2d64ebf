import { createCommit, createGroup, encodeMlsMessage, generateKeyPackageWithKey } from 'ts-mls';
import type { Extension, Proposal } from 'ts-mls';
import {
  capabilitiesOf,
  clientConfig,
  credentialOf,
  lifetimeFrom,
  suiteImplementation,
} from '../../../src/main/mls/client-config.ts';
import { decodeGroupRecord } from '../../../src/main/mls/group-state-codec.ts';
import { decodeKeyPackage } from '../../../src/main/mls/mls-messages.ts';
import type { MlsPort } from '../../../src/main/mls/mls-port.ts';
import type { GroupHandle, MlsSuite } from '../../../src/protocol/group/mls.ts';
import { makeMembership, wallClock } from './membership.ts';

/** The Add of a KeyPackage, whatever is wrong with it. */
export function addOf(bytes: Uint8Array): Proposal {
  const keyPackage = decodeKeyPackage(bytes);
  if (keyPackage === undefined) throw new Error('not a KeyPackage');
  return { proposalType: 'add', add: { keyPackage } };
}

/**
 * A Welcome for a KeyPackage into a group of the caller's own making.
 */
export async function rogueWelcome(
  keyPackage: Uint8Array,
  groupId: Uint8Array,
  extensions: Extension[],
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
  );
  const { publicPackage, privatePackage } = own;
  const state = await createGroup(
    groupId,
    publicPackage,
    privatePackage,
    extensions,
    cipherSuite,
    clientConfig,
  );
  const options = { extraProposals: [addOf(keyPackage)], ratchetTreeExtension: true };
  const { welcome } = await createCommit({ state, cipherSuite }, options);
  if (welcome === undefined) throw new Error('an Add has a Welcome');
  return encodeMlsMessage({ version: 'mls10', wireformat: 'mls_welcome', welcome });
}

/** A Commit of a member that keeps to no rule: it takes every credential, adds anybody twice, and proposes what it likes. */
export async function rogueCommit(
  mls: MlsPort,
  group: GroupHandle,
  proposals: Proposal[],
  suite: MlsSuite = 0x0001,
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
    { state, cipherSuite: await suiteImplementation(suite) },
    { extraProposals: proposals, ratchetTreeExtension: true },
  );
  return encodeMlsMessage(commit);
}

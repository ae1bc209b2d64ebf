import { createCommit, encodeMlsMessage } from 'ts-mls';
import type { Proposal } from 'ts-mls';
import { clientConfig, suiteImplementation } from '../../../src/main/mls/client-config.ts';
import { decodeGroupRecord } from '../../../src/main/mls/group-state-codec.ts';
import { decodeKeyPackage } from '../../../src/main/mls/mls-messages.ts';
import type { MlsPort } from '../../../src/main/mls/mls-port.ts';
import type { GroupHandle, MlsSuite } from '../../../src/protocol/group/mls.ts';

/** The Add of a KeyPackage, whatever is wrong with it. */
export function addOf(bytes: Uint8Array): Proposal {
  const keyPackage = decodeKeyPackage(bytes);
  if (keyPackage === undefined) throw new Error('not a KeyPackage');
  return { proposalType: 'add', add: { keyPackage } };
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

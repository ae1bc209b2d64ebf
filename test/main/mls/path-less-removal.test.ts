/** RFC 9420 §12.4: a Commit that removes somebody has a path. Without one its secrets follow from those of before. */
import { encodeMlsMessage, mlsExporter } from 'ts-mls';
import type { ClientState } from 'ts-mls';
import { nextEpochContext } from 'ts-mls/clientState.js';
import { createConfirmationTag, createContentCommitSignature } from 'ts-mls/framedContent.js';
import { initializeEpoch } from 'ts-mls/keySchedule.js';
import { protect } from 'ts-mls/messageProtection.js';
import { removeLeafNode } from 'ts-mls/ratchetTree.js';
import { treeHashRoot } from 'ts-mls/treeHash.js';
import { toLeafIndex } from 'ts-mls/treemath.js';
import { expect, test } from 'vitest';
import { suiteImplementation } from '../../../src/main/mls/client-config.ts';
import { decodeGroupRecord } from '../../../src/main/mls/group-state-codec.ts';
import { TsMlsAdapter } from '../../../src/main/mls/ts-mls-adapter.ts';
import { encodeHex } from '../../../src/protocol/bytes/hex.ts';
import type { GroupHandle } from '../../../src/protocol/group/mls.ts';
import { leafIndex } from '../../../src/protocol/group/roster.ts';
import { NO_CHANGE } from '../../harness/group/membership.ts';
import { makeThree } from '../../harness/group/three-members.ts';

async function stateOf(mls: TsMlsAdapter, group: GroupHandle): Promise<ClientState> {
  const record = decodeGroupRecord(await mls.serialise(group));
  if (record === undefined) throw new Error('a group reads back');
  return record.state;
}

/**
 * A Commit that removes somebody and has no path, and is right in everything else.
 * @returns it, and the next epoch's master key as it follows from what a member knows.
 */
async function pathLessRemoval(state: ClientState, removed: number) {
  const suite = await suiteImplementation(0x0001);
  const { privatePath, groupContext, keySchedule, signaturePrivateKey } = state;
  const { leafIndex: own } = privatePath;
  const { framedContent, signature } = await createContentCommitSignature(
    groupContext,
    'mls_private_message',
    {
      proposals: [
        { proposalOrRefType: 'proposal', proposal: { proposalType: 'remove', remove: { removed } } },
      ],
      path: undefined,
    },
    { senderType: 'member', leafIndex: own },
    new Uint8Array(0),
    signaturePrivateKey,
    suite.signature,
  );
  const tree = removeLeafNode(state.ratchetTree, toLeafIndex(removed));
  const context = await nextEpochContext(
    groupContext,
    'mls_private_message',
    framedContent,
    signature,
    await treeHashRoot(tree, suite.hash),
    state.confirmationTag,
    suite.hash,
  );
  const nothing = new Uint8Array(suite.kdf.size);
  const epochOf = (initSecret: Uint8Array) =>
    initializeEpoch(initSecret, nothing, context, nothing, suite.kdf);
  const next = (await epochOf(keySchedule.initSecret)).keySchedule;
  const confirmationTag = await createConfirmationTag(
    next.confirmationKey,
    context.confirmedTranscriptHash,
    suite.hash,
  );
  const { privateMessage } = await protect(
    keySchedule.senderDataSecret,
    new Uint8Array(0),
    groupContext,
    state.secretTree,
    { ...framedContent, auth: { contentType: 'commit', signature, confirmationTag } },
    own,
    state.clientConfig.paddingConfig,
    suite,
  );
  const commit = encodeMlsMessage({ version: 'mls10', wireformat: 'mls_private_message', privateMessage });
  const masterKeyFrom = async ({ keySchedule: { initSecret } }: ClientState): Promise<string> => {
    const { exporterSecret } = (await epochOf(initSecret)).keySchedule;
    return encodeHex(
      await mlsExporter(exporterSecret, 'SecureObject MLS Master Key', new Uint8Array(0), 32, suite),
    );
  };
  return { commit, masterKeyFrom };
}

test('a Commit that removes somebody without a path is refused: the one removed could go on listening', async () => {
  const mls = new TsMlsAdapter();
  const { groups } = await makeThree(mls);
  const [remover, stays, removed] = groups;
  const { commit, masterKeyFrom } = await pathLessRemoval(await stateOf(mls, remover), 2);
  // The attack that this is about: all that the next epoch comes from is known to who was removed.
  const [own, others] = [await stateOf(mls, removed), await stateOf(mls, remover)];
  expect(await masterKeyFrom(own)).toBe(await masterKeyFrom(others));
  expect(await mls.processCommit(stays, commit)).toEqual({
    kind: 'refused',
    reason: 'Update path is required',
    author: leafIndex(0),
  });
  expect((await mls.processCommit(removed, commit)).kind).toBe('refused');
});

test('one that we make has a path, for one who is removed as for several', async () => {
  const mls = new TsMlsAdapter();
  const { groups } = await makeThree(mls);
  const [remover, stays] = groups;
  for (const removes of [[2], [1, 2]]) {
    const outcome = await mls.stageCommit(remover, { ...NO_CHANGE, removes: removes.map(leafIndex) });
    if (outcome.kind !== 'staged') throw new Error(outcome.reason);
    expect(outcome.commit.renews, `removes ${removes.join()}`).toBe(true);
  }
  const single = await mls.stageCommit(remover, { ...NO_CHANGE, removes: [leafIndex(2)] });
  if (single.kind !== 'staged') throw new Error(single.reason);
  expect(await mls.processCommit(stays, single.commit.commit)).toMatchObject({
    kind: 'staged',
    renews: true,
  });
});

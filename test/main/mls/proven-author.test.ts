/** Who is proven to have made a Commit that cannot be followed. @see docs/adr/0015-who-broke-the-line.md */
import { randomBytes } from 'node:crypto';
import { createCommit, encodeMlsMessage } from 'ts-mls';
import type { ClientState } from 'ts-mls';
import { createContentCommitSignature } from 'ts-mls/framedContent.js';
import { protect, unprotectPrivateMessage } from 'ts-mls/messageProtection.js';
import { describe, expect, test } from 'vitest';
import { suiteImplementation } from '../../../src/main/mls/client-config.ts';
import { decodeGroupRecord } from '../../../src/main/mls/group-state-codec.ts';
import { decodeWhole } from '../../../src/main/mls/mls-messages.ts';
import { TsMlsAdapter } from '../../../src/main/mls/ts-mls-adapter.ts';
import type { CommitPlan, GroupHandle } from '../../../src/protocol/group/mls.ts';
import { joinRequest, NO_CHANGE, testParameters } from '../../harness/group/membership.ts';
import { change, extensions, rogueCommit } from '../../harness/group/rogue-commit.ts';
import { makeThree } from '../../harness/group/three-members.ts';

const BO = 1;

/** Ana, who organises, Bo and Cy, at leaves 0, 1 and 2. */
async function setUp() {
  const mls = new TsMlsAdapter();
  const { creator, groups, newcomer } = await makeThree(mls);
  const [ana, bo, cy] = groups;
  const stage = async (group: GroupHandle, plan: Partial<CommitPlan> = {}): Promise<Uint8Array> => {
    const staged = await mls.stageCommit(group, { ...NO_CHANGE, ...plan });
    if (staged.kind !== 'staged') throw new Error(staged.reason);
    return staged.commit.commit;
  };
  return { mls, creator, newcomer, ana, bo, cy, stage };
}

async function stateOf(mls: TsMlsAdapter, group: GroupHandle): Promise<ClientState> {
  const record = decodeGroupRecord(await mls.serialise(group));
  if (record === undefined) throw new Error('a group reads back');
  return record.state;
}

/** What a Commit says, as each member can open it. */
async function opened(
  { keySchedule, secretTree, ratchetTree, groupContext, ...state }: ClientState,
  commit: Uint8Array,
) {
  const message = decodeWhole(commit);
  if (message?.wireformat !== 'mls_private_message') throw new Error('a Commit is a PrivateMessage');
  const { content } = await unprotectPrivateMessage(
    keySchedule.senderDataSecret,
    message.privateMessage,
    secretTree,
    ratchetTree,
    groupContext,
    state.clientConfig.keyRetentionConfig,
    await suiteImplementation(0x0001),
  );
  if (content.content.contentType !== 'commit' || content.auth.contentType !== 'commit')
    throw new Error('a Commit');
  return { framed: content.content, auth: content.auth };
}

/** Seals a Commit in the name of a leaf: all members have the secrets of all leaves. */
async function sealed(
  state: ClientState,
  { framed, auth }: Awaited<ReturnType<typeof opened>>,
  leaf: number,
): Promise<Uint8Array> {
  const { privateMessage } = await protect(
    state.keySchedule.senderDataSecret,
    new Uint8Array(0),
    state.groupContext,
    state.secretTree,
    { ...framed, auth },
    leaf,
    state.clientConfig.paddingConfig,
    await suiteImplementation(0x0001),
  );
  return encodeMlsMessage({ version: 'mls10', wireformat: 'mls_private_message', privateMessage });
}

describe('whoever has signed what breaks a rule', () => {
  test('is proven, also where the tag that goes with it is wrong', async () => {
    const { mls, ana, bo, cy } = await setUp();
    const rule = extensions(change({ ...testParameters, admission: 'ask' }));
    const commit = await rogueCommit(mls, bo, [rule]);
    const state = await stateOf(mls, ana);
    const { framed, auth } = await opened(state, commit);
    const untagged = await sealed(
      state,
      { framed, auth: { ...auth, confirmationTag: new Uint8Array(32) } },
      BO,
    );
    for (const each of [commit, untagged])
      for (const member of [ana, cy])
        expect(await mls.processCommit(member, each)).toMatchObject({ kind: 'refused', author: BO });
  });

  test('is proven where MLS itself forbids it', async () => {
    const { mls, ana, bo } = await setUp();
    const both = { proposalType: 'remove', remove: { removed: 2 } } as const;
    expect(await mls.processCommit(ana, await rogueCommit(mls, bo, [both]))).toMatchObject({
      kind: 'staged',
    });
    const { framed, auth } = await opened(await stateOf(mls, ana), await rogueCommit(mls, bo, []));
    const suite = await suiteImplementation(0x0001);
    const state = await stateOf(mls, bo);
    const commit = { ...framed.commit, proposals: [2, 2].map((removed) => twice(removed)) };
    const signed = await createContentCommitSignature(
      state.groupContext,
      'mls_private_message',
      commit,
      framed.sender,
      framed.authenticatedData,
      state.signaturePrivateKey,
      suite.signature,
    );
    const bytes = await sealed(
      state,
      { framed: signed.framedContent, auth: { ...auth, signature: signed.signature } },
      BO,
    );
    expect(await mls.processCommit(ana, bytes)).toMatchObject({ kind: 'refused', author: BO });
  });
});

test.each([
  ['of its leaf', 0],
  ['above it', 1],
])(
  'whose path brings a key %s that nothing can be sealed to is refused, and its author proven',
  async (_, at) => {
    const { mls, ana, bo, cy } = await setUp();
    const suite = await suiteImplementation(0x0001);
    let exported = 0;
    const exportPublicKey: typeof suite.hpke.exportPublicKey = async (key) => {
      const bytes = await suite.hpke.exportPublicKey(key);
      exported += 1;
      return exported === at + 1 ? new Uint8Array(bytes.length) : bytes;
    };
    const cipherSuite = { ...suite, hpke: { ...suite.hpke, exportPublicKey } };
    const { commit } = await createCommit({ state: await stateOf(mls, bo), cipherSuite }, {});
    const bytes = encodeMlsMessage(commit);
    for (const member of [ana, cy])
      expect(await mls.processCommit(member, bytes)).toEqual({
        kind: 'refused',
        reason: 'a path with a key that nothing can be sealed to',
        author: BO,
      });
  },
);

describe('nobody is proven', () => {
  test('by a Commit that is in order under a tag that another member made', async () => {
    const { mls, ana, bo, cy, stage } = await setUp();
    const state = await stateOf(mls, bo);
    const { framed, auth } = await opened(state, await stage(ana));
    const forged = await sealed(state, { framed, auth: { ...auth, confirmationTag: new Uint8Array(32) } }, 0);
    expect(await mls.processCommit(cy, forged)).toEqual({
      kind: 'refused',
      reason: 'Could not verify confirmation tag',
      author: undefined,
    });
  });

  test('by what another member signed in one’s name', async () => {
    const { mls, ana, bo, cy } = await setUp();
    const rule = extensions(change({ ...testParameters, admission: 'ask' }));
    const state = await stateOf(mls, bo);
    const content = await opened(state, await rogueCommit(mls, bo, [rule]));
    const framed = { ...content.framed, sender: { senderType: 'member', leafIndex: 2 } as const };
    const forged = await sealed(state, { ...content, framed }, 2);
    for (const member of [ana, cy])
      expect(await mls.processCommit(member, forged)).toMatchObject({ kind: 'refused', author: undefined });
  });

  test('by one of an epoch before, nor by bytes that are none', async () => {
    const { mls, ana, bo, cy, stage } = await setUp();
    const rule = extensions(change({ ...testParameters, admission: 'ask' }));
    const before = await rogueCommit(mls, bo, [rule]);
    const commit = await stage(ana);
    const seen = await mls.processCommit(cy, commit);
    if (seen.kind !== 'staged') throw new Error(seen.kind);
    await mls.apply(cy, seen.staged);
    for (const bytes of [before, commit, new Uint8Array(0), new Uint8Array(randomBytes(200))])
      expect(await mls.processCommit(cy, bytes)).toMatchObject({ kind: 'refused', author: undefined });
    const damaged = (await stage(cy)).slice();
    damaged[damaged.length - 1] = (damaged.at(-1) ?? 0) ^ 1;
    expect(await mls.processCommit(cy, damaged)).toMatchObject({ kind: 'refused', author: undefined });
  });

  test('by a path that does not open for us: the others may follow it', async () => {
    const { mls, ana, bo, cy } = await setUp();
    const suite = await suiteImplementation(0x0001);
    let sealings = 0;
    const seal: typeof suite.hpke.seal = async (...input) => {
      const { ct, enc } = await suite.hpke.seal(...input);
      sealings += 1;
      // There is one part for Ana and one for Cy, and one of them opens to nothing.
      return { enc, ct: sealings === 1 ? ct.map((byte) => byte ^ 1) : ct };
    };
    const cipherSuite = { ...suite, hpke: { ...suite.hpke, seal } };
    const { commit } = await createCommit({ state: await stateOf(mls, bo), cipherSuite }, {});
    const bytes = encodeMlsMessage(commit);
    const outcomes = [await mls.processCommit(ana, bytes), await mls.processCommit(cy, bytes)];
    expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['refused', 'staged']);
    expect(outcomes.find(({ kind }) => kind === 'refused')).toMatchObject({ author: undefined });
  });
});

test('our own Commit, of which nothing is staged here, is told from all others, with a path and without', async () => {
  const { mls, creator, newcomer, ana, cy, stage } = await setUp();
  const rested = await mls.serialise(ana);
  const { keyPackage } = await mls.keyPackage(newcomer(), joinRequest(1n));
  for (const plan of [{}, { adds: [keyPackage] }]) {
    const commit = await stage(ana, plan);
    expect(await mls.processCommit(cy, commit)).toMatchObject({ kind: 'staged', contents: { committer: 0 } });
    const restored = await mls.restore(creator, rested);
    if (restored === undefined) throw new Error('it reads back');
    expect(await mls.processCommit(restored.group, commit)).toEqual({ kind: 'own' });
    // As before: nothing of it was taken.
    expect((await mls.stageCommit(restored.group, NO_CHANGE)).kind).toBe('staged');
  }
});

function twice(removed: number) {
  return {
    proposalOrRefType: 'proposal',
    proposal: { proposalType: 'remove', remove: { removed } },
  } as const;
}

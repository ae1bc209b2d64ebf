import { createHash, createHmac, randomBytes } from 'node:crypto';
import { acceptAll, createCommit, createProposal, encodeMlsMessage, processPrivateMessage } from 'ts-mls';
import type { ClientState, Extension, PreSharedKeyID, Proposal } from 'ts-mls';
import { toLeafIndex } from 'ts-mls/treemath.js';
import { describe, expect, test } from 'vitest';
import { suiteImplementation } from '../../../src/main/mls/client-config.ts';
import { equal } from '../../../src/protocol/bytes/equal.ts';
import { epoch } from '../../../src/protocol/units.ts';
import { commitPolicy, parametersOf } from '../../../src/main/mls/commit-policy.ts';
import { decodeGroupRecord } from '../../../src/main/mls/group-state-codec.ts';
import { decodeWhole } from '../../../src/main/mls/mls-messages.ts';
import type { MlsMembership } from '../../../src/main/mls/mls-port.ts';
import { TsMlsAdapter } from '../../../src/main/mls/ts-mls-adapter.ts';
import { MAX_KICKED_KEYS } from '../../../src/protocol/group/meeting-parameters.ts';
import type { CommitPlan, EpochView, GroupHandle } from '../../../src/protocol/group/mls.ts';
import { leafIndex, type LeafIndex, type Member } from '../../../src/protocol/group/roster.ts';
import { craftKeyPackage } from '../../harness/group/crafted-key-package.ts';
import {
  founding,
  joinRequest,
  makeMembership,
  NO_CHANGE,
  testParameters,
} from '../../harness/group/membership.ts';
import {
  addOf,
  addsOf,
  change,
  extensions,
  invitationPsk,
  pskOf,
  rogueCommit,
  rogueWelcome,
} from '../../harness/group/rogue-commit.ts';
import type { RoguePsk } from '../../harness/group/rogue-commit.ts';

/** A group of two: ours, and one whose member keeps to no rule. */
async function setUp() {
  const mls = new TsMlsAdapter();
  const [groupId, secret] = [new Uint8Array(randomBytes(16)), new Uint8Array(randomBytes(32))];
  const newcomer = () => makeMembership(groupId, secret);
  const { group } = await mls.createGroup(newcomer(), founding());
  const joiner = newcomer();
  const { keyPackage } = await mls.keyPackage(joiner, joinRequest());
  const outcome = await mls.stageCommit(group, { ...NO_CHANGE, adds: [keyPackage] });
  if (outcome.kind !== 'staged') throw new Error(outcome.reason);
  await mls.apply(group, outcome.commit.staged);
  const joined = await mls.join(joiner, outcome.commit.welcomes[0]?.welcome ?? new Uint8Array(0));
  if (joined.kind !== 'joined') throw new Error(joined.reason);
  return { mls, group, newcomer, rogue: joined.group };
}
/** A Commit of the first member, applied by all. */
async function commitTo(mls: TsMlsAdapter, all: GroupHandle[], plan: CommitPlan): Promise<EpochView> {
  const [first, ...others] = all;
  if (first === undefined) throw new Error('somebody commits');
  const outcome = await mls.stageCommit(first, plan);
  if (outcome.kind !== 'staged') throw new Error(outcome.reason);
  for (const other of others) {
    const seen = await mls.processCommit(other, outcome.commit.commit);
    if (seen.kind !== 'staged') throw new Error(seen.kind);
    await mls.apply(other, seen.staged);
  }
  return (await mls.apply(first, outcome.commit.staged)).view;
}
/** Lets somebody in. */
async function letIn(mls: TsMlsAdapter, all: GroupHandle[], member: MlsMembership): Promise<Member> {
  const { keyPackage } = await mls.keyPackage(member, joinRequest());
  const { roster } = await commitTo(mls, all, { ...NO_CHANGE, adds: [keyPackage] });
  const found = roster.find(({ signatureKey }) => equal(signatureKey, member.identity.publicKey));
  if (found === undefined) throw new Error('it is in');
  return found;
}
const stateOf = async (mls: TsMlsAdapter, group: GroupHandle) => {
  const record = decodeGroupRecord(await mls.serialise(group));
  if (record === undefined) throw new Error('a group reads back');
  return record.state;
};
describe('a Commit is refused', () => {
  const kicked = { ...testParameters, kickedKeys: [new Uint8Array(32).fill(1)] };
  const NO_CHANGE_OF = 'a change of the meeting parameters that no Commit may make';
  test.each<[string, Proposal, string]>([
    [
      'a ReInit',
      {
        proposalType: 'reinit',
        reinit: {
          groupId: new Uint8Array(16),
          version: 'mls10',
          cipherSuite: 'MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519',
          extensions: [],
        },
      },
      'a proposal of type reinit',
    ],
    [
      'a type of its own',
      { proposalType: 0xfa00, proposalData: Uint8Array.of(1) },
      'a proposal of type 64000',
    ],
    [
      'another receipt key',
      extensions(change({ ...testParameters, receiptKey: new Uint8Array(32) })),
      NO_CHANGE_OF,
    ],
    [
      'no meeting parameters',
      extensions({ extensionType: 0xf0c9, extensionData: new Uint8Array(0) }),
      NO_CHANGE_OF,
    ],
    ['meeting parameters twice', extensions(change(kicked), change(kicked)), NO_CHANGE_OF],
    [
      'an extension beside the meeting parameters',
      extensions(change(kicked), { extensionType: 0xf0c2, extensionData: new Uint8Array(0) }),
      NO_CHANGE_OF,
    ],
  ])('with %s', async (_, proposal, reason) => {
    const { mls, group, rogue } = await setUp();
    const commit = await rogueCommit(mls, rogue, [proposal]);
    expect(await mls.processCommit(group, commit)).toEqual({ kind: 'refused', reason, author: leafIndex(1) });
    expect((await mls.stageCommit(group, NO_CHANGE)).kind).toBe('staged');
  });

  test('that lets somebody in again who was kicked', async () => {
    const { mls, group, rogue, newcomer } = await setUp();
    const banned = newcomer();
    const { leaf } = await letIn(mls, [group, rogue], banned);
    const plan = { adds: [], removes: [leaf], kicks: [banned.identity.publicKey] };
    await commitTo(mls, [group, rogue], plan);
    const commit = await rogueCommit(mls, rogue, [extensions(change(testParameters))]);
    expect(await mls.processCommit(group, commit)).toEqual({
      kind: 'refused',
      reason: NO_CHANGE_OF,
      author: leafIndex(1),
    });
  });

  test('that kicks nobody, or somebody who stays, or one twice', async () => {
    const { mls, group, rogue, newcomer } = await setUp();
    const [gone, stays] = [newcomer(), newcomer()];
    const { leaf } = await letIn(mls, [group, rogue], gone);
    await letIn(mls, [group, rogue], stays);
    const { extensions: now } = (await stateOf(mls, group)).groupContext;
    const parameters = parametersOf(now);
    if (parameters === undefined) throw new Error('a meeting');
    const remove: Proposal = { proposalType: 'remove', remove: { removed: leaf } };
    const kick = (...kickedKeys: Uint8Array[]) =>
      extensions(change({ ...parameters, kickedKeys, admission: 'ask' }));
    const junk = Array.from({ length: MAX_KICKED_KEYS }, () => new Uint8Array(randomBytes(32)));
    const [goneKey, staysKey] = [gone.identity.publicKey, stays.identity.publicKey];
    // By whoever founded the group, who may.
    for (const proposals of [
      [kick(...junk)],
      [kick(staysKey)],
      [kick(goneKey)],
      [remove, kick(staysKey)],
      [remove, kick(goneKey, staysKey)],
      [remove, kick(goneKey, goneKey)],
      [remove, kick(goneKey, ...junk.slice(1))],
    ]) {
      const commit = await rogueCommit(mls, group, proposals);
      expect(await mls.processCommit(rogue, commit)).toEqual({
        kind: 'refused',
        reason: NO_CHANGE_OF,
        author: leafIndex(0),
      });
    }
    // A real kick counts, in whatever order it is said.
    for (const proposals of [
      [remove, kick(goneKey)],
      [kick(goneKey), remove],
    ]) {
      const commit = await rogueCommit(mls, group, proposals);
      expect((await mls.processCommit(rogue, commit)).kind).toBe('staged');
    }
  });

  test('with a signature key or an HPKE key twice', async () => {
    const { mls, group, rogue, newcomer } = await setUp();
    const [one, other] = [newcomer(), newcomer()];
    const first = await mls.keyPackage(one, joinRequest());
    const again = await mls.keyPackage(one, joinRequest());
    const add = addOf(first.keyPackage);
    if (add.proposalType !== 'add' || !('add' in add)) throw new Error('an Add');
    const { hpkePublicKey } = add.add.keyPackage.leafNode;
    const { initKey } = add.add.keyPackage;
    const refusal = async (...packages: Uint8Array[]): Promise<unknown> =>
      mls.processCommit(group, await rogueCommit(mls, rogue, await addsOf(one, ...packages), one));
    // In a Commit that is received ts-mls notices this before we do.
    expect(await refusal(first.keyPackage, again.keyPackage)).toMatchObject({ kind: 'refused', author: 1 });
    const twice = { ...NO_CHANGE, adds: [first.keyPackage, again.keyPackage] };
    expect(await mls.stageCommit(group, twice)).toEqual({
      kind: 'refused',
      reason: 'two Adds of one signature key',
    });
    const inUse = { kind: 'refused', reason: 'an Add with a key that is in use' };
    const copy = await craftKeyPackage(other, { leaf: { hpkePublicKey } });
    expect(await refusal(first.keyPackage, copy)).toEqual({ ...inUse, author: leafIndex(1) });
    const init = await craftKeyPackage(other, { keyPackage: { initKey } });
    expect(await refusal(first.keyPackage, init)).toEqual({ ...inUse, author: leafIndex(1) });
    const ofTree = (await stateOf(mls, group)).ratchetTree[0];
    if (ofTree?.nodeType !== 'leaf') throw new Error('the first leaf');
    const taken = await craftKeyPackage(other, { leaf: { hpkePublicKey: ofTree.leaf.hpkePublicKey } });
    expect(await refusal(taken)).toEqual({ ...inUse, author: leafIndex(1) });
    expect(await mls.inspectKeyPackage(group, taken)).toEqual(inUse);
    const same = await craftKeyPackage(other, {
      keyPackage: { initKey: hpkePublicKey },
      leaf: { hpkePublicKey },
    });
    expect(await mls.inspectKeyPackage(group, same)).toEqual(inUse);
  });

  test('as a PublicMessage, with proposals by reference, of another epoch or another group', async () => {
    const { mls, group, rogue } = await setUp();
    const state = await stateOf(mls, rogue);
    const cipherSuite = await suiteImplementation(0x0001);
    const open = await createCommit({ state, cipherSuite }, { wireAsPublicMessage: true });
    expect(await mls.processCommit(group, encodeMlsMessage(open.commit))).toEqual({
      kind: 'refused',
      reason: 'no PrivateMessage',
    });
    const proposed = await createProposal(
      state,
      false,
      { proposalType: 'remove', remove: { removed: 0 } },
      cipherSuite,
    );
    expect(await mls.processCommit(group, encodeMlsMessage(proposed.message))).toEqual({
      kind: 'refused',
      reason: 'no Commit',
    });
    const { commit } = await createCommit({ state: proposed.newState, cipherSuite });
    expect(await mls.processCommit(group, encodeMlsMessage(commit))).toMatchObject({ kind: 'refused' });
    const elsewhere = await setUp();
    const foreign = await rogueCommit(mls, rogue, []);
    expect(await elsewhere.mls.processCommit(elsewhere.group, foreign)).toEqual({
      kind: 'refused',
      reason: 'a Commit of another group',
    });
    const next = await mls.stageCommit(rogue, NO_CHANGE);
    if (next.kind !== 'staged') throw new Error(next.reason);
    await mls.apply(rogue, next.commit.staged);
    const late = await rogueCommit(mls, rogue, []);
    expect(await mls.processCommit(group, late)).toEqual({
      kind: 'refused',
      reason: 'a Commit of another epoch',
    });
  });
});

describe('a plan that the others would refuse is not staged', () => {
  test.each(['nobody', 'somebody who stays'])('to kick %s', async (who) => {
    const { mls, group, rogue, newcomer } = await setUp();
    const member = newcomer();
    if (who !== 'nobody') await letIn(mls, [group, rogue], member);
    expect(await mls.stageCommit(group, { ...NO_CHANGE, kicks: [member.identity.publicKey] })).toEqual({
      kind: 'refused',
      reason: 'a change of the meeting parameters that no Commit may make',
    });
  });

  test('to kick somebody when the list of kicked keys is full, who can be removed all the same', async () => {
    const mls = new TsMlsAdapter();
    const [groupId, secret] = [new Uint8Array(randomBytes(16)), new Uint8Array(randomBytes(32))];
    const kickedKeys = Array.from({ length: MAX_KICKED_KEYS - 1 }, () => new Uint8Array(randomBytes(32)));
    const { group } = await mls.createGroup(makeMembership(groupId, secret), {
      ...founding(),
      parameters: { ...testParameters, kickedKeys },
    });
    const [one, other] = [makeMembership(groupId, secret), makeMembership(groupId, secret)];
    const [first, second] = [await letIn(mls, [group], one), await letIn(mls, [group], other)];
    const kick = ({ leaf, signatureKey }: Member) => ({ adds: [], removes: [leaf], kicks: [signatureKey] });
    const view = await commitTo(mls, [group], kick(first));
    expect(view.parameters.kickedKeys).toHaveLength(MAX_KICKED_KEYS);
    expect(await mls.stageCommit(group, kick(second))).toEqual({
      kind: 'refused',
      reason: 'more kicked keys than a meeting can have',
    });
    const { roster } = await commitTo(mls, [group], { ...NO_CHANGE, removes: [second.leaf] });
    expect(roster).toHaveLength(1);
  });
});

describe('a Commit with an Add', () => {
  const external = (psk: RoguePsk): Proposal => ({ proposalType: 'psk', psk: { preSharedKeyId: psk.id } });
  const MISSING = 'an Add without the invitation’s PSK, or that PSK more often';

  test('names the invitation’s PSK once, with a fresh nonce', async () => {
    const { mls, group, rogue, newcomer } = await setUp();
    const joiner = newcomer();
    const state = await stateOf(mls, rogue);
    const pskIdsOf = async (commit: Uint8Array): Promise<PreSharedKeyID[]> => {
      const message = decodeWhole(commit);
      if (message?.wireformat !== 'mls_private_message') throw new Error('a PrivateMessage');
      const ids: PreSharedKeyID[] = [];
      const findPsk = (id: PreSharedKeyID) => (ids.push(id), joiner.invitationPsk);
      const suite = await suiteImplementation(0x0001);
      await processPrivateMessage(state, message.privateMessage, { findPsk }, suite, acceptAll);
      return ids;
    };
    const nonces: string[] = [];
    for (let time = 0; time < 2; time += 1) {
      const { keyPackage } = await mls.keyPackage(joiner, joinRequest());
      const { group: again } = (await mls.restore(joiner, await mls.serialise(group)))!;
      const adding = await mls.stageCommit(again, { ...NO_CHANGE, adds: [keyPackage] });
      if (adding.kind !== 'staged') throw new Error(adding.reason);
      const [id, ...others] = await pskIdsOf(adding.commit.commit);
      expect(others).toEqual([]);
      if (id?.psktype !== 'external') throw new Error('an external PSK');
      const text = Buffer.from('conclave invitation');
      expect(Buffer.from(id.pskId)).toEqual(Buffer.concat([text, joiner.groupId]));
      expect(id.pskNonce).toHaveLength(32);
      nonces.push(Buffer.from(id.pskNonce).toString('hex'));
    }
    expect(new Set(nonces).size).toBe(2);
    const update = await mls.stageCommit(group, NO_CHANGE);
    if (update.kind !== 'staged') throw new Error(update.reason);
    expect(await pskIdsOf(update.commit.commit)).toEqual([]);
  });

  test.each<[string, (joiner: MlsMembership) => Promise<Proposal[]>, string]>([
    ['no PSK', () => Promise.resolve([]), MISSING],
    ['that PSK twice', async (joiner) => [await pskOf(joiner), await pskOf(joiner)], MISSING],
    [
      'the PSK of another group',
      (joiner) => Promise.resolve([external(invitationPsk({ ...joiner, groupId: new Uint8Array(16) }))]),
      'Could not find pskId referenced in proposal',
    ],
    [
      'a nonce of another size',
      (joiner) => {
        const { id } = invitationPsk(joiner);
        return Promise.resolve([
          external({ id: { ...id, pskNonce: new Uint8Array(16) }, psk: new Uint8Array(32) }),
        ]);
      },
      'Could not find pskId referenced in proposal',
    ],
  ])('and %s is refused', async (_, psks, reason) => {
    const { mls, group, rogue, newcomer } = await setUp();
    const joiner = newcomer();
    const add = addOf((await mls.keyPackage(joiner, joinRequest())).keyPackage);
    const commit = await rogueCommit(mls, rogue, [add, ...(await psks(joiner))], joiner);
    expect(await mls.processCommit(group, commit)).toEqual({ kind: 'refused', reason, author: leafIndex(1) });
  });

  test('and the PSK of another invitation is refused', async () => {
    const { mls, group, rogue, newcomer } = await setUp();
    const joiner = newcomer();
    const { keyPackage } = await mls.keyPackage(joiner, joinRequest());
    const adds = await addsOf(joiner, keyPackage);
    const wrong = { ...joiner, invitationPsk: new Uint8Array(32) };
    expect(await mls.processCommit(group, await rogueCommit(mls, rogue, adds, wrong))).toEqual({
      kind: 'refused',
      reason: 'Could not verify confirmation tag',
    });
    // The same with the right one.
    const honest = await rogueCommit(mls, rogue, adds, joiner);
    expect((await mls.processCommit(group, honest)).kind).toBe('staged');
  });

  test('is the only one with a PSK', async () => {
    const { mls, group, rogue, newcomer } = await setUp();
    const member = newcomer();
    const commit = await rogueCommit(mls, rogue, [await pskOf(member)], member);
    expect(await mls.processCommit(group, commit)).toEqual({
      kind: 'refused',
      reason: MISSING,
      author: leafIndex(1),
    });
  });
});

describe('a Commit that adds somebody whom its time does not allow is refused:', () => {
  test.each<[string, bigint, bigint, string]>([
    ['as of a later epoch', 1n, 2n, 'an Add as of an epoch that has not begun'],
    ['as of an epoch long past', 10n, 1n, 'an Add as of an epoch that is long past'],
  ])('%s', async (_, at, asOf, reason) => {
    const { mls, group, rogue, newcomer } = await setUp();
    for (let reached = 1n; reached < at; reached += 1n) {
      const next = await mls.stageCommit(group, NO_CHANGE);
      if (next.kind !== 'staged') throw new Error(next.reason);
      const seen = await mls.processCommit(rogue, next.commit.commit);
      if (seen.kind !== 'staged') throw new Error(seen.kind);
      await mls.apply(group, next.commit.staged);
      await mls.apply(rogue, seen.staged);
    }
    const joiner = newcomer();
    const { keyPackage } = await mls.keyPackage(joiner, joinRequest(asOf));
    const commit = await rogueCommit(mls, rogue, await addsOf(joiner, keyPackage), joiner);
    expect(await mls.processCommit(group, commit)).toEqual({ kind: 'refused', reason, author: leafIndex(1) });
  });

  test.each<[string, bigint, string]>([
    ['a join that is in the tree', 1n, 'an Add of a join that is in the tree'],
    ['an older join of a member', 0n, 'an Add that is older than the member it replaces'],
  ])('%s', async (what, asOf, reason) => {
    const { mls, group, rogue, newcomer } = await setUp();
    const member = newcomer();
    const request = joinRequest(1n);
    const { keyPackage } = await mls.keyPackage(member, request);
    const adding = await mls.stageCommit(group, { ...NO_CHANGE, adds: [keyPackage] });
    if (adding.kind !== 'staged') throw new Error(adding.reason);
    const seen = await mls.processCommit(rogue, adding.commit.commit);
    if (seen.kind !== 'staged') throw new Error(seen.kind);
    await mls.apply(rogue, seen.staged);
    const { view } = await mls.apply(group, adding.commit.staged);
    const leaf = view.roster.find(({ signatureKey }) => equal(signatureKey, member.identity.publicKey))?.leaf;
    const again =
      what === 'a join that is in the tree' ? { ...request, asOf: epoch(asOf) } : joinRequest(asOf);
    const replayed = await mls.keyPackage(member, again);
    const remove: Proposal = { proposalType: 'remove', remove: { removed: leaf ?? 0 } };
    const proposals = [remove, ...(await addsOf(member, replayed.keyPackage))];
    const commit = await rogueCommit(mls, rogue, proposals, member);
    expect(await mls.processCommit(group, commit)).toEqual({ kind: 'refused', reason, author: leafIndex(1) });
  });
});

describe('a Commit whose path makes its author another', () => {
  type Leaf = Extract<ClientState['ratchetTree'][number], { nodeType: 'leaf' }>['leaf'];
  test.each<[string, (leaf: Leaf) => Partial<Leaf>]>([
    ['join', () => ({ extensions: [{ extensionType: 0xf0c2, extensionData: new Uint8Array(16) }] })],
    ['member without a join', () => ({ extensions: [] })],
    [
      'member that can do less',
      ({ capabilities }) => ({ capabilities: { ...capabilities, proposals: [0xf00d] } }),
    ],
  ])('%s is refused', async (_, change) => {
    const { mls, group, rogue } = await setUp();
    const state = await stateOf(mls, rogue);
    // What a path takes over from the leaf that it replaces.
    const ratchetTree = state.ratchetTree.map((node, at) =>
      at === 2 * state.privatePath.leafIndex && node?.nodeType === 'leaf'
        ? { ...node, leaf: { ...node.leaf, ...change(node.leaf) } as Leaf }
        : node,
    );
    const cipherSuite = await suiteImplementation(0x0001);
    const { commit } = await createCommit({ state: { ...state, ratchetTree }, cipherSuite });
    expect(await mls.processCommit(group, encodeMlsMessage(commit))).toEqual({
      kind: 'refused',
      reason: 'a Commit that makes its author another',
      author: leafIndex(1),
    });
  });
});

describe('the policy', async () => {
  const suite = await suiteImplementation(0x0001);
  const policyGroup = {
    groupId: new Uint8Array(16),
    suite,
    members: new Map<LeafIndex, Uint8Array>(),
    maxMembers: 4,
    parameters: testParameters,
  };
  const removal = (removed: number) => ({
    proposal: { proposalType: 'remove' as const, remove: { removed } },
    senderLeafIndex: 0,
  });
  const unknown = (proposalType: number) => ({
    proposal: { proposalType, proposalData: new Uint8Array(0) },
    senderLeafIndex: 0,
  });

  test('records who commits and what is done', () => {
    const { callback, seen } = commitPolicy(policyGroup);
    const proposals = [removal(2), removal(5)];
    expect(callback({ kind: 'commit', senderLeafIndex: toLeafIndex(3), proposals })).toBe('accept');
    expect(seen).toEqual({
      committer: 3,
      removed: [2, 5],
      added: [],
      psks: 0,
      parameters: testParameters,
      refusal: undefined,
    });
  });

  test('accepts no Commit from outside and no proposal by itself', () => {
    const outside = commitPolicy(policyGroup);
    expect(outside.callback({ kind: 'commit', senderLeafIndex: undefined, proposals: [] })).toBe('reject');
    expect(outside.seen.refusal).toBe('an external Commit');
    const loose = commitPolicy(policyGroup);
    expect(loose.callback({ kind: 'proposal', proposal: removal(1) })).toBe('reject');
    expect(loose.seen.refusal).toBe('a proposal outside a Commit');
  });

  test('names the first proposal that it refuses', () => {
    const { callback, seen } = commitPolicy(policyGroup);
    const proposals = [removal(1), unknown(0xfa00), unknown(0xfa01)];
    expect(callback({ kind: 'commit', senderLeafIndex: toLeafIndex(3), proposals })).toBe('reject');
    expect(seen.refusal).toBe('a proposal of type 64000');
  });
});

test.each<[string, boolean, Extension[], string]>([
  ['another group', false, [change(testParameters)], 'a Welcome to another group'],
  ['a group without meeting parameters', true, [], 'no meeting parameters'],
  [
    'a group with meeting parameters twice',
    true,
    [change(testParameters), change({ ...testParameters, receiptKey: new Uint8Array(32) })],
    'no meeting parameters',
  ],
  [
    'a group with another extension beside the meeting parameters',
    true,
    [change(testParameters), { extensionType: 0xf0c2, extensionData: new Uint8Array(0) }],
    'no meeting parameters',
  ],
])('a Welcome to %s is refused', async (_, isOurs, context, reason) => {
  const mls = new TsMlsAdapter();
  const membership = makeMembership(new Uint8Array(randomBytes(16)), new Uint8Array(randomBytes(32)));
  const { keyPackage } = await mls.keyPackage(membership, joinRequest());
  const groupId = isOurs ? membership.groupId : new Uint8Array(16);
  const welcome = await rogueWelcome(keyPackage, groupId, context, [invitationPsk(membership)]);
  expect(await mls.join(membership, welcome)).toEqual({ kind: 'refused', reason });
});

describe('a Welcome from somebody who was not invited', () => {
  const membership = makeMembership(new Uint8Array(randomBytes(16)), new Uint8Array(randomBytes(32)));
  const { groupId } = membership;
  const MISSING = 'a Welcome without the invitation’s PSK, or with others';
  const SEALED = 'Unsupported state or unable to authenticate data';
  const UNKNOWN = 'Could not find pskId referenced in proposal';
  const resumption: RoguePsk = {
    id: {
      psktype: 'resumption',
      usage: 'application',
      pskGroupId: groupId,
      pskEpoch: 0n,
      pskNonce: new Uint8Array(32),
    },
    psk: new Uint8Array(32),
  };
  test.each<[string, RoguePsk[], string]>([
    ['no PSK', [], MISSING],
    // What is sealed under keys that follow from a guess does not open.
    ['the id of the PSK and a guess', [invitationPsk(membership, { psk: new Uint8Array(32) })], SEALED],
    ['the PSK of another group', [invitationPsk({ ...membership, groupId: new Uint8Array(16) })], UNKNOWN],
    ['the PSK twice', [invitationPsk(membership), invitationPsk(membership)], MISSING],
    ['another PSK beside it', [invitationPsk(membership), resumption], UNKNOWN],
    ['a PSK of another kind', [resumption], UNKNOWN],
  ])('with %s makes no group of his the joiner’s', async (_, psks, reason) => {
    const mls = new TsMlsAdapter();
    const { keyPackage } = await mls.keyPackage(membership, joinRequest());
    const welcome = await rogueWelcome(keyPackage, groupId, [change(testParameters)], psks);
    const refusal = await mls.join(membership, welcome);
    expect(refusal).toEqual({ kind: 'refused', reason });
    // With the PSK as members name it the same Welcome is taken.
    const honest = [invitationPsk(membership)];
    const invited = await rogueWelcome(keyPackage, groupId, [change(testParameters)], honest);
    expect((await mls.join(membership, invited)).kind).toBe('joined');
  });
});

describe('no clock decides who is let in', () => {
  const DAY = 24n * 3600n;
  const NOW = BigInt(Math.floor(Date.now() / 1000));

  test.each<[string, bigint, bigint]>([
    ['began in the future', NOW + 30n * DAY, NOW + 44n * DAY],
    ['ended years ago', 0n, 14n * DAY],
  ])('a KeyPackage whose lifetime %s is added, and the Commit taken', async (_, notBefore, notAfter) => {
    const { mls, group, rogue, newcomer } = await setUp();
    const lifetime = { notBefore, notAfter };
    const keyPackage = await craftKeyPackage(newcomer(), { leaf: { lifetime } });
    expect((await mls.inspectKeyPackage(group, keyPackage)).kind).toBe('acceptable');
    const outcome = await mls.stageCommit(rogue, { ...NO_CHANGE, adds: [keyPackage] });
    if (outcome.kind !== 'staged') throw new Error(outcome.reason);
    expect((await mls.processCommit(group, outcome.commit.commit)).kind).toBe('staged');
  });

  test.each<[string, bigint, bigint]>([
    ['is longer than two weeks', NOW, NOW + 14n * DAY + 1n],
    ['ends before it begins', NOW, NOW - 1n],
  ])('one whose lifetime %s is none', async (_, notBefore, notAfter) => {
    const { mls, group, newcomer } = await setUp();
    const keyPackage = await craftKeyPackage(newcomer(), { leaf: { lifetime: { notBefore, notAfter } } });
    expect(await mls.inspectKeyPackage(group, keyPackage)).toEqual({
      kind: 'refused',
      reason: 'no lifetime, or one that is too long',
    });
  });
});

test('the master key is what the exporter of RFC 9420 gives for the label of the key profile', async () => {
  const mls = new TsMlsAdapter();
  const membership = makeMembership(randomBytes(16), randomBytes(32));
  const { group, masterKey } = await mls.createGroup(membership, founding());
  const { exporterSecret } = (await stateOf(mls, group)).keySchedule;
  // §8: ExpandWithLabel(Secret, Label, Context, Length), one block of HKDF-Expand.
  const expandWithLabel = (secret: Uint8Array, label: string, context: Uint8Array): Buffer => {
    const name = Buffer.from(`MLS 1.0 ${label}`);
    const info = [Buffer.from([0, 32, name.length]), name, Buffer.from([context.length]), context];
    return createHmac('sha256', secret)
      .update(Buffer.concat([...info, Buffer.from([1])]))
      .digest();
  };
  const derived = expandWithLabel(exporterSecret, 'SecureObject MLS Master Key', new Uint8Array(0));
  const expected = expandWithLabel(derived, 'exported', createHash('sha256').digest());
  expect(Buffer.from(masterKey)).toEqual(expected);
});

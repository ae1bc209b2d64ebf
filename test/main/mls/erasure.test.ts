import { randomBytes } from 'node:crypto';
import type { ClientState } from 'ts-mls';
import { expandWithLabel } from 'ts-mls/crypto/kdf.js';
import { createSecretTree, deriveKey } from 'ts-mls/secretTree.js';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { suiteImplementation } from '../../../src/main/mls/client-config.ts';
import { byteArraysIn } from '../../../src/main/mls/group-secrets.ts';
import { decodeGroupRecord } from '../../../src/main/mls/group-state-codec.ts';
import type { GroupRecord } from '../../../src/main/mls/group-state-codec.ts';
import { TsMlsAdapter } from '../../../src/main/mls/ts-mls-adapter.ts';
import { encodeUtf8 } from '../../../src/protocol/bytes/utf8.ts';
import type { GroupHandle, StagedCommit } from '../../../src/protocol/group/mls.ts';
import {
  founding,
  joinRequest,
  makeMembership,
  NO_CHANGE,
  testParameters,
} from '../../harness/group/membership.ts';
import { addsOf, change, extensions, rogueCommit } from '../../harness/group/rogue-commit.ts';
import { watchSecrets } from '../../harness/group/watch-secrets.ts';

const isErased = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);
afterEach(() => {
  vi.restoreAllMocks();
});

/** A group of two as the first has it: watched from its beginning. */
async function setUp() {
  const watched = await watchSecrets();
  const [mls, otherMls] = [new TsMlsAdapter(), new TsMlsAdapter()];
  const [groupId, secret] = [randomBytes(16), randomBytes(32)];
  const { group } = await mls.createGroup(makeMembership(groupId, secret), founding());
  const joiner = makeMembership(groupId, secret);
  const { keyPackage } = await otherMls.keyPackage(joiner, joinRequest());
  const added = await stage(mls, group, [keyPackage]);
  await mls.apply(group, added.staged);
  const { welcome } = added.welcomes[0] ?? { welcome: new Uint8Array(0) };
  // Where it checks a GroupInfo ts-mls derives the confirmation key again, and leaves that copy to the collector.
  const joined = await watched.unwatched(() => otherMls.join(joiner, welcome));
  if (joined.kind !== 'joined') throw new Error(joined.reason);
  return { watched, mls, group, otherMls, other: joined.group, joiner };
}
async function stage(mls: TsMlsAdapter, group: GroupHandle, adds: Uint8Array[] = []): Promise<StagedCommit> {
  const outcome = await mls.stageCommit(group, { ...NO_CHANGE, adds });
  if (outcome.kind !== 'staged') throw new Error(outcome.reason);
  return outcome.commit;
}
async function recordOf(mls: TsMlsAdapter, group: GroupHandle): Promise<GroupRecord> {
  const record = decodeGroupRecord(await mls.serialise(group));
  if (record === undefined) throw new Error('a group reads back');
  return record;
}
/** Copies of everything secret in a state but the signature key, which all epochs have in common. */
function secretsOf({ keySchedule, privatePath, secretTree }: ClientState): Uint8Array[] {
  return [
    ...(Object.values(keySchedule) as unknown[]),
    ...Object.values(privatePath.privateKeys),
    ...byteArraysIn(secretTree),
  ]
    .filter((value): value is Uint8Array => value instanceof Uint8Array && !isErased(value))
    .map((value) => value.slice());
}
async function commitOf(mls: TsMlsAdapter, group: GroupHandle): Promise<Uint8Array> {
  return (await stage(mls, group)).commit;
}
function flipLast(bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[copy.length - 1]! ^= 1;
  return copy;
}
const without = (secrets: readonly Uint8Array[], kept: readonly Uint8Array[]): Uint8Array[] =>
  secrets.filter((secret) => !kept.some((each) => Buffer.from(each).equals(secret)));

test('a merge leaves no memory that holds a secret of the epoch before', async () => {
  const { watched, mls, group, otherMls, other } = await setUp();
  const before = secretsOf((await recordOf(mls, group)).state);
  const commit = await stage(otherMls, other);
  const processed = await mls.processCommit(group, commit.commit);
  if (processed.kind !== 'staged') throw new Error(processed.kind);
  await otherMls.apply(other, commit.staged);
  await otherMls.forget(other);
  await mls.apply(group, processed.staged);
  const gone = without(before, secretsOf((await recordOf(mls, group)).state));
  expect(gone.length).toBeGreaterThan(8);
  expect(gone.flatMap((secret) => watched.holding(secret))).toEqual([]);
});

test('the key that opened a Commit is gone when the Commit is merged', async () => {
  const { watched, mls, group, otherMls, other } = await setUp();
  const suite = await suiteImplementation(0x0001);
  const { secretTree } = (await recordOf(mls, group)).state;
  // Of leaves that sent nothing yet the tree has the secret alone.
  const leaves = [...byteArraysIn(secretTree)];
  expect(leaves.length).toBe(2);
  const derived: Uint8Array[] = [];
  for (const leaf of leaves) {
    const [handshake, application] = await Promise.all(
      ['handshake', 'application'].map((label) =>
        expandWithLabel(leaf, label, new Uint8Array(0), suite.kdf.size, suite.kdf),
      ),
    );
    if (handshake === undefined || application === undefined) throw new Error('two ratchets');
    derived.push(handshake, application, await deriveKey(handshake, 0, suite));
  }
  const copies = derived.map((secret) => secret.slice());
  for (const secret of [...leaves, ...derived]) secret.fill(0);
  const commit = await stage(otherMls, other);
  const processed = await mls.processCommit(group, commit.commit);
  if (processed.kind !== 'staged') throw new Error(processed.kind);
  expect(copies.flatMap((key) => watched.holding(key)).length).toBeGreaterThan(0);
  await mls.apply(group, processed.staged);
  await otherMls.apply(other, commit.staged);
  expect(copies.flatMap((key) => watched.holding(key))).toEqual([]);
});

test('a Commit of ours that lost leaves nothing of the epoch that it would have begun', async () => {
  const { watched, mls, group, otherMls, other } = await setUp();
  await stage(mls, group);
  const { staged } = await recordOf(mls, group);
  if (staged === undefined) throw new Error('nothing staged');
  const lost = secretsOf(staged.newState);
  const winner = await stage(otherMls, other);
  const processed = await mls.processCommit(group, winner.commit);
  if (processed.kind !== 'staged') throw new Error(processed.kind);
  await mls.apply(group, processed.staged);
  const gone = without(lost, secretsOf((await recordOf(mls, group)).state));
  expect(gone.length).toBeGreaterThan(8);
  expect(gone.flatMap((secret) => watched.holding(secret))).toEqual([]);
});

describe('nothing that was derived is left', () => {
  type Scene = Awaited<ReturnType<typeof setUp>>;
  const rule = extensions(change({ ...testParameters, admission: 'ask' }));
  const newcomer = async ({ otherMls, joiner }: Scene): Promise<Uint8Array> => {
    const membership = makeMembership(joiner.groupId, joiner.joinProofKey);
    return (await otherMls.keyPackage(membership, joinRequest())).keyPackage;
  };
  /** Commits, of Bo who organises nothing but for the last, and how Ana refuses them. */
  const refusals: [string, (scene: Scene) => Promise<Uint8Array>, object][] = [
    [
      'of a Commit that does not open',
      async ({ otherMls, other }) => flipLast(await commitOf(otherMls, other)),
      { kind: 'refused' },
    ],
    [
      'of a Commit against the rules',
      ({ otherMls, other }) => rogueCommit(otherMls, other, [rule]),
      { kind: 'refused', author: 1 },
    ],
    [
      'of a Commit that MLS forbids',
      async (scene) => {
        const twice = await newcomer(scene);
        const { otherMls, other, joiner } = scene;
        return rogueCommit(otherMls, other, await addsOf(joiner, twice, twice), joiner);
      },
      { kind: 'refused', author: 1 },
    ],
    [
      'of a Commit that leads to another epoch',
      async (scene) => {
        const { otherMls, other, joiner } = scene;
        const adds = await addsOf(joiner, await newcomer(scene));
        return rogueCommit(otherMls, other, adds, { ...joiner, invitationPsk: new Uint8Array(32) });
      },
      { kind: 'refused', reason: expect.stringContaining('confirmation tag') as string },
    ],
    ['of our own Commit, heard again', ({ mls, group }) => commitOf(mls, group), { kind: 'own' }],
  ];
  test.each(refusals)('%s', async (_, make, expected) => {
    const scene = await setUp();
    const { watched, mls, group } = scene;
    const commit = await make(scene);
    const before = secretsOf((await recordOf(mls, group)).state);
    let outcome;
    const left = await watched.leftBy(async () => {
      outcome = await mls.processCommit(group, commit);
    });
    expect(outcome).toMatchObject(expected);
    expect(left).toEqual([]);
    // And all that the group goes on with is there.
    expect(secretsOf((await recordOf(mls, group)).state)).toEqual(before);
  });

  test('of a Commit that we could not make', async () => {
    const { watched, mls, group } = await setUp();
    // Sealing the Commit comes last.
    const { hpke } = await suiteImplementation(0x0001);
    vi.spyOn(hpke, 'encryptAead').mockRejectedValue(new Error('sealing fails'));
    let outcome;
    const left = await watched.leftBy(async () => {
      outcome = await mls.stageCommit(group, NO_CHANGE);
    });
    expect(outcome).toMatchObject({
      kind: 'refused',
      reason: expect.stringContaining('sealing fails') as string,
    });
    expect(left).toEqual([]);
    vi.restoreAllMocks();
    expect((await mls.stageCommit(group, NO_CHANGE)).kind).toBe('staged');
  });
});

test('a group that is forgotten leaves nothing, its staged Commit and our signature key included', async () => {
  const { watched, mls, group, otherMls, other, joiner } = await setUp();
  await stage(mls, group);
  const record = await recordOf(mls, group);
  const secrets = [...secretsOf(record.state), ...secretsOf(record.staged?.newState ?? record.state)];
  await otherMls.forgetKeyPackages(joiner);
  await Promise.all([mls.forget(group), otherMls.forget(other)]);
  expect(secrets.flatMap((secret) => watched.holding(secret))).toEqual([]);
  expect(watched.signKeys.size).toBeGreaterThan(0);
  expect([...watched.signKeys].every(isErased)).toBe(true);
});

test('of a secret tree only what the leaves derive from is left', async () => {
  const watched = await watchSecrets();
  const { kdf } = await suiteImplementation(0x0001);
  const secret = new Uint8Array(randomBytes(32));
  const above = await expandWithLabel(secret, 'tree', encodeUtf8('left'), kdf.size, kdf);
  const leaf = await expandWithLabel(above, 'tree', encodeUtf8('right'), kdf.size, kdf);
  const [copy, leafCopy] = [above.slice(), leaf.slice()];
  above.fill(0);
  leaf.fill(0);
  const tree = await createSecretTree(4, secret, kdf);
  expect(watched.holding(copy)).toEqual([]);
  expect(watched.holding(leafCopy).length).toBe(1);
  expect(tree[2]).toEqual({ secret: leafCopy });
});

test('the init key of a group’s creator is gone at once', async () => {
  const watched = await watchSecrets();
  await new TsMlsAdapter().createGroup(makeMembership(randomBytes(16), randomBytes(32)), founding());
  expect(watched.privateKeys.map(isErased)).toEqual([true, false]);
});

test('forgotten KeyPackages leave nothing but what the group took over', async () => {
  const { watched, otherMls, other, joiner } = await setUp();
  const before = watched.privateKeys.length;
  await otherMls.keyPackage(joiner, joinRequest());
  const unused = watched.privateKeys.slice(before);
  expect(unused.map(isErased)).toEqual([false, false]);
  await otherMls.forgetKeyPackages(joiner);
  expect(unused.map(isErased)).toEqual([true, true]);
  // The group lives on with the leaf key of the KeyPackage that was used.
  const { privatePath } = (await recordOf(otherMls, other)).state;
  expect(Object.values(privatePath.privateKeys).some(isErased)).toBe(false);
  expect((await otherMls.stageCommit(other, NO_CHANGE)).kind).toBe('staged');
});

test('the state at rest keeps nothing to open messages of former epochs with', async () => {
  const { mls, group } = await setUp();
  const commit = await stage(mls, group);
  await mls.apply(group, commit.staged);
  expect((await recordOf(mls, group)).state.historicalReceiverData.size).toBe(0);
  await stage(mls, group);
  expect((await recordOf(mls, group)).staged?.newState.historicalReceiverData.size).toBe(0);
});

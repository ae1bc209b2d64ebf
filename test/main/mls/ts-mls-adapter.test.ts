import { createHash, createHmac, randomBytes } from 'node:crypto';
import { encodeMlsMessage } from 'ts-mls';
import { beforeEach, describe, expect, test } from 'vitest';
import { ed25519PublicKey, verifyEd25519 } from '../../../src/io/crypto/raw-keys.ts';
import { decodeGroupRecord, encodeGroupRecord } from '../../../src/main/mls/group-state-codec.ts';
import { decodeKeyPackage, decodeWhole, MLS_LIMITS } from '../../../src/main/mls/mls-messages.ts';
import type { MlsMembership } from '../../../src/main/mls/mls-port.ts';
import { TsMlsAdapter } from '../../../src/main/mls/ts-mls-adapter.ts';
import { OVERHEAD_BYTES, PATH_BYTES } from '../../../src/protocol/group/coordination/commit-size.ts';
import type { CommitPlan, EpochView, GroupHandle, StagedCommit } from '../../../src/protocol/group/mls.ts';
import { leafIndex } from '../../../src/protocol/group/roster.ts';
import { craftKeyPackage } from '../../harness/group/crafted-key-package.ts';
import {
  founding,
  joinRequest,
  makeMembership,
  NO_CHANGE,
  testParameters,
} from '../../harness/group/membership.ts';

let mls: TsMlsAdapter;
let groupId: Uint8Array;
let secret: Uint8Array;
let creator: MlsMembership;
beforeEach(() => {
  mls = new TsMlsAdapter();
  groupId = new Uint8Array(randomBytes(16));
  secret = new Uint8Array(randomBytes(32));
  creator = makeMembership(groupId, secret);
});

const newcomer = (): MlsMembership => makeMembership(groupId, secret);
const create = () => mls.createGroup(creator, founding());
async function stage(group: GroupHandle, plan: Partial<CommitPlan> = {}): Promise<StagedCommit> {
  const outcome = await mls.stageCommit(group, { ...NO_CHANGE, ...plan });
  if (outcome.kind !== 'staged') throw new Error(outcome.reason);
  return outcome.commit;
}
/** Adds a member; gives its Welcome, which it has not used. */
async function invite(group: GroupHandle, joiner: MlsMembership): Promise<Uint8Array> {
  const { keyPackage } = await mls.keyPackage(joiner, joinRequest());
  const { staged, welcomes } = await stage(group, { adds: [keyPackage] });
  await mls.apply(group, staged);
  return welcomes[0]?.welcome ?? new Uint8Array(0);
}
async function enter(group: GroupHandle, joiner: MlsMembership = newcomer()): Promise<GroupHandle> {
  const joined = await mls.join(joiner, await invite(group, joiner));
  if (joined.kind !== 'joined') throw new Error(joined.reason);
  return joined.group;
}

describe('a group that was created', () => {
  test('is at epoch 0, has one member and the parameters that were asked for', async () => {
    const { view, groupContext, group } = await create();
    expect(view).toMatchObject({
      groupId,
      epoch: 0n,
      transcript: new Uint8Array(0),
      suite: 1,
      ownLeaf: 0,
      roster: [{ leaf: 0, signatureKey: creator.identity.publicKey }],
      // Whoever creates it organises it.
      parameters: { ...testParameters, organisers: [view.roster[0]?.fingerprint] },
    });
    const { state } = decodeGroupRecord(await mls.serialise(group)) ?? {};
    expect(state?.groupContext.extensions.map(({ extensionType }) => extensionType)).toEqual([0xf0c1]);
    expect(Buffer.from(groupContext).includes(Buffer.from(groupId))).toBe(true);
  });

  test('keeps its state when what was handed out is overwritten', async () => {
    const { group, view, masterKey, groupContext } = await create();
    const before = await mls.serialise(group);
    const member = view.roster[0];
    if (member === undefined) throw new Error('one member');
    const { signatureKey, fingerprint, senderId } = member;
    for (const bytes of [
      view.groupId,
      view.transcript,
      view.epochAuthenticator,
      signatureKey,
      fingerprint,
      senderId,
      masterKey,
      groupContext,
      // Nor does it need the identity any more.
      creator.identity.seed,
      creator.identity.publicKey,
    ]) {
      bytes.fill(0xee);
    }
    expect(await mls.serialise(group)).toEqual(before);
  });

  test('takes nothing from the identity that made it when it is forgotten', async () => {
    const seed = creator.identity.seed.slice();
    const { group } = await create();
    await mls.keyPackage(creator, joinRequest());
    await stage(group);
    await mls.forget(group);
    await mls.forgetKeyPackages(creator);
    expect(creator.identity.seed).toEqual(seed);
  });

  test('has a handle of its own, and so has each Commit', async () => {
    mls = new TsMlsAdapter(100);
    const groups = [(await create()).group, (await create()).group];
    const staged: number[] = [];
    for (const group of groups) staged.push((await stage(group)).staged);
    expect([...groups, ...staged].sort()).toEqual([100, 101, 102, 103]);
  });
});

test('a group has a key pair of each epoch, from the exporter, known before anything is merged', async () => {
  /** From the words of docs/protocol.md, over RFC 9420 §8 in node:crypto. */
  const keyOf = async (group: GroupHandle): Promise<Uint8Array> => {
    const exporter = decodeGroupRecord(await mls.serialise(group))?.state.keySchedule.exporterSecret;
    const labelled = (secret: Uint8Array, label: string, context: Uint8Array): Buffer => {
      const full = Buffer.from(`MLS 1.0 ${label}`);
      const info = [Buffer.of(0, 32, full.length), full, Buffer.of(context.length), context, Buffer.of(1)];
      return createHmac('sha256', secret).update(Buffer.concat(info)).digest();
    };
    const hashed = createHash('sha256').digest();
    const derived = labelled(exporter ?? new Uint8Array(0), 'conclave epoch key', new Uint8Array(0));
    return ed25519PublicKey(labelled(derived, 'exported', hashed));
  };
  const { group, view } = await create();
  expect(view.epochKey).toEqual(await keyOf(group));
  const other = await enter(group);
  const staged = await stage(group);
  const seen = await mls.processCommit(other, staged.commit);
  const [{ view: next }, restored] = [
    await mls.apply(group, staged.staged),
    await mls.restore(creator, await mls.serialise(group)),
  ];
  expect(next.epochKey).toEqual(await keyOf(group));
  expect(next.epochKey).not.toEqual(view.epochKey);
  expect([staged.nextKey, seen.kind === 'staged' && seen.nextKey, restored?.view.epochKey]).toEqual([
    next.epochKey,
    next.epochKey,
    next.epochKey,
  ]);
});

test('a group signs with the key of the epoch that it is in, until it is forgotten', async () => {
  const { group, view } = await create();
  const message = Buffer.from('a call to the counter');
  const signs = async ({ epochKey }: EpochView): Promise<boolean> => {
    const signature = await mls.signWithEpochKey(group, message);
    return signature !== undefined && verifyEd25519(epochKey, message, signature);
  };
  expect(await signs(view)).toBe(true);
  const { staged, nextKey } = await stage(group);
  expect([await signs(view), await signs({ ...view, epochKey: nextKey })]).toEqual([true, false]);
  const { view: next } = await mls.apply(group, staged);
  expect([await signs(view), await signs(next)]).toEqual([false, true]);
  await mls.forget(group);
  expect(await mls.signWithEpochKey(group, message)).toBeUndefined();
});

describe('a Commit', () => {
  test('that lets somebody in renews the key of its author where that is wanted, and no key otherwise', async () => {
    const { group } = await create();
    const other = await enter(group);
    const keyOf = async (of: GroupHandle, leaf: number): Promise<Uint8Array> => {
      const node = decodeGroupRecord(await mls.serialise(of))?.state.ratchetTree[2 * leaf];
      if (node?.nodeType !== 'leaf') throw new Error('no leaf');
      return node.leaf.hpkePublicKey;
    };
    for (const renews of [undefined, true] as const) {
      const joiner = newcomer();
      const { keyPackage } = await mls.keyPackage(joiner, joinRequest());
      const before = await keyOf(other, 0);
      const plan = { adds: [keyPackage], ...(renews === undefined ? {} : { renews }) };
      const { commit, staged, welcomes, ...made } = await stage(group, plan);
      const processed = await mls.processCommit(other, commit);
      if (processed.kind !== 'staged') throw new Error(processed.kind);
      expect([made.renews, processed.renews]).toEqual([renews === true, renews === true]);
      await mls.apply(group, staged);
      const { view } = await mls.apply(other, processed.staged);
      const joined = await mls.join(joiner, welcomes[0]?.welcome ?? new Uint8Array(0));
      if (joined.kind !== 'joined') throw new Error(joined.reason);
      expect(joined.view.epochAuthenticator).toEqual(view.epochAuthenticator);
      const after = await keyOf(joined.group, 0);
      expect([Buffer.from(after).equals(before), await keyOf(other, 0)]).toEqual([renews !== true, after]);
      // A stage that was written to disk still says so.
      const again = await stage(group, { renews: true });
      const restored = await mls.restore(creator, await mls.serialise(group));
      expect([again.renews, restored?.staged?.renews]).toEqual([true, true]);
    }
  });

  test('begins the next epoch, and says to its receivers who made it and what it does', async () => {
    const { group } = await create();
    const leaver = await enter(group);
    const observer = newcomer();
    const { keyPackage } = await mls.keyPackage(observer, joinRequest());
    const added = await stage(group, { adds: [keyPackage] });
    expect(added.epoch).toBe(2n);
    const processed = await mls.processCommit(leaver, added.commit);
    expect(processed).toMatchObject({
      kind: 'staged',
      epoch: 2n,
      transcript: added.transcript,
      contents: { committer: 0, removed: [], added: [added.welcomes[0]?.ref] },
      renews: false,
    });
    if (processed.kind !== 'staged') throw new Error(processed.kind);
    const begun = await mls.apply(group, added.staged);
    expect(begun.view).toMatchObject({ epoch: 2n, transcript: added.transcript });
    await mls.apply(leaver, processed.staged);
    const joined = await mls.join(observer, added.welcomes[0]?.welcome ?? new Uint8Array(0));
    if (joined.kind !== 'joined') throw new Error(joined.reason);

    const removal = await stage(leaver, { removes: [leafIndex(0)] });
    expect(await mls.processCommit(joined.group, removal.commit)).toMatchObject({
      kind: 'staged',
      contents: { committer: 1, removed: [0], added: [] },
      renews: true,
    });
    expect(await mls.processCommit(group, removal.commit)).toEqual({
      kind: 'removed',
      transcript: removal.transcript,
      contents: { committer: 1, removed: [leafIndex(0)], added: [] },
      isReplaced: false,
      kicked: false,
    });
  });

  test('is the same for all when the transcript that was handed out is overwritten', async () => {
    const { group } = await create();
    const member = await enter(group);
    const own = await stage(group);
    const seen = await mls.processCommit(member, own.commit);
    if (seen.kind !== 'staged') throw new Error(seen.kind);
    const restored = await mls.restore(creator, await mls.serialise(group));
    if (restored?.staged === undefined) throw new Error('a staged Commit reads back');
    const transcript = own.transcript.slice();
    for (const bytes of [own.transcript, seen.transcript, restored.staged.transcript]) bytes.fill(0);
    const begun = [
      await mls.apply(group, own.staged),
      await mls.apply(member, seen.staged),
      await mls.apply(restored.group, restored.staged.staged),
    ];
    for (const { view } of begun) {
      expect(view.transcript).toEqual(transcript);
      view.transcript.fill(0);
    }
    const next = await stage(member);
    expect((await mls.processCommit(group, next.commit)).kind).toBe('staged');
    expect((await mls.processCommit(restored.group, next.commit)).kind).toBe('staged');
    const again = await mls.restore(creator, await mls.serialise(group));
    expect(again?.view.transcript).toEqual(transcript);
  });

  test('that removes a member and adds another does not say that the one was replaced', async () => {
    const { group } = await create();
    const leaver = await enter(group);
    const { keyPackage, ref } = await mls.keyPackage(newcomer(), joinRequest());
    const { commit } = await stage(group, { adds: [keyPackage], removes: [leafIndex(1)] });
    expect(await mls.processCommit(leaver, commit)).toMatchObject({
      kind: 'removed',
      contents: { added: [ref] },
      isReplaced: false,
    });
  });

  test('of a plan that cannot be carried out is refused, and another can be staged', async () => {
    const { group } = await create();
    const junk = { ...NO_CHANGE, adds: [new Uint8Array(10)] };
    expect(await mls.stageCommit(group, junk)).toEqual({
      kind: 'refused',
      reason: 'an Add of something that is not a KeyPackage',
    });
    const nobody = await mls.stageCommit(group, { ...NO_CHANGE, removes: [leafIndex(9)] });
    if (nobody.kind !== 'refused') expect.unreachable(nobody.kind);
    expect(nobody.reason).toMatch(/./);
    expect((await mls.stageCommit(group, NO_CHANGE)).kind).toBe('staged');
  });

  test('takes the place of one that was staged before it', async () => {
    const { group } = await create();
    const first = await stage(group);
    const joiner = newcomer();
    const { keyPackage } = await mls.keyPackage(joiner, joinRequest());
    const second = await stage(group, { adds: [keyPackage] });
    await expect(async () => mls.apply(group, first.staged)).rejects.toThrow('only what is staged is merged');
    const restored = await new TsMlsAdapter(1_000).restore(creator, await mls.serialise(group));
    expect(restored?.staged?.commit).toEqual(second.commit);
    const { view } = await mls.apply(group, second.staged);
    expect([view.epoch, view.roster.length]).toEqual([1n, 2]);
  });

  test('is not made where it would be larger than 512 KiB, and a smaller one is', async () => {
    const { group } = await create();
    // What we do not know stays in a KeyPackage, which may have 32 KiB.
    const filling = { extensionType: 0xfafa, extensionData: new Uint8Array(31_000) };
    const adds = await Promise.all(
      Array.from({ length: 17 }, async () => {
        const joiner = newcomer();
        const honest = decodeKeyPackage((await mls.keyPackage(joiner, joinRequest())).keyPackage);
        const extensions = [filling, ...(honest?.extensions ?? [])];
        return craftKeyPackage(joiner, { keyPackage: { extensions } });
      }),
    );
    const outcome = await mls.stageCommit(group, { ...NO_CHANGE, adds });
    expect(outcome).toEqual({ kind: 'refused', reason: 'larger than a Commit may be' });
    const { commit, staged } = await stage(group, { adds: adds.slice(1) });
    expect(commit.length).toBeLessThanOrEqual(512 * 1024);
    expect((await mls.apply(group, staged)).view.roster.length).toBe(17);
  });

  test.each([0x0001, 0x0053] as const)(
    'of suite %i that removes somebody is as large as is reckoned at most, in a tree with no inner keys',
    async (suite) => {
      const sizes: number[] = [];
      for (const count of [8, 16, 32]) {
        const { group } = await mls.createGroup(makeMembership(groupId, secret, suite), founding());
        const adds: Uint8Array[] = [];
        for (let member = 1; member < count; member += 1) {
          const joiner = makeMembership(groupId, secret, suite);
          adds.push((await new TsMlsAdapter().keyPackage(joiner, joinRequest())).keyPackage);
        }
        await mls.apply(group, (await stage(group, { adds })).staged);
        const { length } = (await stage(group, { removes: [leafIndex(1)] })).commit;
        expect(length).toBeLessThanOrEqual(OVERHEAD_BYTES + count * PATH_BYTES[suite]);
        sizes.push(length);
      }
      // It grows by less than is reckoned for each member, so that the largest group is within the bound too.
      const [small = 0, middle = 0, large = 0] = sizes;
      expect((middle - small) / 8).toBeLessThanOrEqual(PATH_BYTES[suite] + 160);
      expect((large - middle) / 16).toBeLessThanOrEqual(PATH_BYTES[suite] + 40);
    },
  );

  test('has at most 512 KiB', async () => {
    const { group } = await create();
    const message = (bytes: number): Uint8Array =>
      encodeMlsMessage({
        version: 'mls10',
        wireformat: 'mls_private_message',
        privateMessage: {
          groupId,
          epoch: 0n,
          contentType: 'commit',
          authenticatedData: new Uint8Array(0),
          encryptedSenderData: new Uint8Array(0),
          ciphertext: new Uint8Array(bytes),
        },
      });
    const rest = message(MLS_LIMITS.commit - 100).length - (MLS_LIMITS.commit - 100);
    const largest = message(MLS_LIMITS.commit - rest);
    expect(largest.length).toBe(512 * 1024);
    const tried = await mls.processCommit(group, largest);
    if (tried.kind !== 'refused') expect.unreachable(tried.kind);
    expect(tried.reason).not.toBe('no PrivateMessage');
    const larger = message(MLS_LIMITS.commit - rest + 1);
    expect(await mls.processCommit(group, larger)).toEqual({ kind: 'refused', reason: 'no PrivateMessage' });
  });
});

describe('a Welcome', () => {
  const NOT_OURS = { kind: 'refused', reason: 'a Welcome for KeyPackages that are not ours' };

  test('is for one membership: of this identity and this group', async () => {
    const { group } = await create();
    const joiner = newcomer();
    const welcome = await invite(group, joiner);
    expect(await mls.join(newcomer(), welcome)).toEqual(NOT_OURS);
    expect(await mls.join({ ...joiner, groupId: randomBytes(16) }, welcome)).toEqual(NOT_OURS);
    expect((await mls.join(joiner, welcome)).kind).toBe('joined');
  });

  test('may be for several joiners at once', async () => {
    const { group } = await create();
    const joiners = [newcomer(), newcomer()];
    const packages = await Promise.all(joiners.map((joiner) => mls.keyPackage(joiner, joinRequest())));
    const { welcomes } = await stage(group, { adds: packages.map(({ keyPackage }) => keyPackage) });
    const each = welcomes.map(({ welcome }) => {
      const message = decodeWhole(welcome);
      if (message?.wireformat !== 'mls_welcome') throw new Error('a Welcome');
      return message;
    });
    const [first] = each;
    if (first === undefined) throw new Error('two Welcomes');
    const secrets = each.flatMap((message) => message.welcome.secrets);
    const joint = encodeMlsMessage({ ...first, welcome: { ...first.welcome, secrets } });
    for (const joiner of joiners) expect((await mls.join(joiner, joint)).kind).toBe('joined');
  });

  test('finds the KeyPackage that it is for among several', async () => {
    const { group } = await create();
    const joiner = newcomer();
    await mls.keyPackage(joiner, joinRequest());
    const welcome = await invite(group, joiner);
    await mls.keyPackage(joiner, joinRequest());
    expect(await mls.join(joiner, welcome)).toMatchObject({
      kind: 'joined',
      view: { epoch: 1n, ownLeaf: 1 },
    });
  });

  test('is of no use when its KeyPackage was forgotten; those of other memberships stay', async () => {
    const { group } = await create();
    const joiner = newcomer();
    const [other, elsewhere] = [newcomer(), { ...joiner, groupId: new Uint8Array(randomBytes(16)) }];
    const welcome = await invite(group, joiner);
    const ofOther = await invite(group, other);
    const another = await mls.createGroup({ ...creator, groupId: elsewhere.groupId }, founding());
    const toElsewhere = await invite(another.group, elsewhere);
    await mls.forgetKeyPackages(joiner);
    expect(await mls.join(joiner, welcome)).toEqual(NOT_OURS);
    expect((await mls.join(other, ofOther)).kind).toBe('joined');
    expect((await mls.join(elsewhere, toElsewhere)).kind).toBe('joined');
  });

  test('that is damaged is refused, and can be used when it comes whole', async () => {
    const { group } = await create();
    const joiner = newcomer();
    const welcome = await invite(group, joiner);
    expect(await mls.join(joiner, welcome.subarray(1))).toEqual({ kind: 'refused', reason: 'no Welcome' });
    const damaged = welcome.slice();
    damaged[damaged.length - 1] = (damaged.at(-1) ?? 0) ^ 1;
    const refusal = await mls.join(joiner, damaged);
    if (refusal.kind !== 'refused') expect.unreachable(refusal.kind);
    expect(refusal.reason).toMatch(/./);
    expect((await mls.join(joiner, welcome)).kind).toBe('joined');
  });

  test('has at most 8 MiB', async () => {
    const welcome = decodeWhole(await invite((await create()).group, newcomer()));
    if (welcome?.wireformat !== 'mls_welcome') throw new Error('a Welcome');
    const sized = (bytes: number): Uint8Array =>
      encodeMlsMessage({
        ...welcome,
        welcome: { ...welcome.welcome, encryptedGroupInfo: new Uint8Array(bytes) },
      });
    const rest = sized(MLS_LIMITS.welcome - 1000).length - (MLS_LIMITS.welcome - 1000);
    const largest = sized(MLS_LIMITS.welcome - rest);
    expect(largest.length).toBe(8 * 1024 * 1024);
    expect(await mls.join(creator, largest)).toEqual(NOT_OURS);
    const larger = sized(MLS_LIMITS.welcome - rest + 1);
    expect(await mls.join(creator, larger)).toEqual({ kind: 'refused', reason: 'no Welcome' });
  });
});

describe('a group that is read back', () => {
  test('is what was written: epoch, secrets and staged Commit', async () => {
    const { group } = await create();
    await enter(group);
    const { keyPackage } = await mls.keyPackage(newcomer(), joinRequest());
    const { staged: _, ...staged } = await stage(group, { adds: [keyPackage] });
    const restored = await mls.restore(creator, await mls.serialise(group));
    expect(restored).toMatchObject({ staged, view: { groupId, epoch: 1n, ownLeaf: 0, suite: 1 } });
    expect(restored?.view.roster.length).toBe(2);
    expect(restored?.staged?.welcomes.length).toBe(1);
  });

  test('gives the GroupContext that it had when it was created', async () => {
    const { group, groupContext, masterKey, view } = await create();
    const restored = await mls.restore(creator, await mls.serialise(group));
    expect(restored).toMatchObject({ groupContext, masterKey, view, staged: undefined });
  });

  test('has no staged Commit where only somebody else’s was staged', async () => {
    const { group } = await create();
    const member = await enter(group);
    const theirs = await stage(member);
    expect((await mls.processCommit(group, theirs.commit)).kind).toBe('staged');
    const restored = await mls.restore(creator, await mls.serialise(group));
    expect(restored?.staged).toBeUndefined();
    if (restored === undefined) throw new Error('a group reads back');
    expect((await mls.stageCommit(restored.group, NO_CHANGE)).kind).toBe('staged');
  });

  test('has our own staged Commit where somebody else’s was staged before it', async () => {
    const { group } = await create();
    const theirs = await stage(await enter(group));
    expect((await mls.processCommit(group, theirs.commit)).kind).toBe('staged');
    const { commit } = await stage(group);
    const restored = await mls.restore(creator, await mls.serialise(group));
    expect(restored?.staged?.commit).toEqual(commit);
  });

  test('is one of this membership, with meeting parameters', async () => {
    const { group } = await create();
    const saved = await mls.serialise(group);
    expect(await mls.restore({ ...creator, groupId: new Uint8Array(16) }, saved)).toBeUndefined();
    expect(await mls.restore({ ...creator, suite: 0x0053 }, saved)).toBeUndefined();
    expect(await mls.restore(creator, saved.subarray(1))).toBeUndefined();
    const record = decodeGroupRecord(saved);
    if (record === undefined) throw new Error('a group reads back');
    const groupContext = { ...record.state.groupContext, extensions: [] };
    const bare = encodeGroupRecord({ ...record, state: { ...record.state, groupContext } });
    expect(await mls.restore(creator, bare)).toBeUndefined();
  });

  test('is gone when it is forgotten, and forgetting it again does nothing', async () => {
    const { group } = await create();
    await mls.forget(group);
    await mls.forget(group);
    await expect(async () => mls.serialise(group)).rejects.toThrow('the group is held here');
  });
});

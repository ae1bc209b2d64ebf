import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startMlsWorker } from '../../../src/main/mls/worker-mls-port.ts';
import type { MlsMembership, MlsPort } from '../../../src/main/mls/mls-port.ts';
import { TsMlsAdapter } from '../../../src/main/mls/ts-mls-adapter.ts';
import type { GroupHandle, MlsSuite } from '../../../src/protocol/group/mls.ts';
import { founding, joinRequest, makeMembership, NO_CHANGE } from '../../harness/group/membership.ts';
import { leafIndex } from '../../../src/protocol/group/roster.ts';
import { addsOf, rogueCommit } from '../../harness/group/rogue-commit.ts';

/** The same promises for every implementation of the port. */
describe.each<[string, () => MlsPort]>([
  ['in this thread', () => new TsMlsAdapter()],
  [
    'in a worker',
    () => startMlsWorker({ script: new URL('../../harness/group/mls-worker-source.mjs', import.meta.url) }),
  ],
])('MLS port %s', (_, open) => {
  let mls: MlsPort;
  beforeAll(() => {
    mls = open();
  });
  afterAll(() => mls.close());

  const start = async (suite: MlsSuite = 0x0001) => {
    const groupId = new Uint8Array(randomBytes(16));
    const secret = new Uint8Array(randomBytes(32));
    const creator = makeMembership(groupId, secret, suite);
    const created = await mls.createGroup(creator, founding());
    return { groupId, secret, creator, created, group: created.group };
  };
  const add = async (group: GroupHandle, joiner: MlsMembership) => {
    const { keyPackage } = await mls.keyPackage(joiner, joinRequest());
    const outcome = await mls.stageCommit(group, { ...NO_CHANGE, adds: [keyPackage] });
    if (outcome.kind !== 'staged') throw new Error(outcome.reason);
    const begun = await mls.apply(group, outcome.commit.staged);
    const [welcome] = outcome.commit.welcomes;
    if (welcome === undefined) throw new Error('no welcome');
    const joined = await mls.join(joiner, welcome.welcome);
    if (joined.kind !== 'joined') throw new Error(joined.reason);
    return { ...begun, joined, commit: outcome.commit };
  };

  test.each<MlsSuite>([0x0001, 0x0053])('committer, receiver and joiner agree in suite %i', async (suite) => {
    const { group, groupId, secret } = await start(suite);
    const second = await add(group, makeMembership(groupId, secret, suite));
    const third = makeMembership(groupId, secret, suite);
    const added = await add(group, third);
    const processed = await mls.processCommit(second.joined.group, added.commit.commit);
    if (processed.kind !== 'staged') throw new Error(processed.kind);
    expect(processed.transcript).toEqual(added.commit.transcript);
    const received = await mls.apply(second.joined.group, processed.staged);
    for (const { view, masterKey } of [received, added.joined]) {
      expect(view.epochAuthenticator).toEqual(added.view.epochAuthenticator);
      expect(masterKey).toEqual(added.masterKey);
      expect(view.transcript).toEqual(added.commit.transcript);
      expect(view.roster).toEqual(added.view.roster);
    }
    expect(added.masterKey.length).toBe(suite === 1 ? 32 : 64);
    expect(added.masterKey).not.toEqual(second.masterKey);
  });

  test.each<MlsSuite>([0x0001, 0x0053])(
    'who is removed comes to the transcript of those who stay in suite %i',
    async (suite) => {
      const { group, groupId, secret } = await start(suite);
      const leaver = await add(group, makeMembership(groupId, secret, suite));
      const outcome = await mls.stageCommit(group, { ...NO_CHANGE, removes: [leaver.joined.view.ownLeaf] });
      if (outcome.kind !== 'staged') throw new Error(outcome.reason);
      const { transcript, commit } = outcome.commit;
      expect(await mls.processCommit(leaver.joined.group, commit)).toMatchObject({
        kind: 'removed',
        transcript,
      });
    },
  );

  test('one Commit joins and removes, with one Welcome a joiner', async () => {
    const { group, groupId, secret } = await start();
    const leaver = await add(group, makeMembership(groupId, secret));
    const joiners = [makeMembership(groupId, secret), makeMembership(groupId, secret)];
    const packages = await Promise.all(joiners.map((joiner) => mls.keyPackage(joiner, joinRequest())));
    const outcome = await mls.stageCommit(group, {
      ...NO_CHANGE,
      adds: packages.map(({ keyPackage }) => keyPackage),
      removes: [leaver.joined.view.ownLeaf],
    });
    if (outcome.kind !== 'staged') throw new Error(outcome.reason);
    const removed = await mls.processCommit(leaver.joined.group, outcome.commit.commit);
    expect(removed).toMatchObject({ kind: 'removed', isReplaced: false, kicked: false });
    const { view } = await mls.apply(group, outcome.commit.staged);
    expect(outcome.commit.welcomes.map(({ ref }) => ref)).toEqual(packages.map(({ ref }) => ref));
    for (const [at, joiner] of joiners.entries()) {
      const { welcome } = outcome.commit.welcomes[at] ?? { welcome: new Uint8Array(0) };
      const joined = await mls.join(joiner, welcome);
      expect(joined).toMatchObject({ kind: 'joined', view: { epochAuthenticator: view.epochAuthenticator } });
      const other = joiners[1 - at] ?? joiner;
      expect((await mls.join(other, welcome)).kind).toBe('refused');
    }
  });

  test('a stage that lost leaves the group able to take another Commit', async () => {
    const { group, groupId, secret } = await start();
    const { joined } = await add(group, makeMembership(groupId, secret));
    const mine = await mls.stageCommit(group, NO_CHANGE);
    const theirs = await mls.stageCommit(joined.group, NO_CHANGE);
    if (mine.kind !== 'staged' || theirs.kind !== 'staged') throw new Error('not staged');
    const processed = await mls.processCommit(group, theirs.commit.commit);
    if (processed.kind !== 'staged') throw new Error(processed.kind);
    const a = await mls.apply(group, processed.staged);
    const b = await mls.apply(joined.group, theirs.commit.staged);
    expect(a.view.epochAuthenticator).toEqual(b.view.epochAuthenticator);
    const next = await mls.stageCommit(group, NO_CHANGE);
    expect(next.kind).toBe('staged');
  });

  test('a group and its staged Commit survive being written and read', async () => {
    const { group, groupId, secret, creator } = await start();
    const { joined } = await add(group, makeMembership(groupId, secret));
    const outcome = await mls.stageCommit(group, NO_CHANGE);
    if (outcome.kind !== 'staged') throw new Error(outcome.reason);
    const state = await mls.serialise(group);
    await mls.forget(group);
    const restored = await mls.restore(creator, state);
    expect(restored?.staged?.commit).toEqual(outcome.commit.commit);
    if (restored?.staged === undefined) throw new Error('no staged Commit');
    const begun = await mls.apply(restored.group, restored.staged.staged);
    const processed = await mls.processCommit(joined.group, outcome.commit.commit);
    if (processed.kind !== 'staged') throw new Error(processed.kind);
    expect((await mls.apply(joined.group, processed.staged)).masterKey).toEqual(begun.masterKey);
    expect(await mls.restore(makeMembership(randomBytes(16), secret), state)).toBeUndefined();
    expect(await mls.restore(creator, state.subarray(0, 99))).toBeUndefined();
  });

  test('only KeyPackages with a proof of the invitation are looked at', async () => {
    const { group, groupId, secret } = await start();
    const honest = await mls.keyPackage(makeMembership(groupId, secret), joinRequest());
    expect((await mls.inspectKeyPackage(group, honest.keyPackage)).kind).toBe('acceptable');
    const stranger = await mls.keyPackage(makeMembership(groupId, randomBytes(32)), joinRequest());
    expect(await mls.inspectKeyPackage(group, stranger.keyPackage)).toMatchObject({
      reason: 'proof of the invitation is forged',
    });
    for (const junk of [new Uint8Array(0), randomBytes(300), honest.keyPackage.subarray(0, 200)]) {
      expect((await mls.inspectKeyPackage(group, junk)).kind).toBe('refused');
    }
  });

  test('receivers refuse a Commit that adds somebody without the proof', async () => {
    const { group, groupId, secret } = await start();
    const { joined } = await add(group, makeMembership(groupId, secret));
    const stranger = await mls.keyPackage(makeMembership(groupId, randomBytes(32)), joinRequest());
    const member = makeMembership(groupId, secret);
    const commit = await rogueCommit(mls, group, await addsOf(member, stranger.keyPackage), member);
    expect(await mls.processCommit(joined.group, commit)).toEqual({
      kind: 'refused',
      reason: 'an Add without proof of the invitation (forged)',
      author: leafIndex(0),
    });
  });

  test('a kicked key is removed and not let in again, by anyone', async () => {
    const { group, groupId, secret } = await start();
    const witness = await add(group, makeMembership(groupId, secret));
    const kicked = makeMembership(groupId, secret);
    const { joined, commit } = await add(group, kicked);
    const seen = await mls.processCommit(witness.joined.group, commit.commit);
    if (seen.kind !== 'staged') throw new Error(seen.kind);
    await mls.apply(witness.joined.group, seen.staged);
    const kick = await mls.stageCommit(group, {
      adds: [],
      removes: [joined.view.ownLeaf],
      kicks: [kicked.identity.publicKey],
    });
    if (kick.kind !== 'staged') throw new Error(kick.reason);
    expect(await mls.processCommit(joined.group, kick.commit.commit)).toMatchObject({ kicked: true });
    const { view } = await mls.apply(group, kick.commit.staged);
    expect(view.parameters.kickedKeys).toEqual([kicked.identity.publicKey]);
    const processed = await mls.processCommit(witness.joined.group, kick.commit.commit);
    if (processed.kind !== 'staged') throw new Error(processed.kind);
    await mls.apply(witness.joined.group, processed.staged);
    const again = await mls.keyPackage(kicked, joinRequest());
    expect((await mls.inspectKeyPackage(group, again.keyPackage)).kind).toBe('kicked');
    // A member that does not keep to it is refused by the others.
    const rogue = await rogueCommit(mls, group, await addsOf(kicked, again.keyPackage), kicked);
    expect(await mls.processCommit(witness.joined.group, rogue)).toEqual({
      kind: 'refused',
      reason: 'an Add of a kicked key',
      author: leafIndex(0),
    });
  });

  test('a member that joins again replaces its leaf in one Commit', async () => {
    const { group, groupId, secret } = await start();
    const member = makeMembership(groupId, secret);
    const { joined } = await add(group, member);
    const again = await mls.keyPackage(member, joinRequest(1n));
    const verdict = await mls.inspectKeyPackage(group, again.keyPackage);
    expect(verdict).toMatchObject({ kind: 'acceptable', ref: again.ref });
    const outcome = await mls.stageCommit(group, {
      adds: [again.keyPackage],
      removes: [joined.view.ownLeaf],
      kicks: [],
    });
    if (outcome.kind !== 'staged') throw new Error(outcome.reason);
    expect(await mls.processCommit(joined.group, outcome.commit.commit)).toMatchObject({
      kind: 'removed',
      isReplaced: true,
    });
  });

  test('bytes that are no Commit are refused and change nothing', async () => {
    const { group, groupId, secret } = await start();
    const { joined } = await add(group, makeMembership(groupId, secret));
    const before = await mls.serialise(joined.group);
    const outcome = await mls.stageCommit(group, NO_CHANGE);
    if (outcome.kind !== 'staged') throw new Error(outcome.reason);
    const { commit } = outcome.commit;
    for (let at = 0; at < commit.length; at += 7) {
      const broken = commit.slice();
      broken[at] = (broken[at] ?? 0) ^ 0x55;
      expect((await mls.processCommit(joined.group, broken)).kind).toBe('refused');
      expect((await mls.processCommit(joined.group, commit.subarray(0, at))).kind).toBe('refused');
    }
    expect(await mls.serialise(joined.group)).toEqual(before);
    expect((await mls.processCommit(joined.group, commit)).kind).toBe('staged');
  });
});

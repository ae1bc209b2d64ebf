/** What only organisers may commit: by members who are none and keep to no rule, with real MLS. */
import { randomBytes } from 'node:crypto';
import type { Proposal } from 'ts-mls';
import { describe, expect, test } from 'vitest';
import { nodeGroupCrypto } from '../../../src/main/mls/node-group-crypto.ts';
import type { MlsMembership } from '../../../src/main/mls/mls-port.ts';
import { TsMlsAdapter } from '../../../src/main/mls/ts-mls-adapter.ts';
import { MAX_ORGANISERS } from '../../../src/protocol/group/meeting-parameters.ts';
import type { MeetingParameters } from '../../../src/protocol/group/meeting-parameters.ts';
import type { CommitPlan, EpochView, GroupHandle, StagedCommit } from '../../../src/protocol/group/mls.ts';
import { fingerprintOf } from '../../../src/protocol/group/names.ts';
import type { Fingerprint } from '../../../src/protocol/group/names.ts';
import { leafIndex, type Member } from '../../../src/protocol/group/roster.ts';
import {
  founding,
  joinRequest,
  makeMembership,
  NO_CHANGE,
  testParameters,
} from '../../harness/group/membership.ts';
import { addsOf, change, extensions, rogueCommit } from '../../harness/group/rogue-commit.ts';

/** A Commit of the first of these, which all of them apply. */
async function commit(
  mls: TsMlsAdapter,
  [first, ...others]: readonly GroupHandle[],
  plan: CommitPlan,
): Promise<{ readonly staged: StagedCommit; readonly view: EpochView }> {
  if (first === undefined) throw new Error('somebody commits');
  const outcome = await mls.stageCommit(first, plan);
  if (outcome.kind !== 'staged') throw new Error(outcome.reason);
  const { commit: staged } = outcome;
  for (const other of others) {
    const seen = await mls.processCommit(other, staged.commit);
    if (seen.kind !== 'staged') throw new Error(seen.kind);
    await mls.apply(other, seen.staged);
  }
  return { staged, view: (await mls.apply(first, staged.staged)).view };
}
const commitTo = async (...all: Parameters<typeof commit>): Promise<EpochView> => (await commit(...all)).view;

const fingerprint = ({ signatureKey }: Pick<Member, 'signatureKey'>) =>
  fingerprintOf(signatureKey, nodeGroupCrypto);
const remove = ({ leaf }: Member): Proposal => ({ proposalType: 'remove', remove: { removed: leaf } });

/** Names one more organiser. */
const named = (now: MeetingParameters, member: Member): Proposal =>
  extensions(change({ ...now, organisers: [...now.organisers, fingerprint(member)] }));

/** A group of three: the founder, who organises, and two who do not. */
async function three(parameters: MeetingParameters = testParameters) {
  const mls = new TsMlsAdapter();
  const [groupId, secret] = [new Uint8Array(randomBytes(16)), new Uint8Array(randomBytes(32))];
  const newcomer = () => makeMembership(groupId, secret);
  const founder = newcomer();
  const created = await mls.createGroup(founder, founding(parameters));
  const all = [created.group];
  const others = [newcomer(), newcomer()];
  for (const other of others) all.push(await enter(mls, all, other));
  const { roster, parameters: now } = (await mls.restore(founder, await mls.serialise(created.group)))!.view;
  const [bo, cy] = others;
  return {
    mls,
    newcomer,
    ana: all[0]!,
    bo: all[1]!,
    cy: all[2]!,
    all,
    roster,
    now,
    members: { bo: bo!, cy: cy! },
  };
}
/** Lets somebody in, who then has the group too. */
async function enter(
  mls: TsMlsAdapter,
  all: readonly GroupHandle[],
  member: MlsMembership,
): Promise<GroupHandle> {
  const { keyPackage } = await mls.keyPackage(member, joinRequest());
  const { staged } = await commit(mls, all, { ...NO_CHANGE, adds: [keyPackage] });
  const joined = await mls.join(member, staged.welcomes[0]?.welcome ?? new Uint8Array(0));
  if (joined.kind !== 'joined') throw new Error(joined.reason);
  return joined.group;
}

describe('what organisers decide, by a member who is none,', () => {
  const PRESUMES = 'a change of the meeting parameters by a member who is no organiser';
  const PAST_THE_DOOR = 'an Add past the door by a member who is no organiser';
  const ask = { ...testParameters, admission: 'ask' } as const;
  test.each<[string, (roster: readonly Member[], now: MeetingParameters) => Proposal[]]>([
    [
      'to kick somebody',
      ([, , cy], now) => [
        remove(cy!),
        extensions(change({ ...now, admission: 'ask', kickedKeys: [cy!.signatureKey] })),
      ],
    ],
    ['to close the door', (_, now) => [extensions(change({ ...now, admission: 'ask' }))]],
    [
      'to make itself an organiser',
      ([ana, bo], now) => [extensions(change({ ...now, organisers: [ana!, bo!].map(fingerprint) }))],
    ],
    ['to take that away from another', ([, , cy], now) => [named({ ...now, organisers: [] }, cy!)]],
    ['to say again what is', (_, now) => [extensions(change(now))]],
  ])('is refused: %s', async (_, proposals) => {
    const { mls, ana, bo, cy, roster, now } = await three();
    const commit = await rogueCommit(mls, bo, proposals(roster, now));
    expect(await mls.processCommit(cy, commit)).toEqual({
      kind: 'refused',
      reason: PRESUMES,
      author: leafIndex(1),
    });
    // An organiser may do the very same.
    if (proposals(roster, now).every(({ proposalType }) => proposalType !== 'remove')) {
      const allowed = await rogueCommit(mls, ana, proposals(roster, now));
      expect((await mls.processCommit(cy, allowed)).kind).toBe('staged');
    }
  });

  test('is refused: to open a door that is closed', async () => {
    const { mls, bo, cy, now } = await three(ask);
    const commit = await rogueCommit(mls, bo, [extensions(change({ ...now, admission: 'open' }))]);
    expect(await mls.processCommit(cy, commit)).toEqual({
      kind: 'refused',
      reason: PRESUMES,
      author: leafIndex(1),
    });
  });

  test('is refused: to let somebody new in while one asks at the door, beside somebody known or not', async () => {
    const { mls, newcomer, ana, bo, cy, roster, members } = await three(ask);
    const stranger = newcomer();
    const { keyPackage } = await mls.keyPackage(stranger, joinRequest());
    const again = await mls.keyPackage(members.cy, joinRequest(1n));
    const adds = await addsOf(stranger, keyPackage);
    const both = [remove(roster[2]!), ...(await addsOf(stranger, keyPackage, again.keyPackage))];
    for (const proposals of [adds, both]) {
      expect(await mls.processCommit(ana, await rogueCommit(mls, bo, proposals, stranger))).toEqual({
        kind: 'refused',
        reason: PAST_THE_DOOR,
        author: leafIndex(1),
      });
      expect((await mls.stageCommit(bo, { ...NO_CHANGE, adds: [keyPackage] })).kind).toBe('refused');
      const allowed = await rogueCommit(mls, ana, proposals, stranger);
      expect((await mls.processCommit(bo, allowed)).kind).toBe('staged');
    }
    // Whoever is in and joins again is let in by anybody.
    const rejoin = { ...NO_CHANGE, adds: [again.keyPackage], removes: [roster[2]!.leaf] };
    const outcome = await mls.stageCommit(bo, rejoin);
    if (outcome.kind !== 'staged') throw new Error(outcome.reason);
    expect((await mls.processCommit(ana, outcome.commit.commit)).kind).toBe('staged');
    expect(await mls.processCommit(cy, outcome.commit.commit)).toMatchObject({
      kind: 'removed',
      isReplaced: true,
    });
  });

  test.each<[string, (roster: readonly Member[], now: MeetingParameters) => Proposal[], string]>([
    ['itself', ([ana, bo], now) => [remove(ana!), named(now, bo!)], PRESUMES],
    ['nobody', ([ana]) => [remove(ana!)], 'a Commit that leaves no organiser'],
    ['another than whose turn it is', ([ana, , , di], now) => [remove(ana!), named(now, di!)], PRESUMES],
    [
      'whose turn it is, and opens the door',
      ([ana, , cy], now) => [remove(ana!), named({ ...now, admission: 'open' }, cy!)],
      PRESUMES,
    ],
    ['whose turn it would be, and removes nobody', ([, , cy], now) => [named(now, cy!)], PRESUMES],
  ])('is refused: to remove the last organiser and name %s', async (_, proposals, reason) => {
    const { mls, newcomer, bo, cy, all } = await three(ask);
    const { keyPackage } = await mls.keyPackage(newcomer(), joinRequest());
    const { roster, parameters } = await commitTo(mls, all, { ...NO_CHANGE, adds: [keyPackage] });
    const commit = await rogueCommit(mls, bo, proposals(roster, parameters));
    expect(await mls.processCommit(cy, commit)).toEqual({ kind: 'refused', reason, author: leafIndex(1) });
  });

  test('falls to the lowest leaf but the author’s when the last organiser is removed, by that very Commit', async () => {
    const { mls, bo, cy, roster } = await three(ask);
    const [ana, , heir] = roster;
    const { parameters } = await commitTo(mls, [bo, cy], { ...NO_CHANGE, removes: [ana!.leaf] });
    expect(parameters).toMatchObject({
      admission: 'ask',
      organisers: [ana, heir].map((each) => fingerprint(each!)),
    });
    const settings = { admission: 'open', organisers: parameters.organisers } as const;
    expect((await mls.stageCommit(bo, { ...NO_CHANGE, settings })).kind).toBe('refused');
    expect((await commitTo(mls, [cy, bo], { ...NO_CHANGE, settings })).parameters).toMatchObject(settings);
  });

  test('is refused to an organiser too where it would leave none', async () => {
    const { mls, ana, bo } = await three();
    const settings = { admission: 'open', organisers: [] } as const;
    const reason = 'a Commit that leaves no organiser';
    expect(await mls.stageCommit(ana, { ...NO_CHANGE, settings })).toEqual({ kind: 'refused', reason });
    const commit = await rogueCommit(mls, ana, [extensions(change({ ...testParameters, ...settings }))]);
    expect(await mls.processCommit(bo, commit)).toEqual({ kind: 'refused', reason, author: leafIndex(0) });
  });
});

describe('what an organiser decides', () => {
  test('is done by one Commit: a kick closes the door, and who is kicked organises nothing', async () => {
    const { mls, all, roster } = await three();
    const [ana, bo, cy] = roster;
    const absent = new Uint8Array(32) as Fingerprint;
    const organisers = [cy!.fingerprint, ana!.fingerprint, absent];
    const settings = { admission: 'open', organisers } as const;
    const before = await commitTo(mls, all, { ...NO_CHANGE, settings });
    expect(before.parameters).toMatchObject(settings);
    expect(before.roster[1]).toEqual(bo);
    const kick = { adds: [], removes: [cy!.leaf], kicks: [cy!.signatureKey] };
    const { parameters } = await commitTo(mls, all.slice(0, 2), kick);
    expect(parameters).toMatchObject({ admission: 'ask', organisers: [ana!.fingerprint, absent] });
  });

  test('is not staged where there would be more organisers than there can be', async () => {
    const { mls, ana, roster } = await three();
    const organisers = Array.from(
      { length: MAX_ORGANISERS + 1 },
      (_, at) => new Uint8Array(32).fill(at) as Fingerprint,
    );
    expect(await mls.stageCommit(ana, { ...NO_CHANGE, settings: { admission: 'open', organisers } })).toEqual(
      {
        kind: 'refused',
        reason: 'more organisers than a meeting can have',
      },
    );
    const most = [...organisers.slice(2), roster[0]!.fingerprint];
    const settings = { admission: 'open', organisers: most } as const;
    expect((await mls.stageCommit(ana, { ...NO_CHANGE, settings })).kind).toBe('staged');
  });
});

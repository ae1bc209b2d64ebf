import { afterAll, beforeAll, expect, test } from 'vitest';
import { createInvitation } from '../../../src/main/invitations.ts';
import { TsMlsAdapter } from '../../../src/main/mls/ts-mls-adapter.ts';
import type { CommitPlan, GroupHandle, StageOutcome } from '../../../src/protocol/group/mls.ts';
import type { LeafIndex } from '../../../src/protocol/group/roster.ts';
import { eventually, HeadlessMember } from '../../harness/meeting/headless-member.ts';
import { startServices, type RunningServices } from '../../harness/meeting/services.ts';

let services: RunningServices;
beforeAll(async () => {
  services = await startServices();
});
afterAll(async () => {
  await services.close();
});

/** MLS of a member that removes somebody with its next Commit, whatever that is for. */
class MeanMls extends TsMlsAdapter {
  victim: LeafIndex | undefined;
  override stageCommit(group: GroupHandle, plan: CommitPlan): Promise<StageOutcome> {
    const removes = this.victim === undefined ? plan.removes : [...plan.removes, this.victim];
    this.victim = undefined;
    return super.stageCommit(group, { ...plan, removes });
  }
}

test(
  'whoever is removed by a member who is no organiser comes back by itself, and all are told by whom',
  { timeout: 180_000 },
  async () => {
    const link = createInvitation(services.servers, 'Mean', 'classical');
    const mls = new MeanMls();
    // The first leaf commits for all, and gives its role away.
    const al = new HeadlessMember('Al', link, { mls });
    await eventually('Al opens the meeting', () => al.size === 1);
    const bo = new HeadlessMember('Bo', link);
    await eventually('Bo is in', () => al.size === 2 && bo.size === 2, 30);
    const cy = new HeadlessMember('Cy', link);
    const all = [al, bo, cy];
    await eventually('Cy is in', () => all.every(({ size }) => size === 3), 30);
    al.meeting.decide({ kind: 'organiser', participant: cy.id ?? '', isOrganiser: true });
    await eventually('Cy organises', () => al.participant(cy.id ?? '')?.role === 'organiser', 30);
    al.meeting.decide({ kind: 'organiser', participant: al.id ?? '', isOrganiser: false });
    await eventually(
      'Al organises no more',
      () => all.every((each) => each.participant(al.id ?? '')?.role === 'member'),
      30,
    );
    await eventually('Bo is heard', () => cy.participant(bo.id ?? '')?.displayName === 'Bo');

    mls.victim = bo.participant(bo.id ?? '')?.member.leaf;
    const di = new HeadlessMember('Di', link);
    await eventually(
      'Cy is told',
      () => cy.view.notices.some(({ news }) => news.kind === 'removed-by-member'),
      30,
    );
    const notice = cy.view.notices.find(({ news }) => news.kind === 'removed-by-member');
    expect(notice?.news).toMatchObject({
      removed: { fingerprint: bo.identity.fingerprint },
      by: { fingerprint: al.identity.fingerprint },
    });
    await eventually('all are in', () => [...all, di].every(({ size }) => size === 4), 60);
    expect(bo.view.absence.kind).toBe('rejoined');
    expect(cy.view.notices.filter(({ news }) => news.kind === 'removed-by-member')).toHaveLength(1);
    await Promise.all([...all, di].map(({ meeting }) => meeting.leave()));
  },
);

test(
  'behind a closed door one waits by name until an organiser says who comes in, and a kick closes it',
  { timeout: 180_000 },
  async () => {
    const link = createInvitation(services.servers, 'Door', 'classical');
    const ana = new HeadlessMember('Ana', link);
    await eventually('Ana opens the meeting', () => ana.size === 1);
    const bo = new HeadlessMember('Bo', link);
    await eventually('Bo is in', () => ana.size === 2 && bo.size === 2, 30);
    expect([ana.group?.role, bo.group?.role, bo.group?.admission]).toEqual(['organiser', 'member', 'open']);
    expect(bo.meeting.decide({ kind: 'kick', participant: ana.id ?? '' })).toBe('not-organiser');
    expect(bo.meeting.decide({ kind: 'admission', admission: 'ask' })).toBe('not-organiser');

    expect(ana.meeting.decide({ kind: 'admission', admission: 'ask' })).toBeUndefined();
    await eventually('the door is closed', () => bo.group?.admission === 'ask', 30);
    const cy = new HeadlessMember('Cy', link);
    await eventually('both see Cy by name', () =>
      [ana, bo].every(({ view }) => view.door[0]?.displayName === 'Cy'),
    );
    const [caller] = ana.view.door;
    expect(caller?.fingerprint).toEqual(cy.identity.fingerprint);
    await eventually('Cy is told that it waits', () => cy.view.isKeptWaiting);
    expect([ana.size, cy.size]).toEqual([2, 0]);
    expect(bo.meeting.decide({ kind: 'admit', participant: caller?.id ?? '' })).toBe('not-organiser');
    expect(ana.meeting.decide({ kind: 'admit', participant: caller?.id ?? '' })).toBeUndefined();
    await eventually('Cy is in', () => [ana, bo, cy].every(({ size }) => size === 3), 30);

    expect(
      ana.meeting.decide({ kind: 'organiser', participant: bo.id ?? '', isOrganiser: true }),
    ).toBeUndefined();
    await eventually('Bo organises', () => bo.group?.role === 'organiser', 30);
    expect(bo.meeting.decide({ kind: 'admission', admission: 'open' })).toBeUndefined();
    await eventually('the door is open', () => cy.group?.admission === 'open', 30);
    expect(bo.meeting.decide({ kind: 'kick', participant: cy.id ?? '' })).toBeUndefined();
    await eventually('Cy is out', () => cy.view.end === 'kicked' && ana.size === 2, 30);
    expect([ana.group?.admission, bo.group?.admission]).toEqual(['ask', 'ask']);
    await Promise.all([ana.meeting.leave(), bo.meeting.leave()]);
  },
);

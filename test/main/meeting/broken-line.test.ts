/** A member that logs a Commit which breaks a rule, with real members, a real relay and a real counter. */
import { expect, test } from 'vitest';
import { createInvitation } from '../../../src/main/invitations.ts';
import { noticeSentence } from '../../../src/main/meeting/notice-sentences.ts';
import { TsMlsAdapter } from '../../../src/main/mls/ts-mls-adapter.ts';
import { change, extensions, rogueCommit } from '../../harness/group/rogue-commit.ts';
import { Gathering } from '../../harness/meeting/gathering.ts';
import { eventually } from '../../harness/meeting/headless-member.ts';

/** MLS of a member that closes the door once, though it organises nothing, and goes on alone. */
class PresumptuousMls extends TsMlsAdapter {
  /** Those of its epoch, when it is about to. */
  parameters: Parameters<typeof change>[0] | undefined;

  override async stageCommit(
    ...[group, plan]: Parameters<TsMlsAdapter['stageCommit']>
  ): ReturnType<TsMlsAdapter['stageCommit']> {
    const outcome = await super.stageCommit(group, plan);
    const { parameters } = this;
    if (parameters === undefined || outcome.kind !== 'staged') return outcome;
    this.parameters = undefined;
    const rule = extensions(change({ ...parameters, admission: 'ask' }));
    return { kind: 'staged', commit: { ...outcome.commit, commit: await rogueCommit(this, group, [rule]) } };
  }
}

const gathering = new Gathering();
const state = (): string => gathering.state();

test('a member that logs a Commit which breaks a rule is left behind, in a room of its own, and the others are told', async () => {
  const link = createInvitation(gathering.services.servers, 'Broken', 'classical');
  const ana = gathering.join('Ana', link);
  await eventually('Ana is in', () => ana.size === 1, 60, state);
  const mls = new PresumptuousMls();
  const bo = gathering.join('Bo', link, { mls });
  await eventually('Bo is in', () => bo.size === 2, 60, state);
  const cy = gathering.join('Cy', link);
  await eventually('all are in', () => gathering.living.every(({ size }) => size === 3), 60, state);
  for (const member of gathering.living) member.goLive();
  const author = bo.group?.participants.find(({ self }) => self)?.member;
  const before = ana.epoch ?? 0n;

  mls.parameters = bo.group?.parameters;
  bo.meeting.renewKey();
  const two = [ana, cy];
  await eventually(
    'two have moved',
    // A slow machine may have begun a room of its own before it hears of the other's.
    () =>
      two.every(({ view, size }) => view.room > 0 && size === 2 && !view.isMoving) &&
      cy.view.link === ana.view.link,
    120,
    state,
  );
  expect(ana.group?.securityCode).toBe(cy.group?.securityCode);
  expect(ana.group?.parameters.kickedKeys).toEqual([author?.signatureKey]);
  expect(two.map(({ view }) => view.sending)).toEqual(two.map(() => ({ microphone: true, camera: true })));
  for (const { view } of two) {
    const news = view.notices.at(-1)?.news;
    expect(news).toEqual({ kind: 'line-broken', author, then: 'moved' });
    if (news === undefined) expect.unreachable();
    expect(noticeSentence(news, new Map([[bo.id ?? '', 'Bo']]))).toBe(
      'Bo sent a change that breaks this meeting’s rules. The meeting has moved to a new room without Bo; the old link does not lead here any more.',
    );
  }
  // What it logged, it alone follows.
  expect([bo.view.room, bo.epoch]).toEqual([0, before + 1n]);
  const word = new Uint8Array([1, 2, 3]);
  await eventually(
    'Cy is heard',
    () => {
      cy.speak(word);
      return ana.chunksFrom(cy.id ?? '', 'audio').length > 0;
    },
    60,
    state,
  );
}, 240_000);

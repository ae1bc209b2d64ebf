import { afterAll, beforeAll, expect, test } from 'vitest';
import { createInvitation } from '../../../src/main/invitations.ts';
import { compareHistories } from '../../../src/protocol/history/compare.ts';
import { verifyHistory } from '../../../src/protocol/history/verify.ts';
import type { HistoryReport } from '../../../src/protocol/history/verify.ts';
import { historyVerifier } from '../../../src/services/verify/check.ts';
import { eventually, HeadlessMember } from '../../harness/meeting/headless-member.ts';
import { startServices, type RunningServices } from '../../harness/meeting/services.ts';

let services: RunningServices;
beforeAll(async () => {
  services = await startServices();
});
afterAll(async () => {
  await services.close();
});

async function saved(member: HeadlessMember): Promise<HistoryReport> {
  const history = await member.keyHistory();
  if (history.kind !== 'history') throw new Error(history.sentence);
  const verdict = verifyHistory(history.text, historyVerifier);
  if (verdict.kind !== 'holds') throw new Error(verdict.reason);
  return verdict.report;
}

test('what members of a real meeting save holds, shows who came and went, and is of one line', async () => {
  const link = createInvitation(services.servers, 'Saved', 'classical');
  const ana = new HeadlessMember('Ana', link);
  await eventually('Ana opens the meeting', () => ana.size === 1);
  const bo = new HeadlessMember('Bo', link);
  await eventually('Bo is in', () => ana.size === 2 && bo.size === 2, 30);
  const cy = new HeadlessMember('Cy', link);
  await eventually('Cy is in', () => [ana, bo, cy].every(({ size }) => size === 3), 30);
  await eventually('names have come', () =>
    [bo, cy].every(({ id = '', name }) => ana.participant(id)?.displayName === name),
  );
  expect(ana.meeting.decide({ kind: 'kick', participant: bo.id ?? '' })).toBeUndefined();
  await eventually('Bo is out', () => ana.size === 2 && cy.size === 2 && ana.epoch === cy.epoch, 30);

  const [anas, cys] = [await saved(ana), await saved(cy)];
  expect(anas.header.title).toBe('Saved');
  expect(anas.epochs[0]?.epoch).toBe(0n);
  expect(anas.begin?.epoch).toBe(0n);
  expect(anas.changes.flatMap(({ joined }) => joined.map(({ name }) => name))).toContain('Cy');
  const kick = anas.changes.find(({ barred }) => barred.length > 0);
  expect(kick?.barred).toEqual([new Uint8Array(bo.identity.signatureKey.publicKey)]);
  expect(anas.epochs.at(-1)?.code).toBe(ana.meeting.view.group?.securityCode);

  // Cy has what came before it from the counter.
  expect(cys.epochs.map(({ epoch }) => epoch)).toEqual(anas.epochs.map(({ epoch }) => epoch));
  expect(cys.begin?.members.length).toBe(3);
  expect(compareHistories(anas, cys)).toMatchObject({ kind: 'one-line', shared: anas.epochs.length });
  await Promise.all([ana, cy, bo].map(({ meeting }) => meeting.leave()));
});

/** The real MLS worker dies in the middle of a real meeting. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createInvitation } from '../../../src/main/invitations.ts';
import { startMlsWorker } from '../../../src/main/mls/worker-mls-port.ts';
import { MemoryStore } from '../../../src/main/storage/memory-store.ts';
import { founding, makeMembership } from '../../harness/group/membership.ts';
import { eventually, HeadlessMember } from '../../harness/meeting/headless-member.ts';
import { startServices, type RunningServices } from '../../harness/meeting/services.ts';

let services: RunningServices;
beforeAll(async () => {
  services = await startServices();
});
afterAll(async () => {
  await services.close();
});

test('a meeting goes on from the sealed state when the MLS worker has died, and later keys come', async () => {
  const mls = startMlsWorker({
    script: new URL('../../harness/group/mls-worker-mortal.mjs', import.meta.url),
  });
  const link = createInvitation(services.servers, 'Mortal', 'classical');
  const ana = new HeadlessMember('Ana', link, { mls, store: new MemoryStore() });
  await eventually('Ana is in', () => ana.size === 1, 60);
  const bo = new HeadlessMember('Bo', link);
  await eventually('both are in', () => ana.size === 2 && bo.size === 2, 60);
  const senderId = ana.group?.senderId;
  const deadly = makeMembership(new Uint8Array(randomBytes(1)), new Uint8Array(randomBytes(32)));
  await expect(mls.createGroup(deadly, founding())).rejects.toThrow('the MLS worker has ended');
  // The next call about the group finds it out: Cy's KeyPackage, or a word to the counter.
  const cy = new HeadlessMember('Cy', link);
  await eventually('Cy is in', () => [ana, bo, cy].every(({ size }) => size === 3), 90);
  expect(ana.view.end).toBeUndefined();
  expect(ana.group?.senderId).toEqual(senderId);
  expect(new Set([ana, bo, cy].map(({ group }) => group?.securityCode)).size).toBe(1);
  ana.meeting.renewKey();
  await eventually('Ana makes keys again', () => ana.view.ownKey.since !== undefined, 60);
  for (const { meeting } of [cy, bo, ana]) await meeting.leave();
  await mls.close();
}, 300_000);

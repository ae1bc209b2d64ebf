/** What becomes of a decision that is up to others by the time that it could be carried out. */
import { expect, test } from 'vitest';
import { SimulatedMeeting, type SimulatedMember } from '../../harness/simulation/simulated-meeting.ts';

test('whom somebody wanted to kick who is no organiser any more is heard again, and stays', () => {
  const world = new SimulatedMeeting();
  const [ana, bo, cy] = ['Ana', 'Bo', 'Cy'].map((name) => {
    const member = world.join(name);
    world.until(`${name} is in`, () => world.agree());
    member.goLive();
    return member;
  }) as [SimulatedMember, SimulatedMember, SimulatedMember];
  ana.feed({ kind: 'organiser', participant: bo.id, isOrganiser: true });
  world.until('Bo is an organiser', () => bo.group?.role === 'organiser');
  world.pass(1_000);
  const { senderId } = cy.group!;

  bo.feed({ kind: 'organiser', participant: ana.id, isOrganiser: false });
  world.pass(20);
  ana.feed({ kind: 'kick', participant: cy.id });
  expect(ana.group?.role).toBe('organiser');
  world.until('Bo was faster', () => ana.group?.role === 'member');
  expect(ana.view.notices.at(-1)?.news).toMatchObject({ kind: 'refused', refusal: 'not-organiser' });

  world.pass(5_000);
  const heard = ana.got(cy, 'audio').length;
  cy.speak('still here');
  world.pass(500);
  expect(ana.got(cy, 'audio').slice(heard)).toEqual(['still here']);
  expect(ana.sees(cy)).toMatchObject({ leaving: false, removing: false });
  world.pass(40_000);
  expect([cy.group?.senderId, cy.view.absence]).toEqual([senderId, { kind: 'none' }]);
  expect(world.broken).toEqual([]);
});

/** Moving a meeting with real members, a real relay and a real counter. */
import { expect, test } from 'vitest';
import { createInvitation } from '../../../src/main/invitations.ts';
import { Gathering } from '../../harness/meeting/gathering.ts';
import { eventually } from '../../harness/meeting/headless-member.ts';

const gathering = new Gathering();
const state = (): string => gathering.state();

test('an organiser moves the meeting without one: the others follow by themselves, and hear each other there', async () => {
  const link = createInvitation(gathering.services.servers, 'Leaked', 'classical');
  const ana = gathering.join('Ana', link);
  await eventually('Ana is in', () => ana.size === 1, 60, state);
  const [bo, cy] = [gathering.join('Bo', link), gathering.join('Cy', link)];
  const three = [ana, bo, cy];
  await eventually('all are in', () => three.every(({ size }) => size === 3), 60, state);
  for (const member of three) member.goLive();
  expect(bo.meeting.move([])).toBe('not-organiser');
  expect(ana.meeting.move([ana.id!])).toBe('oneself');

  expect(ana.meeting.move([cy.id!])).toBeUndefined();
  const two = [ana, bo];
  await eventually(
    'two have moved',
    () => two.every(({ view, size }) => view.room === 1 && size === 2 && !view.isMoving),
    60,
    state,
  );
  expect(ana.view.link).not.toBe(link);
  expect(bo.view.link).toBe(ana.view.link);
  expect(ana.group?.securityCode).toBe(bo.group?.securityCode);
  expect(two.map(({ view }) => view.sending)).toEqual(two.map(() => ({ microphone: true, camera: true })));
  const word = new Uint8Array([1, 2, 3]);
  await eventually(
    'Bo is heard',
    () => {
      bo.speak(word);
      return ana.chunksFrom(bo.id!, 'audio').length > 0;
    },
    60,
    state,
  );
  await eventually(
    'Cy is told',
    () => cy.view.notices.some(({ news }) => news.kind === 'left-behind'),
    60,
    state,
  );
  expect([cy.view.room, cy.view.link]).toEqual([0, link]);
}, 240_000);

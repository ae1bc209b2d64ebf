import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createInvitation } from '../../../src/main/invitations.ts';
import { eventually, HeadlessMember } from '../../harness/meeting/headless-member.ts';
import { startServices, type RunningServices } from '../../harness/meeting/services.ts';

let services: RunningServices;
beforeAll(async () => {
  services = await startServices();
});
afterAll(async () => {
  await services.close();
});

const text = (bytes: readonly Uint8Array[]): string[] => bytes.map((part) => Buffer.from(part).toString());

describe('a meeting through real services', () => {
  test('two members hear and see each other, and keys change when one leaves', async () => {
    const link = createInvitation(services.servers, 'Two', 'classical');
    const ana = new HeadlessMember('Ana', link);
    await eventually('Ana opens the meeting', () => ana.size === 1);
    const bo = new HeadlessMember('Bo', link);
    await eventually('both are members', () => ana.size === 2 && bo.size === 2, 30);
    expect(bo.meeting.view.group?.securityCode).toBe(ana.meeting.view.group?.securityCode);
    const [anaId = '', boId = ''] = [ana.id, bo.id];

    await eventually('names travel sealed', () => {
      return ana.participant(boId)?.displayName === 'Bo' && bo.participant(anaId)?.displayName === 'Ana';
    });
    ana.meeting.watch([boId]);
    bo.meeting.watch([anaId]);
    ana.goLive();
    bo.goLive();
    const picture = randomBytes(20_000);
    const timer = setInterval(() => {
      for (const member of [ana, bo]) {
        member.speak(Buffer.from(`speech of ${member.name}`));
        member.show(picture);
      }
    }, 50);
    await eventually('media flows both ways', () => {
      return (
        text(bo.chunksFrom(anaId, 'audio')).includes('speech of Ana') &&
        text(ana.chunksFrom(boId, 'audio')).includes('speech of Bo') &&
        bo.chunksFrom(anaId, 'video').some((bytes) => picture.equals(bytes)) &&
        ana.chunksFrom(boId, 'video').some((bytes) => picture.equals(bytes))
      );
    });
    await eventually('the tile says so', () => ana.participant(boId)?.video === 'live');

    const epoch = ana.epoch ?? 0n;
    await bo.meeting.leave();
    await eventually('Bo is removed', () => ana.size === 1 && (ana.epoch ?? 0n) > epoch);
    clearInterval(timer);
    await ana.meeting.leave();
  });
});

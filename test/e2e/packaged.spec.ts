/** The packaged app, with the fuses it ships with, meets the app that runs from the build. */
import { spawnSync } from 'node:child_process';
import { expect, test, type Page } from '@playwright/test';
import { packApp, packagedExecutable } from '../../scripts/package.mjs';
import { startServers } from '../../scripts/servers.mjs';
import { Machine } from './harness/machine.ts';
import { copyInvitation } from './harness/person.ts';
import { likeness, pictureFromPng } from './harness/picture.ts';
import { framesOf, speechOf, type Person } from './harness/recordings.ts';
import { listen } from './harness/sound-tap.ts';
import { bestHeard } from './harness/speech.ts';

test.beforeAll(async () => {
  await packApp(() => undefined);
});

test('a packaged app joins a meeting and is seen and heard', async () => {
  const info = test.info();
  const servers = await startServers({ folder: info.outputPath('servers') });
  const ana = await Machine.setUp('ana', info.outputPath('ana'));
  const bo = await Machine.setUp('bo', info.outputPath('bo'));
  try {
    const host = await ana.start(['--servers', servers.file, '--guest', 'Ana', '--start-meeting']);
    // What it prints at its start is gone before anybody can listen.
    const link = await copyInvitation(host);
    const guest = await bo.startPackaged(packagedExecutable(), [
      '--guest',
      'Bo',
      '--join',
      link,
      '--auto-join',
    ]);

    await expectPicture(host.page, 'bo');
    await expectPicture(guest.page, 'ana');
    await expectVoice(host.page, 'bo');
    await expectVoice(guest.page, 'ana');
    await guest.quit();
    await expect(host.page.locator('[data-testid=tile][data-self=false]')).toHaveCount(0);
    await host.quit();
  } finally {
    await servers.close();
    await ana.tearDown();
    await bo.tearDown();
  }
});

test('a packaged app does not run as Node', () => {
  const env = { ...process.env, ELECTRON_RUN_AS_NODE: '1' };
  const { stdout, status } = spawnSync(packagedExecutable(), ['-p', '6 * 7'], { env, encoding: 'utf8' });
  expect(stdout).not.toContain('42');
  expect(status).not.toBe(0);
});

async function expectPicture(page: Page, person: Person): Promise<void> {
  const video = page.locator('[data-testid=tile][data-self=false] video');
  // The name lies over the bottom of a tile.
  const region = { left: 0, top: 0, right: 1, bottom: 0.8 };
  const score = async () =>
    likeness(pictureFromPng(await video.screenshot()), framesOf(person), { region }).score;
  await expect.poll(score, { timeout: 60_000 }).toBeGreaterThan(0.9);
}

async function expectVoice(page: Page, person: Person): Promise<void> {
  const score = async () => {
    const voices = await listen(page, 4.5);
    return Math.max(0, ...voices.map((voice) => bestHeard(voice, speechOf(person))));
  };
  await expect.poll(score, { timeout: 60_000 }).toBeGreaterThan(0.6);
}

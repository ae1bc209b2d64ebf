/**
 * A whole meeting as people have it: real windows with real recordings for cameras and microphones, through a relay whose
 * every received byte is kept.
 */
import { readFile } from 'node:fs/promises';
import { expect, test, type Page } from '@playwright/test';
import { startServices } from '../harness/meeting/services.ts';
import { Machine } from './harness/machine.ts';
import { openedFrames, tapOpened } from './harness/opened-tap.ts';
import {
  clickControl,
  copyInvitation,
  expectHears,
  expectSameKeys,
  expectSees,
  introduceOneself,
  joinWithDevices,
  nameOf,
  newMeeting,
  openLink,
  tileOf,
} from './harness/person.ts';
import type { Person } from './harness/recordings.ts';

/** Bytes of an encoded frame that would not stand in the relay's traffic by chance. */
const TELLING_BYTES = 16;

test('people meet, come, go, vanish and return', async () => {
  test.setTimeout(600_000);
  const info = test.info();
  const recording = info.outputPath('relay-traffic');
  const services = await startServices({ kind: 'recording', file: recording });
  const machines = new Map<Person, Machine>();
  const machineOf = async (person: Person): Promise<Machine> => {
    const machine = machines.get(person) ?? (await Machine.setUp(person, info.outputPath(person)));
    machines.set(person, machine);
    return machine;
  };
  const open = async (person: Person, ...args: string[]) => (await machineOf(person)).start(args);
  const arrive = async (person: Person, link: string) => {
    const app = await open(person, '--join', link);
    await introduceOnFirstStart(app.page, person);
    await joinWithDevices(app.page);
    return app;
  };

  try {
    const ana = await open('ana', '--servers', services.file);
    await introduceOneself(ana.page, nameOf('ana'));
    await newMeeting(ana.page, 'Weekly review');
    await joinWithDevices(ana.page);
    const link = await copyInvitation(ana);
    expect(link).toMatch(/^conclave:\/\/join\//);

    const bo = await open('bo');
    await introduceOneself(bo.page, nameOf('bo'));
    await openLink(bo.page, link);
    await tapOpened(bo.page);
    await joinWithDevices(bo.page);
    const chen = await arrive('chen', link);

    await test.step('three see and hear each other', async () => {
      await expectSameKeys([ana.page, bo.page, chen.page], 3);
      await expectSees(ana.page, 'bo');
      await expectSees(ana.page, 'chen');
      await expectSees(bo.page, 'ana');
      await expectSees(bo.page, 'chen');
      await expectSees(chen.page, 'ana');
      await expectSees(chen.page, 'bo');
      await expectHears(ana.page, ['bo', 'chen']);
      await expectHears(bo.page, ['ana', 'chen']);
      await expectHears(chen.page, ['ana', 'bo']);
    });
    await ana.page.screenshot({ path: info.outputPath('three.png') });
    const epochOfThree = await expectSameKeys([ana.page, bo.page, chen.page], 3);

    const dina = await arrive('dina', link);
    await test.step('a fourth joins', async () => {
      const epoch = await expectSameKeys([ana.page, bo.page, chen.page, dina.page], 4);
      expect(epoch).toBeGreaterThan(epochOfThree);
      await expectSees(dina.page, 'ana');
      await expectSees(ana.page, 'dina');
      // Who was there before goes on under the new key.
      await expectSees(ana.page, 'bo');
    });
    const epochOfFour = await expectSameKeys([ana.page, bo.page, chen.page, dina.page], 4);

    await test.step('one leaves, and the keys change', async () => {
      await chen.page.mouse.move(400, 400);
      await clickControl(chen.page, 'Leave');
      await chen.page.getByRole('dialog').getByRole('button', { name: 'Leave' }).click();
      await expect(chen.page.getByRole('heading', { name: 'You left the meeting' })).toBeVisible();
      const epoch = await expectSameKeys([ana.page, bo.page, dina.page], 3);
      expect(epoch).toBeGreaterThan(epochOfFour);
      await expect(tileOf(ana.page, nameOf('chen'))).toHaveCount(0);
      await expectSees(ana.page, 'bo');
    });

    await test.step('one is killed and comes back', async () => {
      await dina.kill();
      const again = await arrive('dina', link);
      await expectSameKeys([ana.page, bo.page, again.page], 3);
      await expectSees(again.page, 'bo');
      await expectSees(ana.page, 'dina');
      await expectHears(ana.page, ['bo', 'dina']);
      await again.quit();
    });

    await test.step('the relay handled no plaintext', async () => {
      const frames = await openedFrames(bo.page);
      const traffic = await readFile(recording);
      const spoken = frames.filter(
        ({ media, bytes }) => media === 'audio' && bytes.length > 2 * TELLING_BYTES,
      );
      const shown = frames.filter(
        ({ media, bytes }) => media === 'video' && bytes.length > 2 * TELLING_BYTES,
      );
      expect(spoken.length).toBeGreaterThan(20);
      expect(shown.length).toBeGreaterThan(20);
      // The recording does hold what went through: the names of tracks are public.
      expect(traffic.includes('commits')).toBe(true);
      for (const { bytes } of [...spoken.slice(0, 100), ...shown.slice(0, 100)]) {
        const middle = bytes.length >> 1;
        expect(traffic.includes(Buffer.from(bytes.subarray(middle, middle + TELLING_BYTES)))).toBe(false);
      }
      for (const secret of ['Weekly review', '"packaging":"loc"'])
        expect(traffic.includes(secret)).toBe(false);
    });
    await Promise.all([ana.quit(), bo.quit(), chen.quit()]);
  } finally {
    await Promise.all([...machines.values()].map((machine) => machine.tearDown()));
    await services.close();
  }
});

/** A machine that was used before knows who one is. */
async function introduceOnFirstStart(page: Page, person: Person): Promise<void> {
  const name = page.getByLabel('Your name');
  const join = page.getByRole('button', { name: /^Join as/ });
  await expect(name.or(join).first()).toBeVisible({ timeout: 60_000 });
  if (await join.isVisible()) return;
  await page.getByLabel('Your name').fill(nameOf(person));
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByRole('button', { name: 'Start using Conclave' }).click();
  await expect(join).toBeVisible({ timeout: 60_000 });
}

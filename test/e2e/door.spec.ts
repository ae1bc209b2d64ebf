/** The door, with three real windows, relay and counter: an organiser locks the meeting, and decides who comes in. */
import { expect, test, type Locator, type Page } from '@playwright/test';
import { startServices } from '../harness/meeting/services.ts';
import { Machine } from './harness/machine.ts';
import { copyInvitation } from './harness/person.ts';

test('an organiser locks the meeting, lets one person in and another not', async () => {
  const info = test.info();
  const services = await startServices();
  const setUp = (person: 'ana' | 'bo' | 'chen'): Promise<Machine> =>
    Machine.setUp(person, info.outputPath(person), { keychain: false });
  const machines = [await setUp('ana'), await setUp('bo'), await setUp('chen')] as const;
  const [ana, bo, chen] = machines;
  try {
    const host = await ana.start(['--servers', services.file, '--guest', 'Ana', '--start-meeting']);
    const link = await copyInvitation(host);
    const join = (name: string): string[] => ['--guest', name, '--join', link, '--auto-join'];
    const guest = await bo.start(join('Bo'));
    for (const { page } of [host, guest]) await expect(others(page)).toHaveCount(1);

    await test.step('everybody is told that the meeting is locked', async () => {
      await host.page.keyboard.press('p');
      await button(host.page, 'Lock meeting').click();
      await expect(button(host.page, 'Unlock meeting')).toBeVisible();
      await host.page.keyboard.press('p');
      await guest.page.keyboard.press('p');
      await expect(guest.page.getByTestId('admission')).toContainText('People are let in by an organiser.');
      await expect(guest.page.getByTestId('admission')).toContainText('Ask Ana.');
    });

    let third = await chen.start(join('Chen'));
    await test.step('who comes waits, by the same fingerprint on all screens', async () => {
      const note = third.page.getByTestId('at-the-door');
      await expect(note).toContainText('you call yourself Chen');
      const fingerprint = /(\d{5} ){3}\d{5}/.exec(await note.innerText())?.[0] ?? 'none';
      await expect(callers(host.page)).toContainText('Chen');
      await expect(callers(host.page)).toContainText(fingerprint);
      await expect(callers(guest.page)).toContainText(fingerprint);
      await expect(guest.page.getByTestId('door')).toContainText('Ana can let them in.');
      await expect(guest.page.getByRole('button', { name: /^(Let|Don’t let) in: / })).toHaveCount(0);
      await expect(others(host.page)).toHaveCount(1);
      await host.page.screenshot({ path: info.outputPath('asked.png') });
      await third.page.screenshot({ path: info.outputPath('waiting.png') });
    });

    await test.step('is let in by an organiser', async () => {
      await button(host.page, 'Let in: Chen').click();
      for (const { page } of [host, guest, third]) await expect(others(page)).toHaveCount(2);
      await expect(callers(host.page)).toHaveCount(0);
    });

    await test.step('or is not, and goes on waiting', async () => {
      await third.quit();
      await expect(others(host.page)).toHaveCount(1);
      third = await chen.start(join('Dina'));
      await button(host.page, 'Don’t let in: Dina').click();
      await expect(callers(host.page)).toHaveCount(0);
      await expect(third.page.getByTestId('at-the-door')).toBeVisible();
      await expect(callers(guest.page)).toContainText('Dina');
      await expect(others(host.page)).toHaveCount(1);
      await button(third.page, 'Cancel').click();
    });
    await third.quit();
    await guest.quit();
    await host.quit();
  } finally {
    await services.close();
    for (const machine of machines) await machine.tearDown();
  }
});

const button = (page: Page, name: string): Locator => page.getByRole('button', { name, exact: true });
const others = (page: Page): Locator => page.locator('[data-testid=tile][data-self=false]');
const callers = (page: Page): Locator => page.getByTestId('caller');

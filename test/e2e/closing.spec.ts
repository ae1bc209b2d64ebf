/** Closing the real window while another person is in the meeting: it asks, and a page that hangs cannot keep it open. */
import { expect, test, type ElectronApplication, type Page } from '@playwright/test';
import { startServices } from '../harness/meeting/services.ts';
import { Machine } from './harness/machine.ts';
import { copyInvitation } from './harness/person.ts';

test('closing the window asks when others are there, and closes it though the page hangs', async () => {
  const info = test.info();
  const services = await startServices();
  const ana = await Machine.setUp('ana', info.outputPath('ana'), { keychain: false });
  const bo = await Machine.setUp('bo', info.outputPath('bo'), { keychain: false });
  try {
    const host = await ana.start(['--servers', services.file, '--guest', 'Ana', '--start-meeting']);
    const link = await copyInvitation(host);
    const join = ['--guest', 'Bo', '--join', link, '--auto-join'];
    let guest = await bo.start(join);
    await expectTogether(host.page, guest.page);

    await test.step('who stays is still in the meeting', async () => {
      await close(guest.electron);
      await expect(question(guest.page)).toContainText('Closing the window leaves it. Ana is still here.');
      await guest.page.screenshot({ path: info.outputPath('question.png') });
      await guest.page.keyboard.press('Escape');
      await expect(question(guest.page)).toHaveCount(0);
      await expectTogether(host.page, guest.page);
    });

    await test.step('who leaves has left, and the app ends', async () => {
      const ended = guest.electron.waitForEvent('close');
      await close(guest.electron);
      // The page may be gone before the click has returned.
      const click = guest.page.getByRole('button', { name: 'Leave and close' }).click();
      await Promise.all([ended, click.catch(() => undefined)]);
      await expect(others(host.page)).toHaveCount(0);
    });

    await test.step('a page that hangs does not keep the window open', async () => {
      guest = await bo.start(join);
      await expectTogether(host.page, guest.page);
      const ended = guest.electron.waitForEvent('close');
      await guest.page.evaluate(hangSoon);
      await close(guest.electron);
      await ended;
      await expect(others(host.page)).toHaveCount(0);
    });

    await test.step('whoever ends the process is not asked', async () => {
      guest = await bo.start(join);
      await expectTogether(host.page, guest.page);
      const ended = guest.electron.waitForEvent('close');
      guest.electron.process().kill('SIGTERM');
      await ended;
      await expect(others(host.page)).toHaveCount(0);
    });

    await test.step('quitting asks as well', async () => {
      guest = await bo.start(join);
      await expectTogether(host.page, guest.page);
      await guest.quit();
      await expect(others(host.page)).toHaveCount(0);
    });

    await test.step('whoever is alone is not asked', async () => {
      const ended = host.electron.waitForEvent('close');
      await close(host.electron);
      await ended;
    });
  } finally {
    await services.close();
    await ana.tearDown();
    await bo.tearDown();
  }
});

const others = (page: Page) => page.locator('[data-testid=tile][data-self=false]');
const question = (page: Page) => page.getByRole('dialog', { name: 'Leave the meeting?' });

async function expectTogether(...pages: readonly Page[]): Promise<void> {
  for (const page of pages) await expect(others(page)).toHaveCount(1, { timeout: 60_000 });
}

/** As the window manager does it. */
async function close(electron: ElectronApplication): Promise<void> {
  await electron.evaluate(({ BrowserWindow }) => {
    for (const window of BrowserWindow.getAllWindows()) window.close();
  });
}

/** Runs in the page, and lets it do nothing else for ever. */
function hangSoon(): void {
  setTimeout(() => {
    for (;;);
  }, 0);
}

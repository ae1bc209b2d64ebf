/**
 * Who waits at the door and who decides, under real clicks and keys, in a real window over a bridge that plays main: what
 * main is asked to do, where the focus is, and what is said aloud.
 */
import { expect, test, type Locator, type Page } from '@playwright/test';
import type { AppState, MeetingState } from '../../src/contract/state.ts';
import { HarnessWindow } from '../renderer/harness/window.mjs';

/** As much of the harness's page as is touched here; these sources know no DOM. */
interface HarnessPage {
  readonly harness: {
    readonly calls: readonly { readonly name: string; readonly argument: unknown }[];
    readonly state: AppState;
    become(state: AppState): void;
  };
}
type InMeeting = MeetingState & { readonly kind: 'in-meeting' };

let window: HarnessWindow;
let page: Page;

test.beforeAll(async () => {
  window = await HarnessWindow.open(['--use-fake-device-for-media-stream']);
  ({ page } = window);
});
test.afterAll(async () => {
  await window.close();
});
test.afterEach(() => {
  expect(window.complaints.splice(0)).toEqual([]);
});

const show = async (scene: string, width = 1120): Promise<void> => {
  await window.show(scene, { width, height: 720, theme: 'dark', zoom: 1 });
  await expect(button('Leave')).toBeVisible();
};
const button = (name: string): Locator => page.getByRole('button', { name, exact: true });
const prompt = (): Locator => page.getByTestId('door-prompt');
const callersIn = (within: Locator): Locator => within.getByTestId('caller');
const panel = (): Locator => page.getByRole('complementary');
const status = (): Locator => page.getByRole('status');

/** The arguments of all calls of a name. */
const calls = (name: string): Promise<unknown[]> =>
  page.evaluate(
    (wanted) =>
      (globalThis as unknown as HarnessPage).harness.calls.flatMap((call) =>
        call.name === wanted ? [call.argument] : [],
      ),
    name,
  );

/** Main tells something new of the meeting. */
const become = async (change: Partial<InMeeting>): Promise<void> => {
  await page.evaluate((given) => {
    const { harness } = globalThis as unknown as HarnessPage;
    harness.become({ ...harness.state, meeting: { ...harness.state.meeting, ...given } as MeetingState });
  }, change);
};
const meeting = async (): Promise<InMeeting> =>
  (await page.evaluate(() => (globalThis as unknown as HarnessPage).harness.state.meeting)) as InMeeting;

test.describe('an organiser', () => {
  test('is asked about who waits, without losing the focus or a button of the bar', async () => {
    await show('door-several', 760);
    const { door } = await meeting();
    await become({ door: [] });
    await expect(prompt()).toHaveCount(0);
    await button('Shortcuts').focus();
    await become({ door });
    await expect(callersIn(prompt())).toHaveCount(2);
    await expect(prompt()).toContainText('Calls themselves');
    await expect(prompt()).toContainText(door[0]!.fingerprint.join(' '));
    await expect(button('Shortcuts')).toBeFocused();
    await expect(status()).toHaveText(/people are waiting to be let in\. Press P to answer\.$/);
    const lowest = await prompt().boundingBox();
    for (const name of ['Unmute', 'Camera on', 'Leave']) {
      const control = await button(name).boundingBox();
      expect(lowest!.y + lowest!.height).toBeLessThanOrEqual(control!.y);
    }
  });

  test('lets in and declines by keyboard, one after the other', async () => {
    await show('door-several');
    const { door } = await meeting();
    await page.keyboard.press('p');
    await expect(prompt()).toHaveCount(0);
    const callers = callersIn(panel());
    await expect(callers).toHaveCount(4);
    await callers
      .nth(0)
      .getByRole('button', { name: /^Let in/ })
      .focus();
    await page.keyboard.press('Enter');
    await expect(callers.nth(0)).toContainText('Being let in');
    await expect(callers.nth(1).getByRole('button', { name: /^Let in/ })).toBeFocused();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await expect(callers).toHaveCount(3);
    await expect(callers.nth(1).getByRole('button', { name: /^Don’t let in/ })).toBeFocused();
    expect(await calls('meeting.admit')).toEqual([{ participant: door[0]!.id }]);
    expect(await calls('meeting.decline')).toEqual([{ participant: door[1]!.id }]);
  });

  test('sees who goes by a name that is taken', async () => {
    await show('door-several');
    await page.keyboard.press('p');
    await expect(callersIn(panel()).filter({ hasText: 'already in the meeting' })).toHaveText(/bo {2}chen/);
  });

  test('puts the question away until somebody else comes', async () => {
    await show('door-organiser');
    const { door } = await meeting();
    await button('Hide').click();
    await expect(prompt()).toHaveCount(0);
    await expect(page.getByRole('button', { name: '1 waiting to be let in' })).toBeVisible();
    await become({ door: [...door, { ...door[0]!, id: 'other', displayName: 'Gil' }] });
    await expect(callersIn(prompt())).toHaveText(/Gil/);
  });

  test('locks the meeting, and is asked before those who wait come in', async () => {
    await show('meeting-3');
    await page.keyboard.press('p');
    await button('Lock meeting').click();
    expect(await calls('meeting.admission')).toEqual([{ admission: 'ask' }]);
    await show('door-several');
    await page.keyboard.press('p');
    await button('Unlock meeting').click();
    await expect(page.getByRole('dialog')).toContainText('The 4 people who are waiting come in at once');
    await page.keyboard.press('Escape');
    await expect(page.getByRole('dialog')).toHaveCount(0);
    expect(await calls('meeting.admission')).toEqual([]);
    await button('Unlock meeting').click();
    await page.getByRole('dialog').getByRole('button', { name: 'Unlock meeting' }).click();
    expect(await calls('meeting.admission')).toEqual([{ admission: 'open' }]);
  });

  test('makes organisers, takes that away and removes, each after a question', async () => {
    await show('roles-organisers');
    await page.keyboard.press('p');
    const decide = async (name: string, action: string, yes: string): Promise<void> => {
      await button(`More about ${name}`).click();
      await button(`${action}: ${name}`).click();
      await page.getByRole('dialog').getByRole('button', { name: yes }).click();
      await expect(page.getByRole('dialog')).toHaveCount(0);
    };
    await decide('Bo Chen', 'Make organiser', 'Make organiser');
    await decide('Eleonora von Hohenstein-Wittgenstein', 'Take organiser role away', 'Take role away');
    await decide('Ana Lindqvist (you)', 'Stop being organiser', 'Stop being organiser');
    await decide('Chidinma Okafor', 'Remove', 'Remove');
    expect(await calls('meeting.organiser')).toEqual([
      { participant: 'p1', organiser: true },
      { participant: 'p4', organiser: false },
      { participant: 'self', organiser: false },
    ]);
    expect(await calls('meeting.remove')).toEqual([{ participant: 'p2' }]);
  });
});

test.describe('somebody who is no organiser', () => {
  test('sees who waits and who may let them in, and no button for it', async () => {
    await show('door-member');
    await expect(prompt()).toHaveCount(0);
    await expect(status()).toHaveText(/Bo Chen or Dmitri Volkov can let them in\.$/);
    await page.keyboard.press('p');
    await expect(panel().getByTestId('door')).toContainText('Bo Chen or Dmitri Volkov can let them in.');
    await button('More about Bo Chen').click();
    await expect(panel().getByTestId('admission')).toContainText('People are let in by an organiser.');
    const deciding = /let in|lock meeting|organiser|^Remove/i;
    await expect(panel().getByRole('button', { name: deciding })).toHaveCount(0);
  });

  test('is told of being one no more, of the lock, and of what happened, and can read it again', async () => {
    await show('meeting-notices');
    const { participants, notices } = await meeting();
    await become({ role: 'member' });
    await expect(status()).toHaveText('You are no longer an organiser.');
    await become({ role: 'organiser', admission: 'open', participants });
    await expect(status()).toHaveText(/^The meeting is unlocked\./);
    await become({ notices: [...notices, { id: 9, time: Date.now(), sentence: 'Bo was removed.' }] });
    await expect(status()).toHaveText('Bo was removed.');
    await page.keyboard.press('p');
    await expect(panel().getByTestId('past-notices').getByRole('listitem')).toHaveText([
      /^Bo was removed\./,
      /^The meeting is unlocked\./,
      /^You are no longer an organiser/,
    ]);
    await button('Show all 7').click();
    await expect(panel().getByTestId('past-notices').getByRole('listitem')).toHaveCount(7);
  });
});

test('a joiner who is kept waiting sees its fingerprint, and can use its devices and cancel', async () => {
  await window.show('waiting-at-door', { width: 1120, height: 720, theme: 'dark', zoom: 1 });
  await expect(page.getByTestId('at-the-door')).toContainText('48213 90117 55620 31874');
  await button('Microphone off').click();
  await expect(button('Microphone on')).toBeVisible();
  await button('Cancel').click();
  await expect.poll(() => calls('meeting.leave')).toHaveLength(1);
  await expect(button('Microphone off')).toBeVisible();
});

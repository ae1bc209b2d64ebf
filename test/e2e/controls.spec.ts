/**
 * The controls of a meeting under real clicks and keys, in a real window over a bridge that plays main: what is heard of
 * one's microphone, and what takes clicks.
 */
import { expect, test, type Locator, type Page } from '@playwright/test';
import type { AppState } from '../../src/contract/state.ts';
import { HarnessWindow } from '../renderer/harness/window.mjs';

/** As much of the harness's page as is touched here; these sources know no DOM. */
interface HarnessPage {
  readonly harness: {
    readonly calls: readonly { readonly name: string; readonly argument: unknown }[];
    readonly state: AppState;
    become(state: AppState): void;
  };
  readonly liveMicrophones: () => number;
  readonly Event: new (type: string, init?: { bubbles: boolean }) => unknown;
  dispatchEvent(event: unknown): void;
  readonly document: {
    readonly activeElement: { blur(): void };
    elementFromPoint(x: number, y: number): { dispatchEvent(event: unknown): void } | null;
  };
}

let window: HarnessWindow;
let page: Page;

test.beforeAll(async () => {
  window = await HarnessWindow.open(['--use-fake-device-for-media-stream']);
  ({ page } = window);
  await page.clock.install();
});
test.afterAll(async () => {
  await window.close();
});

/** Others are there: two of them. */
test.beforeEach(async () => {
  await window.show('meeting-3', { width: 1120, height: 720, theme: 'dark', zoom: 1 });
  await expect(button('Leave')).toBeVisible();
});
test.afterEach(() => {
  expect(window.complaints.splice(0)).toEqual([]);
});

const button = (name: string): Locator => page.getByRole('button', { name, exact: true });
const bar = (): Locator => page.getByRole('toolbar', { name: 'Controls', includeHidden: true });
const question = (): Locator => page.getByRole('dialog', { name: 'Leave the meeting?' });

/** Whether sound is taken from a microphone, and what main was told of it. */
async function expectMicrophone(on: boolean): Promise<void> {
  await expect
    .poll(() =>
      page.evaluate(() => {
        const { harness, liveMicrophones } = globalThis as unknown as HarnessPage;
        const told = harness.calls.filter(({ name }) => name === 'meeting.sending').at(-1)?.argument;
        return { live: liveMicrophones(), told };
      }),
    )
    .toMatchObject({ live: on ? 1 : 0, told: { microphone: on } });
}

const calls = (name: string): Promise<number> =>
  page.evaluate(
    (wanted) =>
      (globalThis as unknown as HarnessPage).harness.calls.filter((call) => call.name === wanted).length,
    name,
  );

test.describe('the talk key', () => {
  test('after the microphone’s button was clicked, talks while held and leaves it muted', async () => {
    await button('Unmute').click();
    await expectMicrophone(true);
    await button('Mute').click();
    await expectMicrophone(false);
    await page.keyboard.down('Space');
    await expect(button('Talking')).toBeVisible();
    await expectMicrophone(true);
    await page.keyboard.down('Space');
    await page.keyboard.up('Space');
    await expect(button('Unmute')).toBeVisible();
    await expectMicrophone(false);
  });

  for (const panel of ['People', 'Show who holds the keys'])
    test(`talks with a panel open: ${panel}`, async () => {
      await page.getByRole('button', { name: panel }).click();
      await expect(page.getByRole('complementary')).toBeVisible();
      await page.keyboard.down('Space');
      await expectMicrophone(true);
      await page.keyboard.press('Escape');
      await expect(page.getByRole('complementary')).toHaveCount(0);
      await expectMicrophone(true);
      await page.keyboard.up('Space');
      await expectMicrophone(false);
    });

  test('talks after other keys were pressed behind a click', async () => {
    await button('Camera on').click();
    await page.keyboard.press('m');
    await expectMicrophone(true);
    await page.keyboard.press('m');
    await page.keyboard.down('Space');
    await expectMicrophone(true);
    await page.keyboard.up('Space');
    await expectMicrophone(false);
    await expect(button('Camera off')).toBeVisible();
  });

  test('presses a button that one has tabbed to, and does not talk', async () => {
    await tabTo('3 People');
    await page.keyboard.press('Space');
    await expect(page.getByRole('complementary')).toBeVisible();
    await expect(button('Unmute')).toBeVisible();
    await expectMicrophone(false);
  });

  test('on the microphone’s own button talks, and mutes what is on; Enter switches', async () => {
    await tabTo('Unmute');
    await page.keyboard.down('Space');
    await expectMicrophone(true);
    await page.keyboard.up('Space');
    await expectMicrophone(false);
    await page.keyboard.press('Enter');
    await expectMicrophone(true);
    await page.keyboard.press('Space');
    await expectMicrophone(false);
  });

  test('is let go with the window, and what repeats afterwards does not press it', async () => {
    await page.keyboard.down('Space');
    await expectMicrophone(true);
    await page.evaluate(() => {
      const { dispatchEvent, Event } = globalThis as unknown as HarnessPage;
      dispatchEvent(new Event('blur'));
    });
    await expectMicrophone(false);
    await page.keyboard.down('Space');
    await page.keyboard.up('Space');
    await expectMicrophone(false);
  });

  test('is let go when the meeting ends', async () => {
    await page.keyboard.down('Space');
    await expectMicrophone(true);
    await become((state) =>
      state.meeting.kind === 'in-meeting'
        ? {
            ...state,
            meeting: {
              kind: 'joining',
              invitation: state.meeting.invitation,
              step: 'connecting',
              since: 0,
              sentence: undefined,
              again: false,
              clockOffset: undefined,
            },
          }
        : state,
    );
    await expect
      .poll(() => page.evaluate(() => (globalThis as unknown as HarnessPage).liveMicrophones()))
      .toBe(0);
    await page.keyboard.up('Space');
  });

  test('types in a field and belongs to a dialog', async () => {
    await window.show('meeting-12', { width: 1120, height: 720, theme: 'dark', zoom: 1 });
    await page.keyboard.press('p');
    await page.getByRole('searchbox').fill('Bo');
    await page.keyboard.press('Space');
    await expect(page.getByRole('searchbox')).toHaveValue('Bo ');
    await page.getByRole('searchbox').fill('');
    await expectMicrophone(false);
    await page.keyboard.press('Tab');
    await button('More about Bo Chen').click();
    await button('Remove: Bo Chen').click();
    await expect(page.getByRole('dialog')).toBeVisible();
    await page.keyboard.press('m');
    await page.keyboard.press('Space');
    await expect(page.getByRole('dialog')).toHaveCount(0);
    await expectMicrophone(false);
    expect(await calls('meeting.remove')).toBe(0);
  });
});

test('camera and microphone that were asked for at the start go off when one says so', async () => {
  await become((state) => ({ ...state, devicesAtStart: true }));
  await expectMicrophone(true);
  await button('Mute').click();
  await expectMicrophone(false);
  await become((state) => ({ ...state, version: '0.1.1' }));
  await page.keyboard.down('Space');
  await expectMicrophone(true);
  await page.keyboard.up('Space');
  await expectMicrophone(false);
});

test('in a meeting that was split devices go off and stay off, and the message cannot be closed', async () => {
  await page.keyboard.press('m');
  await expectMicrophone(true);
  const sentence = 'This meeting was split in two.';
  await become((state) => {
    const { meeting } = state;
    if (meeting.kind !== 'in-meeting') return state;
    const encryption = { ...meeting.encryption, seal: 'attention', sentence } as const;
    return { ...state, meeting: { ...meeting, split: true, encryption } };
  });
  await expectMicrophone(false);
  await page.keyboard.press('m');
  await page.keyboard.down('Space');
  await expectMicrophone(false);
  await page.keyboard.up('Space');
  await page.keyboard.press('Escape');
  const message = page.getByRole('alert').filter({ hasText: sentence });
  await expect(message.getByRole('button')).toHaveCount(1);
  await button('Save key history').click();
  await expect.poll(() => calls('meeting.export-history')).toBe(1);
  await expect(message).toBeVisible();
  await expectMicrophone(false);
});

test.describe('the control bar', () => {
  const long = 60_000;
  /** Nobody has the pointer over anything that matters. */
  const elsewhere = (): Promise<void> => page.mouse.move(400, 200);

  test('steps back when nobody moves, takes no clicks then, and is back with the first movement', async () => {
    const leave = (await button('Leave').boundingBox())!;
    const [x, y] = [leave.x + leave.width / 2, leave.y + leave.height / 2];
    await elsewhere();
    await page.clock.runFor(long);
    await expect(bar()).toHaveCSS('opacity', '0');
    await expect(bar()).toHaveAttribute('inert');
    // As a finger does it: no movement comes before.
    await page.evaluate(
      ([left, top]) => {
        const { document, Event } = globalThis as unknown as HarnessPage;
        document.elementFromPoint(left!, top!)?.dispatchEvent(new Event('click', { bubbles: true }));
      },
      [x, y],
    );
    expect(await calls('meeting.leave')).toBe(0);
    await expect(question()).toHaveCount(0);
    await page.mouse.move(x, y);
    await expect(bar()).not.toHaveAttribute('inert');
    await expect(bar()).toHaveCSS('opacity', '1');
    await page.mouse.click(x, y);
    await expect(question()).toBeVisible();
  });

  test('stays under the pointer', async () => {
    await button('3 People').hover();
    await page.clock.runFor(long);
    await expect(bar()).not.toHaveAttribute('inert');
    await expect(bar()).toHaveCSS('opacity', '1');
    await elsewhere();
    await page.clock.runFor(long);
    await expect(bar()).toHaveAttribute('inert');
  });

  test('stays while the focus is in it, and comes back when one tabs', async () => {
    await tabTo('3 People');
    await elsewhere();
    await page.clock.runFor(long);
    await expect(bar()).not.toHaveAttribute('inert');
    await page.evaluate(() => (globalThis as unknown as HarnessPage).document.activeElement.blur());
    await page.clock.runFor(long);
    await expect(bar()).toHaveAttribute('inert');
    await page.keyboard.press('Tab');
    await expect(bar()).not.toHaveAttribute('inert');
  });

  test('stays while a panel or a dialog is open, and steps back afterwards', async () => {
    for (const [open, close] of [
      ['s', 'Escape'],
      ['?', 'Escape'],
      ['Shift+L', 'Escape'],
    ] as const) {
      await elsewhere();
      await page.keyboard.press(open);
      await page.clock.runFor(long);
      await expect(bar()).not.toHaveAttribute('inert');
      await page.keyboard.press(close);
      await page.clock.runFor(long);
      await expect(bar()).toHaveAttribute('inert');
    }
  });
});

test.describe('leaving', () => {
  test('asks when others are there; Escape and Stay stay', async () => {
    await button('Leave').click();
    await expect(question()).toContainText('Bo Chen and Chidinma Okafor are still here.');
    await page.keyboard.press('Escape');
    await expect(question()).toHaveCount(0);
    await page.keyboard.press('Shift+L');
    await expect(button('Stay')).toBeFocused();
    await page.keyboard.press('Enter');
    await expect(question()).toHaveCount(0);
    expect(await calls('meeting.leave')).toBe(0);
  });

  test('needs no pointer', async () => {
    await page.keyboard.press('Shift+L');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await expect.poll(() => calls('meeting.leave')).toBe(1);
    await expect(question()).toHaveCount(0);
  });

  test('is at once for who is alone', async () => {
    await window.show('meeting-1', { width: 1120, height: 720, theme: 'dark', zoom: 1 });
    await page.keyboard.press('Shift+L');
    await expect.poll(() => calls('meeting.leave')).toBe(1);
    await expect(question()).toHaveCount(0);
  });

  test('asks when the window is closed, and tells main that it does', async () => {
    await become((state) => ({ ...state, closing: { request: 7 } }));
    await expect(question()).toContainText('Closing the window leaves it.');
    await expect.poll(() => calls('window.asking')).toBe(1);
    await page.keyboard.press('Escape');
    await expect.poll(() => calls('window.stay')).toBe(1);
    await become((state) => ({ ...state, closing: undefined }));
    await expect(question()).toHaveCount(0);
    await become((state) => ({ ...state, closing: { request: 8 } }));
    await button('Leave and close').click();
    await expect.poll(() => calls('window.close')).toBe(1);
    expect(await calls('meeting.leave')).toBe(0);
  });
});

/** Presses Tab until a button has the focus: where a key moves it is known when the key has been handled. */
async function tabTo(name: string): Promise<void> {
  await expect(async () => {
    await page.keyboard.press('Tab');
    expect(await button(name).and(page.locator(':focus')).count()).toBe(1);
  }).toPass();
}

/** Plays a new state of main. */
async function become(change: (state: AppState) => AppState): Promise<void> {
  const state = await page.evaluate(() => (globalThis as unknown as HarnessPage).harness.state);
  await page.evaluate((next) => {
    (globalThis as unknown as HarnessPage).harness.become(next);
  }, change(state));
}

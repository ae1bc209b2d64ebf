/** What a person does in the app's window, and what they see and hear there. */
import { expect, type ElectronApplication, type Locator, type Page } from '@playwright/test';
import { likeness, pictureFromPng } from './picture.ts';
import { framesOf, people, speechOf, type Person } from './recordings.ts';
import { listen } from './sound-tap.ts';
import { bestHeard } from './speech.ts';

/** The display name of a recording's person. */
export const nameOf = (person: Person): string => person[0]!.toUpperCase() + person.slice(1);

/** First start: says one's name and keeps the identity. */
export async function introduceOneself(page: Page, name: string): Promise<void> {
  await page.getByLabel('Your name').fill(name);
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByRole('button', { name: 'Start using Conclave' }).click();
  await expect(page.getByRole('heading', { name: 'Join with a link' })).toBeVisible();
}

/** Starts a meeting from home; the preview is next. */
export async function newMeeting(page: Page, title: string): Promise<void> {
  await page.getByLabel('Name of the meeting').fill(title);
  await page.getByRole('button', { name: 'New meeting' }).click();
}

/** Opens an invitation from home; the preview is next. */
export async function openLink(page: Page, link: string): Promise<void> {
  await page.getByLabel('Invitation link').fill(link);
  await page.getByRole('button', { name: 'Open', exact: true }).click();
}

/** Switches camera and microphone on in the preview, and joins. */
export async function joinWithDevices(page: Page): Promise<void> {
  const toggles = page.locator('button[aria-pressed="false"]');
  await toggles.first().click();
  await toggles.first().click();
  await expect(page.locator('button[aria-pressed="true"]')).toHaveCount(2);
  await page.getByRole('button', { name: /^Join as/ }).click();
  await expect(page.getByRole('toolbar', { name: 'Controls' })).toBeVisible({ timeout: 60_000 });
}

/** The tile of a person, by name. */
export function tileOf(page: Page, name: string): Locator {
  return page.locator(`[data-testid="tile"][data-self="false"]`, { hasText: name });
}

/** Compares the picture that a tile paints with all recordings: it is this person's and nobody else's. */
export async function expectSees(page: Page, person: Person): Promise<void> {
  const video = tileOf(page, nameOf(person)).locator('video');
  await expect(async () => {
    const painted = pictureFromPng(await video.screenshot());
    // Names and states lie over the lower edge.
    const region = { left: 0.05, top: 0.05, right: 0.95, bottom: 0.75 };
    const scores = people.map((name) => [name, likeness(painted, framesOf(name), { region }).score] as const);
    const own = scores.find(([name]) => name === person)?.[1] ?? 0;
    const other = Math.max(...scores.filter(([name]) => name !== person).map(([, score]) => score));
    expect(own, JSON.stringify(scores)).toBeGreaterThan(0.9);
    expect(other, JSON.stringify(scores)).toBeLessThan(0.7);
  }).toPass({ timeout: 60_000 });
}

/**
 * Correlates what the page plays with the recordings: each of these people is heard, in a voice of its own. A voice of one
 * person stays below 0.3 with all other recordings; a machine that is too busy for a moment tears sound, so that the best
 * of several moments counts.
 */
export async function expectHears(page: Page, expected: readonly Person[]): Promise<void> {
  const best = new Map<Person, { score: number; voice: number }>();
  await expect(async () => {
    const voices = await listen(page, 4.5);
    for (const person of expected)
      for (const [at, voice] of voices.entries()) {
        const score = bestHeard(voice, speechOf(person));
        if (score > (best.get(person)?.score ?? 0)) best.set(person, { score, voice: at });
      }
    const found = JSON.stringify([...best]);
    for (const person of expected) expect(best.get(person)?.score ?? 0, found).toBeGreaterThan(0.6);
    expect(new Set([...best.values()].map(({ voice }) => voice)).size, found).toBe(expected.length);
  }).toPass({ timeout: 120_000 });
}

/** Epoch and security code, from the security panel. */
export async function keysOf(page: Page): Promise<{ epoch: number; code: string }> {
  const seal = page.getByRole('button', { name: /Show who holds the keys/ });
  const code = page.getByTestId('security-code');
  if (!(await code.isVisible())) {
    await page.mouse.move(300 + Math.random() * 50, 300);
    await seal.click();
  }
  const text = (await code.innerText()).replace(/\s+/g, ' ').trim();
  // It is among the details, which are closed.
  const epoch = Number(await page.getByTestId('epoch').textContent());
  await page.keyboard.press('Escape');
  return { epoch, code: text };
}

/** All windows have the same epoch and the same code, of this many people. */
export async function expectSameKeys(pages: readonly Page[], size: number): Promise<number> {
  let agreed = -1;
  await expect(async () => {
    for (const page of pages) await expect(page.getByTestId('tile')).toHaveCount(size, { timeout: 1_000 });
    const keys = [];
    for (const page of pages) keys.push(await keysOf(page));
    expect(new Set(keys.map(({ code }) => code)).size, JSON.stringify(keys)).toBe(1);
    expect(new Set(keys.map(({ epoch }) => epoch)).size, JSON.stringify(keys)).toBe(1);
    expect(keys[0]!.code).toMatch(/^(\d{5} ){5}\d{5}$/);
    agreed = keys[0]!.epoch;
    expect(agreed).toBeGreaterThan(0);
  }).toPass({ timeout: 60_000 });
  return agreed;
}

/** Clicks a control of the meeting's bar, as one does whose pointer comes from elsewhere: the bar hides from who is still. */
export async function clickControl(page: Page, name: string): Promise<void> {
  await page.mouse.move(20, 20);
  await page.mouse.move(40, 40);
  await page.getByRole('button', { name, exact: true }).click();
}

/** Copies the invitation of the meeting that one is in. @returns the link. */
export async function copyInvitation({
  page,
  electron,
}: {
  page: Page;
  electron: ElectronApplication;
}): Promise<string> {
  await clickControl(page, 'Invite');
  await expect(page.getByRole('status')).toContainText('Whoever has it comes in at once.');
  return await electron.evaluate(({ clipboard }) => clipboard.readText());
}

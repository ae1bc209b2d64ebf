// @ts-check
/**
 * Photographs screens, for looking at:
 *   node test/renderer/harness/screens.mjs OUT SCENE[:WIDTHxHEIGHT[:THEME[:ZOOM[:STEP+STEP…]]]] …
 * A step is a key (`p`), `click BUTTON`, `wait MS` or `counts`.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HarnessWindow } from './window.mjs';

const [out = 'screens', ...wishes] = process.argv.slice(2);
await mkdir(out, { recursive: true });
const print = (/** @type {unknown[]} */ ...words) => process.stdout.write(`${words.map(String).join(' ')}\n`);
const window = await HarnessWindow.open(['--use-fake-device-for-media-stream']);
const { page } = window;
for (const wish of wishes) {
  const [scene = 'home', size = '1280x800', theme = 'dark', zoom = '1', steps = ''] = wish.split(':');
  const [width = 1280, height = 800] = size.split('x').map(Number);
  await window.show(scene, {
    width,
    height,
    theme: theme === 'light' ? 'light' : 'dark',
    zoom: Number(zoom),
  });
  for (const step of steps.split('+').filter(Boolean)) {
    if (step.startsWith('wait ')) await page.waitForTimeout(Number(step.slice(5)));
    else if (step.startsWith('click '))
      await page
        .getByRole('button', { name: step.slice(6) })
        .first()
        .click();
    else if (step === 'counts')
      print(await page.evaluate(() => JSON.stringify(Reflect.get(globalThis, 'harness').counts)));
    else await page.keyboard.press(step);
    await page.waitForTimeout(250);
  }
  const file = join(out, `${wish.replaceAll(/[^\w-]+/g, '_')}.png`);
  await writeFile(file, await window.photograph());
  print(file);
}
for (const complaint of new Set(window.complaints)) print(`complaint: ${complaint}`);
await window.close();

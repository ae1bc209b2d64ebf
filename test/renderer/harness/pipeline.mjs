// @ts-check
/**
 * Measures the media pipeline over a loop: what a recorded camera and microphone give, encoded, decoded, painted and played.
 *   npx tsx test/renderer/harness/pipeline.mjs [SECONDS] [faults]
 */
import { recordedMedia } from '../../../scripts/app.mjs';
import { likeness, pictureFromPng } from '../../e2e/harness/picture.ts';
import { framesOf, speechOf } from '../../e2e/harness/recordings.ts';
import { listen, tapSound } from '../../e2e/harness/sound-tap.ts';
import { heard } from '../../e2e/harness/speech.ts';
import { HarnessWindow } from './window.mjs';

const seconds = Number(process.argv[2] ?? 10);
/** Some frames are lost, some damaged, for as long as it is measured. */
const faults = process.argv[3] === 'faults';
const print = (/** @type {unknown[]} */ ...words) => process.stdout.write(`${words.map(String).join(' ')}\n`);
const window = await HarnessWindow.open(recordedMedia('ana'));
const { page } = window;
await tapSound(page);
// Echo cancellation would take one's own voice, which comes back here, for an echo.
await page.addInitScript(() => {
  const devices = navigator.mediaDevices;
  const open = devices.getUserMedia.bind(devices);
  devices.getUserMedia = (wish) => {
    const raw = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    return open(typeof wish?.audio === 'object' ? { ...wish, audio: { ...wish.audio, ...raw } } : wish);
  };
});
await window.show('meeting-4', { width: 1280, height: 800, theme: 'dark', zoom: 1 });
await page.getByRole('button', { name: 'Unmute' }).click();
await page.getByRole('button', { name: 'Camera on' }).click();
await page.waitForTimeout(3000);
if (faults) {
  await page.evaluate(() => {
    Reflect.get(globalThis, 'harness').faults = true;
  });
  await page.waitForTimeout(5000);
}
for (const tile of await page.locator('[data-testid=tile]').all()) {
  const painted = pictureFromPng(await tile.locator('video').screenshot());
  const mirrored = (await tile.getAttribute('data-self')) === 'true';
  print(
    'picture',
    JSON.stringify(
      likeness(painted, framesOf('ana'), { mirrored, region: { left: 0, top: 0, right: 1, bottom: 0.85 } }),
    ),
  );
}
for (const voice of await listen(page, seconds))
  print(
    'voice',
    heard(voice, speechOf('ana'))
      .map(({ score }) => score.toFixed(2))
      .join(' '),
  );
print(await page.evaluate(() => JSON.stringify(Reflect.get(globalThis, 'harness').counts)));
for (const complaint of new Set(window.complaints)) print(`complaint: ${complaint}`);
await window.close();

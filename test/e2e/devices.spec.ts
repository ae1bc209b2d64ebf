/**
 * The ground of the other end-to-end tests: Electron starts, its camera and microphone play the recordings, and what is
 * painted and played is known again. No part of Conclave runs here, so a failure means the test bench.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { _electron, expect, test } from '@playwright/test';
import { machineSwitches, recordedMedia } from '../../scripts/app.mjs';
import { findElectron } from '../../scripts/electron-runtime.mjs';
import { openKeychain } from './harness/keychain.ts';
import { likeness, pictureFromPng } from './harness/picture.ts';
import { framesOf, people, speechOf, type Person } from './harness/recordings.ts';
import { listen, tapSound } from './harness/sound-tap.ts';
import { bestHeard } from './harness/speech.ts';

const { executable } = await findElectron(() => undefined);

for (const person of people) {
  test(`${person} is seen and heard`, async () => {
    const recorder = join(import.meta.dirname, 'fixtures/recorder');
    const app = await _electron.launch({
      executablePath: executable,
      args: [recorder, ...machineSwitches(), ...recordedMedia(person)],
    });
    try {
      const page = await app.firstWindow();
      await tapSound(page);
      await page.click('button');

      // A busy machine shows late, and plays with gaps: what counts is that it is known once it is there.
      await expect(async () => {
        for (const video of ['video:first-of-type', 'video.square']) {
          const painted = pictureFromPng(await page.locator(video).screenshot());
          const scores = scoresOf((name) => likeness(painted, framesOf(name)).score);
          expect(scores[person], `${video} ${JSON.stringify(scores)}`).toBeGreaterThan(0.95);
          expect(bestOther(scores, person), `${video} ${JSON.stringify(scores)}`).toBeLessThan(0.7);
        }
      }).toPass();
      await expect(async () => {
        const [voice] = await listen(page, 4.5);
        const scores = scoresOf((name) => bestHeard(voice!, speechOf(name)));
        expect(scores[person], JSON.stringify(scores)).toBeGreaterThan(0.9);
        expect(bestOther(scores, person), JSON.stringify(scores)).toBeLessThan(0.4);
      }).toPass();
    } finally {
      await app.close();
    }
  });
}

test('a machine has a keychain of its own, which outlives its session', async () => {
  const info = test.info();
  const keep = (env: object, code: string) =>
    promisify(execFile)(
      process.execPath,
      ['--eval', `const keytar = require('keytar'); (async () => { ${code} })();`],
      {
        env: { ...process.env, ...env },
      },
    );
  const read = async (folder: string) => {
    const keychain = await openKeychain(info.outputPath(folder));
    const { stdout } = await keep(
      keychain.env,
      `console.log(String(await keytar.getPassword('conclave-test', 'a')));`,
    );
    await keychain.close();
    return stdout.trim();
  };
  const first = await openKeychain(info.outputPath('first'));
  await keep(first.env, `await keytar.setPassword('conclave-test', 'a', 'secret');`);
  await first.close();
  expect(await read('first')).toBe('secret');
  expect(await read('second')).toBe('null');
});

function scoresOf(score: (name: Person) => number): Record<Person, number> {
  return Object.fromEntries(people.map((name) => [name, score(name)])) as Record<Person, number>;
}

function bestOther(scores: Record<Person, number>, person: Person): number {
  return Math.max(...people.filter((name) => name !== person).map((name) => scores[name]));
}

// @ts-check
/**
 * `npm run demo`: three app windows side by side in one meeting, each with the recording of another person. Ctrl-C ends it.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { recordedMedia, startApp } from './app.mjs';
import { build } from './build.mjs';
import { openDisplay } from './display.mjs';
import { findElectron } from './electron-runtime.mjs';
import { startServers } from './servers.mjs';
import { ensureSystemPackages } from './system-packages.mjs';

const people = ['Ana', 'Bo', 'Chen'];
const say = (/** @type {string} */ line) => process.stderr.write(`${line}\n`);

try {
  await demonstrate();
} catch (cause) {
  say(cause instanceof Error ? cause.message : String(cause));
  process.exitCode = 1;
}

/**
 * Windows cannot place themselves on Wayland, but they can through its X server.
 * @param {NodeJS.ProcessEnv} env
 */
function placeable(env) {
  return env.WAYLAND_DISPLAY && env.DISPLAY ? ['--ozone-platform=x11'] : [];
}

async function demonstrate() {
  await ensureSystemPackages({ test: !process.env.DISPLAY && !process.env.WAYLAND_DISPLAY });
  await build({ ifStale: true });
  const runtime = await findElectron(say);
  const display = await openDisplay();
  if (display.env.DISPLAY !== process.env.DISPLAY)
    say(`Drawing on the virtual display ${display.env.DISPLAY}.`);
  const folder = await mkdtemp(join(tmpdir(), 'conclave-demo-'));
  const servers = await startServers({ folder: join(folder, 'servers'), log: say });

  const open = (/** @type {string} */ name, /** @type {string[]} */ ...args) => {
    const profile = join(folder, 'profiles', name);
    const place = `${people.indexOf(name) + 1}/${people.length}`;
    const own = ['--profile', profile, '--guest', name, '--place', place];
    const log = (/** @type {string} */ line) => say(`[${name}] ${line}`);
    return startApp({
      runtime,
      args: [...own, ...recordedMedia(name.toLowerCase()), ...placeable(display.env), ...args],
      env: display.env,
      log,
    });
  };
  const [first = '', ...others] = people;
  const apps = [open(first, '--servers', servers.file, '--start-meeting', '--print-link')];
  const stop = () => apps.forEach((app) => app.process.kill());
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  try {
    const link = await /** @type {{link: Promise<string>}} */ (apps[0]).link;
    say(`\n${first} has started a meeting. Others join with:\n\n  npm start -- --join '${link}'\n`);
    for (const name of others) apps.push(open(name, '--join', link, '--auto-join'));
    await Promise.all(apps.map((app) => app.ended));
  } finally {
    stop();
    await servers.close();
    display.close();
    await rm(folder, { recursive: true, force: true });
  }
}

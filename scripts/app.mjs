// @ts-check
/** Starting the built app from the scripts. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { root } from './process.mjs';

/**
 * Chromium's switches that make a recording of `assets/media` the camera and the microphone.
 * @param {string} name a participant there: ana, bo, chen, dina or eli
 */
export function recordedMedia(name) {
  const file = join(root, 'assets/media', name);
  return [
    '--use-fake-device-for-media-stream',
    `--use-file-for-fake-video-capture=${file}.mjpeg`,
    `--use-file-for-fake-audio-capture=${file}.wav`,
  ];
}

/** Switches that this machine needs: Chromium's sandbox refuses to start as root. */
export function machineSwitches() {
  return process.platform === 'linux' && process.getuid?.() === 0 ? ['--no-sandbox'] : [];
}

/**
 * Starts the app.
 * @param {object} options
 * @param {import('./electron-runtime.mjs').Runtime} options.runtime
 * @param {string[]} options.args Chromium's switches and the app's own arguments
 * @param {NodeJS.ProcessEnv} options.env
 * @param {(line: string) => void} [options.log] receives what it prints
 * @returns {{process: import('node:child_process').ChildProcess, link: Promise<string>, ended: Promise<number>}}
 *   `link`: the invitation that the app prints when asked to by `--print-link`
 */
export function startApp({ runtime, args, env, log = () => undefined }) {
  const child = spawn(runtime.executable, [root, ...machineSwitches(), ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  process.once('exit', () => child.kill());
  createInterface(/** @type {NodeJS.ReadableStream} */ (child.stderr)).on('line', (line) => {
    if (!isChromiumNoise(line)) log(line);
  });
  /** @type {Promise<number>} */
  const ended = new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
  /** @type {Promise<string>} */
  const link = new Promise((resolve, reject) => {
    createInterface(/** @type {NodeJS.ReadableStream} */ (child.stdout)).on('line', (line) => {
      const printed = /conclave:\/\/[^\s"]+/.exec(line)?.[0];
      if (printed) resolve(printed);
      else log(line);
    });
    ended.then(() => reject(new Error('The app ended without an invitation.')), reject);
  });
  link.catch(() => undefined);
  return { process: child, link, ended };
}

/**
 * @param {string} line
 * @returns {boolean} whether it is one of the complaints that Chromium makes on a machine without a full desktop
 */
function isChromiumNoise(line) {
  return /^$|^\[\d+:\d+\/.*(bus\.cc|gpu_|viz_main|command_buffer|object_proxy|interface_endpoint|ptz transform)|^libva error/.test(
    line,
  );
}

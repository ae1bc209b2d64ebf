// @ts-check
/** A display to draw on: the one there is, or a virtual one. */
import { spawn } from 'node:child_process';
import { onPath } from './system-packages.mjs';

/**
 * Gives the environment of programs that open windows: this one's, or where it has no display, with a new Xvfb.
 * @param {{virtual?: boolean}} [options] `virtual`: a display of its own even where there is another
 * @returns {Promise<{env: NodeJS.ProcessEnv, close: () => void}>} `close` ends the virtual display
 * @throws {Error} when there is no display and no Xvfb
 */
export async function openDisplay({ virtual = false } = {}) {
  const present = process.env.DISPLAY || process.env.WAYLAND_DISPLAY;
  if (process.platform !== 'linux' || (present && !virtual))
    return { env: process.env, close: () => undefined };
  if (!onPath('Xvfb')) {
    throw new Error("No display. Start it from a desktop, or install Xvfb: 'sudo apt-get install -y xvfb'.");
  }
  // Xvfb picks a free number itself and writes it to file descriptor 3.
  // Without -noreset it begins anew when the last window is gone, and whoever connects just then is refused.
  const args = ['-displayfd', '3', '-screen', '0', '1920x1200x24', '-nolisten', 'tcp', '-noreset'];
  // Detached, so that Ctrl-C does not take the display from under windows that are being closed.
  const server = spawn('Xvfb', args, { stdio: ['ignore', 'ignore', 'pipe', 'pipe'], detached: true });
  const close = () => void server.kill();
  process.once('exit', close);
  let complaint = '';
  server.stderr?.setEncoding('utf8').on('data', (text) => (complaint += text));
  const number = await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.once('exit', (code) => reject(new Error(`Xvfb ended (${code}): ${complaint.trim()}`)));
    server.stdio[3]?.once('data', (/** @type {Buffer} */ data) => resolve(data.toString().trim()));
  });
  /** @type {NodeJS.ProcessEnv} */
  const env = { ...process.env, DISPLAY: `:${number}` };
  delete env.WAYLAND_DISPLAY;
  return { env, close };
}

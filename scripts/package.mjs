// @ts-check
/**
 * `npm run package`: the packaged app in `dist`, and the installers that this machine can make.
 *
 *   --dir         only the unpacked app
 *   --installers  fails when one of this platform's installers cannot be made (used where they are published)
 */
import { existsSync } from 'node:fs';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from './build.mjs';
import { findElectron, shippedVersion } from './electron-runtime.mjs';
import { capture, root } from './process.mjs';

const platform = /** @type {'linux' | 'darwin' | 'win32'} */ (process.platform);
const flag = { linux: '--linux', darwin: '--mac', win32: '--win' }[platform];
const installers = { linux: ['AppImage', 'deb'], darwin: ['dmg'], win32: ['nsis'] }[platform];

/**
 * Where the executable of the unpacked app is.
 * @returns {string}
 */
export function packagedExecutable() {
  const arm = process.arch === 'arm64' ? '-arm64' : '';
  const place = {
    linux: `linux${arm}-unpacked/conclave`,
    darwin: `mac${arm}/Conclave.app/Contents/MacOS/Conclave`,
    win32: `win${arm}-unpacked/Conclave.exe`,
  }[platform];
  return join(root, 'dist', place);
}

/**
 * Packs the app unpacked into `dist`, from the Electron at hand.
 * @param {(line: string) => void} say
 * @returns {Promise<import('./electron-runtime.mjs').Runtime>} the Electron it was made from
 */
export async function packApp(say) {
  await build({ ifStale: true });
  const runtime = await findElectron(say);
  const args = [String(flag), '--dir', `-c.electronVersion=${runtime.version ?? shippedVersion}`];
  const launcher = join(runtime.folder, 'resources/app');
  if (!existsSync(launcher)) {
    await builder([...args, `-c.electronDist=${runtime.folder}`]);
    return runtime;
  }
  // The stand-in's launcher is for running from the sources and has no place in a package.
  const copy = await mkdtemp(join(tmpdir(), 'conclave-electron-'));
  try {
    await cp(runtime.folder, copy, { recursive: true, filter: (source) => source !== launcher });
    await builder([...args, `-c.electronDist=${copy}`]);
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
  return runtime;
}

async function packageAll() {
  const say = (/** @type {string} */ line) => console.log(line);
  const runtime = await packApp(say);
  if (!existsSync(packagedExecutable())) throw new Error(`electron-builder made no ${packagedExecutable()}.`);
  say(`Made ${packagedExecutable()} (Electron ${runtime.version}).`);
  if (process.argv.includes('--dir')) return;
  if (runtime.version !== shippedVersion) {
    say(`No installers: they are made from Electron ${shippedVersion} only.`);
    if (process.argv.includes('--installers')) process.exitCode = 1;
    return;
  }
  const packed =
    platform === 'darwin' ? join(packagedExecutable(), '../../..') : join(packagedExecutable(), '..');
  for (const target of installers) {
    try {
      await builder([String(flag), target, '--prepackaged', packed]);
      say(`Made the ${target} in dist.`);
    } catch (cause) {
      say(`No ${target}: ${cause instanceof Error ? cause.message : String(cause)}`);
      if (process.argv.includes('--installers')) process.exitCode = 1;
    }
  }
}

/** @param {string[]} args */
async function builder(args) {
  const cli = join(root, 'node_modules/electron-builder/cli.js');
  const { code, output } = await capture(process.execPath, [cli, ...args, '--publish', 'never']);
  if (code !== 0) throw new Error(`electron-builder failed (${code}):\n${output.trim().slice(-3000)}`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  try {
    await packageAll();
  } catch (cause) {
    console.error(cause instanceof Error ? cause.message : String(cause));
    process.exitCode = 1;
  }
}

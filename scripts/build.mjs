// @ts-check
/**
 * Builds the app (`out/main`, `out/preload`, `out/renderer`) and the services (`out/services`).
 *
 *   node scripts/build.mjs              always
 *   node scripts/build.mjs --if-stale   only when a source is newer than what was built
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { capture, root, run } from './process.mjs';

const stamp = join(root, 'out/built');
const inputs = [
  'src',
  'assets/sounds',
  'electron.vite.config.ts',
  'vite.services.config.ts',
  'svelte.config.js',
];

/**
 * Builds everything; the native addon too where it is missing.
 * @param {{ifStale?: boolean}} [options] `ifStale`: does nothing when the built files are newer than all sources
 * @returns {Promise<void>}
 * @throws {Error} with what the tool printed
 */
export async function build({ ifStale = false } = {}) {
  if (!existsSync(join(root, 'native/quic/conclave-quic.node'))) {
    const code = await run(process.execPath, [join(root, 'scripts/build-native.mjs')]);
    if (code !== 0) throw new Error('The QUIC addon could not be built.');
  }
  if (ifStale && (await isFresh())) return;
  process.stderr.write('Building …\n');
  const began = new Date();
  const env = { ...process.env, NODE_ENV: 'production' };
  const results = await Promise.all([
    capture(bin('electron-vite'), ['build', '--logLevel', 'warn'], { env }),
    capture(bin('vite'), ['build', '--config', 'vite.services.config.ts', '--logLevel', 'warn'], { env }),
  ]);
  for (const { code, output } of results) {
    if (code !== 0) throw new Error(`The build failed:\n${output.trim()}`);
  }
  await mkdir(join(root, 'out'), { recursive: true });
  await writeFile(stamp, '');
  // Of the beginning, so that an edit during the build makes it stale.
  await utimes(stamp, began, began);
}

/** @param {string} name */
function bin(name) {
  return join(root, 'node_modules/.bin', process.platform === 'win32' ? `${name}.cmd` : name);
}

async function isFresh() {
  const built = await stat(stamp).catch(() => undefined);
  const outputs = ['main/index.mjs', 'preload/index.cjs', 'renderer/index.html', 'services/verify.mjs'];
  if (!built || !outputs.every((name) => existsSync(join(root, 'out', name)))) return false;
  const times = await Promise.all([...inputs, 'package-lock.json'].map((name) => newest(join(root, name))));
  return Math.max(...times) < built.mtimeMs;
}

/**
 * @param {string} path
 * @returns {Promise<number>} modification time of the newest file there, in milliseconds since 1970
 */
async function newest(path) {
  const found = await stat(path).catch(() => undefined);
  if (!found) return 0;
  if (!found.isDirectory()) return found.mtimeMs;
  const names = await readdir(path);
  const times = await Promise.all(names.map((name) => newest(join(path, name))));
  return Math.max(found.mtimeMs, ...times);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  try {
    await build({ ifStale: process.argv.includes('--if-stale') });
  } catch (cause) {
    process.stderr.write(`${cause instanceof Error ? cause.message : String(cause)}\n`);
    process.exitCode = 1;
  }
}

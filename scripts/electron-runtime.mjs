// @ts-check
/**
 * Finds the Electron to run: the one that package.json names where its binary can be downloaded, otherwise the stand-in
 * of `stand-in/fetch.mjs`, which is older and for trying out and testing only.
 *
 *   node scripts/electron-runtime.mjs      prints the executable
 *   CONCLAVE_ELECTRON=current              nothing but the one that package.json names
 *   CONCLAVE_ELECTRON=FOLDER               the one in this distribution folder
 *   CONCLAVE_CACHE=FOLDER                  where the stand-in is kept (default: .cache)
 */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { capture, root } from './process.mjs';
import { standIn, standInVersion } from './stand-in/fetch.mjs';

const installed = join(root, 'node_modules/electron');

/** The version of Electron that Conclave is built for and shipped with. */
export const shippedVersion = /** @type {string} */ (
  JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')).version
);

/**
 * An Electron that can be run.
 * @typedef {object} Runtime
 * @property {string | undefined} version undefined where its folder does not tell
 * @property {string} folder its distribution folder, for ELECTRON_OVERRIDE_DIST_PATH and electron-builder
 * @property {string} executable
 */

/**
 * Finds the Electron to run, fetching it first where needed.
 * @param {(line: string) => void} [say] receives progress lines
 * @returns {Promise<Runtime>}
 * @throws {Error} when there is none; the message says what would help
 */
export async function findElectron(say = (line) => process.stderr.write(`${line}\n`)) {
  const wish = process.env.CONCLAVE_ELECTRON || process.env.ELECTRON_OVERRIDE_DIST_PATH;
  if (wish && wish !== 'current') return runtimeIn(resolve(wish));
  const problem = await download();
  if (problem === undefined) return runtimeIn(join(installed, 'dist'));
  const missing = `Electron ${shippedVersion} cannot be downloaded here (${problem}).`;
  const advice = `Run 'npx install-electron' where GitHub can be reached, or name the folder of an Electron by CONCLAVE_ELECTRON.`;
  if (wish === 'current') throw new Error(`${missing}\n${advice}`);
  try {
    const folder = await standIn(resolve(root, process.env.CONCLAVE_CACHE ?? '.cache'), say);
    say(`${missing} Using ${standInVersion}, which is for trying out and testing only.`);
    return runtimeIn(folder);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${missing}\nNor can a stand-in be had: ${reason}.\n${advice}`, { cause });
  }
}

/**
 * Lets the electron package download its binary, unless it is there.
 * @returns {Promise<string | undefined>} why it is not there now
 */
async function download() {
  const isThere = () =>
    existsSync(join(installed, 'path.txt')) && existsSync(join(installed, 'dist/version'));
  if (isThere()) return undefined;
  const { code, output } = await capture(process.execPath, [join(installed, 'install.js')], {
    timeout: 180_000,
  });
  if (code === 0 && isThere()) return undefined;
  const reason = /^.*(?:Error|ENOTFOUND|ECONN|ETIMEDOUT).*$/m.exec(output)?.[0]?.trim() ?? 'it timed out';
  return reason.slice(0, 120);
}

/**
 * @param {string} folder
 * @returns {Runtime}
 */
function runtimeIn(folder) {
  const names = ['electron', 'electron.exe', 'Electron.app/Contents/MacOS/Electron'];
  const executable = names.map((name) => join(folder, name)).find((path) => existsSync(path));
  if (!executable) throw new Error(`There is no Electron in ${folder}.`);
  const versionFile = join(folder, 'version');
  const version = existsSync(versionFile)
    ? readFileSync(versionFile, 'utf8').trim().replace(/^v/, '')
    : undefined;
  return { version, folder, executable };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  try {
    process.stdout.write(`${(await findElectron()).executable}\n`);
  } catch (cause) {
    process.stderr.write(`${cause instanceof Error ? cause.message : String(cause)}\n`);
    process.exitCode = 1;
  }
}

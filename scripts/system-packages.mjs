// @ts-check
/**
 * The system libraries and programs that running and testing Conclave on Linux needs. Installs what is missing when
 * root on Debian or Ubuntu; otherwise prints the exact command.
 *
 *   node scripts/system-packages.mjs          what running the app needs
 *   node scripts/system-packages.mjs --test   also a display and a keychain for machines without a desktop, and a model checker
 */
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { capture } from './process.mjs';

/**
 * A package and what shows that it is there: a shared library or a program. Ubuntu 24.04 renamed some libraries for
 * its 64-bit times; there apt takes the old names still.
 * @typedef {{name: string, library?: string, program?: string}} SystemPackage
 */

/** @type {SystemPackage[]} */
const running = [
  { name: 'libgtk-3-0', library: 'libgtk-3.so.0' },
  { name: 'libnss3', library: 'libnss3.so' },
  { name: 'libasound2', library: 'libasound.so.2' },
  { name: 'libgbm1', library: 'libgbm.so.1' },
  { name: 'libdrm2', library: 'libdrm.so.2' },
  { name: 'libxkbcommon0', library: 'libxkbcommon.so.0' },
  { name: 'libatspi2.0-0', library: 'libatspi.so.0' },
  { name: 'libcups2', library: 'libcups.so.2' },
  { name: 'libxss1', library: 'libXss.so.1' },
  { name: 'libxtst6', library: 'libXtst.so.6' },
  { name: 'libnotify4', library: 'libnotify.so.4' },
  { name: 'libsecret-1-0', library: 'libsecret-1.so.0' },
  { name: 'xdg-utils', program: 'xdg-settings' },
];

/** @type {SystemPackage[]} */
const testing = [
  { name: 'xvfb', program: 'Xvfb' },
  { name: 'dbus', program: 'dbus-run-session' },
  { name: 'gnome-keyring', program: 'gnome-keyring-daemon' },
  // It writes a C program for each model, which has to be compiled.
  { name: 'spin', program: 'spin' },
  // Checks the history of a service under test, and sets its clock.
  { name: 'golang-go', program: 'go' },
  { name: 'faketime', program: 'faketime' },
  { name: 'build-essential', program: 'g++' },
];

/**
 * @param {string} name of a program
 * @returns {boolean} whether it is on the PATH
 */
export function onPath(name) {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .some((folder) => folder !== '' && existsSync(join(folder, name)));
}

/**
 * Makes sure that the packages are there.
 * @param {{test?: boolean}} [options] `test`: also what tests need on a machine without a desktop
 * @returns {Promise<void>}
 * @throws {Error} when something is missing and cannot be installed; the message is the command to run
 */
export async function ensureSystemPackages({ test = false } = {}) {
  if (process.platform !== 'linux') return;
  const missing = await missingPackages(test ? [...running, ...testing] : running);
  if (missing.length === 0) return;
  const names = missing.map((entry) => entry.name);
  const install = ['install', '-y', '--no-install-recommends', ...names];
  const command = `apt-get update && apt-get ${install.join(' ')}`;
  if (!isDebian()) {
    const wanted = missing.map((entry) => entry.library ?? entry.program).join(', ');
    throw new Error(`Missing: ${wanted}. On Debian or Ubuntu: sudo sh -c '${command}'`);
  }
  if (process.getuid?.() !== 0) throw new Error(`Missing system packages. Run: sudo sh -c '${command}'`);

  process.stderr.write(`Installing ${names.join(' ')} …\n`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await capture('apt-get', ['update', '-q'], { env });
  const { code, output } = await capture('apt-get', install, { env });
  const still = await missingPackages(missing);
  if (code === 0 && still.length === 0) return;
  throw new Error(`'${command}' did not help (${code}):\n${output.trim().slice(-2000)}`);
}

/** @param {SystemPackage[]} wanted */
async function missingPackages(wanted) {
  const { output } = await capture('ldconfig', ['-p'], {
    env: { ...process.env, PATH: `${process.env.PATH ?? ''}:/sbin:/usr/sbin` },
  });
  const libraries = new Set(Array.from(output.matchAll(/^\s+(\S+) \(/gm), (match) => match[1]));
  return wanted.filter(
    ({ library, program }) => (library && !libraries.has(library)) || (program && !onPath(program)),
  );
}

function isDebian() {
  if (!onPath('apt-get') || !existsSync('/etc/os-release')) return false;
  return /^ID(_LIKE)?=.*(debian|ubuntu)/m.test(readFileSync('/etc/os-release', 'utf8'));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  try {
    await ensureSystemPackages({ test: process.argv.includes('--test') });
  } catch (cause) {
    process.stderr.write(`${cause instanceof Error ? cause.message : String(cause)}\n`);
    process.exitCode = 1;
  }
}

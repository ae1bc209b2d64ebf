// @ts-check
/**
 * Entry of the old runtime's `resources/app`: does what Electron's own default app does for `electron [-r FILE] PATH …`,
 * which the donor of this runtime left out.
 */
import './platform.mjs';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import electron from 'electron';

/**
 * Electron has these setters for its own default app and leaves them out of its types.
 * @type {Electron.App & Record<'setAppPath' | 'setVersion', (value: string) => void>}
 */
// @ts-expect-error as said above
const app = electron.app;

console.error(`Electron ${process.versions.electron} — old, for trying out only`);

const { preloads, path } = readArguments(process.argv.slice(1));
if (path === undefined) {
  console.error('usage: electron [-r FILE]… PATH [ARGUMENT]…');
  app.exit(2);
} else {
  start(resolve(path), preloads);
}

/**
 * @param {string[]} argv
 * @returns {{preloads: string[], path: string | undefined}}
 */
function readArguments(argv) {
  const found = [];
  for (let at = 0; at < argv.length; at++) {
    const argument = /** @type {string} */ (argv[at]);
    if (argument === '-r' || argument === '--require') found.push(resolve(argv[++at] ?? ''));
    else if (!argument.startsWith('-')) return { preloads: found, path: argument };
  }
  return { preloads: found, path: undefined };
}

/**
 * @param {string} appPath a folder with a package.json, or one file
 * @param {string[]} preload
 */
function start(appPath, preload) {
  Object.defineProperty(process, 'defaultApp', { value: true, enumerable: true });
  const require = createRequire(join(appPath, 'any.cjs'));
  for (const file of preload) require(file);

  const manifestPath = join(appPath, 'package.json');
  if (!existsSync(manifestPath)) {
    app.setAppPath(dirname(appPath));
    require(appPath);
    return;
  }
  const manifest = JSON.parse(readFileSync(manifestPath, 'utf8'));
  app.setName(manifest.productName ?? manifest.name);
  app.setVersion(manifest.version);
  app.setAppPath(appPath);
  require(resolve(appPath, manifest.main ?? 'index.js'));
}

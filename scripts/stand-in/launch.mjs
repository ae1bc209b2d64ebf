// @ts-check
/**
 * Entry of the stand-in's `resources/app`. It does what Electron's own default app, which is missing there, does for
 * `electron [-r FILE]… PATH [ARGUMENT]…`. Top-level await: Electron's `ready` waits for it, so the app that it starts
 * still comes before that event.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import electron from 'electron';

/**
 * Electron has these setters for its own default app and leaves them out of its types.
 * @type {Electron.App & Record<'setAppPath' | 'setVersion', (value: string) => void>}
 */
// @ts-expect-error as said above
const app = electron.app;

const { preloads, path } = readArguments(process.argv.slice(1));
if (path === undefined) {
  console.error('usage: electron [-r FILE]… PATH [ARGUMENT]…');
  app.exit(2);
} else {
  const require = createRequire(import.meta.url);
  for (const file of preloads) require(file);
  await start(path);
}

/**
 * @param {string[]} argv
 * @returns {{preloads: string[], path: string | undefined}} both absolute
 */
function readArguments(argv) {
  const preloads = [];
  for (let at = 0; at < argv.length; at++) {
    const argument = /** @type {string} */ (argv[at]);
    if (argument === '-r' || argument === '--require') preloads.push(resolve(argv[++at] ?? ''));
    else if (!argument.startsWith('-')) return { preloads, path: resolve(argument) };
  }
  return { preloads, path: undefined };
}

/** @param {string} appPath a folder with a package.json, or one file */
async function start(appPath) {
  Object.defineProperty(process, 'defaultApp', { value: true, enumerable: true });
  const manifestPath = join(appPath, 'package.json');
  if (!existsSync(manifestPath)) {
    app.setAppPath(dirname(appPath));
    await import(pathToFileURL(appPath).href);
    return;
  }
  const manifest = JSON.parse(readFileSync(manifestPath, 'utf8'));
  app.setName(manifest.productName ?? manifest.name);
  app.setVersion(manifest.version);
  app.setAppPath(appPath);
  await import(pathToFileURL(resolve(appPath, manifest.main ?? 'index.js')).href);
}

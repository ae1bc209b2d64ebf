// @ts-check
/** `npm run e2e [-- ARGUMENT…]`: the end-to-end tests in a real Electron; arguments go to Playwright. */
import { join } from 'node:path';
import { build } from './build.mjs';
import { openDisplay } from './display.mjs';
import { findElectron } from './electron-runtime.mjs';
import { root, run } from './process.mjs';
import { ensureSystemPackages } from './system-packages.mjs';

try {
  await ensureSystemPackages({ test: true });
  await build({ ifStale: true });
  const runtime = await findElectron();
  // A display of its own, so that nothing covers the windows and nobody's desktop is disturbed.
  const display = await openDisplay({ virtual: true });
  const playwright = join(root, 'node_modules/@playwright/test/cli.js');
  process.exitCode = await run(process.execPath, [playwright, 'test', ...process.argv.slice(2)], {
    env: { ...display.env, CONCLAVE_ELECTRON: runtime.folder, NODE_NO_WARNINGS: '1' },
  });
  display.close();
} catch (cause) {
  process.stderr.write(`${cause instanceof Error ? cause.message : String(cause)}\n`);
  process.exitCode = 1;
}

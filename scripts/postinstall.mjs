// @ts-check
/** After `npm ci`: patches dependencies and builds the native QUIC addon. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { root, run } from './process.mjs';

// The patches first: they decide whether the group keys are right, and nothing of them needs a compiler.
if (existsSync(join(root, 'patches'))) {
  const patcher = join(root, 'node_modules/patch-package/index.js');
  process.exitCode = await run(process.execPath, [patcher, '--error-on-fail']);
}
const builder = join(root, 'scripts/build-native.mjs');
if (!process.exitCode && existsSync(builder)) process.exitCode = await run(process.execPath, [builder]);

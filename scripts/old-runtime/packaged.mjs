// @ts-check
/** Entry of an app that is packaged with the old runtime: fills in the platform, then starts the app. */
import './platform.mjs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { app } from 'electron';

console.error(`Electron ${process.versions.electron} — old, for trying out only`);
createRequire(join(app.getAppPath(), 'package.json'))('./out/main/index.cjs');

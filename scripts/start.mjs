// @ts-check
/**
 * `npm start`: relay, counter and the app on this machine.
 *
 *   npm start                            servers and the app, ready to start a meeting
 *   npm start -- --join LINK             only a second app, with a profile of its own, that opens the invitation
 *   npm start -- --profile NAME          keeps the app's state under this name
 *   npm start -- … OTHER                 other arguments go to the app
 */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { startApp } from './app.mjs';
import { build } from './build.mjs';
import { openDisplay } from './display.mjs';
import { findElectron } from './electron-runtime.mjs';
import { root } from './process.mjs';
import { startServers } from './servers.mjs';
import { ensureSystemPackages } from './system-packages.mjs';

const { values, tokens } = parseArgs({
  strict: false,
  tokens: true,
  allowPositionals: true,
  options: { join: { type: 'string' }, profile: { type: 'string' } },
});
const kept = resolve(root, process.env.CONCLAVE_CACHE ?? '.cache', 'dev');
const say = (/** @type {string} */ line) => process.stderr.write(`${line}\n`);

try {
  process.exitCode = await start();
} catch (cause) {
  say(cause instanceof Error ? cause.message : String(cause));
  process.exitCode = 1;
}

async function start() {
  await ensureSystemPackages({ test: !process.env.DISPLAY && !process.env.WAYLAND_DISPLAY });
  await build({ ifStale: true });
  const runtime = await findElectron(say);
  const display = await openDisplay();
  const args = await profileArguments();

  /** @type {import('./servers.mjs').Servers | undefined} */
  let servers;
  if (values.join === undefined) {
    servers = await startServers({ folder: kept, log: say });
    say(`Relay ${servers.relay.url}, counter ${servers.counter.url}`);
    args.push('--servers', servers.file);
  } else {
    args.push('--join', String(values.join));
  }
  // Everything that is not ours is the app's.
  const ours = new Set(['join', 'profile']);
  for (const token of tokens) {
    if (token.kind === 'option' && !ours.has(token.name)) {
      args.push(token.value === undefined ? token.rawName : `${token.rawName}=${token.value}`);
    } else if (token.kind === 'positional') args.push(token.value);
  }

  const app = startApp({ runtime, args, env: display.env, log: say });
  const stop = () => app.process.kill();
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  const code = await app.ended;
  await servers?.close();
  display.close();
  return code;
}

/** The first app keeps its profile; one that joins gets a new one unless it is named. */
async function profileArguments() {
  if (values.profile !== undefined) return ['--profile', join(kept, 'profiles', String(values.profile))];
  if (values.join === undefined) return ['--profile', join(kept, 'profiles/first')];
  return ['--profile', await mkdtemp(join(tmpdir(), 'conclave-profile-'))];
}

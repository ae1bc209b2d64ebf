/**
 * Builds the independent peers that the interop tests run against into `.cache/peers`: a MOQT relay and a test client from
 * crates.io, and members of MLS groups made with other libraries. What is there already is left alone, unless
 * its source here is newer.
 *
 * Usage: `node scripts/interop-peers.mjs [name…]`; `PEERS_JOBS` is the number of parallel compilers (default: half
 * of the processors).
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Where the peers are installed; the programs are in `bin`. */
export const PEERS_DIRECTORY = join(ROOT, '.cache', 'peers');

/** Exact versions: an interop result says nothing without them. */
const PEERS = [
  { name: 'moq-test-client', version: '0.2.0', profile: 'debug' },
  { name: 'moq-relay-ietf', version: '0.8.0', profile: 'release' },
  { name: 'mls-peers', path: join(ROOT, 'test/interop/mls-peers'), profile: 'debug' },
];

/** Path of a peer's program, whether or not it has been built. */
export function peerProgram(name) {
  return join(PEERS_DIRECTORY, 'bin', process.platform === 'win32' ? `${name}.exe` : name);
}

/** Whether a peer is built, from the source that is here. */
function isBuilt({ name, path }) {
  const program = peerProgram(name);
  if (!existsSync(program)) return false;
  const sources = path === undefined ? [] : readdirSync(path, { recursive: true });
  return sources.every((source) => statSync(join(path, source)).mtimeMs < statSync(program).mtimeMs);
}

function build({ name, version, path, profile }) {
  const source = path === undefined ? [name, '--version', version] : ['--path', path];
  const cargo = ['install', ...source, '--locked', '--root', PEERS_DIRECTORY];
  if (profile === 'debug') cargo.push('--debug');
  const [program, ...args] =
    process.platform === 'win32' ? ['cargo', ...cargo] : ['nice', '-n', '19', 'cargo', ...cargo];
  const jobs = process.env['PEERS_JOBS'] ?? String(Math.max(1, Math.floor(availableParallelism() / 2)));
  const env = {
    ...process.env,
    CARGO_BUILD_JOBS: jobs,
    CARGO_TARGET_DIR: join(ROOT, '.cache', 'peers-target'),
  };
  console.log(`Building ${[name, version].filter(Boolean).join(' ')} (minutes, once)…`);
  const { status, error } = spawnSync(program, args, { stdio: 'inherit', env });
  if (error !== undefined) {
    console.error(`Cannot run cargo (${error.message}). Install Rust from https://rustup.rs and try again.`);
    return false;
  }
  return status === 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const wanted = process.argv.slice(2);
  const unknown = wanted.filter((name) => !PEERS.some((peer) => peer.name === name));
  if (unknown.length > 0) {
    console.error(`Unknown peer: ${unknown.join(', ')}. Known: ${PEERS.map(({ name }) => name).join(', ')}.`);
    process.exit(2);
  }
  const chosen = PEERS.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
  const failed = chosen.filter((peer) => !isBuilt(peer) && !build(peer));
  for (const { name } of failed) console.error(`${name} could not be built.`);
  process.exit(failed.length === 0 ? 0 : 1);
}

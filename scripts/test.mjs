// @ts-check
/**
 * `npm test`: the static checks, then unit, property and integration tests, then the end-to-end tests. Ends at the first
 * part that fails; `--all` goes on. The last line counts the tests: 'N passed, N failed'.
 */
import { mkdir, readFile, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { root, run } from './process.mjs';
import { ensureSystemPackages } from './system-packages.mjs';

const results = join(root, '.cache/results');
const unitFile = join(results, 'unit.json');
const endToEndFile = join(results, 'e2e.json');
const vitest = join(root, 'node_modules/vitest/vitest.mjs');

const unitTests = [vitest, 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${unitFile}`];

/**
 * Each with what it needs: the peers are independent programs that ours are tested against, and on Linux the keychain is a
 * real one of the tests' own.
 * @type {{title: string, command: string, args: string[], env?: NodeJS.ProcessEnv}[]}
 */
const parts = [
  { title: 'Checks', command: process.execPath, args: [join(root, 'scripts/check.mjs')] },
  {
    title: 'Peers for interoperability tests',
    command: process.execPath,
    args: [join(root, 'scripts/interop-peers.mjs')],
    env: { PEERS_JOBS: String(availableParallelism()) },
  },
  {
    title: 'Unit, property and integration tests',
    ...(process.platform === 'linux'
      ? { command: join(root, 'scripts/with-keyring.sh'), args: [process.execPath, ...unitTests] }
      : { command: process.execPath, args: unitTests }),
    env: { CONCLAVE_INTEROP: '1' },
  },
  { title: 'End-to-end tests', command: process.execPath, args: [join(root, 'scripts/e2e.mjs')] },
];

await rm(results, { recursive: true, force: true });
await mkdir(results, { recursive: true });
/** @type {string[]} */
const failed = [];
await ensureSystemPackages({ test: true });
for (const { title, command, args, env } of parts) {
  console.log(`\n━━ ${title}\n`);
  const code = await run(command, args, { env: { ...process.env, ...env } });
  if (code === 0) continue;
  failed.push(title);
  if (!process.argv.includes('--all')) break;
}

const counts = await countTests();
if (failed.length > 0) console.log(`\nFailed: ${failed.join(', ')}`);
// A part that failed without a failing test (a check, a crash) must not read as if nothing had.
const failures = Math.max(counts.failed, failed.length);
console.log(`\n${counts.passed} passed, ${failures} failed`);
process.exitCode = failed.length > 0 ? 1 : 0;

async function countTests() {
  const unit = await readJson(unitFile);
  const endToEnd = await readJson(endToEndFile);
  const { expected = 0, flaky = 0, unexpected = 0 } = endToEnd?.stats ?? {};
  return {
    passed: (unit?.numPassedTests ?? 0) + expected + flaky,
    failed: (unit?.numFailedTests ?? 0) + unexpected,
  };
}

/** @param {string} file */
async function readJson(file) {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch {
    // That part did not run or did not come so far.
    return undefined;
  }
}

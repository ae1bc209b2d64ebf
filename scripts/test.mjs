// @ts-check
/**
 * `npm test`: the static checks, then unit, property and integration tests, then the end-to-end tests. Ends at the first
 * part that fails; `--all` goes on. The last line counts the tests: 'N passed, N failed'.
 */
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { root, run } from './process.mjs';

const results = join(root, '.cache/results');
const unitFile = join(results, 'unit.json');
const endToEndFile = join(results, 'e2e.json');
const vitest = join(root, 'node_modules/vitest/vitest.mjs');

/** @type {[title: string, script: string, ...args: string[]][]} */
const parts = [
  ['Checks', join(root, 'scripts/check.mjs')],
  [
    'Unit, property and integration tests',
    vitest,
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${unitFile}`,
  ],
  ['End-to-end tests', join(root, 'scripts/e2e.mjs')],
];

await rm(results, { recursive: true, force: true });
await mkdir(results, { recursive: true });
/** @type {string[]} */
const failed = [];
for (const [title, script, ...args] of parts) {
  console.log(`\n━━ ${title}\n`);
  const code = await run(process.execPath, [script, ...args]);
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

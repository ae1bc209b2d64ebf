// @ts-check
/**
 * `npm run mutate [-- AREA…]`: puts faults into the code, one at a time, and counts those that no test notices.
 *
 *   npm run mutate                              every area of `scripts/mutation/areas.mjs`
 *   npm run mutate -- counter                   those whose name contains a word
 *   npm run mutate -- counter --only=FILE,…     these files of it; the scores in `docs/mutation.md` stay as they are
 *
 * What was tried before is not tried again while neither code nor tests changed (`.cache/mutation`). The scores go into
 * `docs/mutation.md`; what survived is in `.cache/mutation/AREA.html`.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Stryker } from '@stryker-mutator/core';
import { format, resolveConfig } from 'prettier';
import { areas } from './mutation/areas.mjs';
import { root } from './process.mjs';

const words = process.argv.slice(2);
const only = words
  .find((word) => word.startsWith('--only='))
  ?.slice('--only='.length)
  .split(',');
const wanted = words.filter((word) => !word.startsWith('--'));
const chosen = Object.keys(areas).filter(
  (name) => wanted.length === 0 || wanted.some((word) => name.includes(word)),
);
if (chosen.length === 0) {
  console.error(`No area is called that. There are: ${Object.keys(areas).join(', ')}.`);
  process.exit(2);
}

const folder = join(root, '.cache/mutation');
await mkdir(folder, { recursive: true });
/** @type {Map<string, Score>} */
const scores = new Map();
for (const name of chosen) {
  const { mutate, tests, share } = areas[name] ?? { mutate: [], tests: [] };
  const file = join(folder, name.replaceAll('/', '-'));
  process.env.CONCLAVE_MUTATION_TESTS = JSON.stringify({ tests, isolate: share !== true });
  const results = await new Stryker({
    mutate: only ?? mutate,
    testRunner: 'vitest',
    vitest: { configFile: 'scripts/mutation/vitest.config.ts', related: false },
    plugins: ['@stryker-mutator/vitest-runner', join(root, 'scripts/mutation/own-bugs.mjs')],
    ignorers: ['own-bugs'],
    reporters: ['clear-text', 'progress-append-only', 'html'],
    clearTextReporter: { logTests: false, reportTests: false, reportScoreTable: false },
    htmlReporter: { fileName: `${file}.html` },
    incremental: true,
    incrementalFile: `${file}.json`,
    ignoreStatic: false,
    concurrency: Number(process.env.MUTATE_WORKERS ?? 2),
    // Above what the slowest test takes on a busy machine; a fault that makes a loop endless costs this much.
    timeoutMS: 10_000,
    tempDirName: '.cache/stryker',
    ignorePatterns: ['out', 'dist', '.cache', 'assets', 'native/quic/target', 'bench', 'test-results'],
    allowConsoleColors: false,
  }).runMutationTest();
  scores.set(name, scoreOf(results.map(({ status }) => status)));
  console.log(`${name}: ${row(scores.get(name) ?? scoreOf([]))}`);
}
if (!only) await record();

/** @typedef {{noticed: number, survived: number, uncovered: number}} Score */

/**
 * @param {string[]} statuses of the mutants; those that do not compile or were left out do not count
 * @returns {Score}
 */
function scoreOf(statuses) {
  const count = (/** @type {string[]} */ ...of) => statuses.filter((status) => of.includes(status)).length;
  return { noticed: count('Killed', 'Timeout'), survived: count('Survived'), uncovered: count('NoCoverage') };
}

/** @param {Score} score */
function row({ noticed, survived, uncovered }) {
  const all = noticed + survived + uncovered;
  const share = all === 0 ? 'none' : `${((100 * noticed) / all).toFixed(1)} %`;
  return [share, noticed, survived, uncovered].join(' | ');
}

/** Replaces the rows of the areas that were measured now. */
async function record() {
  const file = join(root, 'docs/mutation.md');
  const lines = (await readFile(file, 'utf8')).split('\n');
  const today = new Date().toISOString().slice(0, 10);
  const updated = lines.map((line) => {
    const score = scores.get(/^\| `src\/([^`]+)`/.exec(line)?.[1] ?? '');
    const name = /^\| (`[^`]+`)/.exec(line)?.[1];
    return score === undefined ? line : `| ${name} | ${row(score)} | ${today} |`;
  });
  const options = await resolveConfig(file);
  await writeFile(file, await format(updated.join('\n'), { ...options, filepath: file }));
}

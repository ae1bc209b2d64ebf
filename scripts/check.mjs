// @ts-check
/**
 * `npm run check`: every static check, two at a time, each named with its result.
 *
 *   node scripts/check.mjs [NAME…]     only those whose name contains one of the words
 */
import { availableParallelism } from 'node:os';
import { capture, root } from './process.mjs';

/** The longest first, so that two at a time end together. */
const checks = [
  ['eslint', 'eslint', '.', '--cache', '--cache-location', '.cache/eslint', '--max-warnings', '0'],
  ['knip', 'knip', '--no-progress'],
  ['svelte-check', 'svelte-check', '--tsconfig', 'src/renderer/tsconfig.json', '--fail-on-warnings'],
  [
    'prettier',
    'prettier',
    '--check',
    '--cache',
    '--cache-location',
    '.cache/prettier',
    '--log-level',
    'warn',
    '.',
  ],
  // Types too, of all TypeScript outside components.
  ['oxlint', 'oxlint'],
  // Beyond knip, which looks at exports only.
  ['unused members', 'node', 'scripts/unused-members.mjs'],
  ['dependency-cruiser', 'depcruise', 'src', 'scripts', 'test', '--output-type', 'err'],
];

const words = process.argv.slice(2);
const chosen = checks.filter(([name]) => words.length === 0 || words.some((word) => name?.includes(word)));
if (chosen.length === 0) {
  console.error(`No check is called that. There are: ${checks.map(([name]) => name).join(', ')}.`);
  process.exit(2);
}

const waiting = [...chosen];
/** @type {string[]} */
const failed = [];

await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, work));
if (failed.length > 0) console.error(`\nFailed: ${failed.join(', ')}`);
else console.log(`All ${chosen.length} checks passed.`);
process.exitCode = failed.length > 0 ? 1 : 0;

async function work() {
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    const [name = '', command = '', ...args] = next;
    const began = performance.now();
    const program = command === 'node' ? process.execPath : `${root}node_modules/.bin/${command}`;
    const { code, output } = await capture(program, args, {
      env: { ...process.env, FORCE_COLOR: process.stdout.isTTY ? '1' : '0' },
    });
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    console.log(`${code === 0 ? 'ok  ' : 'FAIL'} ${name} (${seconds} s)`);
    if (code === 0) continue;
    failed.push(name);
    console.log(output.trimEnd().replace(/^/gm, '     '));
  }
}

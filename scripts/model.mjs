// @ts-check
/**
 * `npm run model [-- WORD…]`: searches all states of the model of joining and committing (`docs/model`) for one in which a property
 * fails.
 *
 *   npm run model                    with all defences in place: none
 *   npm run model -- --broken        without one of them each: the property that is named for it
 *   npm run model -- join --trace    those whose name contains a word, with the steps that lead to a counterexample
 */
import { availableParallelism } from 'node:os';
import { check } from './model/checking.mjs';
import { broken, intact } from './model/runs.mjs';
import { ensureSystemPackages } from './system-packages.mjs';

const args = process.argv.slice(2);
const words = args.filter((word) => !word.startsWith('--'));
/** @type {readonly (import('./model/runs.mjs').Run & {fails?: string})[]} */
const all = args.includes('--broken') ? broken : intact;
const waiting = all.filter((run) => words.every((word) => `${run.model} ${run.title}`.includes(word)));
if (waiting.length === 0) {
  console.error(`No run is called that. There are:\n${all.map(nameOf).join('\n')}`);
  process.exit(2);
}

await ensureSystemPackages({ test: true });
let unexpected = 0;
await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, work));
if (unexpected > 0) console.error(`\n${unexpected} not as expected.`);
process.exitCode = unexpected > 0 ? 1 : 0;

async function work() {
  for (let run = waiting.shift(); run; run = waiting.shift()) {
    const began = performance.now();
    const verdict = await check(run);
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    const isExpected = (verdict.kind === 'fails') === (run.fails !== undefined);
    if (!isExpected) unexpected += 1;
    const found =
      verdict.kind === 'fails' ? 'counterexample' : `holds in ${verdict.states.toLocaleString('en')} states`;
    console.log(`${isExpected ? 'ok  ' : 'FAIL'} ${nameOf(run)}: ${found} (${seconds} s)`);
    if (verdict.kind === 'fails' && args.includes('--trace')) console.log(verdict.trace);
  }
}

/** @param {import('./model/runs.mjs').Run} run */
function nameOf({ model, title }) {
  return `${model}: ${title}`;
}

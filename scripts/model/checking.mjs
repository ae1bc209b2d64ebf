// @ts-check
/** Searching the states of a model with spin. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { capture, root } from '../process.mjs';

/**
 * What a search came to. `states`: how many there are, within the bounds; `trace`: the steps of the counterexample.
 * @typedef {{kind: 'holds', states: number} | {kind: 'fails', trace: string}} Verdict
 */

/** Deeper than any run is long; a search that reaches it is not complete, and is an error. */
const DEPTH = 100_000;

/**
 * Searches all states of a run.
 * @param {import('./runs.mjs').Run & {fails?: string}} run with `fails`, that property alone is looked at
 * @param {number} [depth] steps
 * @returns {Promise<Verdict>}
 * @throws {Error} when the model does not compile, or the search does not end
 */
export async function check(run, depth = DEPTH) {
  const isProgress = run.defines?.includes('PROGRESS') === true;
  const only = run.fails === undefined || isProgress ? [] : [`ONLY=${run.fails}`];
  const defines = [...(run.defines ?? []), ...only].map((name) => `-D${name}`);
  const model = join(root, 'docs/model', `${run.model}.pml`);
  const folder = await mkdtemp(join(tmpdir(), 'conclave-model-'));
  try {
    await succeed('spin', ['-a', ...defines, model], folder);
    // Weak fairness counts processes in bytes: three are enough for 24.
    const search = isProgress ? ['-DNFAIR=3'] : ['-DSAFETY'];
    // A counterexample is near: compiling well would take longer than the search.
    const optimization = run.fails === undefined ? '-O1' : '-O0';
    await succeed(
      'gcc',
      [optimization, '-w', '-DCOLLAPSE', '-DMEMLIM=2048', ...search, '-o', 'pan', 'pan.c'],
      folder,
    );
    const options = [`-m${depth}`, ...(isProgress ? ['-a', '-f'] : [])];
    const { output } = await capture('./pan', options, { cwd: folder });
    const errors = /errors: (\d+)/.exec(output)?.[1];
    const isViolation = /pan:1: (assertion violated (?!- invalid)|acceptance cycle)/.test(output);
    if (errors === '1' && isViolation) {
      const trail = ['-k', `${run.model}.pml.trail`, '-t', '-p', ...defines, model];
      const { output: trace } = await capture('spin', trail, { cwd: folder });
      return { kind: 'fails', trace };
    }
    const states = /(\d+) states, stored/.exec(output)?.[1];
    const isComplete = !/Search not completed|max search depth too small|out of memory|^error:/m.test(output);
    if (errors !== '0' || states === undefined || !isComplete) {
      throw new Error(`The search of '${run.title}' in ${run.model}.pml is not complete:\n${output}`);
    }
    return { kind: 'holds', states: Number(states) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {string} cwd
 */
async function succeed(command, args, cwd) {
  const { code, output } = await capture(command, args, { cwd });
  if (code !== 0 || /Error:/.test(output)) throw new Error(`'${command}' failed:\n${output}`);
}

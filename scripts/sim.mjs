// @ts-check
/**
 * `npm run sim`: plays schedules in simulated meetings (`test/simulation`, `docs/simulation.md`).
 *
 *   npm run sim -- OPTION…          with the options of `test/simulation/program.ts`
 *   npm run sim -- --without NAME   without a defence, or without each in turn (`all`): something has to notice
 */
import { capture, run } from './process.mjs';
import { buildProgram } from './simulation/build-program.mjs';
import { defences } from './simulation/defences.mjs';
import { namedTestFails } from './simulation/named-test.mjs';

const [option, name = ''] = process.argv.slice(2);
if (option === '--without') process.exitCode = await runWithout(name);
else process.exitCode = await run(process.execPath, [await buildProgram(), ...process.argv.slice(2)]);

/** @param {string} name */
async function runWithout(name) {
  const chosen = defences.filter((each) => name === 'all' || each.name === name);
  if (chosen.length === 0) {
    console.error(`No defence is called that. There are: ${defences.map((each) => each.name).join(', ')}.`);
    return 2;
  }
  let unnoticed = 0;
  for (const defence of chosen) {
    const isNoticed =
      defence.test === undefined ? await scheduleFails(defence) : await namedTestFails(defence);
    if (!isNoticed) unnoticed += 1;
    console.log(`${isNoticed ? 'noticed    ' : 'NOT NOTICED'} without ${defence.name}: ${defence.what}`);
  }
  return unnoticed > 0 ? 1 : 0;
}

/** @param {import('./simulation/defences.mjs').Defence} defence */
async function scheduleFails(defence) {
  const program = await buildProgram(defence);
  const { seed = 1, schedules = 0 } = defence;
  const chosen = ['--seed', String(seed), '--schedules', String(schedules)];
  const { code, output } = await capture(process.execPath, [program, ...chosen]);
  const [failure] = /^Seed \d+:\n.*$/m.exec(output) ?? [];
  if (failure !== undefined) console.log(failure);
  return code === 1 && failure !== undefined;
}

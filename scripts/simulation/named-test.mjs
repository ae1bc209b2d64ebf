// @ts-check
/** Runs the test that is to fail without a defence. */
import { join } from 'node:path';
import { capture, root } from '../process.mjs';

/**
 * @param {import('./defences.mjs').Defence} defence that has a test
 * @returns {Promise<boolean>} whether tests of that name ran and one failed
 */
export async function namedTestFails({ name, test }) {
  if (test === undefined) throw new Error(`${name} has no test`);
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const config = join(root, 'scripts/simulation/vitest.config.ts');
  const args = [vitest, 'run', '--reporter=json', '--config', config, test.file, '-t', test.name];
  const { output } = await capture(process.execPath, args, {
    env: { ...process.env, CONCLAVE_WITHOUT: name },
  });
  const [, failed] = /"numFailedTests":(\d+)/.exec(output) ?? [];
  if (failed === undefined) throw new Error(`${name}: the test did not run\n${output}`);
  return Number(failed) > 0;
}

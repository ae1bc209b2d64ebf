// @ts-check
/** Bundles the program that plays schedules, as the sources are or without one of their defences. */
import { join } from 'node:path';
import { build } from 'vite';
import { root } from '../process.mjs';
import { withoutDefence } from './without-defence.mjs';

/**
 * @param {import('./defences.mjs').Defence} [defence] that is taken out
 * @returns {Promise<string>} the program: one file that needs nothing but Node
 */
export async function buildProgram(defence) {
  const outDir = join(root, '.cache/simulation', defence === undefined ? '' : `without-${defence.name}`);
  await build({
    root,
    configFile: false,
    logLevel: 'error',
    plugins: defence === undefined ? [] : [withoutDefence(defence)],
    ssr: { noExternal: true, target: 'node' },
    build: {
      ssr: true,
      target: 'node20',
      outDir,
      emptyOutDir: false,
      minify: false,
      rolldownOptions: {
        input: { sim: join(root, 'test/simulation/program.ts') },
        output: { format: 'esm', entryFileNames: '[name].mjs' },
      },
    },
  });
  return join(outDir, 'sim.mjs');
}

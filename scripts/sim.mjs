// @ts-check
/**
 * `npm run sim [-- OPTION…]`: builds the program that plays schedules in simulated meetings (`test/simulation`,
 * `docs/simulation.md`), one file that needs nothing but Node, and runs it with these options.
 */
import { join } from 'node:path';
import { build } from 'vite';
import { root, run } from './process.mjs';

const outDir = join(root, '.cache/simulation');
await build({
  root,
  configFile: false,
  logLevel: 'error',
  ssr: { noExternal: true, target: 'node' },
  build: {
    ssr: true,
    target: 'node20',
    outDir,
    emptyOutDir: true,
    minify: false,
    rolldownOptions: {
      input: { sim: join(root, 'test/simulation/program.ts') },
      output: { format: 'esm', entryFileNames: '[name].mjs' },
    },
  },
});
process.exitCode = await run(process.execPath, [join(outDir, 'sim.mjs'), ...process.argv.slice(2)]);

import { defineConfig } from 'vite';

/** The services and the checker of key histories, each one file that Node 20 runs: `out/services/{relay,counter,verify}.mjs`. */
export default defineConfig({
  ssr: { noExternal: true, target: 'node' },
  build: {
    ssr: true,
    target: 'node20',
    outDir: 'out/services',
    rolldownOptions: {
      input: {
        relay: 'src/services/relay/main.ts',
        counter: 'src/services/counter/main.ts',
        verify: 'src/services/verify/main.ts',
      },
      external: ['libsql', /\.node$/],
      output: {
        format: 'esm',
        entryFileNames: '[name].mjs',
        chunkFileNames: '[name].mjs',
        // They are programs: package.json names them under bin.
        banner: ({ isEntry }) => (isEntry ? '#!/usr/bin/env node' : ''),
      },
    },
  },
});

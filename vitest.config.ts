import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  // Compiles the runes of .svelte.ts modules.
  plugins: [svelte({ configFile: './svelte.config.js' })],
  test: {
    include: ['test/**/*.test.ts'],
    // They end what hangs: no test rests on being faster than this on a busy machine.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    pool: 'forks',
    // One more than the cores that it is measured on: some tests wait for real silence. With yet another, peers that
    // wait for a fixed time lose against themselves.
    maxWorkers: 3,
  },
});

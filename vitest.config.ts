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
    // Property tests and QUIC sessions keep both cores busy; more workers would only make timings worse.
    maxWorkers: 2,
  },
});

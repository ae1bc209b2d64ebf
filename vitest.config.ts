import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  // Compiles the runes of .svelte.ts modules.
  plugins: [svelte({ configFile: './svelte.config.js' })],
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    pool: 'forks',
    // Property tests and QUIC sessions keep both cores busy; more workers would only make timings worse.
    maxWorkers: 2,
    // Real processes have real time limits, and CI's machines are shared: what fails twice is a fault.
    retry: process.env.CI === undefined ? 0 : 1,
  },
});

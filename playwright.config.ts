import { defineConfig } from '@playwright/test';

export default defineConfig({
  testDir: 'test/e2e',
  outputDir: 'test-results',
  timeout: 400_000,
  expect: { timeout: 60_000 },
  // Several windows of one test already fill two cores.
  workers: 1,
  forbidOnly: process.env.CI !== undefined,
  reporter: [['list'], ['json', { outputFile: '.cache/results/e2e.json' }]],
});

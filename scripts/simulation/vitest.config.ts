import { defineConfig } from 'vitest/config';
import { defences } from './defences.mjs';
import { withoutDefence } from './without-defence.mjs';

const defence = defences.find(({ name }) => name === process.env.CONCLAVE_WITHOUT);
if (defence === undefined) throw new Error('CONCLAVE_WITHOUT names the defence that is taken out');

/** The tests as they are, the sources without one defence. */
export default defineConfig({
  plugins: [withoutDefence(defence)],
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    pool: 'forks',
    maxWorkers: 1,
  },
});

import { defineConfig } from 'vitest/config';

/** Only the tests of the area that is mutated; `scripts/mutate.mjs` names them. */
export default defineConfig({
  test: {
    include: JSON.parse(process.env.CONCLAVE_MUTATION_TESTS ?? '[]') as string[],
    pool: 'threads',
    maxWorkers: 1,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});

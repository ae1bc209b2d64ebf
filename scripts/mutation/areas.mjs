// @ts-check
/**
 * What is mutated, and the tests that must notice: those in which each run takes seconds, and no process of its own.
 * Tests that are named without a pattern run last, in this order: most faults are noticed before. `share`: all test files
 * of a run use the same modules, so that these are loaded once; for tests that leave no state in them.
 * @type {Record<string, {mutate: string[], tests: string[], share?: boolean}>}
 */
export const areas = {
  'protocol/secure-objects': {
    mutate: ['src/protocol/secure-objects/**/*.ts'],
    tests: ['test/protocol/secure-objects/*.test.ts', 'test/io/crypto/secure-objects-crypto.test.ts'],
  },
  'protocol/counter': {
    mutate: ['src/protocol/counter/**/*.ts'],
    tests: ['test/protocol/counter/*.test.ts', 'test/io/counter/counter-client.test.ts'],
  },
  'protocol/group': {
    mutate: ['src/protocol/group/**/*.ts'],
    tests: ['test/protocol/group/!(one-line).test.ts'],
    share: true,
  },
  'protocol/meeting': {
    mutate: ['src/protocol/meeting/**/*.ts'],
    tests: [
      'test/protocol/meeting/!(crowd|chaos|resilience|membership|odd-inputs).test.ts',
      // The pattern leaves out what only begins like one of them, too.
      'test/protocol/meeting/membership-codec.test.ts',
      'test/protocol/meeting/meeting.test.ts',
    ],
    share: true,
  },
  'main/mls': {
    mutate: ['src/main/mls/**/*.ts', '!src/main/mls/worker-*.ts'],
    tests: ['test/main/mls/!(membership-fuzz|mls-worker).test.ts'],
  },
};

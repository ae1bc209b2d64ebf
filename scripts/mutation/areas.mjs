// @ts-check
/**
 * What is mutated, and the tests that must notice: those in which each run takes seconds, and no process of its own.
 * @type {Record<string, {mutate: string[], tests: string[]}>}
 */
export const areas = {
  'protocol/secure-objects': {
    mutate: ['src/protocol/secure-objects/**/*.ts'],
    tests: ['test/protocol/secure-objects/*.test.ts', 'test/io/crypto/node-crypto.test.ts'],
  },
  'protocol/counter': {
    mutate: ['src/protocol/counter/**/*.ts'],
    tests: ['test/protocol/counter/*.test.ts', 'test/io/counter/counter-client.test.ts'],
  },
  'protocol/group': {
    mutate: ['src/protocol/group/**/*.ts'],
    tests: ['test/protocol/group/!(one-line).test.ts', 'test/main/invitations.test.ts'],
  },
  'protocol/meeting': {
    mutate: ['src/protocol/meeting/**/*.ts'],
    tests: ['test/protocol/meeting/!(crowd).test.ts'],
  },
  'main/mls': {
    mutate: ['src/main/mls/**/*.ts', '!src/main/mls/worker-*.ts'],
    tests: ['test/main/mls/!(membership-fuzz|mls-worker).test.ts'],
  },
};

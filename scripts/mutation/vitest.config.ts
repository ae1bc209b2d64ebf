import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const { tests, isolate } = JSON.parse(
  process.env.CONCLAVE_MUTATION_TESTS ?? '{"tests":[],"isolate":true}',
) as { readonly tests: readonly string[]; readonly isolate: boolean };

/** Those that are named one by one come last, in the order of the area's list. */
class AsListed extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number =>
      tests.findIndex((name) => moduleId.endsWith(name));
    const sorted = await super.sort(files);
    return sorted.sort((a, b) => place(a) - place(b));
  }
}

/** Only the tests of the area that is mutated; `scripts/mutate.mjs` names them. */
export default defineConfig({
  test: {
    include: [...tests],
    sequence: { sequencer: AsListed },
    pool: 'threads',
    isolate,
    maxWorkers: 1,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});

import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { startMlsWorker } from '../../../src/main/mls/worker-mls-port.ts';
import { makeMembership, testParameters, wallClock } from '../../harness/group/membership.ts';

const script = (name: string): URL => new URL(`../../harness/group/${name}`, import.meta.url);

test('a rejected promise that nobody waits for does not end the thread', async () => {
  const mls = startMlsWorker({ script: script('mls-worker-with-stray.mjs') });
  const membership = makeMembership(randomBytes(16), randomBytes(32));
  const { group } = await mls.createGroup(membership, testParameters, wallClock());
  expect(await mls.stageCommit(group, { adds: [], removes: [], kicks: [] })).toMatchObject({
    kind: 'staged',
  });
  await mls.close();
});

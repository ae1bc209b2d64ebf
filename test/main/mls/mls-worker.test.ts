import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { MlsThreadLost, startMlsWorker } from '../../../src/main/mls/worker-mls-port.ts';
import { founding, makeMembership, NO_CHANGE } from '../../harness/group/membership.ts';

const script = (name: string): URL => new URL(`../../harness/group/${name}`, import.meta.url);

test('a rejected promise that nobody waits for does not end the thread', async () => {
  const mls = startMlsWorker({ script: script('mls-worker-with-stray.mjs') });
  const membership = makeMembership(randomBytes(16), randomBytes(32));
  const { group } = await mls.createGroup(membership, founding());
  expect(await mls.stageCommit(group, NO_CHANGE)).toMatchObject({
    kind: 'staged',
  });
  await mls.close();
});

test('a thread that dies between two calls is told by the next call about its groups', async () => {
  const mls = startMlsWorker({ script: script('mls-worker-mortal.mjs') });
  const membership = makeMembership(randomBytes(16), randomBytes(32));
  const { group } = await mls.createGroup(membership, founding());
  const deadly = makeMembership(randomBytes(1), randomBytes(32));
  const lost = { thread: 0 };
  await expect(mls.createGroup(deadly, founding())).rejects.toMatchObject(lost);
  await expect(mls.signWithEpochKey(group, Uint8Array.of(1))).rejects.toMatchObject(lost);
  await expect(mls.createGroup(deadly, founding())).rejects.toMatchObject({ thread: 1 });
  await mls.close();
});

test('a thread that dies takes its calls and groups with it, and the next call starts another', async () => {
  const mls = startMlsWorker({ script: script('mls-worker-mortal.mjs') });
  const membership = makeMembership(randomBytes(16), randomBytes(32));
  const first = await mls.createGroup(membership, founding());
  const saved = await mls.serialise(first.group);
  const deadly = makeMembership(randomBytes(1), randomBytes(32));
  await expect(mls.createGroup(deadly, founding())).rejects.toThrow('the MLS worker has ended');
  const restored = await mls.restore(membership, saved);
  if (restored === undefined) throw new Error('a group reads back');
  expect(restored.view).toEqual(first.view);
  expect(restored.group).not.toBe(first.group);
  // A handle of the dead thread names no group of the new one.
  await expect(mls.serialise(first.group)).rejects.toEqual(new MlsThreadLost(0, 'the MLS worker has ended'));
  await mls.forget(first.group);
  expect((await mls.stageCommit(restored.group, NO_CHANGE)).kind).toBe('staged');
  await mls.close();
  await expect(mls.serialise(restored.group)).rejects.toThrow('the MLS worker has ended');
});

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MemoryStore } from '../../../src/main/storage/memory-store.ts';
import { openSealedStore, type SealedStore } from '../../../src/main/storage/sealed-store.ts';
import type { StateStore } from '../../../src/main/storage/state-store.ts';
import { MemoryKeychain } from '../identity/memory-keychain.ts';

const STATE = Uint8Array.from({ length: 5_000 }, (_, at) => at);
const OTHER = Uint8Array.of(1, 2, 3);

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'conclave-state-'));
});
afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

async function opened(path: string, keychain: MemoryKeychain, profileId = 'p'): Promise<SealedStore> {
  const outcome = await openSealedStore({ directory: path, profileId, keychain });
  if (outcome.kind !== 'open') expect.unreachable();
  return outcome.store;
}

/** What every store promises. */
describe.each([
  ['sealed store', () => opened(join(directory, 'contract'), new MemoryKeychain())],
  ['memory store', () => Promise.resolve(new MemoryStore())],
])('%s', (_, open: () => Promise<StateStore>) => {
  test('keeps, replaces and erases states by name', async () => {
    const store = await open();
    expect(await store.load('a')).toEqual({ kind: 'missing' });
    await store.save('a', OTHER);
    await store.save('a', STATE);
    await store.save('A', OTHER);
    expect(await store.load('a')).toEqual({ kind: 'loaded', bytes: STATE });
    expect(await store.load('A')).toEqual({ kind: 'loaded', bytes: OTHER });
    await store.erase('a');
    await store.erase('a');
    expect(await store.load('a')).toEqual({ kind: 'missing' });
    expect(await store.load('A')).toEqual({ kind: 'loaded', bytes: OTHER });
  });

  test('keeps what was given, whatever happens to those bytes afterwards', async () => {
    const store = await open();
    const mine = STATE.slice();
    await store.save('own', mine);
    mine.fill(0);
    const first = await store.load('own');
    if (first.kind !== 'loaded') expect.unreachable();
    first.bytes.fill(0);
    expect(await store.load('own')).toEqual({ kind: 'loaded', bytes: STATE });
  });

  test('calls that overlap act in their order', async () => {
    const store = await open();
    // Writing the large one takes longest: without an order it would end last.
    const large = store.save('busy', new Uint8Array(4_000_000));
    const small = store.save('busy', OTHER);
    const loaded = store.load('busy');
    await Promise.all([large, small]);
    expect(await loaded).toEqual({ kind: 'loaded', bytes: OTHER });
    expect(await store.load('busy')).toEqual({ kind: 'loaded', bytes: OTHER });
  });

  test('any text is a name', async () => {
    const store = await open();
    for (const name of ['../escape', 'CON', 'a/b', '', 'ü'.repeat(400)]) {
      await store.save(name, OTHER);
      expect(await store.load(name)).toEqual({ kind: 'loaded', bytes: OTHER });
    }
  });
});

describe('at rest', () => {
  test('nothing is in the clear, and only the user may read it', async () => {
    const path = join(directory, 'clear');
    const keychain = new MemoryKeychain();
    const store = await opened(path, keychain);
    await store.save('meeting of the board', STATE);
    const names = await readdir(path);
    expect(names).toHaveLength(1);
    const file = await readFile(join(path, names[0] ?? ''));
    expect(file.includes(Buffer.from(STATE.subarray(100, 116)))).toBe(false);
    expect(names.join(' ')).not.toContain('board');
    expect(file.includes('board')).toBe(false);
    const [entry] = [...keychain.entries.values()];
    expect(file.includes(Buffer.from(entry ?? '', 'base64url'))).toBe(false);
  });

  test('without a keychain there is no store', async () => {
    const keychain = new MemoryKeychain();
    keychain.brokenBy = 'locked';
    const outcome = await openSealedStore({ directory: join(directory, 'none'), profileId: 'p', keychain });
    expect(outcome).toEqual({ kind: 'no-keychain', detail: 'locked' });
    expect(await readdir(directory)).not.toContain('none');
  });
});

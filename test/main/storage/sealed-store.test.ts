import { spawn } from 'node:child_process';
import { copyFile, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InvariantError } from '../../../src/protocol/errors.ts';
import { openSealedStore, type SealedStore } from '../../../src/main/storage/sealed-store.ts';
import { MemoryKeychain } from '../identity/memory-keychain.ts';
import { FileKeychain, NAMES } from './crash-child.ts';

const STATE = Uint8Array.from({ length: 300 }, (_, at) => at);
const CRASHES = Number(process.env.CONCLAVE_CRASHES ?? 5);

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'conclave-sealed-'));
});
afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

async function opened(path: string, keychain: MemoryKeychain, profileId = 'p'): Promise<SealedStore> {
  const outcome = await openSealedStore({ directory: path, profileId, keychain });
  if (outcome.kind !== 'open') expect.unreachable();
  return outcome.store;
}

async function onlyFile(path: string): Promise<string> {
  const [name, ...others] = await readdir(path);
  if (name === undefined || others.length > 0) throw new InvariantError('not one file');
  return join(path, name);
}

describe('what is not ours, whole and of this run is unreadable', () => {
  test('every bit and every cut of the file', async () => {
    const path = join(directory, 'bits');
    const store = await opened(path, new MemoryKeychain());
    await store.save('a', STATE);
    const file = await onlyFile(path);
    const good = await readFile(file);
    for (let at = 0; at < good.length; at += 1) {
      const bad = Buffer.from(good);
      bad[at] = (bad[at] ?? 0) ^ (1 << (at % 8));
      await writeFile(file, at % 2 === 0 ? bad : good.subarray(0, at));
      expect(await store.load('a')).toEqual({ kind: 'unreadable' });
    }
    await writeFile(file, good);
    expect(await store.load('a')).toEqual({ kind: 'loaded', bytes: STATE });
  });

  test('the file of another name or another profile', async () => {
    const path = join(directory, 'moved');
    const keychain = new MemoryKeychain();
    const store = await opened(path, keychain);
    await store.save('a', STATE);
    const file = await onlyFile(path);
    const moved = `${file}.moved`;
    await rename(file, moved);
    await store.save('b', STATE);
    await copyFile(moved, join(path, (await readdir(path)).find((name) => name.endsWith('.sealed')) ?? ''));
    expect(await store.load('b')).toEqual({ kind: 'unreadable' });

    await rename(moved, file);
    expect(await store.load('a')).toEqual({ kind: 'loaded', bytes: STATE });
    const stolen = new MemoryKeychain();
    for (const [account, secret] of keychain.entries)
      stolen.entries.set(account.replace('profile p', 'profile q'), secret);
    expect(await (await opened(path, stolen, 'q')).load('a')).toEqual({ kind: 'unreadable' });
  });

  test('a copy from an earlier run put back', async () => {
    const path = join(directory, 'rollback');
    const keychain = new MemoryKeychain();
    await (await opened(path, keychain)).save('a', Uint8Array.of(1));
    const file = await onlyFile(path);
    const backup = await readFile(file);
    const second = await opened(path, keychain);
    expect(await second.load('a')).toEqual({ kind: 'loaded', bytes: Uint8Array.of(1) });
    await second.save('a', Uint8Array.of(2));
    await writeFile(file, backup);
    expect(await second.load('a')).toEqual({ kind: 'unreadable' });
    const third = await opened(path, keychain);
    expect(await third.load('a')).toEqual({ kind: 'unreadable' });
    // The way on: erase it and join again.
    await third.erase('a');
    await third.save('a', STATE);
    expect(await (await opened(path, keychain)).load('a')).toEqual({ kind: 'loaded', bytes: STATE });
  });

  test('when the keychain lost the key, or has another', async () => {
    const path = join(directory, 'lost');
    const keychain = new MemoryKeychain();
    await (await opened(path, keychain)).save('a', STATE);
    const [account] = [...keychain.entries.keys()];
    keychain.entries.set(account ?? '', 'not a key');
    expect(await (await opened(path, keychain)).load('a')).toEqual({ kind: 'unreadable' });
    expect(await (await opened(path, new MemoryKeychain())).load('a')).toEqual({ kind: 'unreadable' });
  });
});

describe('crashes', () => {
  test('at any write of the keychain, twice in a row, lose nothing', async () => {
    for (const first of [1, 2]) {
      for (const second of [1, 2]) {
        const path = join(directory, `keychain ${String(first)} ${String(second)}`);
        const keychain = new MemoryKeychain();
        const store = await opened(path, keychain);
        for (const name of NAMES) await store.save(name, STATE);
        for (const crash of [first, second]) {
          let writes = 0;
          keychain.beforeSet = () => {
            writes += 1;
            if (writes === crash) throw new RangeError('the process dies here');
          };
          await expect(opened(path, keychain)).rejects.toThrow(RangeError);
        }
        keychain.beforeSet = () => undefined;
        const after = await opened(path, keychain);
        for (const name of NAMES) expect(await after.load(name)).toEqual({ kind: 'loaded', bytes: STATE });
        expect([...keychain.entries.values()].every((entry) => !entry.includes('.'))).toBe(true);
      }
    }
  });

  test('kill -9 at any time leaves every state whole and not older than what was acknowledged', async () => {
    const path = join(directory, 'killed');
    const acknowledged = new Map<string, number>();
    for (let crash = 0; crash < CRASHES; crash += 1) {
      // Growing lives: the first dies while it starts, others while they save.
      await liveAndDie(path, 2 * crash, (name, version) => acknowledged.set(name, version));
      const keychain = new FileKeychain(join(path, 'keychain'));
      const outcome = await openSealedStore({ directory: join(path, 'state'), profileId: 'p', keychain });
      if (outcome.kind !== 'open') expect.unreachable();
      for (const [name, version] of acknowledged) {
        const loaded = await outcome.store.load(name);
        if (loaded.kind !== 'loaded') expect.unreachable();
        const text = Buffer.from(loaded.bytes).toString();
        expect(Number.parseInt(text, 10)).toBeGreaterThanOrEqual(version);
        expect(text).toBe(`${text.split(' ')[0] ?? ''} `.repeat(1_000));
      }
      expect((await readdir(join(path, 'state'))).filter((name) => !name.endsWith('.sealed'))).toEqual([]);
    }
    expect(acknowledged.size).toBe(NAMES.length);
  });
});

/** Runs the child that saves without end, and kills it soon after it has saved so often. */
function liveAndDie(
  path: string,
  saves: number,
  saved: (name: string, version: number) => void,
): Promise<void> {
  const program = fileURLToPath(new URL('crash-child.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', program, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let line = '';
  let left = saves;
  let dying = false;
  child.stdout.on('data', (data: Buffer) => {
    const lines = (line + data.toString()).split('\n');
    line = lines.pop() ?? '';
    for (const each of lines) {
      const [word, name, version] = each.split(' ');
      if (word !== 'saved' || name === undefined) continue;
      saved(name, Number(version));
      left -= 1;
    }
    // Anywhere in what it does next.
    if (left <= 0 && !dying) setTimeout(() => child.kill('SIGKILL'), Math.random() * 20);
    dying ||= left <= 0;
  });
  return new Promise((resolve) => {
    child.on('close', () => {
      resolve();
    });
  });
}

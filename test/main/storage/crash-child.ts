/** A process that opens a store and saves without end, to be killed by the test of crashes. */
import { mkdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Keychain, KeychainOutcome } from '../../../src/main/identity/keychain.ts';
import { writeDurably } from '../../../src/main/storage/durable-file.ts';
import { openSealedStore } from '../../../src/main/storage/sealed-store.ts';

/** States that the child saves. */
export const NAMES = ['one', 'two', 'three'];

/** A keychain of one entry that outlives a killed process. For tests: it is a file in the clear. */
export class FileKeychain implements Keychain {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  async get(): Promise<KeychainOutcome<string | undefined>> {
    const value = await readFile(this.#path, 'utf8').catch(() => undefined);
    return { kind: 'ok', value };
  }

  async set(_account: string, secret: string): Promise<KeychainOutcome<undefined>> {
    await writeDurably(this.#path, Buffer.from(secret));
    return { kind: 'ok', value: undefined };
  }

  async erase(): Promise<KeychainOutcome<undefined>> {
    return this.set('', '');
  }
}

async function saveWithoutEnd(path: string): Promise<never> {
  mkdirSync(path, { recursive: true });
  process.stdout.write('alive\n');
  const versions = new Map<string, number>();
  for (;;) {
    const keychain = new FileKeychain(join(path, 'keychain'));
    const outcome = await openSealedStore({ directory: join(path, 'state'), profileId: 'p', keychain });
    if (outcome.kind !== 'open') throw new RangeError(outcome.detail);
    for (const name of NAMES) {
      const loaded = await outcome.store.load(name);
      const known = loaded.kind === 'loaded' ? Number.parseInt(Buffer.from(loaded.bytes).toString(), 10) : 0;
      const version = Math.max(known, versions.get(name) ?? 0) + 1;
      await outcome.store.save(name, Buffer.from(`${String(version)} `.repeat(1_000)));
      versions.set(name, version);
      process.stdout.write(`saved ${name} ${String(version)}\n`);
    }
  }
}

const [, program, path] = process.argv;
if (program === fileURLToPath(import.meta.url) && path !== undefined) await saveWithoutEnd(path);

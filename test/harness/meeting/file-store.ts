/** A store in plain files, for members of tests whose process is killed: what it holds must outlive them. */
import { mkdirSync } from 'node:fs';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LoadOutcome, StateStore } from '../../../src/main/storage/state-store.ts';

export class FileStore implements StateStore {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
  }

  async load(name: string): Promise<LoadOutcome> {
    try {
      return { kind: 'loaded', bytes: new Uint8Array(await readFile(join(this.#folder, name))) };
    } catch {
      return { kind: 'missing' };
    }
  }

  async save(name: string, bytes: Uint8Array): Promise<void> {
    const file = join(this.#folder, name);
    await writeFile(`${file}.new`, bytes);
    await rename(`${file}.new`, file);
  }

  async erase(name: string): Promise<void> {
    await rm(join(this.#folder, name), { force: true });
  }
}

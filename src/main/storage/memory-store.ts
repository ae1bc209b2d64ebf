import type { LoadOutcome, StateStore } from './state-store.ts';

/** A guest's store: it forgets everything with the process and writes nothing to disk. */
export class MemoryStore implements StateStore {
  readonly #states = new Map<string, Uint8Array>();

  load(name: string): Promise<LoadOutcome> {
    const bytes = this.#states.get(name);
    return Promise.resolve(
      bytes === undefined ? { kind: 'missing' } : { kind: 'loaded', bytes: bytes.slice() },
    );
  }

  save(name: string, bytes: Uint8Array): Promise<void> {
    this.#states.set(name, Uint8Array.from(bytes));
    return Promise.resolve();
  }

  erase(name: string): Promise<void> {
    this.#states.get(name)?.fill(0);
    this.#states.delete(name);
    return Promise.resolve();
  }
}

/**
 * Meeting state at rest: sealed with a key that lives in the keychain and is new in each run.
 *
 * Each start seals everything again under a new key and then forgets the old one. So a copy of the files from an
 * earlier run (a backup put back, a stolen disk image) opens with nothing that the keychain still holds. While
 * that is under way the keychain holds both keys; a crash in between leaves every file readable under one.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeBase64Url, encodeBase64Url } from '../../protocol/bytes/base64url.ts';
import type { Keychain } from '../identity/keychain.ts';
import { removeDurably, UNFINISHED, writeDurably } from './durable-file.ts';
import { openState, sealedFileName, SEALING_KEY_LENGTH, sealState } from './sealed-file.ts';
import type { LoadOutcome, StateStore } from './state-store.ts';

/** Where and whose the states are. */
export interface SealedStoreOptions {
  /** Directory of the sealed files; made when missing. The caller holds the profile's lock. */
  readonly directory: string;
  readonly profileId: string;
  readonly keychain: Keychain;
}

/** A store, or why the keychain cannot be used; then nothing is kept. */
export type SealedStoreOutcome =
  | { readonly kind: 'open'; readonly store: SealedStore }
  | { readonly kind: 'no-keychain'; readonly detail: string };

/**
 * Opens the store of a profile.
 * @throws {Error} of the file system.
 */
export async function openSealedStore(options: SealedStoreOptions): Promise<SealedStoreOutcome> {
  const { directory, profileId, keychain } = options;
  const account = `state key of profile ${profileId}`;
  const found = await keychain.get(account);
  if (found.kind !== 'ok') return found;
  const old = decodeKeys(found.value);
  const key = Uint8Array.from(randomBytes(SEALING_KEY_LENGTH));

  await mkdir(directory, { recursive: true, mode: 0o700 });
  const files = await filesOf(directory);
  const [newest] = old;
  // Finish what a crash interrupted first: then two keys are enough, however often that happens.
  if (old.length > 1 && newest !== undefined) await resealAll(directory, files, profileId, old, newest);
  const both = await keychain.set(account, encodeKeys(newest === undefined ? [key] : [key, newest]));
  if (both.kind !== 'ok') return both;
  if (newest !== undefined) {
    await resealAll(directory, files, profileId, [newest], key);
    const alone = await keychain.set(account, encodeKeys([key]));
    if (alone.kind !== 'ok') return alone;
  }
  for (const forgotten of old) forgotten.fill(0);
  return { kind: 'open', store: new SealedStore(directory, profileId, key) };
}

/** {@link StateStore} in sealed files; made by {@link openSealedStore}. */
export class SealedStore implements StateStore {
  readonly #directory: string;
  readonly #profileId: string;
  readonly #key: Uint8Array;
  /** Ends of the queues that keep writes of one name in their order. */
  readonly #queues = new Map<string, Promise<unknown>>();

  constructor(directory: string, profileId: string, key: Uint8Array) {
    this.#directory = directory;
    this.#profileId = profileId;
    this.#key = key;
  }

  async load(name: string): Promise<LoadOutcome> {
    return this.#inTurn(name, async () => {
      const fileName = sealedFileName(name);
      const file = await readIfThere(join(this.#directory, fileName));
      if (file === undefined) return { kind: 'missing' };
      const bytes = openState(this.#key, { profileId: this.#profileId, fileName }, file);
      return bytes === undefined ? { kind: 'unreadable' } : { kind: 'loaded', bytes };
    });
  }

  async save(name: string, bytes: Uint8Array): Promise<void> {
    const fileName = sealedFileName(name);
    const sealed = sealState(this.#key, { profileId: this.#profileId, fileName }, bytes);
    await this.#inTurn(name, () => writeDurably(join(this.#directory, fileName), sealed));
  }

  async erase(name: string): Promise<void> {
    await this.#inTurn(name, () => removeDurably(join(this.#directory, sealedFileName(name))));
  }

  async #inTurn<Value>(name: string, act: () => Promise<Value>): Promise<Value> {
    const before = this.#queues.get(name) ?? Promise.resolve();
    const turn = before.then(act, act);
    this.#queues.set(name, turn);
    try {
      return await turn;
    } finally {
      if (this.#queues.get(name) === turn) this.#queues.delete(name);
    }
  }
}

/** Seals again under `key` what one of `old` opens; what none opens stays as it is, and is `unreadable`. */
async function resealAll(
  directory: string,
  files: readonly string[],
  profileId: string,
  old: readonly Uint8Array[],
  key: Uint8Array,
): Promise<void> {
  for (const fileName of files) {
    const path = join(directory, fileName);
    const file = await readFile(path);
    const place = { profileId, fileName };
    for (const each of old) {
      const state = openState(each, place, file);
      if (state === undefined) continue;
      await writeDurably(path, sealState(key, place, state));
      state.fill(0);
      break;
    }
  }
}

/** The sealed files of a directory; what a crash left unfinished is removed. */
async function filesOf(directory: string): Promise<string[]> {
  const names = await readdir(directory);
  for (const name of names) if (name.endsWith(UNFINISHED)) await removeDurably(join(directory, name));
  return names.filter((name) => name.endsWith('.sealed'));
}

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The keychain's entry: one or two keys, newest first. */
function encodeKeys(keys: readonly Uint8Array[]): string {
  return keys.map(encodeBase64Url).join('.');
}

/** Keys of the keychain's entry; none when it is not ours, which makes all files unreadable. */
function decodeKeys(entry: string | undefined): Uint8Array[] {
  const keys = (entry ?? '').split('.').map(decodeBase64Url);
  return keys.filter((key): key is Uint8Array => key?.length === SEALING_KEY_LENGTH);
}

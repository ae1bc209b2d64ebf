import { vi } from 'vitest';
import { suiteImplementation } from '../../../src/main/mls/client-config.ts';

/** Memory that cryptography made or was given, by identity, so that a test sees what becomes of it. */
export interface WatchedSecrets {
  /** All memory that holds these bytes now. */
  holding(bytes: Uint8Array): Uint8Array[];
  /** What was made while something runs, and is not overwritten when it has run. */
  leftBy(run: () => Promise<unknown>): Promise<Uint8Array[]>;
  /** Private signature keys that were signed with. */
  readonly signKeys: ReadonlySet<Uint8Array>;
  /** Private HPKE keys, in the order in which they were made. */
  readonly privateKeys: readonly Uint8Array[];
  /** Runs something whose memory is not watched. */
  unwatched<Result>(run: () => Promise<Result>): Promise<Result>;
}

/** Watches suite 1 until mocks are restored. */
export async function watchSecrets(): Promise<WatchedSecrets> {
  const { kdf, hpke, signature } = await suiteImplementation(0x0001);
  const made = new Set<Uint8Array>();
  const signKeys = new Set<Uint8Array>();
  const privateKeys: Uint8Array[] = [];
  const { expand, extract } = { expand: kdf.expand.bind(kdf), extract: kdf.extract.bind(kdf) };
  const exportPrivateKey = hpke.exportPrivateKey.bind(hpke);
  const open = hpke.open.bind(hpke);
  const sign = signature.sign.bind(signature);
  let isWatching = true;
  const keep = (bytes: Uint8Array): Uint8Array => {
    if (isWatching) made.add(bytes);
    return bytes;
  };
  vi.spyOn(kdf, 'expand').mockImplementation(async (...args) => keep(await expand(...args)));
  vi.spyOn(kdf, 'extract').mockImplementation(async (...args) => keep(await extract(...args)));
  vi.spyOn(hpke, 'exportPrivateKey').mockImplementation(async (key) => {
    const bytes = keep(await exportPrivateKey(key));
    privateKeys.push(bytes);
    return bytes;
  });
  vi.spyOn(hpke, 'open').mockImplementation(async (...args) => keep(await open(...args)));
  vi.spyOn(signature, 'sign').mockImplementation((key, message) => {
    signKeys.add(key);
    return sign(key, message);
  });
  const holding = (bytes: Uint8Array): Uint8Array[] =>
    [...made].filter((each) => Buffer.from(each).equals(bytes));
  const unwatched = async <Result>(run: () => Promise<Result>): Promise<Result> => {
    isWatching = false;
    const result = await run();
    isWatching = true;
    return result;
  };
  const leftBy = async (run: () => Promise<unknown>): Promise<Uint8Array[]> => {
    const before = new Set(made);
    await run();
    return [...made].filter((each) => !before.has(each) && each.some((byte) => byte !== 0));
  };
  return { holding, leftBy, signKeys, privateKeys, unwatched };
}

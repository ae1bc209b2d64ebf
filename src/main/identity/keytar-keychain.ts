import type keytar from 'keytar';
import type { Keychain, KeychainOutcome } from './keychain.ts';

/** Name under which people find Conclave's entries in their keychain. */
export const KEYCHAIN_SERVICE = 'Conclave';

type Keytar = typeof keytar;

/**
 * The keychain of the operating system: Keychain on macOS, Credential Manager on Windows, the Secret Service
 * (GNOME Keyring, KWallet) on Linux.
 * @param service - name of Conclave's entries; tests use one of their own.
 */
export function keytarKeychain(service: string = KEYCHAIN_SERVICE): Keychain {
  return {
    get: (account) => asking(async (native) => (await native.getPassword(service, account)) ?? undefined),
    set: (account, secret) =>
      asking(async (native) => {
        await native.setPassword(service, account, secret);
        return undefined;
      }),
    erase: (account) =>
      asking(async (native) => {
        await native.deletePassword(service, account);
        return undefined;
      }),
  };
}

async function asking<Value>(ask: (native: Keytar) => Promise<Value>): Promise<KeychainOutcome<Value>> {
  try {
    // Loaded on first use, since loading fails where the system's keychain library is missing.
    const loaded = await import('keytar');
    return { kind: 'ok', value: await ask(loaded.default) };
  } catch (error) {
    return { kind: 'no-keychain', detail: error instanceof Error ? error.message : String(error) };
  }
}

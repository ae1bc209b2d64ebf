import type { Keychain, KeychainOutcome } from '../../../src/main/identity/keychain.ts';

/** A keychain for tests: it forgets with the process, and can be taken away. */
export class MemoryKeychain implements Keychain {
  readonly entries = new Map<string, string>();
  /** What it says when it cannot be used; `undefined`: it can. */
  brokenBy: string | undefined;
  /** Called before each write; throwing is a crash of the process at that point. */
  beforeSet: () => void = () => undefined;

  get(account: string): Promise<KeychainOutcome<string | undefined>> {
    return Promise.resolve(this.#answer(() => this.entries.get(account)));
  }

  async set(account: string, secret: string): Promise<KeychainOutcome<undefined>> {
    await Promise.resolve();
    return this.#answer(() => {
      this.beforeSet();
      this.entries.set(account, secret);
      return undefined;
    });
  }

  erase(account: string): Promise<KeychainOutcome<undefined>> {
    return Promise.resolve(
      this.#answer(() => {
        this.entries.delete(account);
        return undefined;
      }),
    );
  }

  #answer<Value>(act: () => Value): KeychainOutcome<Value> {
    return this.brokenBy === undefined
      ? { kind: 'ok', value: act() }
      : { kind: 'no-keychain', detail: this.brokenBy };
  }
}

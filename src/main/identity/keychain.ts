/**
 * The keychain of the operating system, as Conclave uses it: a few secrets by account.
 *
 * There may be none, or it may stay locked. That is an outcome and not an exception: it decides whether a kept
 * identity is possible at all, and there is no file to fall back on.
 */

/** Either what was asked for, or why the keychain cannot be used. */
export type KeychainOutcome<Value> =
  | { readonly kind: 'ok'; readonly value: Value }
  | {
      readonly kind: 'no-keychain';
      /** What the keychain said, for people who look for the cause; holds no secret. */
      readonly detail: string;
    };

/** Secrets that outlive the process, guarded by the user's login. */
export interface Keychain {
  /** The secret of an account, `undefined` when there is none. */
  get(account: string): Promise<KeychainOutcome<string | undefined>>;
  /** Stores or replaces the secret of an account. @param secret - not empty. */
  set(account: string, secret: string): Promise<KeychainOutcome<undefined>>;
  /** Removes an account; one that does not exist is fine. */
  erase(account: string): Promise<KeychainOutcome<undefined>>;
}

/** Where the state of meetings is kept between runs. */

/** What a name holds. */
export type LoadOutcome =
  | { readonly kind: 'loaded'; readonly bytes: Uint8Array }
  | { readonly kind: 'missing' }
  /** Damaged, an older copy put back, or of another profile: to be erased, and the meeting joined again. */
  | { readonly kind: 'unreadable' };

/** Named byte strings that one process owns. */
export interface StateStore {
  /** Fresh bytes of a name. */
  load(name: string): Promise<LoadOutcome>;
  /**
   * Keeps bytes under a name, all or none of them: when the promise resolves they survive a crash.
   * @param bytes - read until the promise settles.
   * @throws {Error} of the file system; nothing that was built from these bytes may be sent then.
   */
  save(name: string, bytes: Uint8Array): Promise<void>;
  /** Forgets a name; one that does not exist is fine. */
  erase(name: string): Promise<void>;
}

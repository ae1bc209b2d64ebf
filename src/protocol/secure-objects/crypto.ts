/** The cryptography that Secure Objects need from outside; all of it synchronous and without state. */
import type { HashName, SuiteId } from './suite.ts';

/** One authenticated cipher. Arguments are read and not kept; results are fresh. */
export interface Aead {
  /**
   * Encrypts and authenticates.
   * @param key - `Nk` bytes.
   * @param nonce - `Nn` bytes, never used before with `key`.
   * @param aad - authenticated only.
   * @param plaintext - parts that are encrypted as if joined, which saves copying large payloads.
   * @returns ciphertext with the tag of `Nt` bytes at its end.
   */
  seal(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, ...plaintext: readonly Uint8Array[]): Uint8Array;
  /**
   * Decrypts what is authentic.
   * @param ciphertext - as {@link Aead.seal} gave it.
   * @returns the plaintext, or `undefined` for anything that is not authentic.
   */
  open(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, ciphertext: Uint8Array): Uint8Array | undefined;
}

/** Computes HMACs. @see RFC 2104 */
export interface Hmac {
  /**
   * @param hash - hash function to build on.
   * @param key - of any length.
   * @param data - parts that are authenticated as if joined.
   * @returns a fresh tag of the hash's size.
   */
  hmac(hash: HashName, key: Uint8Array, ...data: readonly Uint8Array[]): Uint8Array;
}

/** All that this folder needs from an implementation of cryptography. */
export interface SecureObjectsCrypto extends Hmac {
  /** The cipher of a suite. */
  aead(suite: SuiteId): Aead;
}

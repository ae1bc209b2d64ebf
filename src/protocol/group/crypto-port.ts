/** The cryptography that the group core is given; pure and synchronous. */

/** Hashes and signatures of the core. */
export interface GroupCrypto {
  /** SHA-256: 32 fresh bytes. */
  sha256(bytes: Uint8Array): Uint8Array;
  /** HMAC-SHA256: 32 fresh bytes. */
  hmacSha256(key: Uint8Array, bytes: Uint8Array): Uint8Array;
  /** The Ed25519 public key of a seed; both have 32 bytes. */
  ed25519PublicKey(seed: Uint8Array): Uint8Array;
  /** Whether `signature` (64 bytes) is `publicKey`'s (32 bytes) Ed25519 signature over `message`. */
  verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
}

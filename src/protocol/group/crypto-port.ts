/** The cryptography that the group core is given; pure and synchronous. */

/** Signs with one Ed25519 key, which stays where it is. */
export interface Ed25519Signer {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** Ed25519 signature over `message`, 64 fresh bytes. */
  sign(message: Uint8Array): Uint8Array;
}

/** Hashes and signatures of the core. */
export interface GroupCrypto {
  /** SHA-256: 32 fresh bytes. */
  sha256(bytes: Uint8Array): Uint8Array;
  /** HMAC-SHA256: 32 fresh bytes. */
  hmacSha256(key: Uint8Array, bytes: Uint8Array): Uint8Array;
  /** The Ed25519 key of a seed. @param seed - 32 bytes: secret; read, not kept. */
  ed25519Signer(seed: Uint8Array): Ed25519Signer;
  /** Whether `signature` (64 bytes) is `publicKey`'s (32 bytes) Ed25519 signature over `message`. */
  verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
}

/** Keys of Curve25519 for node:crypto: from raw bytes and back. @see RFC 8410 */
import { createPrivateKey, createPublicKey, diffieHellman, sign, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { Ed25519Signer } from '../../protocol/group/crypto-port.ts';

/** Bytes of a raw key, private or public, of either curve. */
export const RAW_KEY_BYTES = 32;

/** Ed25519 signs, X25519 agrees on keys. */
export type Curve = 'ed25519' | 'x25519';

/** PKCS #8 up to the raw private key. @see RFC 8410 §7 */
const PKCS8_PREFIX: Readonly<Record<Curve, Buffer>> = {
  ed25519: Buffer.from('302e020100300506032b657004220420', 'hex'),
  x25519: Buffer.from('302e020100300506032b656e04220420', 'hex'),
};
/** Names of the curves in a JWK. @see RFC 8037 */
const JWK_CURVE: Readonly<Record<Curve, string>> = { ed25519: 'Ed25519', x25519: 'X25519' };

/**
 * A private key from its raw bytes, which for Ed25519 are the seed.
 * @param raw - 32 bytes: secret; read, not kept.
 * @throws {RangeError} another length.
 */
export function privateKeyFrom(curve: Curve, raw: Uint8Array): KeyObject {
  if (raw.length !== RAW_KEY_BYTES) throw new RangeError('a private key has 32 bytes');
  const key = Buffer.concat([PKCS8_PREFIX[curve], raw]);
  try {
    return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
  } finally {
    key.fill(0);
  }
}

/**
 * A public key from its raw bytes. Whether they are a point shows when the key is used.
 *
 * It goes by a JWK, ten times as fast as by DER: OpenSSL tries decoders on DER. A private key does not, as text cannot be
 * overwritten.
 * @param raw - 32 bytes.
 * @throws {RangeError} another length.
 */
export function publicKeyFrom(curve: Curve, raw: Uint8Array): KeyObject {
  if (raw.length !== RAW_KEY_BYTES) throw new RangeError('a public key has 32 bytes');
  const x = Buffer.from(raw.buffer, raw.byteOffset, raw.length).toString('base64url');
  return createPublicKey({ key: { kty: 'OKP', crv: JWK_CURVE[curve], x }, format: 'jwk' });
}

/**
 * 32 fresh bytes of a public key, or of a private key's public one.
 *
 * It goes by DER and never by a JWK: Node 20 makes the strings of a JWK while it holds the key's lock, and a garbage collection
 * meanwhile that finds the job that generated the key asks for the same lock, which stops the thread for ever.
 */
export function rawPublicKey(key: KeyObject): Uint8Array {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  return new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(-RAW_KEY_BYTES));
}

const BASE_POINT = publicKeyFrom(
  'x25519',
  Uint8Array.from({ length: RAW_KEY_BYTES }, (_, at) => (at === 0 ? 9 : 0)),
);

/** What {@link rawPublicKey} gives for an X25519 private key, in half the time. @see RFC 7748 §6.1 */
export function x25519PublicKey(privateKey: KeyObject): Uint8Array {
  return new Uint8Array(diffieHellman({ privateKey, publicKey: BASE_POINT }));
}

/** 32 fresh bytes of a private key: secret. */
export function rawPrivateKey(key: KeyObject): Uint8Array {
  const der = key.export({ format: 'der', type: 'pkcs8' });
  const raw = new Uint8Array(der.subarray(-RAW_KEY_BYTES));
  der.fill(0);
  return raw;
}

/** The Ed25519 public key, 32 bytes, of a seed. @throws {RangeError} the seed has another length than 32 bytes. */
export function ed25519PublicKey(seed: Uint8Array): Uint8Array {
  return rawPublicKey(privateKeyFrom('ed25519', seed));
}

/** Signs with the Ed25519 key of a seed, of which no copy in the clear is kept. @throws {RangeError} as {@link ed25519PublicKey}. */
export function ed25519Signer(seed: Uint8Array): Ed25519Signer {
  const key = privateKeyFrom('ed25519', seed);
  return { publicKey: rawPublicKey(key), sign: (message) => new Uint8Array(sign(null, message, key)) };
}

/**
 * The points of Edwards25519 whose order divides 8, in each encoding that OpenSSL takes, without the sign. Under such a key
 * anybody can make a signature over any message.
 */
const SMALL_ORDER = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
].map((hex) => Buffer.from(hex, 'hex'));

/** Public keys that signatures were verified with lately: to read one takes as long as to verify. */
const verifying = new Map<string, KeyObject | undefined>();
const MOST_VERIFYING = 2_048;

/** The key that verifies; undefined for one under which nobody signs. */
function verifyingKey(publicKey: Uint8Array): KeyObject | undefined {
  if (publicKey.length !== RAW_KEY_BYTES) return undefined;
  const name = Buffer.from(publicKey).toString('latin1');
  if (verifying.has(name)) return verifying.get(name);
  const key = isOfSmallOrder(publicKey) ? undefined : publicKeyFrom('ed25519', publicKey);
  verifying.set(name, key);
  const [oldest] = verifying.keys();
  if (verifying.size > MOST_VERIFYING && oldest !== undefined) verifying.delete(oldest);
  return key;
}

function isOfSmallOrder(publicKey: Uint8Array): boolean {
  const last = RAW_KEY_BYTES - 1;
  const unsigned = Buffer.from(publicKey);
  unsigned[last] = (publicKey[last] ?? 0) & 0x7f;
  return SMALL_ORDER.some((point) => point.equals(unsigned));
}

/**
 * Whether a signature is that of a raw Ed25519 public key over a message; a key of another length, that is no point or that
 * is one of small order signs nothing.
 */
export function verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const key = verifyingKey(publicKey);
  return key !== undefined && verify(null, message, key, signature);
}

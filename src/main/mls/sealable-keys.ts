/**
 * Whether anything can be sealed to an HPKE key, by the key alone: to seal something and throw it away is most of what a Commit
 * with a path costs in a small group with X-Wing.
 * @see RFC 9180 §7.1.4 (X25519), FIPS 203 §7.2 (ML-KEM), draft-connolly-cfrg-xwing-kem §5.2
 */
import { diffieHellman } from 'node:crypto';
import type { CiphersuiteImpl } from 'ts-mls';
import { privateKeyFrom, publicKeyFrom, RAW_KEY_BYTES } from '../../io/crypto/raw-keys.ts';
import { SUITE_NAMES } from './client-config.ts';

/** Encoded polynomials of an ML-KEM-768 key; a seed of 32 bytes follows, which may be anything. */
const ML_KEM_POLYNOMIALS_BYTES = 3 * 384;
const ML_KEM_KEY_BYTES = ML_KEM_POLYNOMIALS_BYTES + 32;
/** Coefficients of 12 bits are below this. */
const MODULUS = 3_329;
/** Nobody's: with any private key a public one of small order gives nothing but zeros. */
const ANY = privateKeyFrom('x25519', new Uint8Array(RAW_KEY_BYTES).fill(1));

/** Whether a Commit or a Welcome can be sealed to a key. @param publicKey - as leaves, KeyPackages and paths have it; read. */
export function canSealTo(publicKey: Uint8Array, { name }: Pick<CiphersuiteImpl, 'name'>): boolean {
  if (name === SUITE_NAMES[0x0001]) return agrees(publicKey);
  return (
    publicKey.length === ML_KEM_KEY_BYTES + RAW_KEY_BYTES &&
    isReduced(publicKey.subarray(0, ML_KEM_POLYNOMIALS_BYTES)) &&
    agrees(publicKey.subarray(ML_KEM_KEY_BYTES))
  );
}

/** Whether a key is one of X25519, and not of small order. */
function agrees(raw: Uint8Array): boolean {
  if (raw.length !== RAW_KEY_BYTES) return false;
  const publicKey = publicKeyFrom('x25519', raw);
  try {
    diffieHellman({ privateKey: ANY, publicKey });
    return true;
  } catch {
    return false;
  }
}

/** The modulus check: whether encoding what the bytes decode to gives them again. */
function isReduced(polynomials: Uint8Array): boolean {
  for (let at = 0; at < polynomials.length; at += 3) {
    const [low, middle, high] = [polynomials[at] ?? 0, polynomials[at + 1] ?? 0, polynomials[at + 2] ?? 0];
    if ((low | ((middle & 15) << 8)) >= MODULUS || ((middle >> 4) | (high << 4)) >= MODULUS) return false;
  }
  return true;
}

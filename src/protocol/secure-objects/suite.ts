/**
 * The cipher suites of MoQ Secure Objects.
 * @see draft-ietf-moq-secure-objects-01 #ciphersuite
 */

/** Number of a cipher suite. */
export type SuiteId = 0x0001 | 0x0002 | 0x0003 | 0x0004 | 0x0005;

/** Hash functions of suites and of MLS cipher suites. */
export type HashName = 'SHA-256' | 'SHA-384' | 'SHA-512';

/** What a suite is made of; sizes in bytes under the draft's names. */
export interface Suite {
  readonly id: SuiteId;
  readonly name: string;
  readonly cipher: 'AES-128-CTR-HMAC' | 'AES-128-GCM' | 'AES-256-GCM';
  /** Hash of the key derivation, and of the HMAC of the CTR suites. */
  readonly hash: HashName;
  readonly Nk: number;
  readonly Nn: number;
  readonly Nt: number;
  /** Seals and opens that one key may do; see {@link UsageLimits}. */
  readonly limits: UsageLimits;
}

/**
 * How long a key is good for.
 *
 * Blocks: an attacker tells AES in counter mode from random bits with a chance of at most (s + q + 1)² / 2^129
 * after q objects of s blocks together; 2^36 keep that below 2^-57, the margin TLS 1.3 takes.
 * Failures: each forged object passes with a chance of 2^(-8 Nt) for HMAC, and 2 (l + 1) / 2^128 for GCM with
 * objects of l blocks. 2^36 and 2^23 keep the sum below 2^-57; the two shortest tags cannot reach that, and
 * stop at 2^-44 and 2^-22.
 * @see draft-irtf-cfrg-aead-limits #AES-GCM
 */
export interface UsageLimits {
  /** Blocks of 16 bytes, each object counting one more. */
  readonly blocks: number;
  /** Objects that failed to open. */
  readonly failures: number;
}

const BLOCKS = 2 ** 36;
const CTR = { cipher: 'AES-128-CTR-HMAC', hash: 'SHA-256', Nk: 48, Nn: 12 } as const;

/** All suites by number. */
export const SUITES: Readonly<Record<SuiteId, Suite>> = {
  0x0001: {
    ...CTR,
    id: 0x0001,
    name: 'AES_128_CTR_HMAC_SHA256_80',
    Nt: 10,
    limits: { blocks: BLOCKS, failures: 2 ** 23 },
  },
  0x0002: {
    ...CTR,
    id: 0x0002,
    name: 'AES_128_CTR_HMAC_SHA256_64',
    Nt: 8,
    limits: { blocks: BLOCKS, failures: 2 ** 20 },
  },
  0x0003: {
    ...CTR,
    id: 0x0003,
    name: 'AES_128_CTR_HMAC_SHA256_32',
    Nt: 4,
    limits: { blocks: BLOCKS, failures: 2 ** 10 },
  },
  0x0004: {
    id: 0x0004,
    name: 'AES_128_GCM_SHA256_128',
    cipher: 'AES-128-GCM',
    hash: 'SHA-256',
    Nk: 16,
    Nn: 12,
    Nt: 16,
    limits: { blocks: BLOCKS, failures: 2 ** 36 },
  },
  0x0005: {
    id: 0x0005,
    name: 'AES_256_GCM_SHA512_128',
    cipher: 'AES-256-GCM',
    hash: 'SHA-512',
    Nk: 32,
    Nn: 12,
    Nt: 16,
    limits: { blocks: BLOCKS, failures: 2 ** 36 },
  },
};

/** Encryption key of the CTR suites in bytes (`Nka`); the rest of the key is the authentication key. */
export const CTR_ENCRYPTION_KEY_LENGTH = 16;

/** Whether a number read from somewhere is a suite we have. */
export function isSuiteId(value: number): value is SuiteId {
  return Object.hasOwn(SUITES, value);
}

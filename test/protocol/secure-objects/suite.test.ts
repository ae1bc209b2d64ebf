import { expect, test } from 'vitest';
import { SUITES, type SuiteId } from '../../../src/protocol/secure-objects/suite.ts';

/** Names of the draft's registry, and the exponent of two that an attacker's chance of a forgery stays below. */
const suites: [id: SuiteId, name: string, forgery: number][] = [
  [0x0001, 'AES_128_CTR_HMAC_SHA256_80', -57],
  [0x0002, 'AES_128_CTR_HMAC_SHA256_64', -44],
  [0x0003, 'AES_128_CTR_HMAC_SHA256_32', -22],
  // Of objects of up to 2^34 blocks, which none reaches.
  [0x0004, 'AES_128_GCM_SHA256_128', -57],
  [0x0005, 'AES_256_GCM_SHA512_128', -57],
];

test.each(suites)(
  'suite %i is %s, and a key is given up before a forgery is likelier than 2^%i',
  (id, name, forgery) => {
    const suite = SUITES[id];
    expect(suite.name).toBe(name);
    const perObject = suite.cipher === 'AES-128-CTR-HMAC' ? -8 * suite.Nt : 1 + 34 - 128;
    expect(Math.log2(suite.limits.failures) + perObject).toBe(forgery);
    // Blocks of counter mode that collide.
    expect(2 * Math.log2(suite.limits.blocks) - 129).toBe(-57);
  },
);

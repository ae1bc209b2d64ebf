import { describe, expect, test } from 'vitest';
import { addonCrypto } from '../../../src/io/crypto/addon-crypto.ts';
import { nodeCrypto } from '../../../src/io/crypto/node-crypto.ts';
import { decodeHex, encodeHex } from '../../../src/protocol/bytes/hex.ts';
import { InvariantError } from '../../../src/protocol/errors.ts';
import { hkdfExpand, hkdfExtract } from '../../../src/protocol/secure-objects/hkdf.ts';
import { nobleCrypto } from '../../../src/protocol/secure-objects/noble-crypto.ts';
import { isSuiteId, SUITES, type Suite } from '../../../src/protocol/secure-objects/suite.ts';
import vectors from './rfc9605-vectors.json' with { type: 'json' };

function bytes(hex: string): Uint8Array {
  const decoded = decodeHex(hex);
  if (decoded === undefined) throw new InvariantError('not hex');
  return decoded;
}

function suiteOf(id: number): Suite {
  if (!isSuiteId(id)) throw new InvariantError(`no suite ${String(id)}`);
  return SUITES[id];
}

describe.each([
  ['the addon', addonCrypto],
  ['node:crypto', nodeCrypto],
  ['@noble', nobleCrypto],
])('the vectors of RFC 9605 over %s', (_, crypto) => {
  test.each(vectors.aes_ctr_hmac)('AES-CTR-HMAC, suite $cipher_suite', (vector) => {
    const aead = crypto.aead(suiteOf(vector.cipher_suite).id);
    const [key, nonce, aad] = [bytes(vector.key), bytes(vector.nonce), bytes(vector.aad)];
    expect(encodeHex(aead.seal(key, nonce, aad, bytes(vector.pt)))).toBe(vector.ct);
    expect(aead.open(key, nonce, aad, bytes(vector.ct))).toEqual(bytes(vector.pt));
  });

  test.each(vectors.sframe)('key schedule and AEAD of SFrame, suite $cipher_suite', (vector) => {
    const { id, hash, Nk, Nn, Nt } = suiteOf(vector.cipher_suite);
    const secret = hkdfExtract(crypto, hash, new Uint8Array(0), bytes(vector.base_key));
    expect(encodeHex(secret)).toBe(vector.sframe_secret);
    const key = hkdfExpand(crypto, hash, secret, bytes(vector.sframe_key_label), Nk);
    expect(encodeHex(key)).toBe(vector.sframe_key);
    const salt = hkdfExpand(crypto, hash, secret, bytes(vector.sframe_salt_label), Nn);
    expect(encodeHex(salt)).toBe(vector.sframe_salt);
    // The SFrame ciphertext begins with the SFrame header, which MoQT does not send.
    const header = bytes(vector.ct).length - bytes(vector.pt).length - Nt;
    const sealed = bytes(vector.ct).subarray(header);
    const aead = crypto.aead(id);
    expect(aead.seal(key, bytes(vector.nonce), bytes(vector.aad), bytes(vector.pt))).toEqual(sealed);
    expect(aead.open(key, bytes(vector.nonce), bytes(vector.aad), sealed)).toEqual(bytes(vector.pt));
  });
});

/** The draft's own vectors. They write properties in a way of their own, so they are met at the level of AAD and plaintext. */
import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { addonCrypto } from '../../../src/io/crypto/addon-crypto.ts';
import { nodeCrypto } from '../../../src/io/crypto/node-crypto.ts';
import { concat } from '../../../src/protocol/bytes/concat.ts';
import { decodeHex, encodeHex } from '../../../src/protocol/bytes/hex.ts';
import { encodeUtf8 } from '../../../src/protocol/bytes/utf8.ts';
import { encodeVi64 } from '../../../src/protocol/bytes/vi64.ts';
import { groupId, objectId } from '../../../src/protocol/moqt/model.ts';
import { AAD_HEADER_LENGTH, putAad, type ObjectHeader } from '../../../src/protocol/secure-objects/aad.ts';
import { encodeFullTrackName } from '../../../src/protocol/secure-objects/full-track-name.ts';
import { deriveTrackKey } from '../../../src/protocol/secure-objects/key-schedule.ts';
import { nobleCrypto } from '../../../src/protocol/secure-objects/noble-crypto.ts';
import { formNonce } from '../../../src/protocol/secure-objects/nonce.ts';
import { isSuiteId, SUITES, type SuiteId } from '../../../src/protocol/secure-objects/suite.ts';
import vectors from './draft-01-vectors.json' with { type: 'json' };

interface Vector {
  readonly group_id: string;
  readonly object_id: string;
  readonly publisher_priority: number;
  readonly immutable: string;
}

/** The Key ID property 7 in the vectors' own encoding: type in 16 bits, length, value. */
const KEY_ID_7 = '00020107';

test.each(vectors.full_track_name)('full track name $name', ({ namespace, name, ftn }) => {
  const track = { namespace: namespace.map(encodeUtf8), name: encodeUtf8(name) };
  expect(encodeHex(encodeFullTrackName(track))).toBe(ftn);
});

test.each(vectors.nonce_aad)('nonce and AAD of group $group_id', (vector) => {
  const { group, object } = headerOf(vector);
  expect(encodeHex(formNonce(bytes(vector.salt), group, object))).toBe(vector.nonce);
  expect(encodeHex(aadOf(vector))).toBe(vector.aad);
});

describe.each([
  ['the addon', addonCrypto],
  ['node:crypto', nodeCrypto],
  ['@noble', nobleCrypto],
])('over %s', (_, crypto) => {
  test.each(vectors.encryption)('suite $suite', (vector) => {
    const suite = suiteOf(vector.suite);
    const { group, object } = headerOf(vector);
    const track = { namespace: vector.namespace.map(encodeUtf8), name: encodeUtf8(vector.name) };
    const { key, salt } = deriveTrackKey(
      crypto,
      SUITES[suite],
      encodeFullTrackName(track),
      bytes(vector.track_base_key),
      BigInt(vector.key_id),
    );
    const nonce = formNonce(salt, group, object);
    const aad = aadOf(vector);
    expect([key, salt, nonce, aad].map(encodeHex)).toEqual([
      vector.key,
      vector.salt,
      vector.nonce,
      vector.aad,
    ]);
    const payload = bytes(vector.payload);
    const plaintext = concat(encodeVi64(payload.length), payload, bytes(vector.encrypted_properties));
    const sealed = crypto.aead(suite).seal(key, nonce, aad, plaintext);
    if (suite === 4 || suite === 5) {
      expect(encodeHex(sealed)).toBe(vector.ciphertext);
      expect(crypto.aead(suite).open(key, nonce, aad, bytes(vector.ciphertext))).toEqual(plaintext);
      return;
    }
    // The draft's text names RFC 9605, whose tags cover lengths too; its vectors leave them out. We follow the text.
    const ciphertext = sealed.subarray(0, plaintext.length);
    const tag = createHmac('sha256', key.subarray(16))
      .update(concat(aad, nonce, ciphertext))
      .digest();
    const { Nt } = SUITES[suite];
    expect(encodeHex(concat(ciphertext, tag.subarray(0, Nt)))).toBe(vector.ciphertext);
    expect(encodeHex(sealed)).not.toBe(vector.ciphertext);
  });
});

function headerOf(vector: Vector): ObjectHeader {
  return {
    group: groupId(BigInt(vector.group_id)),
    object: objectId(BigInt(vector.object_id)),
    priority: vector.publisher_priority,
  };
}

function aadOf(vector: Vector): Uint8Array {
  const immutable = bytes(KEY_ID_7 + vector.immutable);
  const aad = new Uint8Array(AAD_HEADER_LENGTH + immutable.length);
  expect(putAad(aad, headerOf(vector), immutable)).toBe(aad.length);
  return aad;
}

function suiteOf(number: number): SuiteId {
  if (!isSuiteId(number)) throw new Error('unknown suite');
  return number;
}

function bytes(hex: string): Uint8Array {
  const decoded = decodeHex(hex);
  if (decoded === undefined) throw new Error('not hex');
  return decoded;
}

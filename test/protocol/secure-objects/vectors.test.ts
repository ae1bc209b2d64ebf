/**
 * The published vectors, computed twice: by the product's code, and here from the words of the key profile over
 * @noble only, without any code of the product but hex.
 */
import { readFileSync } from 'node:fs';
import { ctr, gcm } from '@noble/ciphers/aes.js';
import { expand, extract } from '@noble/hashes/hkdf.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import { describe, expect, test } from 'vitest';
import { secureObjectsVectorsText } from '../../../scripts/vectors/secure-objects.ts';
import { addonCrypto } from '../../../src/io/crypto/addon-crypto.ts';
import { nodeCrypto } from '../../../src/io/crypto/node-crypto.ts';
import { decodeHex, encodeHex } from '../../../src/protocol/bytes/hex.ts';
import { InvariantError } from '../../../src/protocol/errors.ts';
import { groupId, objectId } from '../../../src/protocol/moqt/model.ts';
import { nobleCrypto } from '../../../src/protocol/secure-objects/noble-crypto.ts';
import { ObjectCipher } from '../../../src/protocol/secure-objects/object-cipher.ts';
import { isSuiteId } from '../../../src/protocol/secure-objects/suite.ts';
import {
  readSealedProperties,
  encodePropertiesWith,
} from '../../../src/protocol/secure-objects/immutable-properties.ts';

interface TrackVector {
  namespace: string[];
  name: string;
}
interface Vectors {
  profile: string;
  epochs: {
    mls_hash: keyof typeof MLS_HASHES;
    mls_master_key: string;
    epoch: string;
    epoch_secret: string;
    tracks: (TrackVector & { ftn: string; track_base_key: string })[];
  }[];
  objects: (TrackVector & ObjectVector)[];
}
interface ObjectVector {
  suite: number;
  track_base_key: string;
  key_id: string;
  group_id: string;
  object_id: string;
  priority: number;
  immutable: string;
  encrypted_properties: string;
  payload: string;
  key: string;
  salt: string;
  nonce: string;
  aad: string;
  ciphertext: string;
}

const MLS_HASHES = { 'SHA-256': sha256, 'SHA-384': sha384, 'SHA-512': sha512 };
/** The draft's table of suites. */
const TABLE: Record<number, { hash: typeof sha256; Nk: number; Nt: number }> = {
  1: { hash: sha256, Nk: 48, Nt: 10 },
  2: { hash: sha256, Nk: 48, Nt: 8 },
  3: { hash: sha256, Nk: 48, Nt: 4 },
  4: { hash: sha256, Nk: 16, Nt: 16 },
  5: { hash: sha512, Nk: 32, Nt: 16 },
};

const text = readFileSync(new URL('../../vectors/secure-objects.json', import.meta.url), 'utf8');
const vectors = JSON.parse(text) as Vectors;

test('the file is what the generator writes', () => {
  expect(secureObjectsVectorsText() === text).toBe(true);
});

test('the file covers what it promises', () => {
  const { objects, epochs } = vectors;
  expect(vectors.profile).toBe('01');
  expect(new Set(epochs.map((vector) => vector.mls_hash)).size).toBe(3);
  const forms = new Set(
    objects.map(
      (o) => `${String(o.suite)} ${String(o.payload.length / 2)} ${String(o.encrypted_properties !== '')}`,
    ),
  );
  for (const suite of [1, 2, 3, 4, 5]) {
    for (const length of [0, 1, 63, 64, 1_200, 16_384]) {
      for (const encrypted of [true, false]) {
        expect(forms).toContain(`${String(suite)} ${String(length)} ${String(encrypted)}`);
      }
    }
    const own = objects.filter((o) => o.suite === suite);
    expect(new Set(own.map((o) => o.namespace.length))).toEqual(new Set([1, 2, 32]));
    expect(own.some((o) => o.namespace.some((field) => field.length >= 128))).toBe(true);
    for (const id of ['63', '64', '16383', '16384']) {
      for (const kind of ['key_id', 'group_id', 'object_id'] as const) {
        expect(own.some((o) => o[kind] === id)).toBe(true);
      }
    }
    expect(own.some((o) => BigInt(o.group_id) >= 2n ** 32n)).toBe(true);
    expect(new Set(own.map((o) => o.priority))).toEqual(new Set([0, 8, 32, 128, 255]));
  }
});

test('every key of the epochs follows from the key profile', () => {
  for (const vector of vectors.epochs) {
    const hash = MLS_HASHES[vector.mls_hash];
    const salt = joined(ascii('SecureObject Epoch Master Key '), uint(BigInt(vector.epoch), 8));
    const secret = extract(hash, bytes(vector.mls_master_key), salt);
    expect(encodeHex(secret)).toBe(vector.epoch_secret);
    for (const track of vector.tracks) {
      expect(encodeHex(ftn(track))).toBe(track.ftn);
      const info = joined(ascii('SecureObject Track Base Key '), ftn(track));
      expect(encodeHex(expand(hash, secret, info, hash.outputLen))).toBe(track.track_base_key);
    }
  }
});

test('every value of the objects follows from the key profile', () => {
  for (const vector of vectors.objects) {
    const { hash, Nk } = rowOf(vector.suite);
    const [keyId, group, object] = [BigInt(vector.key_id), BigInt(vector.group_id), BigInt(vector.object_id)];
    const secret = extract(hash, bytes(vector.track_base_key), new Uint8Array(0));
    const context = joined(ftn(vector), uint(BigInt(vector.suite), 2), uint(keyId, 8));
    const key = expand(hash, secret, joined(ascii('MOQ 1.0 Secure Objects Secret key '), context), Nk);
    const salt = expand(hash, secret, joined(ascii('MOQ 1.0 Secret salt '), context), 12);
    const nonce = joined(uint(group, 8), uint(object, 4)).map((byte, at) => byte ^ (salt[at] ?? 0));
    const aad = joined(
      uint(group, 8),
      uint(object, 4),
      uint(BigInt(vector.priority), 1),
      bytes(vector.immutable),
    );
    const payload = bytes(vector.payload);
    const encrypted = bytes(vector.encrypted_properties);
    const list =
      encrypted.length === 0 ? encrypted : joined(vi64(0xan), vi64(BigInt(encrypted.length)), encrypted);
    const plaintext = joined(vi64(BigInt(payload.length)), payload, list);
    expect(encodeHex(key)).toBe(vector.key);
    expect(encodeHex(salt)).toBe(vector.salt);
    expect(encodeHex(nonce)).toBe(vector.nonce);
    expect(encodeHex(aad)).toBe(vector.aad);
    expect(encodeHex(encrypt(vector.suite, key, nonce, aad, plaintext)) === vector.ciphertext).toBe(true);
  }
});

describe.each([
  ['the addon', addonCrypto],
  ['node:crypto', nodeCrypto],
  ['@noble', nobleCrypto],
])('the product over %s', (_, crypto) => {
  test('seals to the same bytes and opens them', () => {
    for (const vector of vectors.objects) {
      if (!isSuiteId(vector.suite)) throw new InvariantError('unknown suite');
      const track = { namespace: vector.namespace.map(bytes), name: bytes(vector.name) };
      const cipher = new ObjectCipher({ track, suite: vector.suite, crypto });
      const key = cipher.deriveKey(bytes(vector.track_base_key), BigInt(vector.key_id));
      const header = {
        group: groupId(BigInt(vector.group_id)),
        object: objectId(BigInt(vector.object_id)),
        priority: vector.priority,
      };
      const content = {
        payload: bytes(vector.payload),
        encryptedProperties: bytes(vector.encrypted_properties),
      };
      const immutable = bytes(vector.immutable);
      expect(encodeHex(cipher.seal(key, header, immutable, content)) === vector.ciphertext).toBe(true);
      expect(cipher.open(key, header, immutable, bytes(vector.ciphertext))).toEqual(content);
      expect(readSealedProperties(encodePropertiesWith(immutable))).toEqual({
        keyId: BigInt(vector.key_id),
        immutable,
      });
    }
  });
});

function encrypt(suite: number, key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array) {
  if (suite >= 4) return gcm(key, nonce, aad).encrypt(plaintext);
  const { Nt } = rowOf(suite);
  const ciphertext = ctr(key.slice(0, 16), joined(nonce, new Uint8Array(4))).encrypt(plaintext);
  const lengths = [aad.length, ciphertext.length, Nt].map((length) => uint(BigInt(length), 8));
  const tag = hmac(sha256, key.slice(16), joined(...lengths, nonce, aad, ciphertext));
  return joined(ciphertext, tag.slice(0, Nt));
}

function ftn({ namespace, name }: TrackVector): Uint8Array {
  const withLength = (hex: string) => joined(vi64(BigInt(hex.length / 2)), bytes(hex));
  return joined(vi64(BigInt(namespace.length)), ...namespace.map(withLength), withLength(name));
}

/** The shortest of the nine forms: n bytes carry 7n bits behind n - 1 ones and a zero; nine carry 64. */
function vi64(value: bigint): Uint8Array {
  for (let n = 1; n <= 8; n += 1) {
    if (value >= 1n << BigInt(7 * n)) continue;
    const ones = ((1n << BigInt(n - 1)) - 1n) << BigInt(7 * n + 1);
    return uint(ones | value, n);
  }
  return joined(Uint8Array.of(0xff), uint(value, 8));
}

function uint(value: bigint, length: number): Uint8Array {
  return bytes(value.toString(16).padStart(2 * length, '0'));
}

function ascii(label: string): Uint8Array {
  return Uint8Array.from(label, (character) => character.charCodeAt(0));
}

function joined(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}

function bytes(hex: string): Uint8Array {
  const decoded = decodeHex(hex);
  if (decoded === undefined) throw new InvariantError('not hex');
  return decoded;
}

function rowOf(suite: number) {
  const row = TABLE[suite];
  if (row === undefined) throw new InvariantError('unknown suite');
  return row;
}

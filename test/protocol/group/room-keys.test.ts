/** The published vectors, computed twice: by the product's code, and here from docs/protocol.md over other libraries. */
import { createPrivateKey, createPublicKey, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gcm } from '@noble/ciphers/aes.js';
import { expand, extract } from '@noble/hashes/hkdf.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { describe, expect, test } from 'vitest';
import { membershipVectorsText } from '../../../scripts/vectors/membership.ts';
import { openDoorName, sealDoorName } from '../../../src/main/mls/door-name.ts';
import { nodeGroupCrypto } from '../../../src/main/mls/node-group-crypto.ts';
import { InvariantError } from '../../../src/protocol/errors.ts';
import { decodeMeetingParameters } from '../../../src/protocol/group/meeting-parameters.ts';
import { fingerprintOf, groupNameOf } from '../../../src/protocol/group/names.ts';
import { invitationPskIdOf, invitationPskOf, roomKeysOf } from '../../../src/protocol/group/room-keys.ts';

interface KeyPackageVector {
  readonly group: string;
  readonly signature_key: string;
  readonly init_key: string;
  readonly as_of: string;
  readonly join_id: string;
  readonly leaf_extension: string;
  readonly sender_id: string;
  readonly proof: string;
  readonly name: string;
  readonly sealed_name: string;
  readonly key_package_extension: string;
}
interface Vectors {
  readonly secret: string;
  readonly room_public: string;
  readonly groups: readonly { readonly generation: number | string; readonly group: string }[];
  readonly key_packages: readonly KeyPackageVector[];
  readonly psks: readonly { readonly group: string; readonly psk_id: string; readonly psk: string }[];
  readonly parameters: readonly {
    readonly suite: number;
    readonly profile: string;
    readonly mode: 'plain' | 'fenced';
    readonly receipt_key: string;
    readonly kicked_keys: readonly string[];
    readonly admission: 'open' | 'ask';
    readonly organiser_keys: readonly string[];
    readonly extension: string;
  }[];
}

const text = readFileSync(new URL('../../vectors/membership.json', import.meta.url), 'utf8');
const vectors = JSON.parse(text) as Vectors;
const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));
const hex = (of: Uint8Array): string => Buffer.from(of).toString('hex');

/** A key of the room, from the words of docs/protocol.md. */
function keyOf(info: string | Uint8Array): Uint8Array {
  const pseudorandomKey = extract(sha256, bytes(vectors.secret), Buffer.from('conclave room v2'));
  return expand(sha256, pseudorandomKey, typeof info === 'string' ? Buffer.from(info) : info, 32);
}

/** The Ed25519 public key of a seed, by PKCS #8 (RFC 8410). */
function publicKeyOf(seed: Uint8Array): Uint8Array {
  const key = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
  const privateKey = createPrivateKey({ key, format: 'der', type: 'pkcs8' });
  return new Uint8Array(createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(-32));
}

describe('what follows from the secret of an invitation', () => {
  test('the file is what the generator writes', () => {
    expect(membershipVectorsText()).toBe(text);
  });

  test('the room, by its key', () => {
    expect(hex(publicKeyOf(keyOf('room key')))).toBe(vectors.room_public);
    expect(hex(roomKeysOf(bytes(vectors.secret), nodeGroupCrypto).room)).toBe(vectors.room_public);
  });

  test('the room signs with its key', () => {
    const { room, signer } = roomKeysOf(bytes(vectors.secret), nodeGroupCrypto);
    const message = Buffer.from('something said by whoever was invited');
    const key = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), room]);
    const publicKey = createPublicKey({ key, format: 'der', type: 'spki' });
    expect(signer.publicKey).toEqual(room);
    expect(verify(null, message, publicKey, signer.sign(message))).toBe(true);
    expect(verify(null, Buffer.from('something else'), publicKey, signer.sign(message))).toBe(false);
  });

  test('the names of its generations', () => {
    expect(vectors.groups.map(({ generation }) => Number(generation))).toEqual([0, 1, 2 ** 32 - 1]);
    const { room } = roomKeysOf(bytes(vectors.secret), nodeGroupCrypto);
    for (const { generation, group } of vectors.groups) {
      const number = Buffer.alloc(4);
      number.writeUInt32BE(Number(generation));
      const input = Buffer.concat([Buffer.from('conclave group v2'), bytes(vectors.room_public), number]);
      expect(hex(sha256(input).slice(0, 16))).toBe(group);
      expect(hex(groupNameOf(room, Number(generation), nodeGroupCrypto))).toBe(group);
    }
  });

  test('the key of the proof in KeyPackages', () => {
    const { joinProofKey } = roomKeysOf(bytes(vectors.secret), nodeGroupCrypto);
    expect(joinProofKey).toEqual(keyOf('join proof'));
  });

  test('the PSK of each group, and its id', () => {
    expect(vectors.psks.map(({ group }) => group)).toEqual(vectors.groups.map(({ group }) => group));
    for (const { group, psk_id, psk } of vectors.psks) {
      const name = bytes(group);
      expect(psk_id).toBe(hex(Buffer.concat([Buffer.from('conclave invitation'), name])));
      expect(hex(keyOf(Buffer.concat([Buffer.from('invitation psk'), name])))).toBe(psk);
      expect(hex(invitationPskIdOf(name))).toBe(psk_id);
      expect(hex(invitationPskOf(bytes(vectors.secret), name, nodeGroupCrypto))).toBe(psk);
    }
  });

  test('what a KeyPackage shows of it, and the SenderId of its join', () => {
    expect(vectors.key_packages.map(({ as_of }) => as_of)).toEqual(['0', '5', '1099511627777']);
    for (const each of vectors.key_packages) {
      const asOf = Buffer.alloc(8);
      asOf.writeBigUInt64BE(BigInt(each.as_of));
      expect(hex(Buffer.concat([asOf, bytes(each.join_id)]))).toBe(each.leaf_extension);
      const whose = Buffer.concat([sha256(bytes(each.signature_key)), bytes(each.join_id)]);
      expect(whose.toString('base64url')).toBe(each.sender_id);
      const proven = bytes(each.group + each.signature_key + each.init_key + each.leaf_extension);
      expect(hex(hmac(sha256, keyOf('join proof'), proven))).toBe(each.proof);
      const sealed = bytes(each.sealed_name);
      const name = Buffer.from(each.name);
      const padded = Buffer.alloc(Math.max(64, 64 * Math.ceil(name.length / 64)));
      name.copy(padded);
      const cipher = gcm(keyOf('door name').subarray(0, 16), sealed.subarray(0, 12));
      expect(hex(cipher.encrypt(padded))).toBe(hex(sealed.subarray(12)));
      expect(each.proof + each.sealed_name).toBe(each.key_package_extension);
    }
  });

  test('the name at the door is read by who was invited, and by nobody else', () => {
    const { doorNameKey } = roomKeysOf(bytes(vectors.secret), nodeGroupCrypto);
    for (const { name, sealed_name } of vectors.key_packages) {
      const sealed = bytes(sealed_name);
      expect(openDoorName(sealed, doorNameKey)).toBe(name === '' ? undefined : name);
      expect(openDoorName(sealed, doorNameKey.with(0, doorNameKey[0]! ^ 1))).toBeUndefined();
      expect(openDoorName(sealed.with(-1, sealed.at(-1)! ^ 1), doorNameKey)).toBeUndefined();
      for (const length of [0, 27, 28, 285]) {
        expect(openDoorName(new Uint8Array(length), doorNameKey)).toBeUndefined();
      }
    }
    const disguised = sealDoorName('Ana\u202e\u0000x', doorNameKey, new Uint8Array(12));
    expect(openDoorName(disguised, doorNameKey)).toBe('Ana');
  });

  test('the parameters of a meeting, with its organisers', () => {
    expect(vectors.parameters.map(({ admission }) => admission)).toEqual(['open', 'open', 'ask']);
    for (const each of vectors.parameters) {
      const { mode, receipt_key, kicked_keys, organiser_keys } = each;
      const profile = Buffer.from(each.profile);
      const value = Buffer.concat([
        Uint8Array.of(0, each.suite, profile.length, ...profile, mode === 'fenced' ? 1 : 0),
        Uint8Array.of(receipt_key.length / 2, ...bytes(receipt_key), kicked_keys.length),
        ...kicked_keys.map((key) => Uint8Array.of(32, ...bytes(key))),
        Uint8Array.of(each.admission === 'ask' ? 1 : 0, organiser_keys.length),
        ...organiser_keys.map((key) => sha256(bytes(key))),
      ]);
      expect(hex(value)).toBe(each.extension);
      expect(decodeMeetingParameters(new Uint8Array(value))).toMatchObject({
        mode,
        admission: each.admission,
        organisers: organiser_keys.map((key) => fingerprintOf(bytes(key), nodeGroupCrypto)),
      });
    }
  });

  test('the name at the door, cut where it is too long', () => {
    const { doorNameKey } = roomKeysOf(bytes(vectors.secret), nodeGroupCrypto);
    expect(doorNameKey).toEqual(keyOf('door name').slice(0, 16));
    const size = (name: string): number => sealDoorName(name, doorNameKey, new Uint8Array(12)).length;
    expect(['', 'a'.repeat(64), 'a'.repeat(65), 'ä'.repeat(300)].map(size)).toEqual([92, 92, 156, 284]);
  });

  test('from 32 bytes and no other number', () => {
    for (const length of [0, 16, 31, 33]) {
      const secret = new Uint8Array(length);
      expect(() => roomKeysOf(secret, nodeGroupCrypto)).toThrow(InvariantError);
      expect(() => invitationPskOf(secret, bytes(vectors.psks[0]!.group), nodeGroupCrypto)).toThrow(
        InvariantError,
      );
    }
  });
});

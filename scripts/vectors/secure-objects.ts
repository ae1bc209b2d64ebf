/**
 * Writes test/vectors/secure-objects.json: the same bytes each time, from inputs that are hashes of their names.
 *
 *     npx tsx scripts/vectors/secure-objects.ts
 */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { nodeCrypto } from '../../src/io/crypto/node-crypto.ts';
import { encodeHex } from '../../src/protocol/bytes/hex.ts';
import { encodeKeyValuePairs, type KeyValuePair } from '../../src/protocol/bytes/key-value-pairs.ts';
import { groupId, objectId, type FullTrackName } from '../../src/protocol/moqt/model.ts';
import { AAD_HEADER_LENGTH, PROFILE, putAad } from '../../src/protocol/secure-objects/aad.ts';
import { encodeFullTrackName } from '../../src/protocol/secure-objects/full-track-name.ts';
import { HASH_LENGTH } from '../../src/protocol/secure-objects/hkdf.ts';
import { encodeImmutableProperties } from '../../src/protocol/secure-objects/immutable-properties.ts';
import { deriveEpochSecret, deriveTrackBaseKey } from '../../src/protocol/secure-objects/key-schedule.ts';
import { formNonce } from '../../src/protocol/secure-objects/nonce.ts';
import { ObjectCipher } from '../../src/protocol/secure-objects/object-cipher.ts';
import type { HashName, SuiteId } from '../../src/protocol/secure-objects/suite.ts';
import { epoch as toEpoch } from '../../src/protocol/units.ts';

const MLS_HASHES: readonly HashName[] = ['SHA-256', 'SHA-384', 'SHA-512'];
const SUITE_IDS: readonly SuiteId[] = [1, 2, 3, 4, 5];
const PAYLOAD_LENGTHS = [0, 1, 63, 64, 1_200, 16_384];
const EPOCHS = [0n, 1n, 64n, 16_384n, 2n ** 32n + 7n];
/** Below and above 64, 2^14 and 2^32, and where a vi64 gets longer. */
const GROUP_IDS = [0n, 63n, 64n, 127n, 128n, 16_383n, 16_384n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 64n - 1n];
const OBJECT_IDS = [0n, 63n, 64n, 127n, 128n, 16_383n, 16_384n, 2n ** 32n - 1n];
const PRIORITIES = [0, 8, 32, 128, 255];
const KEY_IDS = [0n, 63n, 64n, 16_383n, 16_384n, 2n ** 32n];

/** One, two and 32 namespace fields, and fields of 64 bytes and more. */
const TRACKS: readonly FullTrackName[] = [
  { namespace: [material('one field', 16)], name: material('name', 5) },
  { namespace: [material('two fields 0', 22), material('two fields 1', 9)], name: new Uint8Array(0) },
  {
    namespace: Array.from({ length: 32 }, (_, at) => material(`field ${String(at)}`, 1 + (at % 4))),
    name: material('o', 1),
  },
  {
    namespace: [material('long field 0', 64), material('long field 1', 200)],
    name: material('long name', 130),
  },
];

/** The published vectors, ready for JSON. */
export function secureObjectsVectors() {
  return { profile: PROFILE, epochs: epochVectors(), objects: objectVectors() };
}

/** The published vectors as the file has them: one object a line. */
export function secureObjectsVectorsText(): string {
  const { profile, epochs, objects } = secureObjectsVectors();
  const lines = (items: readonly object[]) => items.map((item) => `    ${JSON.stringify(item)}`).join(',\n');
  return `{\n  "profile": "${profile}",\n  "epochs": [\n${lines(epochs)}\n  ],\n  "objects": [\n${lines(objects)}\n  ]\n}\n`;
}

function epochVectors() {
  return MLS_HASHES.flatMap((hash) =>
    EPOCHS.map((epoch) => {
      const masterKey = material(`MLS master key ${hash} ${String(epoch)}`, HASH_LENGTH[hash]);
      const secret = deriveEpochSecret(nodeCrypto, hash, masterKey, toEpoch(epoch));
      const tracks = TRACKS.map((track) => ({
        ...hexNames(track),
        ftn: encodeHex(encodeFullTrackName(track)),
        track_base_key: encodeHex(deriveTrackBaseKey(nodeCrypto, hash, secret, track)),
      }));
      return {
        mls_hash: hash,
        mls_master_key: encodeHex(masterKey),
        epoch: String(epoch),
        epoch_secret: encodeHex(secret),
        tracks,
      };
    }),
  );
}

/** Each suite with each payload length, with and without encrypted properties; then with all ids and names. */
function objectVectors() {
  const vectors: ReturnType<typeof objectVector>[] = [];
  for (const suite of SUITE_IDS) {
    for (const [at, length] of PAYLOAD_LENGTHS.entries()) {
      for (const encrypted of [false, true]) {
        const step = 2 * at + Number(encrypted) + suite;
        vectors.push(objectVector(suite, TRACKS, step, pick(GROUP_IDS, step), length, encrypted));
      }
    }
    for (const [at, group] of GROUP_IDS.entries()) {
      for (const [turn, track] of TRACKS.entries()) {
        const step = at * TRACKS.length + turn + suite;
        vectors.push(objectVector(suite, [track], step, group, 1 + (step % 7), step % 2 === 0));
      }
    }
  }
  return vectors;
}

function objectVector(
  suite: SuiteId,
  tracks: readonly FullTrackName[],
  step: number,
  group: bigint,
  payloadLength: number,
  withEncrypted: boolean,
) {
  const track = pick(tracks, step);
  const object = pick(OBJECT_IDS, step);
  const keyId = pick(KEY_IDS, step);
  const label = `${String(suite)} ${String(step)} ${String(payloadLength)}`;
  const baseKey = material(`track base key ${label}`, HASH_LENGTH[pick(MLS_HASHES, step)]);
  const payload = material(`payload ${label}`, payloadLength);
  const encryptedProperties = withEncrypted ? encodeKeyValuePairs(encryptedPairs(step)) : new Uint8Array(0);
  const immutable = encodeImmutableProperties(
    keyId,
    step % 3 === 0 ? encodeKeyValuePairs(immutablePairs(step)) : undefined,
  );

  const cipher = new ObjectCipher({ track, suite, crypto: nodeCrypto });
  const key = cipher.deriveKey(baseKey, keyId);
  const priority = pick(PRIORITIES, step);
  const header = { group: groupId(group), object: objectId(object), priority };
  const aad = new Uint8Array(AAD_HEADER_LENGTH + immutable.length);
  putAad(aad, header, immutable);
  return {
    suite,
    track_base_key: encodeHex(baseKey),
    ...hexNames(track),
    key_id: String(keyId),
    group_id: String(group),
    object_id: String(object),
    priority,
    immutable: encodeHex(immutable),
    encrypted_properties: encodeHex(encryptedProperties),
    payload: encodeHex(payload),
    key: encodeHex(key.key),
    salt: encodeHex(key.salt),
    nonce: encodeHex(formNonce(key.salt, header.group, header.object)),
    aad: encodeHex(aad),
    ciphertext: encodeHex(cipher.seal(key, header, immutable, { payload, encryptedProperties })),
  };
}

function immutablePairs(step: number): KeyValuePair[] {
  return [
    { type: 0x0n, value: BigInt(step) },
    { type: 0x6n, value: 1_763_767_200_000_000n + BigInt(step) },
    { type: 0xdn, value: material(`immutable ${String(step)}`, step % 70) },
  ];
}

function encryptedPairs(step: number): KeyValuePair[] {
  return [
    { type: 0x4n, value: BigInt(step) },
    { type: 0x21n, value: material(`encrypted ${String(step)}`, step % 150) },
  ];
}

function hexNames(track: FullTrackName) {
  return { namespace: track.namespace.map(encodeHex), name: encodeHex(track.name) };
}

/** Bytes that anybody can make again: SHA-256 of a label and a counter. */
function material(label: string, length: number): Uint8Array {
  const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, at) =>
    createHash('sha256')
      .update(`conclave vector ${label} ${String(at)}`)
      .digest(),
  );
  return Uint8Array.from(Buffer.concat(blocks).subarray(0, length));
}

function pick<Item>(items: readonly Item[], step: number): Item {
  const item = items[step % items.length];
  if (item === undefined) throw new RangeError('nothing to pick from');
  return item;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const path = fileURLToPath(new URL('../../test/vectors/secure-objects.json', import.meta.url));
  writeFileSync(path, secureObjectsVectorsText());
}

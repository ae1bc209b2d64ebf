import { spawnSync } from 'node:child_process';
import { diffieHellman, generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { expect, test } from 'vitest';
import {
  ed25519PublicKey,
  privateKeyFrom,
  publicKeyFrom,
  rawPrivateKey,
  rawPublicKey,
  verifyEd25519,
  x25519PublicKey,
} from '../../../src/io/crypto/raw-keys.ts';

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));
/** RFC 8032 §7.1, test 1. */
const SEED = hex('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60');
const PUBLIC = hex('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a');
const SIGNATURE = hex(
  'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
);
const NOTHING = new Uint8Array(0);

test('Ed25519 keys are those of RFC 8032', () => {
  expect(ed25519PublicKey(SEED)).toEqual(PUBLIC);
  const key = privateKeyFrom('ed25519', SEED);
  expect(new Uint8Array(sign(null, NOTHING, key))).toEqual(SIGNATURE);
  expect([rawPrivateKey(key), rawPublicKey(key)]).toEqual([SEED, PUBLIC]);
});

test('X25519 keys agree on a secret from either side', () => {
  const [one, other] = [SEED, PUBLIC].map((raw) => privateKeyFrom('x25519', raw));
  if (one === undefined || other === undefined) throw new Error('two keys');
  const agree = (own: KeyObject, peer: KeyObject): Buffer =>
    diffieHellman({ privateKey: own, publicKey: publicKeyFrom('x25519', rawPublicKey(peer)) });
  expect(agree(one, other)).toEqual(agree(other, one));
});

test('an X25519 public key follows from the private one', () => {
  const { privateKey, publicKey } = generateKeyPairSync('x25519');
  expect(x25519PublicKey(privateKey)).toEqual(rawPublicKey(publicKey));
  const fromBytes = privateKeyFrom('x25519', SEED);
  expect(x25519PublicKey(fromBytes)).toEqual(rawPublicKey(fromBytes));
});

test('reading a generated key does not stop the thread when garbage is collected meanwhile', () => {
  const module = JSON.stringify(new URL('../../../src/io/crypto/raw-keys.ts', import.meta.url).href);
  const script = `
    import { generateKeyPairSync } from 'node:crypto';
    import { rawPublicKey } from ${module};
    for (let i = 0; i < 20; i += 1) {
      const { publicKey } = generateKeyPairSync('ed25519');
      for (let j = 0; j < 1_000; j += 1) rawPublicKey(publicKey);
    }`;
  const options = ['--max-semi-space-size=1', '--import', 'tsx', '--input-type=module', '--eval', script];
  // A thread that stops cannot end itself: this ends what hangs.
  const { status, signal } = spawnSync(process.execPath, options, {
    timeout: 240_000,
    killSignal: 'SIGKILL',
  });
  expect([status, signal]).toEqual([0, null]);
});

test('a signature is checked under its key and message only', () => {
  expect(verifyEd25519(PUBLIC, NOTHING, SIGNATURE)).toBe(true);
  expect(verifyEd25519(PUBLIC, Uint8Array.of(1), SIGNATURE)).toBe(false);
  expect(verifyEd25519(ed25519PublicKey(new Uint8Array(32)), NOTHING, SIGNATURE)).toBe(false);
  for (const key of [NOTHING, PUBLIC.subarray(1), new Uint8Array(32).fill(0xff)]) {
    expect(verifyEd25519(key, NOTHING, SIGNATURE)).toBe(false);
  }
  expect(verifyEd25519(PUBLIC, NOTHING, SIGNATURE.subarray(1))).toBe(false);
});

test('keys of another length are our own fault', () => {
  expect(() => privateKeyFrom('ed25519', new Uint8Array(31))).toThrow(RangeError);
  expect(() => publicKeyFrom('x25519', new Uint8Array(33))).toThrow(RangeError);
});

test.each([
  ['0000000000000000000000000000000000000000000000000000000000000000'],
  ['0100000000000000000000000000000000000000000000000000000000000000'],
  ['0100000000000000000000000000000000000000000000000000000000000080'],
  ['26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05'],
  ['26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85'],
  ['c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a'],
  ['ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'],
  ['edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'],
  ['eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff'],
])('under a key of small order nothing is signed: %s', (hex) => {
  const key = new Uint8Array(Buffer.from(hex, 'hex'));
  // With R = A or its multiples and S = 0, one message in a few verifies under such a key.
  const verified = Array.from({ length: 64 }, (_, number) =>
    verifyEd25519(key, Uint8Array.of(number), new Uint8Array(64).with(0, 1)),
  );
  expect(verified).not.toContain(true);
});

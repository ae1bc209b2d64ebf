import { createPublicKey, sign, verify, createPrivateKey } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { fingerprintGroups } from '../../../src/protocol/group/fingerprint-text.ts';
import { nodeGroupCrypto } from '../../../src/main/mls/node-group-crypto.ts';
import { fingerprintOf } from '../../../src/protocol/group/names.ts';
import type { Fingerprint } from '../../../src/protocol/group/names.ts';
import {
  createGuestIdentity,
  createIdentity,
  describeIdentityProblem,
  eraseIdentity,
  loadIdentity,
} from '../../../src/main/identity/identity.ts';
import { keytarKeychain } from '../../../src/main/identity/keytar-keychain.ts';
import { generateSignatureKey, signatureKeyOf } from '../../../src/main/identity/signature-key.ts';
import { decodeHex, encodeHex } from '../../../src/protocol/bytes/hex.ts';
import { InvariantError } from '../../../src/protocol/errors.ts';
import { MemoryKeychain } from './memory-keychain.ts';

describe('a kept identity', () => {
  test('is made once and found again', async () => {
    const keychain = new MemoryKeychain();
    expect(await loadIdentity(keychain, 'p')).toEqual({ kind: 'missing' });
    const made = await createIdentity(keychain, 'p');
    if (made.kind !== 'ready') expect.unreachable();
    expect(made.identity.kind).toBe('kept');
    expect(await loadIdentity(keychain, 'p')).toEqual(made);
    expect(await createIdentity(keychain, 'p')).toEqual(made);
    expect(await createIdentity(keychain, 'q')).not.toEqual(made);
  });

  test('is gone when erased', async () => {
    const keychain = new MemoryKeychain();
    await createIdentity(keychain, 'p');
    await eraseIdentity(keychain, 'p');
    expect(await loadIdentity(keychain, 'p')).toEqual({ kind: 'missing' });
    expect(keychain.entries.size).toBe(0);
  });

  test('is not to be had without a keychain, and the message says what to do', async () => {
    const keychain = new MemoryKeychain();
    keychain.brokenBy = 'Unknown or unsupported transport';
    const outcome = await createIdentity(keychain, 'p');
    expect(outcome).toEqual({ kind: 'no-keychain', detail: 'Unknown or unsupported transport' });
    expect(await loadIdentity(keychain, 'p')).toEqual(outcome);
    if (outcome.kind !== 'no-keychain') expect.unreachable();
    for (const platform of ['linux', 'darwin', 'win32', 'freebsd'] as const) {
      expect(describeIdentityProblem(outcome, platform)).toMatch(/cannot save your key.*guest/);
    }
  });

  test.each(['not base64url!', 'AAAA', ''])(
    'that is damaged (%s) is reported and left alone',
    async (entry) => {
      const keychain = new MemoryKeychain();
      await createIdentity(keychain, 'p');
      const [account] = [...keychain.entries.keys()];
      keychain.entries.set(account ?? '', entry);
      expect(await createIdentity(keychain, 'p')).toEqual({ kind: 'damaged' });
      expect(keychain.entries.get(account ?? '')).toBe(entry);
      expect(describeIdentityProblem({ kind: 'damaged' }, 'linux')).toContain('not a Conclave key');
    },
  );

  test('that the keychain does not keep after all is not used', async () => {
    const keychain = new MemoryKeychain();
    keychain.set = () => Promise.resolve({ kind: 'ok', value: undefined });
    expect((await createIdentity(keychain, 'p')).kind).toBe('no-keychain');
  });

  test.runIf(process.env.CONCLAVE_TEST_KEYCHAIN === '1')(
    'works with the keychain of the system',
    async () => {
      const keychain = keytarKeychain('Conclave test identity');
      const made = await createIdentity(keychain, 'p');
      expect(made.kind).toBe('ready');
      expect(await loadIdentity(keychain, 'p')).toEqual(made);
      await eraseIdentity(keychain, 'p');
      expect(await loadIdentity(keychain, 'p')).toEqual({ kind: 'missing' });
    },
  );
});

test('guests are new each time', () => {
  const [one, two] = [createGuestIdentity(), createGuestIdentity()];
  expect(one.kind).toBe('guest');
  expect(one.fingerprint).not.toEqual(two.fingerprint);
});

describe('signature keys', () => {
  test('RFC 8032, test 1', () => {
    const seed = decodeHex('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60');
    if (seed === undefined) expect.unreachable();
    expect(encodeHex(signatureKeyOf(seed).publicKey)).toBe(
      'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    );
  });

  test('sign for their public key', () => {
    const { seed, publicKey } = generateSignatureKey();
    const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
    const signature = sign(
      null,
      Buffer.from('text'),
      createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }),
    );
    const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), publicKey]);
    const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
    expect(verify(null, Buffer.from('text'), key, signature)).toBe(true);
  });

  test('a seed of another size is our own fault', () => {
    expect(() => signatureKeyOf(new Uint8Array(31))).toThrow(InvariantError);
  });
});

describe('fingerprints', () => {
  test('are SHA-256 of the public key, read in eight groups of five digits', () => {
    const fingerprint = fingerprintOf(new Uint8Array(0), nodeGroupCrypto);
    expect(encodeHex(fingerprint)).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    // 0xe3b0c442 = 3820012610, 0x98fc1c14 = 2566659092, …
    const groups = ['12610', '59092', '03464', '35940', '31556', '17388', '67483', '87061'];
    expect(fingerprintGroups(fingerprint)).toEqual(groups);
  });

  test('groups keep their leading zeros', () => {
    expect(fingerprintGroups(new Uint8Array(32) as Fingerprint)).toEqual(
      Array.from({ length: 8 }, () => '00000'),
    );
  });

  test('groups of a view are those of its bytes', () => {
    const bytes = Uint8Array.from({ length: 40 }, (_, at) => at * 7);
    const [view, copy] = [bytes.subarray(8), bytes.slice(8)] as [Fingerprint, Fingerprint];
    expect(fingerprintGroups(view)).toEqual(fingerprintGroups(copy));
  });
});

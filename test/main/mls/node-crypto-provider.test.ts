import { defaultCryptoProvider, getCiphersuiteFromName, getCiphersuiteImpl } from 'ts-mls';
import type { CiphersuiteImpl } from 'ts-mls';
import { expect, test } from 'vitest';
import { isMlsSuite, SUITE_NAMES } from '../../../src/main/mls/client-config.ts';
import { nodeCryptoProvider } from '../../../src/main/mls/node-crypto-provider.ts';
import { InvariantError } from '../../../src/protocol/errors.ts';

const suite = getCiphersuiteFromName(SUITE_NAMES[0x0001]);
const ours = await getCiphersuiteImpl(suite, nodeCryptoProvider);
const stock = await getCiphersuiteImpl(suite, defaultCryptoProvider);
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
/** Public and private key that `ikm` gives. */
const derived = (suiteImpl: CiphersuiteImpl, ikm: Uint8Array): Promise<[Uint8Array, Uint8Array]> =>
  suiteImpl.hpke
    .deriveKeyPair(ikm)
    .then(({ publicKey, privateKey }) =>
      Promise.all([suiteImpl.hpke.exportPublicKey(publicKey), suiteImpl.hpke.exportPrivateKey(privateKey)]),
    );
const pairs: [CiphersuiteImpl, CiphersuiteImpl][] = [
  [ours, stock],
  [stock, ours],
];

test.each(pairs)(
  'what one provider seals, signs and derives the other opens, verifies and derives',
  async (a, b) => {
    const ikm = new Uint8Array(32).fill(5);
    const [raw, privateRaw] = await derived(a, ikm);
    expect([raw, privateRaw]).toEqual(await derived(b, ikm));
    const sealed = await a.hpke
      .importPublicKey(raw)
      .then((key) => a.hpke.seal(key, text('path secret'), text('info'), text('aad')));
    const open = (info: string): Promise<Uint8Array> =>
      b.hpke
        .importPrivateKey(privateRaw)
        .then((key) => b.hpke.open(key, sealed.enc, sealed.ct, text(info), text('aad')));
    expect(await open('info')).toEqual(text('path secret'));
    await expect(open('other')).rejects.toThrow();
    const exported = await a.hpke
      .importPublicKey(raw)
      .then((key) => a.hpke.exportSecret(key, text('context'), 32, text('info')));
    const imported = await b.hpke
      .importPrivateKey(privateRaw)
      .then((key) => b.hpke.importSecret(key, text('context'), exported.enc, 32, text('info')));
    expect(imported).toEqual(exported.secret);
    const keys = await a.signature.keygen();
    const signature = await a.signature.sign(keys.signKey, text('message'));
    expect(await b.signature.verify(keys.publicKey, text('message'), signature)).toBe(true);
    expect(await b.signature.verify(keys.publicKey, text('massage'), signature)).toBe(false);
    const salt = new Uint8Array(32).fill(6);
    const prk = await a.kdf.extract(salt, text('ikm'));
    expect(prk).toEqual(await b.kdf.extract(salt, text('ikm')));
    expect(await a.kdf.expand(prk, text('info'), 77)).toEqual(await b.kdf.expand(prk, text('info'), 77));
    const mac = await a.hash.mac(prk, text('data'));
    expect(await b.hash.verifyMac(prk, mac, text('data'))).toBe(true);
    expect(await b.hash.verifyMac(prk, mac, text('date'))).toBe(false);
  },
);

test.each(pairs)('what one provider encrypts without associated data the other decrypts', async (a, b) => {
  const [raw, privateRaw] = await a.hpke
    .generateKeyPair()
    .then(({ publicKey, privateKey }) =>
      Promise.all([a.hpke.exportPublicKey(publicKey), a.hpke.exportPrivateKey(privateKey)]),
    );
  const sealed = await b.hpke
    .importPublicKey(raw)
    .then((key) => b.hpke.seal(key, text('path secret'), text('info')));
  const opened = await a.hpke
    .importPrivateKey(privateRaw)
    .then((key) => a.hpke.open(key, sealed.enc, sealed.ct, text('info')));
  expect(opened).toEqual(text('path secret'));

  expect([a.hpke.keyLength, a.hpke.nonceLength]).toEqual([16, 12]);
  const [key, nonce] = [a.rng.randomBytes(16), a.rng.randomBytes(12)];
  for (const aad of [undefined, text('aad'), new Uint8Array(0)]) {
    const ciphertext = await a.hpke.encryptAead(key, nonce, aad, text('a Commit'));
    expect(await b.hpke.decryptAead(key, nonce, aad, ciphertext)).toEqual(text('a Commit'));
    await expect(b.hpke.decryptAead(key, nonce, text('other'), ciphertext)).rejects.toThrow();
    ciphertext[0] = (ciphertext[0] ?? 0) ^ 1;
    await expect(b.hpke.decryptAead(key, nonce, aad, ciphertext)).rejects.toThrow();
  }
});

test('nothing is a ciphertext that is shorter than its tag', async () => {
  const [key, nonce] = [new Uint8Array(16), new Uint8Array(12)];
  const tag = await ours.hpke.encryptAead(key, nonce, undefined, new Uint8Array(0));
  expect(tag.length).toBe(16);
  expect(await ours.hpke.decryptAead(key, nonce, undefined, tag)).toEqual(new Uint8Array(0));
  await expect(ours.hpke.decryptAead(key, nonce, undefined, tag.subarray(1))).rejects.toThrow(
    'ciphertext is shorter than its tag',
  );
});

test.each([0x0001, 0x0053] as const)('hash and KDF of suite %i are those of its makers', async (number) => {
  const of = getCiphersuiteFromName(SUITE_NAMES[number]);
  const [a, b] = [
    await getCiphersuiteImpl(of, nodeCryptoProvider),
    await getCiphersuiteImpl(of, defaultCryptoProvider),
  ];
  expect(a.name).toBe(SUITE_NAMES[number]);
  expect(a.kdf.size).toBe(b.kdf.size);
  expect(await a.hash.digest(text('data'))).toEqual(await b.hash.digest(text('data')));
  const key = a.rng.randomBytes(a.kdf.size);
  expect(key.length).toBe(a.kdf.size);
  const mac = await a.hash.mac(key, text('data'));
  expect(await b.hash.verifyMac(key, mac, text('data'))).toBe(true);
  for (const length of [0, 1, a.kdf.size, a.kdf.size + 1, 200]) {
    expect(await a.kdf.expand(key, text('info'), length)).toEqual(
      await b.kdf.expand(key, text('info'), length),
    );
  }
});

test('a tag of another length is a wrong tag', async () => {
  const key = new Uint8Array(32);
  const mac = await ours.hash.mac(key, text('data'));
  expect(await ours.hash.verifyMac(key, mac, text('data'))).toBe(true);
  expect(await ours.hash.verifyMac(key, mac.subarray(1), text('data'))).toBe(false);
  expect(await ours.hash.verifyMac(key, new Uint8Array(0), text('data'))).toBe(false);
});

test.each([
  'MLS_128_DHKEMP256_AES128GCM_SHA256_P256',
  'MLS_256_DHKEMX448_AES256GCM_SHA512_Ed448',
  'MLS_256_MLKEM768_AES256GCM_SHA384_Ed25519',
] as const)('there is no cryptography for %s', async (name) => {
  const made = getCiphersuiteImpl(getCiphersuiteFromName(name), nodeCryptoProvider);
  await expect(made).rejects.toThrow(InvariantError);
});

test('a low-order public key is refused', async () => {
  const sealing = ours.hpke
    .importPublicKey(new Uint8Array(32))
    .then((key) => ours.hpke.seal(key, text('x'), text('info')));
  await expect(sealing).rejects.toThrow();
});

test('only suites 1 and 0x53 are a meeting’s', () => {
  expect([1, 0x53].every(isMlsSuite)).toBe(true);
  expect([2, 3, 77, 78, 79, 80, 84].some(isMlsSuite)).toBe(false);
});

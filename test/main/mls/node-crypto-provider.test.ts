import { defaultCryptoProvider, getCiphersuiteFromName, getCiphersuiteImpl } from 'ts-mls';
import type { CiphersuiteImpl } from 'ts-mls';
import { expect, test } from 'vitest';
import { isMlsSuite, SUITE_NAMES } from '../../../src/main/mls/client-config.ts';
import { nodeCryptoProvider } from '../../../src/main/mls/node-crypto-provider.ts';

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

/**
 * MLS cryptography on node:crypto, synchronously: WebCrypto spends most of a small operation on its round trip
 * through the thread pool.
 *
 * Suite 1 is implemented here entirely. For X-Wing (0x0053) HPKE comes from ts-mls's own provider.
 * @see RFC 9180 (HPKE base mode), RFC 9420 §5.1
 */
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  diffieHellman,
  generateKeyPairSync,
  randomBytes,
  sign,
  timingSafeEqual,
} from 'node:crypto';
import { defaultCryptoProvider } from 'ts-mls';
import type { Ciphersuite, CiphersuiteImpl, CryptoProvider, Hash, Hpke, Kdf, Signature } from 'ts-mls';
import {
  privateKeyFrom,
  publicKeyFrom,
  RAW_KEY_BYTES,
  rawPrivateKey,
  rawPublicKey,
  verifyEd25519,
  x25519PublicKey,
} from '../../io/crypto/raw-keys.ts';
import { InvariantError } from '../../protocol/errors.ts';

/** The provider that Conclave hands to ts-mls. */
export const nodeCryptoProvider: CryptoProvider = {
  async getCiphersuiteImpl(suite: Ciphersuite): Promise<CiphersuiteImpl> {
    const hash = suite.hash === 'SHA-256' ? 'sha256' : suite.hash === 'SHA-512' ? 'sha512' : undefined;
    if (hash === undefined || suite.signature !== 'Ed25519') {
      throw new InvariantError(`no cryptography for ${suite.name}`);
    }
    const isSuite1 = suite.name === 'MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519';
    const hpke = isSuite1
      ? promised(x25519Hpke)
      : (await defaultCryptoProvider.getCiphersuiteImpl(suite)).hpke;
    return {
      name: suite.name,
      hash: makeHash(hash),
      kdf: makeKdf(hash),
      signature: ed25519,
      hpke,
      rng: { randomBytes: (length) => new Uint8Array(randomBytes(length)) },
    };
  },
};

const ed25519: Signature = {
  sign: (seed, message) =>
    Promise.resolve(new Uint8Array(sign(null, message, privateKeyFrom('ed25519', seed)))),
  verify: (publicKey, message, signature) => Promise.resolve(verifyEd25519(publicKey, message, signature)),
  keygen: () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    return Promise.resolve({ signKey: rawPrivateKey(privateKey), publicKey: rawPublicKey(publicKey) });
  },
};

function makeHash(algorithm: string): Hash {
  const mac = (key: Uint8Array, data: Uint8Array): Uint8Array => hmac(algorithm, key, data);
  return {
    digest: (data) => Promise.resolve(new Uint8Array(createHash(algorithm).update(data).digest())),
    mac: (key, data) => Promise.resolve(mac(key, data)),
    verifyMac: (key, tag, data) => {
      const expected = mac(key, data);
      return Promise.resolve(expected.length === tag.length && timingSafeEqual(expected, tag));
    },
  };
}

function makeKdf(algorithm: string): Kdf {
  return {
    size: createHash(algorithm).digest().length,
    extract: (salt, ikm) => Promise.resolve(hmac(algorithm, salt, ikm)),
    expand: (prk, info, length) => Promise.resolve(expand(algorithm, prk, info, length)),
  };
}

function hmac(algorithm: string, key: Uint8Array, ...data: readonly Uint8Array[]): Uint8Array {
  const mac = createHmac(algorithm, key);
  for (const part of data) mac.update(part);
  // The very bytes: a copy would leave those behind, which are secret more often than not.
  const { buffer, byteOffset, length } = mac.digest();
  return new Uint8Array(buffer, byteOffset, length);
}

const FIRST_BLOCK = Uint8Array.of(1);

/** HKDF-Expand (RFC 5869 §2.3). */
function expand(algorithm: string, prk: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  let block = hmac(algorithm, prk, info, FIRST_BLOCK);
  if (block.length === length) return block;
  const okm = new Uint8Array(length);
  for (let done = 0, counter = 2; ; counter += 1) {
    okm.set(block.subarray(0, length - done), done);
    done += block.length;
    const next = done < length ? hmac(algorithm, prk, block, info, Uint8Array.of(counter)) : undefined;
    block.fill(0);
    if (next === undefined) return okm;
    block = next;
  }
}

const AEAD_KEY_BYTES = 16;
const AEAD_NONCE_BYTES = 12;
const AEAD_TAG_BYTES = 16;
const NONE = new Uint8Array(0);

function sealGcm(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array {
  const cipher = createCipheriv('aes-128-gcm', key, nonce);
  cipher.setAAD(aad);
  return new Uint8Array(Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]));
}

function openGcm(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, ciphertext: Uint8Array): Uint8Array {
  if (ciphertext.length < AEAD_TAG_BYTES) throw new RangeError('ciphertext is shorter than its tag');
  const split = ciphertext.length - AEAD_TAG_BYTES;
  const decipher = createDecipheriv('aes-128-gcm', key, nonce);
  decipher.setAuthTag(ciphertext.subarray(split));
  decipher.setAAD(aad);
  return new Uint8Array(Buffer.concat([decipher.update(ciphertext.subarray(0, split)), decipher.final()]));
}

const ascii = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));
/** DHKEM(X25519, HKDF-SHA256). */
const KEM_ID = Buffer.concat([ascii('KEM'), Buffer.from('0020', 'hex')]);
/** That KEM with HKDF-SHA256 and AES-128-GCM. */
const HPKE_ID = Buffer.concat([ascii('HPKE'), Buffer.from('002000010001', 'hex')]);

function labeledExtract(id: Uint8Array, salt: Uint8Array, label: string, ikm: Uint8Array): Uint8Array {
  return hmac('sha256', salt, ascii('HPKE-v1'), id, ascii(label), ikm);
}

function labeledExpand(
  id: Uint8Array,
  prk: Uint8Array,
  label: string,
  info: Uint8Array,
  length: number,
): Uint8Array {
  const labeled = Buffer.concat([
    Uint8Array.of(length >> 8, length & 255),
    ascii('HPKE-v1'),
    id,
    ascii(label),
    info,
  ]);
  return expand('sha256', prk, labeled, length);
}

/** ExtractAndExpand of DHKEM (RFC 9180 §4.1). */
function kemSecret(dh: Uint8Array, enc: Uint8Array, recipient: Uint8Array): Uint8Array {
  const prk = labeledExtract(KEM_ID, NONE, 'eae_prk', dh);
  return labeledExpand(KEM_ID, prk, 'shared_secret', Buffer.concat([enc, recipient]), 32);
}

const NO_PSK_HASH = labeledExtract(HPKE_ID, NONE, 'psk_id_hash', NONE);

/** Key schedule of HPKE in base mode (RFC 9180 §5.1), up to what a context is used for. */
function hpkeContext(sharedSecret: Uint8Array, info: Uint8Array) {
  const context = Buffer.concat([
    Uint8Array.of(0),
    NO_PSK_HASH,
    labeledExtract(HPKE_ID, NONE, 'info_hash', info),
  ]);
  const secret = labeledExtract(HPKE_ID, sharedSecret, 'secret', NONE);
  const expanded = (label: string, length: number): Uint8Array =>
    labeledExpand(HPKE_ID, secret, label, context, length);
  return {
    sealing: () => ({
      key: expanded('key', AEAD_KEY_BYTES),
      nonce: expanded('base_nonce', AEAD_NONCE_BYTES),
    }),
    exporter: () => expanded('exp', 32),
  };
}

/** A public key as ts-mls holds it between importing and using it: to it, keys are opaque. */
interface HpkePublicKey {
  readonly raw: Uint8Array;
}
/** A private key: the bytes belong to whoever had it imported, derived or generated, and no copy is made of them. */
interface HpkePrivateKey {
  readonly raw: Uint8Array;
}

function checked({ length }: Uint8Array): void {
  if (length !== RAW_KEY_BYTES) throw new RangeError('a key has 32 bytes');
}

/** HPKE in base mode. */
const x25519Hpke = {
  keyLength: AEAD_KEY_BYTES,
  nonceLength: AEAD_NONCE_BYTES,
  seal(publicKey: HpkePublicKey, plaintext: Uint8Array, info: Uint8Array, aad: Uint8Array = NONE) {
    const { shared, enc } = toRecipient(publicKey);
    const { key, nonce } = hpkeContext(shared, info).sealing();
    return { ct: sealGcm(key, nonce, aad, plaintext), enc };
  },
  open(
    privateKey: HpkePrivateKey,
    enc: Uint8Array,
    ciphertext: Uint8Array,
    info: Uint8Array,
    aad: Uint8Array = NONE,
  ) {
    const { key, nonce } = hpkeContext(fromSender(privateKey, enc), info).sealing();
    return openGcm(key, nonce, aad, ciphertext);
  },
  exportSecret(publicKey: HpkePublicKey, context: Uint8Array, length: number, info: Uint8Array) {
    const { shared, enc } = toRecipient(publicKey);
    const exporter = hpkeContext(shared, info).exporter();
    return { enc, secret: labeledExpand(HPKE_ID, exporter, 'sec', context, length) };
  },
  importSecret(
    privateKey: HpkePrivateKey,
    context: Uint8Array,
    enc: Uint8Array,
    length: number,
    info: Uint8Array,
  ) {
    const exporter = hpkeContext(fromSender(privateKey, enc), info).exporter();
    return labeledExpand(HPKE_ID, exporter, 'sec', context, length);
  },
  encryptAead: (key: Uint8Array, nonce: Uint8Array, aad: Uint8Array | undefined, plaintext: Uint8Array) =>
    sealGcm(key, nonce, aad ?? NONE, plaintext),
  decryptAead: (key: Uint8Array, nonce: Uint8Array, aad: Uint8Array | undefined, ciphertext: Uint8Array) =>
    openGcm(key, nonce, aad ?? NONE, ciphertext),
  importPrivateKey(raw: Uint8Array): HpkePrivateKey {
    checked(raw);
    return { raw };
  },
  importPublicKey(raw: Uint8Array): HpkePublicKey {
    checked(raw);
    return { raw };
  },
  exportPublicKey: ({ raw }: HpkePublicKey) => raw.slice(),
  exportPrivateKey: ({ raw }: HpkePrivateKey) => raw,
  deriveKeyPair(ikm: Uint8Array) {
    const prk = labeledExtract(KEM_ID, NONE, 'dkp_prk', ikm);
    const privateKey: HpkePrivateKey = { raw: labeledExpand(KEM_ID, prk, 'sk', NONE, RAW_KEY_BYTES) };
    // Members of a path derive pairs of which they keep the private key alone.
    const publicKey: HpkePublicKey = {
      get raw() {
        return x25519PublicKey(privateKeyFrom('x25519', privateKey.raw));
      },
    };
    return { privateKey, publicKey };
  },
  generateKeyPair() {
    const { privateKey } = generateKeyPairSync('x25519');
    return {
      privateKey: { raw: rawPrivateKey(privateKey) },
      publicKey: { raw: x25519PublicKey(privateKey) },
    };
  },
};

function toRecipient({ raw }: HpkePublicKey): { shared: Uint8Array; enc: Uint8Array } {
  const { privateKey } = generateKeyPairSync('x25519');
  const enc = x25519PublicKey(privateKey);
  const dh = diffieHellman({ privateKey, publicKey: publicKeyFrom('x25519', raw) });
  return { shared: kemSecret(dh, enc, raw), enc };
}

function fromSender({ raw }: HpkePrivateKey, enc: Uint8Array): Uint8Array {
  const own = privateKeyFrom('x25519', raw);
  const dh = diffieHellman({ privateKey: own, publicKey: publicKeyFrom('x25519', enc) });
  return kemSecret(dh, enc, x25519PublicKey(own));
}

/** Makes synchronous functions asynchronous, as ts-mls expects them; a throw becomes a rejection. */
function promised(hpke: object): Hpke {
  const members = Object.entries(hpke).map(([name, member]: [string, unknown]): [string, unknown] => {
    if (typeof member !== 'function') return [name, member];
    const run = member as (...parameters: unknown[]) => unknown;
    return [
      name,
      (...parameters: unknown[]) =>
        new Promise((resolve) => {
          resolve(run(...parameters));
        }),
    ];
  });
  return Object.fromEntries(members) as unknown as Hpke;
}

/** Certificates for tests: an authority and leaves for 127.0.0.1 and localhost. */
import 'reflect-metadata';
import { createHash, randomUUID, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const day = 86_400_000;

/** A server's certificate. */
export interface Leaf {
  readonly certPem: string;
  readonly keyPem: string;
  /** SHA-256 of the DER. */
  readonly hash: Uint8Array;
}

/** An authority that issues leaves. */
export interface Authority {
  readonly pem: string;
  /** Issues a certificate; `days` from now may be negative, for an expired one. */
  issue(options?: { names?: string[]; days?: number }): Promise<Leaf>;
}

/** Makes an authority. */
export async function makeAuthority(): Promise<Authority> {
  x509.cryptoProvider.set(webcrypto);
  const keys = await generateKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    // OpenSSL finds an issuer by its name: two of one name would hide each other.
    name: `CN=Test authority ${randomUUID()}`,
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date(Date.now() - 30 * day),
    notAfter: new Date(Date.now() + 30 * day),
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    ],
  });
  return {
    pem: certificate.toString('pem'),
    issue: (options = {}) => issue(certificate, keys, options),
  };
}

async function issue(
  authority: x509.X509Certificate,
  authorityKeys: webcrypto.CryptoKeyPair,
  options: { names?: string[]; days?: number },
): Promise<Leaf> {
  const keys = await generateKeys();
  const names = options.names ?? ['127.0.0.1', 'localhost'];
  const certificate = await x509.X509CertificateGenerator.create({
    subject: 'CN=Test server',
    issuer: authority.subject,
    publicKey: keys.publicKey,
    signingKey: authorityKeys.privateKey,
    signingAlgorithm: algorithm,
    notBefore: new Date(Date.now() - 20 * day),
    notAfter: new Date(Date.now() + (options.days ?? 10) * day),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: /^[\d.]+$/u.test(value) ? 'ip' : 'dns', value })),
      ),
    ],
  });
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return {
    certPem: certificate.toString('pem'),
    keyPem: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY'),
    hash: createHash('sha256').update(new Uint8Array(certificate.rawData)).digest(),
  };
}

function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

/**
 * Certificates for trying Conclave out: a certificate authority of this machine's own and a short-lived server
 * certificate under it. Clients trust the authority by its file or hash; nothing is installed into the system.
 *
 * Relay and counter may start on one directory at the same moment. There is no lock to leave behind: the authority's
 * key and certificate are one file that appears by link(2), so the first process wins and the others use its authority.
 */

import { createHash, createPrivateKey, randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import { link, mkdir, open, readFile, rename, unlink } from 'node:fs/promises';
import { isIP } from 'node:net';
import path from 'node:path';
import * as x509 from '@peculiar/x509';

/** What a TLS server and its clients need. */
export interface DevelopmentCertificate {
  /** The authority: clients that are to trust the server get this. PEM. */
  readonly caPem: string;
  /** The server's certificate followed by the authority's, PEM, in the order TLS sends them. */
  readonly certPem: string;
  /** The server's private key, PKCS #8 PEM. */
  readonly keyPem: string;
  /** SHA-256 of the authority's DER, 32 bytes: the pin of an invitation. */
  readonly caSha256: Uint8Array;
}

const DAY_MS = 24 * 60 * 60 * 1000;
const CA_DAYS = 3650;
const LEAF_DAYS = 60;
const RENEW_BEFORE_DAYS = 20;
/** Machines in one office differ by minutes; a certificate made now should serve all of them now. */
const CLOCK_SKEW_MS = 60 * 60 * 1000;
const ALWAYS_NAMED = ['localhost', '127.0.0.1', '::1'];
const KEY_ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const CRYPTO = webcrypto;

/**
 * Reads, and where needed makes or renews, the certificates in `directory`: `ca.pem` (to give to clients), `ca-key.pem`
 * and `leaf-….pem` (private, mode 0600). Safe to be called by several processes at once.
 *
 * @param directory - made with mode 0700 where it is missing.
 * @param hosts - DNS names and IP addresses beside localhost, 127.0.0.1 and ::1, which are always named.
 * @param now - milliseconds since 1970; a leaf with less than 20 days to live is made anew.
 * @throws {DevelopmentCertificateError} what is in the directory cannot be used, and why.
 */
export async function ensureDevelopmentCertificate(
  directory: string,
  hosts: readonly string[],
  now: number = Date.now(),
): Promise<DevelopmentCertificate> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const authority = await ensureAuthority(directory, now);
  const names = [...new Set([...ALWAYS_NAMED, ...hosts.map((host) => host.toLowerCase())])].sort();
  const namesHash = createHash('sha256').update(names.join('\n')).digest('hex').slice(0, 16);
  const leafFile = path.join(directory, `leaf-${namesHash}.pem`);

  let leaf = await readIfPresent(leafFile);
  if (leaf === undefined || !isUsableLeaf(leaf, authority.certificate, now)) {
    leaf = await makeLeaf(authority, names, now);
    await replaceFile(leafFile, leaf, 0o600);
  }
  const caPem = authority.certificate.toString();
  return {
    caPem,
    certPem: certificatePem(leaf) + caPem,
    keyPem: privateKeyPem(leaf),
    caSha256: new Uint8Array(createHash('sha256').update(authority.certificate.raw).digest()),
  };
}

/** The directory holds something that is not a usable authority; the message says what to do. */
export class DevelopmentCertificateError extends Error {
  override readonly name = 'DevelopmentCertificateError';
}

interface Authority {
  readonly certificate: X509Certificate;
  /** Private key and certificate, PEM. */
  readonly pem: string;
}

async function ensureAuthority(directory: string, now: number): Promise<Authority> {
  const privateFile = path.join(directory, 'ca-key.pem');
  const stored = await readIfPresent(privateFile);
  const authority = readAuthority(
    stored ?? (await createOnce(privateFile, await makeAuthority(now))),
    privateFile,
    now,
  );
  const publicFile = path.join(directory, 'ca.pem');
  const caPem = authority.certificate.toString();
  if ((await readIfPresent(publicFile)) !== caPem) await replaceFile(publicFile, caPem, 0o644);
  return authority;
}

function readAuthority(pem: string, file: string, now: number): Authority {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(certificatePem(pem));
    if (!certificate.checkPrivateKey(createPrivateKey(privateKeyPem(pem)))) {
      throw new DevelopmentCertificateError('key and certificate do not belong together');
    }
  } catch (cause) {
    throw new DevelopmentCertificateError(
      `${file} is damaged; delete it to get a new development authority (clients must then trust the new ca.pem)`,
      { cause },
    );
  }
  if (Date.parse(certificate.validTo) < now + LEAF_DAYS * DAY_MS) {
    throw new DevelopmentCertificateError(
      `the development authority in ${file} expires on ${certificate.validTo}; delete it to get a new one`,
    );
  }
  return { certificate, pem };
}

async function makeAuthority(now: number): Promise<string> {
  const keys = await CRYPTO.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: serialNumber(),
      name: `CN=Conclave development CA ${randomBytes(4).toString('hex')}`,
      notBefore: new Date(now - CLOCK_SKEW_MS),
      notAfter: new Date(now + CA_DAYS * DAY_MS),
      signingAlgorithm: KEY_ALGORITHM,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, CRYPTO),
      ],
    },
    CRYPTO,
  );
  return (await exportKey(keys.privateKey)) + pemOf(certificate);
}

async function makeLeaf(authority: Authority, names: readonly string[], now: number): Promise<string> {
  const issuer = new x509.X509Certificate(authority.certificate.raw);
  const signingKey = await CRYPTO.subtle.importKey(
    'pkcs8',
    createPrivateKey(privateKeyPem(authority.pem)).export({ type: 'pkcs8', format: 'der' }),
    KEY_ALGORITHM,
    false,
    ['sign'],
  );
  const keys = await CRYPTO.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: serialNumber(),
      subject: 'CN=Conclave development server',
      issuer: issuer.subject,
      notBefore: new Date(now - CLOCK_SKEW_MS),
      notAfter: new Date(now + LEAF_DAYS * DAY_MS),
      signingAlgorithm: KEY_ALGORITHM,
      publicKey: keys.publicKey,
      signingKey,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension(
          names.map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value })),
        ),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, CRYPTO),
        await x509.AuthorityKeyIdentifierExtension.create(issuer, false, CRYPTO),
      ],
    },
    CRYPTO,
  );
  return (await exportKey(keys.privateKey)) + pemOf(certificate);
}

/** Whether a leaf can be served; one that is damaged, of another authority or about to expire is replaced. */
function isUsableLeaf(pem: string, authority: X509Certificate, now: number): boolean {
  try {
    const certificate = new X509Certificate(certificatePem(pem));
    return (
      certificate.checkIssued(authority) &&
      certificate.verify(authority.publicKey) &&
      certificate.checkPrivateKey(createPrivateKey(privateKeyPem(pem))) &&
      Date.parse(certificate.validFrom) <= now &&
      Date.parse(certificate.validTo) > now + RENEW_BEFORE_DAYS * DAY_MS
    );
  } catch {
    return false;
  }
}

/** RFC 5280 §4.1.2.2: positive, at most 20 bytes. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const der = new Uint8Array(await CRYPTO.subtle.exportKey('pkcs8', key));
  return createPrivateKey({ key: Buffer.from(der), type: 'pkcs8', format: 'der' })
    .export({ type: 'pkcs8', format: 'pem' })
    .toString();
}

function pemOf(certificate: x509.X509Certificate): string {
  return new X509Certificate(Buffer.from(certificate.rawData)).toString();
}

function certificatePem(pem: string): string {
  return section(pem, 'CERTIFICATE');
}

function privateKeyPem(pem: string): string {
  return section(pem, 'PRIVATE KEY');
}

function section(pem: string, label: string): string {
  const found = new RegExp(`-----BEGIN ${label}-----[\\s\\S]*?-----END ${label}-----\\n`).exec(pem);
  if (found === null) throw new DevelopmentCertificateError(`no ${label} section`);
  return found[0];
}

async function readIfPresent(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Writes `contents` unless the file exists; returns what the file holds, ours or the winner's. */
async function createOnce(file: string, contents: string): Promise<string> {
  const temporary = await writeTemporary(file, contents, 0o600);
  try {
    await link(temporary, file);
    return contents;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return await readFile(file, 'utf8');
  } finally {
    await unlink(temporary);
  }
}

async function replaceFile(file: string, contents: string, mode: number): Promise<void> {
  await rename(await writeTemporary(file, contents, mode), file);
}

async function writeTemporary(file: string, contents: string, mode: number): Promise<string> {
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  const handle = await open(temporary, 'wx', mode);
  try {
    await handle.writeFile(contents);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return temporary;
}

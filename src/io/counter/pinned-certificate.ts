import { createHash, timingSafeEqual, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { TLSSocket } from 'node:tls';

/**
 * Checks a server against a pinned certificate in place of the system's roots. TLS itself has proved that the server
 * has the leaf's key; the leaf must be the pinned certificate, or be issued for this host by the pinned authority.
 *
 * @param socket - after its handshake.
 * @param sha256 - SHA-256 of the pinned certificate's DER, 32 bytes.
 * @param host - name or address that was connected to; IPv6 with or without brackets.
 * @param now - milliseconds since 1970.
 * @returns undefined when the server is the pinned one, otherwise what is wrong.
 */
export function checkPinnedCertificate(
  socket: TLSSocket,
  sha256: Uint8Array,
  host: string,
  now: number,
): string | undefined {
  const peer = socket.getPeerCertificate(true);
  // A connection without a peer certificate gives an empty object.
  const leafDer = (peer as Partial<typeof peer>).raw;
  if (leafDer === undefined) return 'the server sent no certificate';
  const leaf = new X509Certificate(leafDer);
  if (!isCurrent(leaf, now)) return "the server's certificate is expired or not yet valid";
  if (hasHash(leaf, sha256)) return undefined;

  const issuerDer = (peer as Partial<typeof peer>).issuerCertificate?.raw;
  if (issuerDer === undefined) return 'the server is not the pinned one';
  const issuer = new X509Certificate(issuerDer);
  const isIssued = issuer.ca && leaf.checkIssued(issuer) && leaf.verify(issuer.publicKey);
  if (!hasHash(issuer, sha256) || !isIssued || !isCurrent(issuer, now))
    return 'the server is not the pinned one';
  return namesHost(leaf, host) ? undefined : "the server's certificate names another host";
}

function hasHash(certificate: X509Certificate, sha256: Uint8Array): boolean {
  const actual = createHash('sha256').update(certificate.raw).digest();
  return sha256.length === actual.length && timingSafeEqual(actual, sha256);
}

function isCurrent(certificate: X509Certificate, now: number): boolean {
  return Date.parse(certificate.validFrom) <= now && now <= Date.parse(certificate.validTo);
}

function namesHost(leaf: X509Certificate, host: string): boolean {
  const name = host.replace(/^\[(.*)\]$/, '$1');
  return (isIP(name) === 0 ? leaf.checkHost(name) : leaf.checkIP(name)) !== undefined;
}

/** Certificates of authorities, as server files and invitations carry them. */
import { X509Certificate } from 'node:crypto';

/**
 * All certificates of a PEM bundle, in their order; what stands between them is passed over.
 * @throws when one of them is not a certificate.
 */
export function certificatesIn(pem: string): X509Certificate[] {
  // Node itself reads the first of a bundle only.
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}

/** Whether bytes are one certificate in DER. */
export function isCertificate(der: Uint8Array): boolean {
  try {
    return new X509Certificate(der).raw.length === der.length;
  } catch {
    return false;
  }
}

/** PEM of a certificate in DER. @throws when the bytes are not a certificate: see {@link isCertificate}. */
export function pemOf(der: Uint8Array): string {
  return new X509Certificate(der).toString();
}

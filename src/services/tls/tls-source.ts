/** Where a service's certificate comes from: the options that say so, reading it, and reading it again. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { UsageError } from '../command-line.ts';
import { ensureDevelopmentCertificate } from './development-ca.ts';

/** Where the certificate comes from. */
export type TlsSource =
  | { readonly kind: 'files'; readonly certFile: string; readonly keyFile: string }
  | { readonly kind: 'development-ca'; readonly directory: string; readonly hosts: readonly string[] };

/** A certificate chain and its private key, PEM; named as node:tls names them. */
export interface TlsCredentials {
  readonly cert: string;
  readonly key: string;
}

/** Credentials, and what the ready line tells about them. */
export interface LoadedTls {
  readonly credentials: TlsCredentials;
  /** `caFile` and `caSha256` (base64url) of a development authority; empty otherwise. */
  readonly ready: Readonly<Record<string, string>>;
}

/** The options; to be spread into a service's own. */
export const TLS_OPTIONS = {
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' },
  'dev-ca': { type: 'string' },
  host: { type: 'string', multiple: true, default: [] as string[] },
} as const;

/** Their part of `--help`. */
export const TLS_HELP = `\
  --tls-cert FILE      certificate chain, PEM; read again on SIGHUP and every six hours
  --tls-key FILE       its private key, PEM
  --dev-ca DIR         for trying out: make a certificate authority in DIR and a
                       certificate for localhost under it. Clients trust DIR/ca.pem.
  --host NAME          with --dev-ca: a further name or address in the certificate;
                       may be given several times
`;

const RENEWAL_MS = 6 * 60 * 60 * 1_000;

/** Reads the options. @throws {UsageError} they contradict each other, or one is missing. */
export function readTlsSource(values: {
  readonly 'tls-cert'?: string | undefined;
  readonly 'tls-key'?: string | undefined;
  readonly 'dev-ca'?: string | undefined;
  readonly host: readonly string[];
}): TlsSource {
  const { 'tls-cert': certFile, 'tls-key': keyFile, 'dev-ca': directory, host: hosts } = values;
  if (directory !== undefined) {
    if (certFile !== undefined || keyFile !== undefined) {
      throw new UsageError('--dev-ca and --tls-cert/--tls-key exclude each other');
    }
    return { kind: 'development-ca', directory, hosts };
  }
  if (hosts.length > 0) throw new UsageError('--host goes with --dev-ca');
  if (certFile === undefined || keyFile === undefined) {
    throw new UsageError('--dev-ca DIR, or --tls-cert FILE and --tls-key FILE, are needed');
  }
  return { kind: 'files', certFile, keyFile };
}

/** Reads the certificate and its key; makes or renews them where they come from a development authority. */
export async function loadTls(source: TlsSource): Promise<LoadedTls> {
  if (source.kind === 'files') {
    const [cert, key] = await Promise.all([
      readFile(source.certFile, 'utf8'),
      readFile(source.keyFile, 'utf8'),
    ]);
    return { credentials: { cert, key }, ready: {} };
  }
  const made = await ensureDevelopmentCertificate(source.directory, source.hosts);
  return {
    credentials: { cert: made.certPem, key: made.keyPem },
    ready: {
      caFile: path.resolve(source.directory, 'ca.pem'),
      caSha256: Buffer.from(made.caSha256).toString('base64url'),
    },
  };
}

/**
 * Reads the certificate again on SIGHUP and every six hours, for as long as the process lives.
 * @param renewed - puts it to use; what it throws counts as a failure.
 * @param failed - is told why the old certificate stays in use.
 */
export function keepTlsRenewed(
  source: TlsSource,
  renewed: (credentials: TlsCredentials) => void,
  failed: (error: unknown) => void,
): void {
  const renew = (): void => {
    loadTls(source)
      .then(({ credentials }) => {
        renewed(credentials);
      })
      .catch(failed);
  };
  setInterval(renew, RENEWAL_MS).unref();
  process.on('SIGHUP', renew);
}

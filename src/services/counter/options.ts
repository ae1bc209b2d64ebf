import { parseArgs } from 'node:util';
import { millis } from '../../protocol/units.ts';
import type { Millis } from '../../protocol/units.ts';
import type { RateLimit } from './rate-limiter.ts';

/** Where the certificate comes from. */
export type TlsSource =
  | { readonly kind: 'files'; readonly certFile: string; readonly keyFile: string }
  | { readonly kind: 'development-ca'; readonly directory: string; readonly hosts: readonly string[] };

/** What the command line says. */
export interface CounterOptions {
  readonly host: string;
  readonly port: number;
  readonly dataDirectory: string;
  readonly receiptKeyFile: string | undefined;
  readonly tls: TlsSource;
  readonly tokenFile: string | undefined;
  readonly lockTtlMs: Millis;
  readonly rateLimit: RateLimit;
  readonly isQuiet: boolean;
}

/** What is to be done. */
export type CommandLine =
  | { readonly kind: 'run'; readonly options: CounterOptions }
  | { readonly kind: 'help' }
  | { readonly kind: 'wrong'; readonly reason: string };

/** The text of `--help`. */
export const HELP = `conclave-counter: the epoch counter service of Conclave meetings

It grants one member at a time the right to commit, keeps each meeting's Commits
in one line, and signs a receipt for each. It sees ciphertext only.

Usage: conclave-counter --data DIR (--dev-ca DIR | --tls-cert FILE --tls-key FILE) [options]

  --data DIR           where the database (counter.db) and the receipt key live;
                       made with mode 0700. Back it up as a whole.
  --receipt-key FILE   Ed25519 key that signs receipts, PKCS #8 PEM; made on first
                       start (mode 0600). Default: DIR/receipt-key.pem.
                       Meetings trust this key: losing it ends them.
  --listen HOST:PORT   default 127.0.0.1:8443; [::]:8443 listens everywhere;
                       port 0 takes a free one.

  --tls-cert FILE      certificate chain, PEM; read again every six hours
  --tls-key FILE       its private key, PEM
  --dev-ca DIR         for trying out: make a certificate authority in DIR and a
                       certificate for localhost under it. Clients trust DIR/ca.pem.
  --host NAME          with --dev-ca: a further name or address in the certificate;
                       may be given several times

  --tokens FILE        ask for a bearer token; one token a line, # begins a comment.
                       Without this whoever can connect may use the service.
  --lock-ttl SECONDS   how long a lock lives, 0.1 to 600; default 10
  --rate N             requests a second that one address may make; default 100
  --burst N            requests that one address may make at once; default 500

  --quiet              print nothing but the ready line and errors
  --help               print this

When it is ready it prints one line of JSON on standard output: event "ready", url,
host, port, receiptKey (base64url of the public key) and, with --dev-ca, caFile and
caSha256 (base64url). SIGTERM and SIGINT end it after the requests under way.
GET /openapi.json describes the interface, /healthz and /metrics serve operators.
`;

/** Reads the command line; never throws. */
export function parseCommandLine(args: readonly string[]): CommandLine {
  try {
    return readCommandLine(args);
  } catch (error) {
    if (error instanceof TypeError || error instanceof UsageError)
      return { kind: 'wrong', reason: error.message };
    throw error;
  }
}

class UsageError extends Error {}

function readCommandLine(args: readonly string[]): CommandLine {
  const { values } = parseArgs({
    args: [...args],
    options: {
      data: { type: 'string' },
      'receipt-key': { type: 'string' },
      listen: { type: 'string', default: '127.0.0.1:8443' },
      'tls-cert': { type: 'string' },
      'tls-key': { type: 'string' },
      'dev-ca': { type: 'string' },
      host: { type: 'string', multiple: true, default: [] },
      tokens: { type: 'string' },
      'lock-ttl': { type: 'string', default: '10' },
      rate: { type: 'string', default: '100' },
      burst: { type: 'string', default: '500' },
      quiet: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return { kind: 'help' };
  if (values.data === undefined) throw new UsageError('--data DIR is needed');
  return {
    kind: 'run',
    options: {
      ...readListen(values.listen),
      dataDirectory: values.data,
      receiptKeyFile: values['receipt-key'],
      tls: readTls(values['tls-cert'], values['tls-key'], values['dev-ca'], values.host),
      tokenFile: values.tokens,
      lockTtlMs: millis(Math.round(readNumber('--lock-ttl', values['lock-ttl'], 0.1, 600) * 1000)),
      rateLimit: {
        perSecond: readNumber('--rate', values.rate, 0.1, 1_000_000),
        burst: readNumber('--burst', values.burst, 1, 1_000_000),
      },
      isQuiet: values.quiet,
    },
  };
}

function readListen(text: string): { host: string; port: number } {
  const [, bracketed, plain, port] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):([0-9]{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(port) > 65_535) throw new UsageError('--listen is not HOST:PORT');
  return { host, port: Number(port) };
}

function readTls(
  certFile: string | undefined,
  keyFile: string | undefined,
  directory: string | undefined,
  hosts: readonly string[],
): TlsSource {
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

function readNumber(name: string, text: string, least: number, most: number): number {
  const value = /^[0-9]+(\.[0-9]+)?$/.test(text) ? Number(text) : NaN;
  if (!(value >= least && value <= most)) {
    throw new UsageError(`${name} is not a number from ${String(least)} to ${String(most)}`);
  }
  return value;
}

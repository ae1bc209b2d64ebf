import { parseArgs } from 'node:util';
import { DEFAULT_LIMITS } from '../../protocol/relay/limits.ts';
import type { RelayLimits } from '../../protocol/relay/limits.ts';
import { millis } from '../../protocol/units.ts';
import type { Millis } from '../../protocol/units.ts';

/** Where the certificate comes from. */
export type TlsSource =
  | { readonly kind: 'files'; readonly certFile: string; readonly keyFile: string }
  | { readonly kind: 'development-ca'; readonly directory: string; readonly hosts: readonly string[] };

/** Host and port. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** What the command line says. */
export interface RelayOptions {
  readonly listen: Endpoint;
  readonly tls: TlsSource;
  readonly metrics: Endpoint;
  readonly limits: Partial<RelayLimits>;
  readonly drainTimeout: Millis;
  readonly isQuiet: boolean;
}

/** What is to be done. */
export type CommandLine =
  | { readonly kind: 'run'; readonly options: RelayOptions }
  | { readonly kind: 'help' }
  | { readonly kind: 'wrong'; readonly reason: string };

const MIB = 1 << 20;
const HOUR = 60 * 60 * 1_000;

/** The text of `--help`. */
export const HELP = `conclave-relay: a MOQT relay for Conclave meetings

It passes on what members of a meeting publish, and keeps key packages, welcomes and
commits for those who come later. It sees ciphertext only. WebTransport (https://) and
QUIC (moqt://) on one UDP port, MOQT draft-18.

Usage: conclave-relay (--dev-ca DIR | --tls-cert FILE --tls-key FILE) [options]

  --listen HOST:PORT   UDP; default 127.0.0.1:4443; [::]:4443 listens everywhere;
                       port 0 takes a free one
  --metrics HOST:PORT  TCP, plain HTTP: /metrics for Prometheus, /healthz;
                       default 127.0.0.1:0, a free port

  --tls-cert FILE      certificate chain, PEM; read again on SIGHUP and every six hours
  --tls-key FILE       its private key, PEM
  --dev-ca DIR         for trying out: make a certificate authority in DIR and a
                       certificate for localhost under it. Clients trust DIR/ca.pem.
  --host NAME          with --dev-ca: a further name or address in the certificate;
                       may be given several times

  --sessions N         sessions at a time; default ${String(DEFAULT_LIMITS.sessions)}
  --tracks N           tracks that one session may publish; default ${String(DEFAULT_LIMITS.tracksPerSession)}
  --subscriptions N    subscriptions that one session may hold; default ${String(DEFAULT_LIMITS.subscriptionsPerSession)}
  --requests N         requests of one session open at once; default ${String(DEFAULT_LIMITS.requestsPerSession)}
  --cache MIB          memory for recent media; default ${String(DEFAULT_LIMITS.cacheBytes / MIB)}
  --mls-cache MIB      memory for what is kept for late arrivals; default ${String(DEFAULT_LIMITS.keptBytes / MIB)}
  --mls-keep HOURS     how long that is kept; default ${String(DEFAULT_LIMITS.keepFor / HOUR)}
  --backlog KIB        media that may wait for one slow session before its oldest
                       groups are dropped; default ${String(DEFAULT_LIMITS.mediaBacklogBytes / 1024)}
  --drain-timeout S    on SIGTERM, how long sessions may take to leave; default 10

  --quiet              log nothing but faults
  --help               print this

When it is ready it prints one line of JSON on standard output: event "ready", url,
metrics and, with --dev-ca, caFile and caSha256 (base64url). The log goes to standard
error, one line of JSON each, without names and payload. SIGTERM and SIGINT ask all
sessions to leave, then end it; SIGHUP reads the certificate again.
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
      listen: { type: 'string', default: '127.0.0.1:4443' },
      metrics: { type: 'string', default: '127.0.0.1:0' },
      'tls-cert': { type: 'string' },
      'tls-key': { type: 'string' },
      'dev-ca': { type: 'string' },
      host: { type: 'string', multiple: true, default: [] },
      sessions: { type: 'string' },
      tracks: { type: 'string' },
      subscriptions: { type: 'string' },
      requests: { type: 'string' },
      cache: { type: 'string' },
      'mls-cache': { type: 'string' },
      'mls-keep': { type: 'string' },
      backlog: { type: 'string' },
      'drain-timeout': { type: 'string', default: '10' },
      quiet: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return { kind: 'help' };
  const keep = readNumber('--mls-keep', values['mls-keep'], 0.001, 8_760, HOUR);
  const limits = {
    sessions: readNumber('--sessions', values.sessions, 1, 100_000),
    tracksPerSession: readNumber('--tracks', values.tracks, 1, 1_000_000),
    subscriptionsPerSession: readNumber('--subscriptions', values.subscriptions, 1, 1_000_000),
    requestsPerSession: readNumber('--requests', values.requests, 1, 1_000_000),
    cacheBytes: readNumber('--cache', values.cache, 1, 1_000_000, MIB),
    keptBytes: readNumber('--mls-cache', values['mls-cache'], 1, 1_000_000, MIB),
    keepFor: keep === undefined ? undefined : millis(keep),
    mediaBacklogBytes: readNumber('--backlog', values.backlog, 16, 1_000_000, 1_024),
  };
  return {
    kind: 'run',
    options: {
      listen: readEndpoint('--listen', values.listen),
      metrics: readEndpoint('--metrics', values.metrics),
      tls: readTls(values['tls-cert'], values['tls-key'], values['dev-ca'], values.host),
      limits: Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined)),
      drainTimeout: millis(readNumber('--drain-timeout', values['drain-timeout'], 0, 3_600, 1_000) ?? 0),
      isQuiet: values.quiet,
    },
  };
}

function readEndpoint(name: string, text: string): Endpoint {
  const [, bracketed, plain, port] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):([0-9]{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(port) > 65_535) throw new UsageError(`${name} is not HOST:PORT`);
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

/** A number in the unit of the option, turned into the unit of the limit. */
function readNumber(
  name: string,
  text: string | undefined,
  least: number,
  most: number,
  factor = 1,
): number | undefined {
  if (text === undefined) return undefined;
  const value = /^[0-9]+(\.[0-9]+)?$/.test(text) ? Number(text) : NaN;
  if (!(value >= least && value <= most)) {
    throw new UsageError(`${name} is not a number from ${String(least)} to ${String(most)}`);
  }
  return Math.round(value * factor);
}

import { DEFAULT_LIMITS } from '../../protocol/relay/limits.ts';
import type { RelayLimits } from '../../protocol/relay/limits.ts';
import { millis } from '../../protocol/units.ts';
import type { Millis } from '../../protocol/units.ts';
import { COMMON_OPTIONS, readCommandLine, readNumber, UsageError } from '../command-line.ts';
import type { CommandLine } from '../command-line.ts';
import { readEndpoint } from '../endpoint.ts';
import type { Endpoint } from '../endpoint.ts';
import { readTlsSource, TLS_HELP, TLS_OPTIONS } from '../tls/tls-source.ts';
import type { TlsSource } from '../tls/tls-source.ts';
import type { AccessTokenOptions } from './access-tokens.ts';
import { authorityOf, MOST_AUTHORITIES } from './authorities.ts';

/** What the command line says. */
export interface RelayOptions {
  readonly listen: Endpoint;
  readonly tls: TlsSource;
  readonly metrics: Endpoint;
  readonly limits: Partial<RelayLimits>;
  readonly sessionsPerAddress: number;
  readonly access: RelayAccess;
  /** Whose tokens are asked for before anybody may connect; undefined: nobody's. */
  readonly accessTokens: AccessTokenOptions | undefined;
  readonly drainTimeout: Millis;
  readonly isQuiet: boolean;
}

/** Who may use the relay. */
export type RelayAccess =
  /** Whoever reaches it. */
  | { readonly kind: 'open' }
  /**
   * Whoever shows a pass of the meeting.
   * `authorities`: under which clients know this relay, as `authorityOf` writes them; undefined: what the certificate
   * names, at the port that is bound.
   */
  | { readonly kind: 'passes'; readonly authorities: readonly string[] | undefined };

/** A company whose people share one address, with some meetings at a time; a quarter of all sessions. */
const DEFAULT_SESSIONS_PER_ADDRESS = 500;
const KIB = 1 << 10;
const MIB = 1 << 20;
const SECOND = 1_000;
const HOUR = 60 * 60 * SECOND;

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

${TLS_HELP}
  --authority HOST:PORT
                       what invitations call this relay, where it is not a name of the
                       certificate and the port above; may be given several times. The
                       pass that members show is for one authority.
  --token-jwks URL|FILE
                       ask everybody who connects for a token (JWT, EdDSA or RS256)
                       that a key of this set has signed: a https:// URL, which is asked
                       again every ten minutes, or a file. Passes are asked for as well
  --token-issuer ISS   who must have issued it
  --token-audience AUD for whom: this relay
  --open               ask for no pass: for trying clients other than Conclave's.
                       Whoever reaches the relay can then read and disturb all meetings

  --sessions N         sessions at a time; default ${String(DEFAULT_LIMITS.sessions)}
  --sessions-per-address N
                       of which one address (of IPv6: 64 bits of it) may have so many;
                       default ${String(DEFAULT_SESSIONS_PER_ADDRESS)}. People behind one NAT share an address
  --tracks N           tracks that one session may publish; default ${String(DEFAULT_LIMITS.tracksPerSession)}
  --subscriptions N    subscriptions that one session may hold; default ${String(DEFAULT_LIMITS.subscriptionsPerSession)}
  --requests N         requests of one session open at once; default ${String(DEFAULT_LIMITS.requestsPerSession)}
  --cache MIB          memory for recent media; default ${String(DEFAULT_LIMITS.cacheBytes / MIB)}
  --mls-cache MIB      memory for what is kept for late arrivals; default ${String(DEFAULT_LIMITS.keptBytes / MIB)}
  --mls-keep HOURS     how long that is kept; default ${String(DEFAULT_LIMITS.keepFor / HOUR)}
  --backlog KIB        media that may wait for one slow session before its oldest
                       groups are dropped; default ${String(DEFAULT_LIMITS.mediaBacklogBytes / KIB)}
  --drain-timeout S    on SIGTERM, how long sessions may take to leave; default 10

  --quiet              log nothing but faults
  --help               print this

When it is ready it prints one line of JSON on standard output: event "ready", url,
metrics and, with --dev-ca, caFile and caSha256 (base64url). The log goes to standard
error, one line of JSON each, without names and payload. SIGTERM and SIGINT ask all
sessions to leave, then end it; SIGHUP reads the certificate again.
`;

/** Reads the command line; never throws for what it says. */
export function parseCommandLine(args: readonly string[]): CommandLine<RelayOptions> {
  return readCommandLine(
    args,
    {
      ...COMMON_OPTIONS,
      ...TLS_OPTIONS,
      listen: { type: 'string', default: '127.0.0.1:4443' },
      metrics: { type: 'string', default: '127.0.0.1:0' },
      authority: { type: 'string', multiple: true, default: [] as string[] },
      open: { type: 'boolean', default: false },
      'token-jwks': { type: 'string' },
      'token-issuer': { type: 'string' },
      'token-audience': { type: 'string' },
      sessions: { type: 'string', default: String(DEFAULT_LIMITS.sessions) },
      'sessions-per-address': { type: 'string', default: String(DEFAULT_SESSIONS_PER_ADDRESS) },
      tracks: { type: 'string', default: String(DEFAULT_LIMITS.tracksPerSession) },
      subscriptions: { type: 'string', default: String(DEFAULT_LIMITS.subscriptionsPerSession) },
      requests: { type: 'string', default: String(DEFAULT_LIMITS.requestsPerSession) },
      cache: { type: 'string', default: String(DEFAULT_LIMITS.cacheBytes / MIB) },
      'mls-cache': { type: 'string', default: String(DEFAULT_LIMITS.keptBytes / MIB) },
      'mls-keep': { type: 'string', default: String(DEFAULT_LIMITS.keepFor / HOUR) },
      backlog: { type: 'string', default: String(DEFAULT_LIMITS.mediaBacklogBytes / KIB) },
      'drain-timeout': { type: 'string', default: '10' },
    },
    (values) => ({
      listen: readEndpoint('--listen', values.listen),
      metrics: readEndpoint('--metrics', values.metrics),
      tls: readTlsSource(values),
      access: readAccess(values),
      accessTokens: readAccessTokens(values),
      limits: {
        sessions: readIn(1, '--sessions', values.sessions, 1, 100_000),
        tracksPerSession: readIn(1, '--tracks', values.tracks, 1, 1_000_000),
        subscriptionsPerSession: readIn(1, '--subscriptions', values.subscriptions, 1, 1_000_000),
        requestsPerSession: readIn(1, '--requests', values.requests, 1, 1_000_000),
        cacheBytes: readIn(MIB, '--cache', values.cache, 1, 1_000_000),
        keptBytes: readIn(MIB, '--mls-cache', values['mls-cache'], 1, 1_000_000),
        keepFor: millis(readIn(HOUR, '--mls-keep', values['mls-keep'], 0.001, 8_760)),
        mediaBacklogBytes: readIn(KIB, '--backlog', values.backlog, 16, 1_000_000),
      },
      sessionsPerAddress: readIn(1, '--sessions-per-address', values['sessions-per-address'], 1, 100_000),
      drainTimeout: millis(readIn(SECOND, '--drain-timeout', values['drain-timeout'], 0, 3_600)),
      isQuiet: values.quiet,
    }),
  );
}

function readAccessTokens({
  'token-jwks': jwks,
  'token-issuer': issuer,
  'token-audience': audience,
}: {
  readonly 'token-jwks'?: string | undefined;
  readonly 'token-issuer'?: string | undefined;
  readonly 'token-audience'?: string | undefined;
}): AccessTokenOptions | undefined {
  if (jwks === undefined && issuer === undefined && audience === undefined) return undefined;
  if (jwks === undefined || issuer === undefined || audience === undefined) {
    throw new UsageError('--token-jwks, --token-issuer and --token-audience go together');
  }
  if (jwks.startsWith('http://')) throw new UsageError('--token-jwks is neither https:// nor a file');
  return { jwks, issuer, audience };
}

function readAccess({
  open,
  authority,
}: {
  readonly open: boolean;
  readonly authority: readonly string[];
}): RelayAccess {
  if (open) {
    if (authority.length > 0) throw new UsageError('--open and --authority exclude each other');
    return { kind: 'open' };
  }
  if (authority.length > MOST_AUTHORITIES) {
    throw new UsageError(`--authority can be given ${String(MOST_AUTHORITIES)} times`);
  }
  const authorities = authority.map((text) => {
    const known = authorityOf(readEndpoint('--authority', text));
    if (known === undefined) throw new UsageError('--authority is too long');
    return known;
  });
  return { kind: 'passes', authorities: authorities.length === 0 ? undefined : authorities };
}

/** A number in the option's `unit`, as a whole number of what the unit is counted in. */
function readIn(unit: number, name: string, text: string, least: number, most: number): number {
  return Math.round(readNumber(name, text, least, most) * unit);
}

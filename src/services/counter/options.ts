import { DEFAULT_LOG_LIMITS } from '../../protocol/counter/epoch-counter.ts';
import type { LogLimits } from '../../protocol/counter/epoch-counter.ts';
import type { CounterTimes } from '../../protocol/counter/room.ts';
import { millis } from '../../protocol/units.ts';
import type { Millis } from '../../protocol/units.ts';
import { COMMON_OPTIONS, readCommandLine, readNumber, UsageError } from '../command-line.ts';
import type { CommandLine } from '../command-line.ts';
import { readEndpoint } from '../endpoint.ts';
import type { Endpoint } from '../endpoint.ts';
import { readTlsSource, TLS_HELP, TLS_OPTIONS } from '../tls/tls-source.ts';
import type { TlsSource } from '../tls/tls-source.ts';
import type { RateLimit } from './rate-limiter.ts';

/** What the command line says. */
export interface CounterOptions {
  readonly listen: Endpoint;
  readonly dataDirectory: string;
  readonly receiptKeyFile: string | undefined;
  readonly tls: TlsSource;
  readonly tokenFile: string | undefined;
  readonly times: CounterTimes;
  readonly rateLimit: RateLimit;
  /** Meetings that one address may begin. */
  readonly newMeetings: RateLimit;
  /** Bytes that one address may have stored. */
  readonly stored: RateLimit;
  readonly log: LogLimits;
  /** From how many stored bytes on no meeting begins. */
  readonly storageBytes: number;
  /** How long it keeps what nobody touches. */
  readonly keepMs: Millis;
  /** The data come from a backup: nothing moves until members had time to give receipts back. */
  readonly isRestored: boolean;
  readonly isQuiet: boolean;
}

const MIB = 1024 * 1024;

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

${TLS_HELP}
  --tokens FILE        ask for a bearer token; one token a line, # begins a comment.
                       Without this whoever can connect may use the service.
  --lock-ttl SECONDS   how long a lock lives, 0.1 to 600; default 10
  --lease SECONDS      how long a meeting is alive without a sign of life of its
                       members, who send one every third of it, 1 to 3600; default 60
  --revival SECONDS    how long a meeting that fell silent may come back after a later
                       one of its room has begun, 1 to 86400; default 600
  --rate N             requests a second that one address may make; default 100
  --burst N            requests that one address may make at once; default 500
  --new-meetings N     meetings that one address may begin in an hour; default 600
  --stored MIB         how much one address may have stored in an hour; default 1024
  --commits MIB        of one meeting's Commits the newest are kept, for members who
                       were away; default 64
  --storage GIB        from here on no meeting begins, those that there are go on;
                       default 16
  --keep DAYS          how long meetings are kept that nobody takes part in any more,
                       1 to 3650; default 30
  --restored           the data were put back from a backup: for the length of a lease
                       no meeting moves, and members give back what is missing. For one
                       start only

  --quiet              print nothing but the ready line and errors
  --help               print this

When it is ready it prints one line of JSON on standard output: event "ready", url,
host, port, receiptKey (base64url of the public key) and, with --dev-ca, caFile and
caSha256 (base64url). SIGTERM and SIGINT end it after the requests under
way; SIGHUP reads the certificate again.
GET /openapi.json describes the interface, /healthz and /metrics serve operators.
`;

/** Reads the command line; never throws for what it says. */
export function parseCommandLine(args: readonly string[]): CommandLine<CounterOptions> {
  return readCommandLine(
    args,
    {
      ...COMMON_OPTIONS,
      ...TLS_OPTIONS,
      data: { type: 'string' },
      'receipt-key': { type: 'string' },
      listen: { type: 'string', default: '127.0.0.1:8443' },
      tokens: { type: 'string' },
      'lock-ttl': { type: 'string', default: '10' },
      lease: { type: 'string', default: '60' },
      revival: { type: 'string', default: '600' },
      rate: { type: 'string', default: '100' },
      burst: { type: 'string', default: '500' },
      'new-meetings': { type: 'string', default: '600' },
      stored: { type: 'string', default: '1024' },
      commits: { type: 'string', default: '64' },
      storage: { type: 'string', default: '16' },
      keep: { type: 'string', default: '30' },
      restored: { type: 'boolean', default: false },
    },
    (values) => {
      if (values.data === undefined) throw new UsageError('--data DIR is needed');
      return {
        listen: readEndpoint('--listen', values.listen),
        dataDirectory: values.data,
        receiptKeyFile: values['receipt-key'],
        tls: readTlsSource(values),
        tokenFile: values.tokens,
        times: {
          lockMs: inMillis(readNumber('--lock-ttl', values['lock-ttl'], 0.1, 600)),
          leaseMs: inMillis(readNumber('--lease', values.lease, 1, 3_600)),
          revivalMs: inMillis(readNumber('--revival', values.revival, 1, 86_400)),
        },
        rateLimit: {
          perSecond: readNumber('--rate', values.rate, 0.1, 1_000_000),
          burst: readNumber('--burst', values.burst, 1, 1_000_000),
        },
        newMeetings: anHour(readNumber('--new-meetings', values['new-meetings'], 1, 1_000_000)),
        stored: anHour(readNumber('--stored', values.stored, 1, 1_000_000) * MIB),
        log: {
          ...DEFAULT_LOG_LIMITS,
          commitBytes: readNumber('--commits', values.commits, 1, 1_000_000) * MIB,
        },
        storageBytes: readNumber('--storage', values.storage, 0.01, 1_000_000) * 1024 * MIB,
        keepMs: inMillis(readNumber('--keep', values.keep, 1, 3_650) * 24 * 3_600),
        isRestored: values.restored,
        isQuiet: values.quiet,
      };
    },
  );
}

/** So many at once, and as many again by and by in each hour. */
function anHour(count: number): RateLimit {
  return { perSecond: count / 3_600, burst: count };
}

function inMillis(seconds: number): Millis {
  return millis(Math.round(seconds * 1_000));
}

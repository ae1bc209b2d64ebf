import { describe, expect, test } from 'vitest';
import { HELP, parseCommandLine } from '../../../src/services/counter/options.ts';

const GOOD = ['--data', 'd', '--dev-ca', 'ca'];

describe('the command line of conclave-counter', () => {
  test('has defaults for all but data and certificate', () => {
    expect(parseCommandLine(GOOD)).toEqual({
      kind: 'run',
      options: {
        listen: { host: '127.0.0.1', port: 8443 },
        dataDirectory: 'd',
        receiptKeyFile: undefined,
        tls: { kind: 'development-ca', directory: 'ca', hosts: [] },
        tokenFile: undefined,
        times: { lockMs: 10_000, leaseMs: 60_000, revivalMs: 600_000 },
        rateLimit: { perSecond: 100, burst: 500 },
        newMeetings: { perSecond: 600 / 3_600, burst: 600 },
        stored: { perSecond: 2 ** 30 / 3_600, burst: 2 ** 30 },
        log: { entries: 100_000, commitBytes: 64 * 2 ** 20 },
        storageBytes: 16 * 2 ** 30,
        keepMs: 30 * 24 * 3_600_000,
        isRestored: false,
        isQuiet: false,
      },
    });
  });

  test('takes files, addresses and limits', () => {
    const line =
      '--data d --tls-cert c --tls-key k --listen [::1]:0 --tokens t --lock-ttl 0.5 --lease 30 --revival 90 --rate 5 --burst 6 --new-meetings 36 --stored 2 --commits 3 --storage 0.5 --keep 1 --restored --quiet';
    expect(parseCommandLine(line.split(' '))).toMatchObject({
      kind: 'run',
      options: {
        listen: { host: '::1', port: 0 },
        tls: { kind: 'files', certFile: 'c', keyFile: 'k' },
        tokenFile: 't',
        times: { lockMs: 500, leaseMs: 30_000, revivalMs: 90_000 },
        rateLimit: { perSecond: 5, burst: 6 },
        newMeetings: { perSecond: 0.01, burst: 36 },
        stored: { perSecond: 2 ** 21 / 3_600, burst: 2 ** 21 },
        log: { commitBytes: 3 * 2 ** 20 },
        storageBytes: 2 ** 29,
        keepMs: 86_400_000,
        isRestored: true,
        isQuiet: true,
      },
    });
  });

  test.each([
    [[], /--data/],
    [['--data', 'd'], /--dev-ca DIR, or/],
    [['--data', 'd', '--tls-cert', 'c'], /--tls-key/],
    [[...GOOD, '--tls-cert', 'c'], /exclude/],
    [['--data', 'd', '--tls-cert', 'c', '--tls-key', 'k', '--host', 'h'], /--host/],
    [[...GOOD, '--listen', 'localhost'], /--listen/],
    [[...GOOD, '--listen', 'localhost:65536'], /--listen/],
    [[...GOOD, '--lock-ttl', '0'], /--lock-ttl/],
    [[...GOOD, '--lock-ttl', '1e9'], /--lock-ttl/],
    [[...GOOD, '--rate', '-1'], /rate/],
    [[...GOOD, '--new-meetings', '0'], /--new-meetings/],
    [[...GOOD, '--keep', '0.5'], /--keep/],
    [[...GOOD, '--unknown'], /--unknown/],
    [[...GOOD, 'more'], /more/],
  ])('%j is refused', (args, reason) => {
    const line = parseCommandLine(args);
    expect(line).toMatchObject({ kind: 'wrong', reason: expect.stringMatching(reason) as string });
  });

  test('--help names every option', () => {
    expect(parseCommandLine(['--help'])).toEqual({ kind: 'help' });
    const options =
      'data receipt-key listen tls-cert tls-key dev-ca host tokens lock-ttl lease revival rate burst new-meetings stored commits storage keep restored quiet help';
    for (const option of options.split(' ')) expect(HELP).toMatch(new RegExp(`^  --${option}\\b`, 'm'));
  });
});

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { authoritiesOf } from '../../../src/services/relay/authorities.ts';
import { parseCommandLine } from '../../../src/services/relay/options.ts';
import { ensureDevelopmentCertificate } from '../../../src/services/tls/development-ca.ts';

test('a relay is known by what its certificate names, at its port; not by a wildcard', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'conclave-authorities-'));
  try {
    const { certPem } = await ensureDevelopmentCertificate(folder, [
      'Relay.Example',
      '*.example',
      '2001:db8::7',
    ]);
    expect(authoritiesOf(certPem, 4443).toSorted()).toEqual(
      [
        '127.0.0.1:4443',
        '[2001:db8::7]:4443',
        '[::1]:4443',
        'localhost:4443',
        'relay.example:4443',
      ].toSorted(),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

const accessOf = (...args: string[]): unknown => {
  const read = parseCommandLine(['--dev-ca', 'x', ...args]);
  return read.kind === 'run' ? read.options.access : read;
};

test('who may use a relay is an option', () => {
  expect(accessOf()).toEqual({ kind: 'passes', authorities: undefined });
  expect(accessOf('--open')).toEqual({ kind: 'open' });
  expect(accessOf('--authority', 'Relay.Example:443', '--authority', '[::1]:4443')).toEqual({
    kind: 'passes',
    authorities: ['relay.example:443', '[::1]:4443'],
  });
});

test.each([
  [['--open', '--authority', 'a:1'], 'exclude'],
  [['--authority', 'relay.example'], '--authority'],
  [['--authority', `${'a'.repeat(255)}:1`], '--authority'],
  [Array.from({ length: 17 }, () => ['--authority', 'a:1']).flat(), '--authority'],
])('%j is refused', (args, said) => {
  expect(accessOf(...args)).toMatchObject({ kind: 'wrong', reason: expect.stringContaining(said) as string });
});

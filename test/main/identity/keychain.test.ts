import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { afterAll, describe, expect, test } from 'vitest';
import type { Keychain } from '../../../src/main/identity/keychain.ts';
import { keytarKeychain } from '../../../src/main/identity/keytar-keychain.ts';
import { MemoryKeychain } from './memory-keychain.ts';

/** What every keychain promises; run by the tests' fake and by the real one alike. */
function keepsItsPromises(keychain: Keychain): void {
  const account = `test ${randomUUID()}`;
  afterAll(async () => {
    await keychain.erase(account);
    await keychain.erase(`${account} 2`);
  });
  const absent = { kind: 'ok', value: undefined };

  test('has nothing for an unknown account', async () => {
    expect(await keychain.get(account)).toEqual(absent);
  });

  test('keeps, replaces and erases the secret of each account', async () => {
    expect(await keychain.set(account, 'first')).toEqual(absent);
    expect(await keychain.set(`${account} 2`, 'other')).toEqual(absent);
    expect(await keychain.set(account, 'second')).toEqual(absent);
    expect(await keychain.get(account)).toEqual({ kind: 'ok', value: 'second' });
    expect(await keychain.erase(account)).toEqual(absent);
    expect(await keychain.get(account)).toEqual(absent);
    expect(await keychain.get(`${account} 2`)).toEqual({ kind: 'ok', value: 'other' });
  });

  test('erasing what is not there is fine', async () => {
    expect(await keychain.erase(account)).toEqual(absent);
  });
}

describe('the keychain of the tests', () => {
  keepsItsPromises(new MemoryKeychain());
});

// Set by scripts/with-keyring.sh, or by hand on a desktop with a keychain.
describe.runIf(process.env.CONCLAVE_TEST_KEYCHAIN === '1')('the keychain of the system', () => {
  keepsItsPromises(keytarKeychain(`Conclave test ${randomUUID()}`));

  test('another connection finds what was kept', async () => {
    const service = `Conclave test ${randomUUID()}`;
    await keytarKeychain(service).set('a', 'kept');
    expect(await keytarKeychain(service).get('a')).toEqual({ kind: 'ok', value: 'kept' });
    await keytarKeychain(service).erase('a');
  });
});

test.runIf(process.platform === 'linux')(
  'without a keychain the outcome says so, and nothing is thrown',
  () => {
    const script = `
    import { keytarKeychain } from './src/main/identity/keytar-keychain.ts';
    const keychain = keytarKeychain();
    const outcomes = [await keychain.get('a'), await keychain.set('a', 'secret'), await keychain.erase('a')];
    console.log(JSON.stringify(outcomes));`;
    const env = { ...process.env, DBUS_SESSION_BUS_ADDRESS: 'unix:path=/nonexistent', DISPLAY: '' };
    const run = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      env,
      encoding: 'utf8',
    });
    const outcomes = JSON.parse(run.stdout) as { kind: string; detail?: string }[];
    expect(outcomes).toHaveLength(3);
    for (const outcome of outcomes) {
      expect(outcome.kind).toBe('no-keychain');
      expect(outcome.detail).not.toBe('');
      expect(outcome.detail).not.toContain('secret');
    }
  },
);

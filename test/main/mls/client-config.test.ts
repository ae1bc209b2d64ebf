import { randomBytes } from 'node:crypto';
import type { Credential } from 'ts-mls';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  capabilitiesOf,
  clientConfig,
  credentialOf,
  isLifetime,
  lifetimeFrom,
  suiteImplementation,
} from '../../../src/main/mls/client-config.ts';
import { unixMillis } from '../../../src/protocol/units.ts';

const WEEK = 7n * 24n * 3600n;

describe('the lifetime of a KeyPackage', () => {
  test('runs from a week ago to a week ahead, whatever the clock says', () => {
    const now = unixMillis(1_800_000_000_999);
    expect(lifetimeFrom(now)).toEqual({ notBefore: 1_800_000_000n - WEEK, notAfter: 1_800_000_000n + WEEK });
    // A clock that has lost its battery.
    expect(lifetimeFrom(unixMillis(0))).toEqual({ notBefore: 0n, notAfter: WEEK });
    const times = fc.integer({ min: 0, max: 4_000_000_000_000 }).map(unixMillis);
    fc.assert(
      fc.property(times, (at) => {
        expect(isLifetime(lifetimeFrom(at))).toBe(true);
      }),
    );
  });

  test('is two weeks at most, and not less than nothing', () => {
    const lasting = (seconds: bigint): boolean =>
      isLifetime({ notBefore: 1_000_000n, notAfter: 1_000_000n + seconds });
    expect([2n * WEEK, 2n * WEEK + 1n, 0n, -1n].map(lasting)).toEqual([true, false, true, false]);
  });
});

describe('a credential', () => {
  const validate = (...given: Parameters<typeof clientConfig.authService.validateCredential>) =>
    clientConfig.authService.validateCredential(...given);
  const key = new Uint8Array(randomBytes(32));

  test('is the fingerprint of its signature key', async () => {
    expect(await validate(credentialOf(key), key)).toBe(true);
    expect(await validate(credentialOf(key), new Uint8Array(randomBytes(32)))).toBe(false);
    expect(await validate({ credentialType: 'basic', identity: key }, key)).toBe(false);
  });

  test('is of type basic', async () => {
    const { identity } = credentialOf(key) as { identity: Uint8Array };
    const certificates: Credential = { credentialType: 'x509', certificates: [identity] };
    expect(await validate(certificates, key)).toBe(false);
    // Another type with the very field that a basic one has.
    expect(await validate({ ...certificates, identity } as never, key)).toBe(false);
  });
});

test.each([
  [0x0001, 'MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519'],
  [0x0053, 'MLS_256_XWING_AES256GCM_SHA512_Ed25519'],
] as const)(
  'capabilities for suite %i name the extensions of the protocol and no proposals',
  (suite, name) => {
    expect(capabilitiesOf(suite)).toEqual({
      versions: ['mls10'],
      ciphersuites: [name],
      extensions: [0xf0c1, 0xf0c2, 0xf0c3],
      proposals: [],
      credentials: ['basic'],
    });
  },
);

test('the cryptography of a suite is made once', () => {
  expect(suiteImplementation(0x0001)).toBe(suiteImplementation(0x0001));
  expect(suiteImplementation(0x0053)).not.toBe(suiteImplementation(0x0001));
});

import { randomBytes } from 'node:crypto';
import type { Credential } from 'ts-mls';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  capabilitiesOf,
  clientConfig,
  credentialOf,
  lifetimeFrom,
  suiteImplementation,
  withinLifetime,
} from '../../../src/main/mls/client-config.ts';
import { unixMillis } from '../../../src/protocol/units.ts';

const HOUR_MS = 60 * 60_000;

describe('the lifetime of a KeyPackage', () => {
  test('takes in clocks that are an hour apart, to the millisecond, and none that are further', () => {
    const times = fc.integer({ min: 1_700_000_000_000, max: 4_000_000_000_000 }).map(unixMillis);
    fc.assert(
      fc.property(times, fc.integer({ min: -HOUR_MS, max: HOUR_MS }), (now, apart) => {
        const lifetime = lifetimeFrom(now);
        expect(withinLifetime(lifetime, unixMillis(now + apart))).toBe(true);
        for (const far of [-HOUR_MS - 1000, HOUR_MS + 2000]) {
          expect(withinLifetime(lifetime, unixMillis(now + far))).toBe(false);
        }
      }),
    );
  });

  test('is two hours at most, and a second for rounding', () => {
    const now = unixMillis(1_800_000_000_000);
    const from = 1_800_000_000n;
    const lasting = (seconds: bigint): boolean =>
      withinLifetime({ notBefore: from, notAfter: from + seconds }, now);
    expect(lasting(7201n)).toBe(true);
    expect(lasting(7202n)).toBe(false);
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
      extensions: [0xf0c1, 0xf0c2],
      proposals: [],
      credentials: ['basic'],
    });
  },
);

test('the cryptography of a suite is made once', () => {
  expect(suiteImplementation(0x0001)).toBe(suiteImplementation(0x0001));
  expect(suiteImplementation(0x0053)).not.toBe(suiteImplementation(0x0001));
});

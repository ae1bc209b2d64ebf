/** How Conclave configures ts-mls: suites, credentials, capabilities, and no retention of old epochs. */
import { defaultKeyPackageEqualityConfig, getCiphersuiteFromName, getCiphersuiteImpl } from 'ts-mls';
import type {
  Capabilities,
  CiphersuiteImpl,
  CiphersuiteName,
  ClientConfig,
  Credential,
  Lifetime,
} from 'ts-mls';
import { equal } from '../../protocol/bytes/equal.ts';
import { INVITATION_PROOF_EXTENSION } from '../../protocol/group/invitation-proof.ts';
import { MEETING_PARAMETERS_EXTENSION } from '../../protocol/group/meeting-parameters.ts';
import type { MlsSuite } from '../../protocol/group/mls.ts';
import { fingerprintOf } from '../../protocol/group/names.ts';
import type { UnixMillis } from '../../protocol/units.ts';
import { nodeCryptoProvider } from './node-crypto-provider.ts';
import { nodeGroupCrypto } from './node-group-crypto.ts';

/**
 * The suites that a meeting may choose. Others of ts-mls are refused; 77 to 80 in particular pair a hash and a KDF
 * of different sizes.
 */
export const SUITE_NAMES: Readonly<Record<MlsSuite, CiphersuiteName>> = {
  0x0001: 'MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519',
  0x0053: 'MLS_256_XWING_AES256GCM_SHA512_Ed25519',
};

/** Whether `suite` is one that a meeting may choose. */
export function isMlsSuite(suite: number): suite is MlsSuite {
  return suite in SUITE_NAMES;
}

const implementations = new Map<MlsSuite, Promise<CiphersuiteImpl>>();

/** The cryptography of a suite; created on first use and shared. */
export function suiteImplementation(suite: MlsSuite): Promise<CiphersuiteImpl> {
  let implementation = implementations.get(suite);
  if (implementation === undefined) {
    implementation = getCiphersuiteImpl(getCiphersuiteFromName(SUITE_NAMES[suite]), nodeCryptoProvider);
    implementations.set(suite, implementation);
  }
  return implementation;
}

/** A credential holds the fingerprint of the signature key and nothing else; names travel sealed. */
export function credentialOf(signatureKey: Uint8Array): Credential {
  return { credentialType: 'basic', identity: fingerprintOf(signatureKey, nodeGroupCrypto) };
}

/** Capabilities that our leaves declare. @see RFC 9420 §7.2 */
export function capabilitiesOf(suite: MlsSuite): Capabilities {
  return {
    versions: ['mls10'],
    ciphersuites: [SUITE_NAMES[suite]],
    extensions: [MEETING_PARAMETERS_EXTENSION, INVITATION_PROOF_EXTENSION],
    proposals: [],
    credentials: ['basic'],
  };
}

const CLOCK_SKEW_MS = 60 * 60_000;
const KEY_PACKAGE_LIFETIME_MS = 60 * 60_000;

/** Lifetime of a KeyPackage made at `now`, in seconds; tolerates clocks that are an hour apart. */
export function lifetimeFrom(now: UnixMillis): Lifetime {
  return {
    notBefore: BigInt(Math.floor((now - CLOCK_SKEW_MS) / 1000)),
    notAfter: BigInt(Math.ceil((now + KEY_PACKAGE_LIFETIME_MS) / 1000)),
  };
}

/** Whether a KeyPackage with this lifetime may be added at `now`. */
export function withinLifetime(lifetime: Lifetime, now: UnixMillis): boolean {
  const seconds = BigInt(Math.floor(now / 1000));
  const longest = BigInt((CLOCK_SKEW_MS + KEY_PACKAGE_LIFETIME_MS) / 1000 + 1);
  return (
    lifetime.notBefore <= seconds &&
    seconds <= lifetime.notAfter &&
    lifetime.notAfter - lifetime.notBefore <= longest
  );
}

/** The configuration of ts-mls for all groups. */
export const clientConfig: ClientConfig = {
  // The adapter drops retained epochs at each merge. A limit of 0 would make ts-mls keep them all (measured).
  keyRetentionConfig: {
    retainKeysForGenerations: 4,
    retainKeysForEpochs: 1,
    maximumForwardRatchetSteps: 64,
  },
  // A leaf stays in the tree after its lifetime has ended: the lifetime is checked once, before the Add.
  lifetimeConfig: { maximumTotalLifetime: 24n * 3600n, validateLifetimeOnReceive: false },
  keyPackageEqualityConfig: defaultKeyPackageEqualityConfig,
  paddingConfig: { kind: 'padUntilLength', padUntilLength: 256 },
  authService: {
    validateCredential: (credential, signatureKey) =>
      Promise.resolve(
        credential.credentialType === 'basic' &&
          equal(credential.identity, fingerprintOf(signatureKey, nodeGroupCrypto)),
      ),
  },
};

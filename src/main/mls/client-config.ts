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
import { LEAF_JOIN_EXTENSION } from '../../protocol/group/leaf-join.ts';
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
    extensions: [MEETING_PARAMETERS_EXTENSION, LEAF_JOIN_EXTENSION, INVITATION_PROOF_EXTENSION],
    proposals: [],
    credentials: ['basic'],
  };
}

const WEEK_SECONDS = 7n * 24n * 3600n;

/** Lifetime of a KeyPackage made at `now`, in seconds: from a week ago to a week ahead. */
export function lifetimeFrom(now: UnixMillis): Lifetime {
  const seconds = BigInt(Math.floor(now / 1000));
  const notBefore = seconds < WEEK_SECONDS ? 0n : seconds - WEEK_SECONDS;
  return { notBefore, notAfter: seconds + WEEK_SECONDS };
}

/**
 * Whether a lifetime is one, and not too long. It is not compared with a clock: whether a KeyPackage is new is told by the
 * epoch that it is as of, and a machine whose clock is wrong joins like any other.
 */
export function isLifetime({ notBefore, notAfter }: Lifetime): boolean {
  return notBefore <= notAfter && notAfter - notBefore <= 2n * WEEK_SECONDS;
}

/** The configuration of ts-mls for all groups. */
export const clientConfig: ClientConfig = {
  // The adapter drops retained epochs at each merge. A limit of 0 would make ts-mls keep them all (measured).
  keyRetentionConfig: {
    retainKeysForGenerations: 4,
    retainKeysForEpochs: 1,
    maximumForwardRatchetSteps: 64,
  },
  // No clock decides who is let in; our patch keeps ts-mls from asking it for KeyPackages that we add ourselves, too.
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

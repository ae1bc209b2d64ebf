/**
 * Who one is in meetings: a signature key. It is either kept in the keychain of the operating system, or made for
 * one run of the app and kept nowhere.
 */
import { decodeBase64Url, encodeBase64Url } from '../../protocol/bytes/base64url.ts';
import { RAW_KEY_BYTES } from '../../io/crypto/raw-keys.ts';
import { fingerprintOf } from '../../protocol/group/names.ts';
import type { Fingerprint } from '../../protocol/group/names.ts';
import { nodeGroupCrypto } from '../mls/node-group-crypto.ts';
import type { Keychain } from './keychain.ts';
import { generateSignatureKey, signatureKeyOf, type SignatureKey } from './signature-key.ts';

/** A member's own key and what is known of it. */
export interface Identity {
  readonly kind: 'kept' | 'guest';
  readonly signatureKey: SignatureKey;
  readonly fingerprint: Fingerprint;
}

/** Why a kept identity is not to be had. */
export type IdentityProblem =
  /** The keychain cannot be used; `detail` is its own word. */
  | { readonly kind: 'no-keychain'; readonly detail: string }
  /** The keychain's entry is not a key of ours; it is left as it is. */
  | { readonly kind: 'damaged' };

/** A kept identity, or why there is none. */
export type IdentityOutcome = { readonly kind: 'ready'; readonly identity: Identity } | IdentityProblem;

/**
 * The identity that a profile has kept.
 * @param profileId - of the profile; names the keychain's entry.
 * @returns `missing` on a first start.
 */
export async function loadIdentity(
  keychain: Keychain,
  profileId: string,
): Promise<IdentityOutcome | { readonly kind: 'missing' }> {
  const found = await keychain.get(accountOf(profileId));
  if (found.kind !== 'ok') return found;
  if (found.value === undefined) return { kind: 'missing' };
  const seed = decodeBase64Url(found.value);
  if (seed?.length !== RAW_KEY_BYTES) return { kind: 'damaged' };
  return { kind: 'ready', identity: identityOf('kept', signatureKeyOf(seed)) };
}

/**
 * Makes the identity of a profile and keeps it. One that exists already is returned and never replaced.
 * The key is read back before it is used, so that no meeting knows a key that the next start does not find.
 */
export async function createIdentity(keychain: Keychain, profileId: string): Promise<IdentityOutcome> {
  const existing = await loadIdentity(keychain, profileId);
  if (existing.kind !== 'missing') return existing;
  const { seed } = generateSignatureKey();
  const stored = await keychain.set(accountOf(profileId), encodeBase64Url(seed));
  if (stored.kind !== 'ok') return stored;
  const kept = await loadIdentity(keychain, profileId);
  if (kept.kind === 'missing') return { kind: 'no-keychain', detail: 'The keychain did not save the key.' };
  return kept;
}

/** Forgets the identity of a profile for good. */
export async function eraseIdentity(keychain: Keychain, profileId: string): ReturnType<Keychain['erase']> {
  return keychain.erase(accountOf(profileId));
}

/** An identity for one run of the app: nothing of it is kept anywhere. */
export function createGuestIdentity(): Identity {
  return identityOf('guest', generateSignatureKey());
}

/** What to tell people about a problem, with what they can do. */
export function describeIdentityProblem(problem: IdentityProblem, platform: NodeJS.Platform): string {
  if (problem.kind === 'damaged') {
    return (
      'The keychain entry for this profile is not a Conclave key. Restore or delete the “Conclave” entry in the ' +
      'system’s keychain, or join as a guest.'
    );
  }
  return `${KEYCHAIN_HINTS[platform] ?? OTHER_HINT} You can also join as a guest: a guest’s key is never saved.`;
}

const OTHER_HINT = 'Conclave cannot use this system’s keychain, so it cannot save your key.';
const KEYCHAIN_HINTS: Partial<Record<NodeJS.Platform, string>> = {
  linux:
    'No unlocked keychain answered, so Conclave cannot save your key. Install and unlock a Secret Service keychain, ' +
    'such as GNOME Keyring or KWallet (Debian and Ubuntu: apt install gnome-keyring libsecret-1-0).',
  darwin: 'Conclave cannot use the login keychain, so it cannot save your key. Unlock it in Keychain Access.',
  win32: 'Conclave cannot use the Windows Credential Manager, so it cannot save your key.',
};

function accountOf(profileId: string): string {
  return `signature key of profile ${profileId}`;
}

function identityOf(kind: Identity['kind'], signatureKey: SignatureKey): Identity {
  return { kind, signatureKey, fingerprint: fingerprintOf(signatureKey.publicKey, nodeGroupCrypto) };
}

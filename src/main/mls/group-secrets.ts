/** Erases secrets that ts-mls keeps for groups and KeyPackages. */
import type { ClientState, PrivateKeyPackage } from 'ts-mls';

/**
 * Overwrites the secrets of a state that is over.
 * @param successor - a state that may share secrets with it; those are left alone.
 */
export function eraseState(state: ClientState, successor?: ClientState): void {
  eraseSecrets(secretsOf(state), successor);
}

/**
 * Overwrites secrets.
 * @param kept - a state whose own are left alone.
 */
export function eraseSecrets(secrets: Iterable<Uint8Array>, kept?: ClientState): void {
  const left = new Set(kept === undefined ? [] : secretsOf(kept));
  for (const secret of secrets) if (!left.has(secret)) secret.fill(0);
}

/** Overwrites the private keys of a KeyPackage, except those that a group uses since we joined with it. */
export function eraseKeyPackage(secrets: PrivateKeyPackage, groups: Iterable<ClientState>): void {
  const kept = new Set([...groups].flatMap((state) => [...secretsOf(state)]));
  const { initPrivateKey, hpkePrivateKey, signaturePrivateKey } = secrets;
  for (const secret of [initPrivateKey, hpkePrivateKey, signaturePrivateKey]) {
    if (!kept.has(secret)) secret.fill(0);
  }
}

function* secretsOf(state: ClientState): Generator<Uint8Array> {
  const { keySchedule, privatePath, secretTree, signaturePrivateKey, historicalReceiverData } = state;
  yield signaturePrivateKey;
  for (const value of Object.values(keySchedule) as unknown[]) if (value instanceof Uint8Array) yield value;
  yield* Object.values(privatePath.privateKeys);
  yield* byteArraysIn(secretTree);
  // What the Commit that led to this state was opened with: ratchets of its sender, derived for it.
  for (const former of historicalReceiverData.values()) yield* byteArraysIn(former.secretTree);
}

/** All byte arrays inside nested objects and arrays. */
export function* byteArraysIn(value: unknown): Generator<Uint8Array> {
  if (value instanceof Uint8Array) yield value;
  else if (typeof value === 'object' && value !== null) {
    for (const member of Object.values(value) as unknown[]) yield* byteArraysIn(member);
  }
}

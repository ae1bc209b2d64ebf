/** The key pair of an epoch, with which its members sign for the next one. @see docs/protocol.md#epoch-keys */
import { mlsExporter } from 'ts-mls';
import type { CiphersuiteImpl, ClientState } from 'ts-mls';
import type { Ed25519Signer } from '../../protocol/group/crypto-port.ts';
import { nodeGroupCrypto } from './node-group-crypto.ts';

const EPOCH_KEY_LABEL = 'conclave epoch key';
const EPOCH_KEY_BYTES = 32;
const NO_CONTEXT = new Uint8Array(0);

/** Public keys by the secrets of their epochs: a Commit's is asked for when it is staged, and when it is merged. */
const publicKeys = new WeakMap<ClientState['keySchedule'], Uint8Array>();

/** Its public key: 32 fresh bytes. */
export async function epochKeyOf(state: ClientState, suite: CiphersuiteImpl): Promise<Uint8Array> {
  const { keySchedule } = state;
  const publicKey = publicKeys.get(keySchedule) ?? (await epochSignerOf(state, suite)).publicKey;
  publicKeys.set(keySchedule, publicKey);
  return publicKey.slice();
}

/** The key pair of a state's epoch. */
export async function epochSignerOf(
  { keySchedule }: ClientState,
  suite: CiphersuiteImpl,
): Promise<Ed25519Signer> {
  const seed = await mlsExporter(
    keySchedule.exporterSecret,
    EPOCH_KEY_LABEL,
    NO_CONTEXT,
    EPOCH_KEY_BYTES,
    suite,
  );
  const signer = nodeGroupCrypto.ed25519Signer(seed);
  seed.fill(0);
  return signer;
}

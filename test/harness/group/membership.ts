import { createHash, randomBytes } from 'node:crypto';
import type { MlsMembership } from '../../../src/main/mls/mls-port.ts';
import { ed25519PublicKey } from '../../../src/io/crypto/raw-keys.ts';
import type { MeetingParameters } from '../../../src/protocol/group/meeting-parameters.ts';
import type { MlsSuite } from '../../../src/protocol/group/mls.ts';
import { unixMillis } from '../../../src/protocol/units.ts';
import type { UnixMillis } from '../../../src/protocol/units.ts';

/** A fresh identity that was invited to a group: whoever has the same proof key has the same PSK. */
export function makeMembership(
  groupId: Uint8Array,
  joinProofKey: Uint8Array,
  suite: MlsSuite = 0x0001,
): MlsMembership {
  const seed = new Uint8Array(randomBytes(32));
  const invitationPsk = new Uint8Array(createHash('sha256').update('psk').update(joinProofKey).digest());
  return {
    identity: { seed, publicKey: ed25519PublicKey(seed) },
    suite,
    groupId,
    joinProofKey,
    invitationPsk,
  };
}

/** Parameters of a plain test meeting. */
export const testParameters: MeetingParameters = {
  secureObjectsSuite: 4,
  profile: '01',
  mode: 'fenced',
  receiptKey: new Uint8Array(32).fill(7),
  kickedKeys: [],
};

/** The wall clock; ts-mls reads it too. */
export const wallClock = (): UnixMillis => unixMillis(Date.now());

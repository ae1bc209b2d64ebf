import { createHash, randomBytes } from 'node:crypto';
import type { GroupFounding, KeyPackageRequest, MlsMembership } from '../../../src/main/mls/mls-port.ts';
import { ed25519PublicKey } from '../../../src/io/crypto/raw-keys.ts';
import type { MeetingParameters } from '../../../src/protocol/group/meeting-parameters.ts';
import { JOIN_ID_BYTES } from '../../../src/protocol/group/leaf-join.ts';
import type { JoinId } from '../../../src/protocol/group/leaf-join.ts';
import type { MlsSuite } from '../../../src/protocol/group/mls.ts';
import { epoch, unixMillis } from '../../../src/protocol/units.ts';
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
  admission: 'open',
  organisers: [],
};

/** The wall clock, by which nothing is decided. */
export const wallClock = (): UnixMillis => unixMillis(Date.now());

/** A plan of a Commit that does nothing; one is made of it by saying what it is to do. */
export const NO_CHANGE = { adds: [], removes: [], kicks: [] };

/** A join of somebody, named by a number. */
export const joinId = (name = 0): JoinId => new Uint8Array(JOIN_ID_BYTES).fill(name) as JoinId;

/** How a test founds a group. */
export function founding(parameters = testParameters): GroupFounding {
  return { parameters, joinId: new Uint8Array(randomBytes(JOIN_ID_BYTES)) as JoinId, now: wallClock() };
}

/** How a test has a KeyPackage made: for a new join, as of an epoch. */
export function joinRequest(asOf = 0n): KeyPackageRequest {
  const id = new Uint8Array(randomBytes(JOIN_ID_BYTES)) as JoinId;
  return { asOf: epoch(asOf), joinId: id, sealedName: new Uint8Array(randomBytes(92)), now: wallClock() };
}

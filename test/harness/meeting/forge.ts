/** Seals as another member: all members derive the keys of all tracks. */
import { nodeCrypto } from '../../../src/io/crypto/node-crypto.ts';
import type { FullTrackName, Location, MoqtObject } from '../../../src/protocol/moqt/model.ts';
import { deriveEpochSecret, deriveTrackBaseKey } from '../../../src/protocol/secure-objects/key-schedule.ts';
import { TrackSealer } from '../../../src/protocol/secure-objects/track-sealer.ts';
import { subgroupId } from '../../../src/protocol/moqt/model.ts';
import { epoch } from '../../../src/protocol/units.ts';

/** The keys of an epoch, which each of its members has. */
export interface EpochKeys {
  readonly epoch: bigint;
  readonly masterKey: Uint8Array;
}

/** What is forged. */
export interface Forgery {
  readonly track: FullTrackName;
  readonly location: Location;
  readonly priority: number;
  readonly payload: Uint8Array;
  readonly encrypted?: Uint8Array;
}

/** An object that opens as the track's owner's. */
export function forge(
  keys: EpochKeys,
  { track, location, priority, payload, encrypted }: Forgery,
): MoqtObject {
  const of = epoch(keys.epoch);
  const secret = deriveEpochSecret(nodeCrypto, 'SHA-256', keys.masterKey, of);
  const sealer = new TrackSealer({ track, suite: 0x0004, crypto: nodeCrypto });
  sealer.setKey(of, deriveTrackBaseKey(nodeCrypto, 'SHA-256', secret, track));
  const sealed = sealer.seal(
    { ...location, priority },
    payload,
    encrypted === undefined ? {} : { encrypted },
  );
  if (sealed.kind !== 'sealed') throw new Error(sealed.kind);
  return {
    location,
    subgroup: subgroupId(location.object),
    publisherPriority: priority,
    forwarding: 'subgroup',
    properties: sealed.properties,
    content: { kind: 'payload', payload: sealed.payload },
  };
}

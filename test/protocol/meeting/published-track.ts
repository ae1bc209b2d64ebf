/** Tracks of other members for tests of those who receive them: sealed for real, offered and delivered by hand. */
import { nodeCrypto } from '../../../src/io/crypto/node-crypto.ts';
import { MeetingKeys } from '../../../src/protocol/meeting/meeting-keys.ts';
import type { PublishOffer, SubscriptionOwner } from '../../../src/protocol/moqt/client/client-api.ts';
import { groupId, objectId, type FullTrackName, type MoqtObject } from '../../../src/protocol/moqt/model.ts';
import type { SubscribeParameters, TrackDescription } from '../../../src/protocol/moqt/session-api.ts';
import { deriveEpochSecret, deriveTrackBaseKey } from '../../../src/protocol/secure-objects/key-schedule.ts';
import { TrackSealer } from '../../../src/protocol/secure-objects/track-sealer.ts';
import { epoch, type Millis } from '../../../src/protocol/units.ts';
import { object } from '../../harness/moqt/names.ts';

const CIPHER = { suite: 0x0004 } as const;
const PRIORITY = 32;

/** The MLS master key of an epoch in these tests: fresh bytes. */
export const masterKey = (of: bigint): Uint8Array => new Uint8Array(32).fill(Number(of) + 1);

/** The keys of a member, before its first epoch. */
export function meetingKeys(): MeetingKeys {
  return new MeetingKeys({ mlsHash: 'SHA-256', ...CIPHER }, nodeCrypto);
}

/** Takes keys into an epoch that {@link PublishedTrack}s seal in. */
export function beginEpoch(keys: MeetingKeys, of: bigint, now: Millis): void {
  keys.begin(epoch(of), masterKey(of), now);
}

/** A track that somebody publishes, offered to us. */
export class PublishedTrack {
  readonly track: FullTrackName;
  owner: SubscriptionOwner | undefined;
  /** What was published before, as the relay says. */
  description: TrackDescription = {};
  accepted: SubscribeParameters | undefined;
  readonly updates: SubscribeParameters[] = [];
  rejected = 0;
  cancelled = 0;
  handedOver = 0;
  readonly #sealer: TrackSealer;
  #group = 0n;

  constructor(track: FullTrackName) {
    this.track = track;
    this.#sealer = new TrackSealer({ track, crypto: nodeCrypto, ...CIPHER });
  }

  /** The relay's PUBLISH. */
  offer(): PublishOffer {
    return {
      track: this.track,
      description: this.description,
      accept: (parameters, owner) => {
        this.accepted = parameters;
        this.owner = owner;
        return {
          track: this.track,
          description: this.description,
          update: (update) => {
            this.updates.push(update);
          },
          cancel: () => {
            this.cancelled += 1;
          },
          handOver: () => {
            this.owner = undefined;
            this.handedOver += 1;
            return this.offer();
          },
        };
      },
      reject: () => {
        this.rejected += 1;
      },
    };
  }

  /** Seals the next group's one object under the key of an epoch. */
  seal(of: bigint, payload: Uint8Array, encrypted: Uint8Array = new Uint8Array(0)): MoqtObject {
    if (this.#sealer.epoch !== of) {
      const secret = deriveEpochSecret(nodeCrypto, 'SHA-256', masterKey(of), epoch(of));
      this.#sealer.setKey(epoch(of), deriveTrackBaseKey(nodeCrypto, 'SHA-256', secret, this.track));
    }
    const group = this.#group;
    this.#group += 1n;
    const location = { group: groupId(group), object: objectId(0n) };
    const sealed = this.#sealer.seal({ ...location, priority: PRIORITY }, payload, { encrypted });
    if (sealed.kind !== 'sealed') throw new Error(sealed.kind);
    const more = { properties: sealed.properties, priority: PRIORITY };
    return { ...object(0, 0, sealed.payload, more), location };
  }

  /** Groups go on from here. */
  skipTo(group: bigint): void {
    this.#group = group;
  }

  /** Seals and delivers. */
  send(of: bigint, payload: Uint8Array, encrypted?: Uint8Array): void {
    this.owner?.object(this.seal(of, payload, encrypted));
  }
}

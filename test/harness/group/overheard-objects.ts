/** Objects of all epochs of a group, as a relay's cache keeps them, and what people who were members for a while have to open them. */
import { nodeCrypto } from '../../../src/io/crypto/node-crypto.ts';
import { encodeUtf8 } from '../../../src/protocol/bytes/utf8.ts';
import { groupId, objectId } from '../../../src/protocol/moqt/model.ts';
import type { ObjectHeader } from '../../../src/protocol/secure-objects/aad.ts';
import { deriveEpochSecret, deriveTrackBaseKey } from '../../../src/protocol/secure-objects/key-schedule.ts';
import { TrackOpener } from '../../../src/protocol/secure-objects/track-opener.ts';
import { TrackSealer } from '../../../src/protocol/secure-objects/track-sealer.ts';
import { epoch as toEpoch, millis, type Epoch } from '../../../src/protocol/units.ts';

const TRACK = { namespace: [encodeUtf8('group'), encodeUtf8('media')], name: encodeUtf8('o') };
const SEALED_TRACK = { track: TRACK, suite: 0x0004, crypto: nodeCrypto } as const;

interface Overheard {
  readonly epoch: Epoch;
  readonly header: ObjectHeader;
  readonly properties: Uint8Array;
  readonly payload: Uint8Array;
}

/** What was sent in each epoch of a group, and the master keys that each person ever had. */
export class OverheardObjects {
  readonly #sealer = new TrackSealer(SEALED_TRACK);
  readonly #objects: Overheard[] = [];
  readonly #keys = new Map<string, Map<Epoch, Uint8Array>>();

  /** An epoch begins: each member has its master key, and one of them sends an object. */
  begin(epochNumber: bigint, masterKeys: ReadonlyMap<string, Uint8Array>): void {
    const epoch = toEpoch(epochNumber);
    for (const [person, key] of masterKeys) {
      const own = this.#keys.get(person) ?? new Map<Epoch, Uint8Array>();
      this.#keys.set(person, own.set(epoch, key));
    }
    const [key] = masterKeys.values();
    if (key === undefined) throw new Error('an epoch has members');
    this.#sealer.setKey(epoch, baseKeyOf(key, epoch));
    const header = { group: groupId(epochNumber), object: objectId(0n), priority: 128 };
    const outcome = this.#sealer.seal(header, encodeUtf8('said'));
    if (outcome.kind !== 'sealed') throw new Error(outcome.kind);
    this.#objects.push({ epoch, header, properties: outcome.properties, payload: outcome.payload });
  }

  /**
   * Each person tries each object with each key that it ever had.
   * @returns how many were of epochs in which the person was no member: none of these opened.
   * @throws Error when one did, or when somebody could not open what it was there for.
   */
  tryAll(): number {
    let foreign = 0;
    for (const [person, keys] of this.#keys) {
      for (const object of this.#objects) {
        const opens = [...keys.values()].some((key) => opensWith(key, object));
        if (opens !== keys.has(object.epoch)) {
          throw new Error(
            `${person} ${opens ? 'opened' : 'could not open'} an object of epoch ${String(object.epoch)}`,
          );
        }
        if (!opens) foreign += 1;
      }
    }
    return foreign;
  }
}

function opensWith(masterKey: Uint8Array, { epoch, header, properties, payload }: Overheard): boolean {
  const opener = new TrackOpener(SEALED_TRACK);
  opener.setKey(epoch, baseKeyOf(masterKey, epoch), millis(0));
  return opener.open(header, properties, payload).kind === 'opened';
}

function baseKeyOf(masterKey: Uint8Array, epoch: Epoch): Uint8Array {
  const secret = deriveEpochSecret(nodeCrypto, 'SHA-256', masterKey, epoch);
  return deriveTrackBaseKey(nodeCrypto, 'SHA-256', secret, TRACK);
}

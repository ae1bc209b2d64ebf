/**
 * From the MLS epoch to the key of one track.
 *
 * Secrets that these functions return belong to the caller, who zeroes them when they are no longer needed;
 * those made on the way are zeroed here.
 */
import { ByteWriter } from '../bytes/byte-writer.ts';
import { concat } from '../bytes/concat.ts';
import { encodeUtf8 } from '../bytes/utf8.ts';
import type { FullTrackName } from '../moqt/model.ts';
import type { Epoch } from '../units.ts';
import type { Hmac } from './crypto.ts';
import { encodeFullTrackName } from './full-track-name.ts';
import { HASH_LENGTH, hkdfExpand, hkdfExtract } from './hkdf.ts';
import type { HashName, Suite } from './suite.ts';

const EPOCH_LABEL = encodeUtf8('SecureObject Epoch Master Key ');
const TRACK_LABEL = encodeUtf8('SecureObject Track Base Key ');
const KEY_LABEL = encodeUtf8('MOQ 1.0 Secure Objects Secret key ');
const SALT_LABEL = encodeUtf8('MOQ 1.0 Secret salt ');
const NO_SALT = new Uint8Array(0);

/**
 * The secret that all tracks of an epoch derive from.
 * @param hash - of the meeting's MLS cipher suite.
 * @param mlsMasterKey - the exporter's output for {@link MLS_MASTER_KEY_LABEL}; read, not kept.
 * @returns fresh bytes of the hash's size.
 * @see draft-jennings-moq-e2ee-mls #interactions-with-moq-secure-objects
 */
export function deriveEpochSecret(
  crypto: Hmac,
  hash: HashName,
  mlsMasterKey: Uint8Array,
  epoch: Epoch,
): Uint8Array {
  const salt = new ByteWriter().bytes(EPOCH_LABEL).u64(epoch).finish();
  return hkdfExtract(crypto, hash, salt, mlsMasterKey);
}

/**
 * The base key of one track in one epoch.
 * @param hash - of the meeting's MLS cipher suite.
 * @param epochSecret - of {@link deriveEpochSecret}; read, not kept.
 * @returns fresh bytes of the hash's size.
 * @see draft-jennings-moq-e2ee-mls #interactions-with-moq-secure-objects
 */
export function deriveTrackBaseKey(
  crypto: Hmac,
  hash: HashName,
  epochSecret: Uint8Array,
  track: FullTrackName,
): Uint8Array {
  const info = concat(TRACK_LABEL, encodeFullTrackName(track));
  return hkdfExpand(crypto, hash, epochSecret, info, HASH_LENGTH[hash]);
}

/** Key and salt that seal the objects of one track under one Key ID. */
export interface TrackKey {
  readonly keyId: bigint;
  /** `Nk` bytes. */
  readonly key: Uint8Array;
  /** `Nn` bytes. */
  readonly salt: Uint8Array;
}

/**
 * Key and salt of a track under a Key ID.
 * @param fullTrackName - of {@link encodeFullTrackName}.
 * @param trackBaseKey - read, not kept.
 * @returns fresh bytes; {@link eraseTrackKey} zeroes them.
 * @see draft-ietf-moq-secure-objects-01 #keys
 */
export function deriveTrackKey(
  crypto: Hmac,
  suite: Suite,
  fullTrackName: Uint8Array,
  trackBaseKey: Uint8Array,
  keyId: bigint,
): TrackKey {
  const context = new ByteWriter(256).bytes(fullTrackName).u16(suite.id).u64(keyId).finish();
  const secret = hkdfExtract(crypto, suite.hash, NO_SALT, trackBaseKey);
  const key = hkdfExpand(crypto, suite.hash, secret, concat(KEY_LABEL, context), suite.Nk);
  const salt = hkdfExpand(crypto, suite.hash, secret, concat(SALT_LABEL, context), suite.Nn);
  secret.fill(0);
  return { keyId, key, salt };
}

/** Zeroes a key whose time is over; it opens and seals nothing any more. */
export function eraseTrackKey(trackKey: TrackKey): void {
  trackKey.key.fill(0);
  trackKey.salt.fill(0);
}

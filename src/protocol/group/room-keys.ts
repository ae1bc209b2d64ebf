/**
 * What follows from an invitation's secret: the room, and keys that only those have who were invited.
 * @see docs/protocol.md #rooms-generations-and-names
 */
import { concat } from '../bytes/concat.ts';
import { encodeUtf8 } from '../bytes/utf8.ts';
import { invariant } from '../errors.ts';
import type { Brand } from '../units.ts';
import type { Ed25519Signer, GroupCrypto } from './crypto-port.ts';

/** A room: the Ed25519 public key that follows from its invitation's secret, 32 bytes. It is no secret itself. */
export type RoomKey = Brand<Uint8Array, 'RoomKey'>;

/** Keys of a room. */
export interface RoomKeys {
  readonly room: RoomKey;
  /** Signs as the room: that one was invited. */
  readonly signer: Ed25519Signer;
  /** HMAC key of the proof in KeyPackages, 32 bytes: secret. */
  readonly joinProofKey: Uint8Array;
  /** AES-128-GCM key of the name that a joiner shows at the door, 16 bytes: secret. */
  readonly doorNameKey: Uint8Array;
  /** AES-128-GCM key of heads, 16 bytes: secret. */
  readonly headKey: Uint8Array;
}

/** Bytes of the invitation's secret. */
export const SECRET_BYTES = 32;

const SALT = encodeUtf8('conclave room v2');
const ROOM_KEY = encodeUtf8('room key');
const JOIN_PROOF = encodeUtf8('join proof');
const DOOR_NAME = encodeUtf8('door name');
const HEADS = encodeUtf8('heads');
const AES_KEY_BYTES = 16;
const INVITATION_PSK = encodeUtf8('invitation psk');
const INVITATION_PSK_ID = encodeUtf8('conclave invitation');

/**
 * The keys of an invitation's room.
 * @param secret - the invitation's, 32 bytes; read, not kept.
 */
export function roomKeysOf(
  secret: Uint8Array,
  crypto: Pick<GroupCrypto, 'hmacSha256' | 'ed25519Signer'>,
): RoomKeys {
  return deriving(secret, crypto, (expand) => {
    const seed = expand(ROOM_KEY);
    const signer = crypto.ed25519Signer(seed);
    seed.fill(0);
    const doorNameKey = expand(DOOR_NAME).slice(0, AES_KEY_BYTES);
    const headKey = expand(HEADS).slice(0, AES_KEY_BYTES);
    return {
      room: signer.publicKey as RoomKey,
      signer,
      joinProofKey: expand(JOIN_PROOF),
      doorNameKey,
      headKey,
    };
  });
}

/**
 * The external PSK of one group of an invitation's room, which every Commit with an Add names: nobody makes a group without
 * the invitation that a joiner takes for its own.
 * @param secret - the invitation's, 32 bytes; read, not kept.
 * @returns 32 fresh bytes: secret.
 * @see RFC 9420 §8.4
 */
export function invitationPskOf(
  secret: Uint8Array,
  group: Uint8Array,
  crypto: Pick<GroupCrypto, 'hmacSha256'>,
): Uint8Array {
  return deriving(secret, crypto, (expand) => expand(concat(INVITATION_PSK, group)));
}

/** The id of that PSK in PreSharedKey proposals and Welcomes: `"conclave invitation" || group`. */
export function invitationPskIdOf(group: Uint8Array): Uint8Array {
  return concat(INVITATION_PSK_ID, group);
}

/** Derives keys from the secret, and erases what lies between. */
function deriving<Keys>(
  secret: Uint8Array,
  crypto: Pick<GroupCrypto, 'hmacSha256'>,
  derive: (expand: (info: Uint8Array) => Uint8Array) => Keys,
): Keys {
  invariant(secret.length === SECRET_BYTES, 'the secret of an invitation has 32 bytes');
  // HKDF-Extract; each key is one block of HKDF-Expand. @see RFC 5869 §2
  const pseudorandomKey = crypto.hmacSha256(SALT, secret);
  try {
    return derive((info) => crypto.hmacSha256(pseudorandomKey, concat(info, Uint8Array.of(1))));
  } finally {
    pseudorandomKey.fill(0);
  }
}

/**
 * A move of the meeting: the invitation to a new room, sealed to the leaf keys of those who are to come along, and signed by
 * the leaf of the mover.
 * @see docs/protocol.md #moving
 */
import { ByteReader } from '../bytes/byte-reader.ts';
import { ByteWriter } from '../bytes/byte-writer.ts';
import { concat } from '../bytes/concat.ts';
import { OutOfRange } from '../bytes/out-of-range.ts';
import { Truncated } from '../bytes/truncated.ts';
import { encodeUtf8 } from '../bytes/utf8.ts';
import { epoch, type Epoch } from '../units.ts';
import type { GroupCrypto } from './crypto-port.ts';
import { INVITATION_LIMITS } from './invitation.ts';
import { leafIndex, type LeafIndex } from './roster.ts';

/** The label of its signature. @see RFC 9420 §5.1.2 */
export const MOVE_SIGNATURE_LABEL = 'Conclave Move';
/** The label of the HPKE ciphertexts in it. @see RFC 9420 §5.1.3 */
export const MOVE_KEY_LABEL = 'Conclave Move Key';
/** Largest move: 1,000 members with keys as long as they may be do not fit, 300 with X-Wing do. */
export const MAX_MOVE_BYTES = 512 * 1024;
/** Most members of a group: so many parts, and so many who are left behind. */
const MAX_PARTS = 1_000;
const GROUP_BYTES = 16;
const HASH_BYTES = 32;
const SIGNATURE_BYTES = 64;
/** The largest encapsulated key of a suite is X-Wing's: 1,120 bytes. */
const MAX_ENCAPSULATED = 2_048;
const MAX_SEALED_KEY = 64;
const TAG_BYTES = 16;
const COMMITMENT = encodeUtf8('conclave moved invitation');

/** What a move says in the clear, within an object that all members can open. */
export interface MoveHeader {
  /** The group that is left, 16 bytes. */
  readonly group: Uint8Array;
  /** The epoch in which it is said: it counts in no other. */
  readonly epoch: Epoch;
  /** The epoch in which its mover said it first, which is not above {@link MoveHeader.epoch}. */
  readonly since: Epoch;
  readonly mover: LeafIndex;
  /** Rises with each move that the mover decides: of one mover the highest counts. */
  readonly number: number;
  /** {@link commitmentOf} the invitation, 32 bytes: equal for all who are invited. */
  readonly commitment: Uint8Array;
}

/** The key of the invitation for one member. */
export interface MovePart {
  readonly leaf: LeafIndex;
  /** HPKE: the encapsulated key, and what it seals. */
  readonly encapsulated: Uint8Array;
  readonly sealedKey: Uint8Array;
}

/** What is signed. */
export interface MoveContent extends MoveHeader {
  /** The invitation's link in UTF-8, sealed under a key of its own. */
  readonly sealedInvitation: Uint8Array;
  /** In leaf order, each leaf once; without the mover's own. */
  readonly parts: readonly MovePart[];
  /** Who is left behind: in leaf order, each leaf once, without the mover's own and those that have a part. */
  readonly leftBehind: readonly LeafIndex[];
}

/** Outcome of reading a move. */
export type MoveReading =
  | {
      readonly kind: 'move';
      readonly content: MoveContent;
      /** A view of the bytes that the signature is over. */
      readonly signed: Uint8Array;
      readonly signature: Uint8Array;
    }
  | { readonly kind: 'malformed'; readonly fault: string };

/** The header's bytes: the AAD of the invitation, and the beginning of {@link partContextOf}. */
export function encodeMoveHeader({
  group,
  epoch: at,
  since,
  mover,
  number,
  commitment,
}: MoveHeader): Uint8Array {
  return new ByteWriter(GROUP_BYTES + HASH_BYTES + 24)
    .bytes(group)
    .u64(at)
    .u64(since)
    .u32(mover)
    .u32(number)
    .bytes(commitment)
    .finish();
}

/** The context of the HPKE ciphertext for one member: it opens nothing in another move, or for another leaf. */
export function partContextOf(header: Uint8Array, leaf: LeafIndex): Uint8Array {
  return new ByteWriter(header.length + 4).bytes(header).u32(leaf).finish();
}

/** The bytes that the mover signs. */
export function encodeMoveContent(content: MoveContent): Uint8Array {
  const writer = new ByteWriter(1_024)
    .bytes(encodeMoveHeader(content))
    .lengthPrefixed(content.sealedInvitation)
    .vi64(content.parts.length);
  for (const { leaf, encapsulated, sealedKey } of content.parts)
    writer.u32(leaf).lengthPrefixed(encapsulated).lengthPrefixed(sealedKey);
  writer.vi64(content.leftBehind.length);
  for (const leaf of content.leftBehind) writer.u32(leaf);
  return writer.finish();
}

/** A move: what is signed, then the signature (64 bytes). */
export function encodeMove(signed: Uint8Array, signature: Uint8Array): Uint8Array {
  return concat(signed, signature);
}

/** Reads a move from anywhere; its views share the memory of `bytes`. Nothing in it is believed yet. */
export function decodeMove(bytes: Uint8Array): MoveReading {
  const length = bytes.length - SIGNATURE_BYTES;
  if (length < 0) return malformed('shorter than a signature');
  const [signed, signature] = [bytes.subarray(0, length), bytes.subarray(length)];
  try {
    const content = readContent(new ByteReader(signed));
    return typeof content === 'string' ? malformed(content) : { kind: 'move', content, signed, signature };
  } catch (error) {
    if (error instanceof Truncated) return malformed('cut off');
    if (error instanceof OutOfRange) return malformed('a length or a count beyond its bound');
    throw error;
  }
}

/** By what all who follow a move know that they follow it to one room. @param invitation - the link in UTF-8. */
export function commitmentOf(invitation: Uint8Array, crypto: Pick<GroupCrypto, 'sha256'>): Uint8Array {
  return crypto.sha256(concat(COMMITMENT, invitation));
}

function readContent(reader: ByteReader): MoveContent | string {
  const group = reader.bytes(GROUP_BYTES);
  const at = epoch(reader.u64());
  const since = epoch(reader.u64());
  const mover = leafIndex(reader.u32());
  const number = reader.u32();
  const commitment = reader.bytes(HASH_BYTES);
  if (since > at) return 'said first in an epoch to come';
  const sealedInvitation = reader.lengthPrefixed(INVITATION_LIMITS.link + TAG_BYTES);
  const parts: MovePart[] = [];
  for (let left = reader.vi64Number(MAX_PARTS); left > 0; left -= 1) {
    const leaf = leafIndex(reader.u32());
    const before = parts.at(-1);
    if (before !== undefined && leaf <= before.leaf) return 'parts that are not in leaf order, each once';
    if (leaf === mover) return 'a part for the mover itself';
    const encapsulated = reader.lengthPrefixed(MAX_ENCAPSULATED);
    parts.push({ leaf, encapsulated, sealedKey: reader.lengthPrefixed(MAX_SEALED_KEY) });
  }
  const leftBehind: LeafIndex[] = [];
  for (let left = reader.vi64Number(MAX_PARTS); left > 0; left -= 1) {
    const leaf = leafIndex(reader.u32());
    const before = leftBehind.at(-1);
    if (before !== undefined && leaf <= before) return 'who is left behind is not in leaf order, each once';
    leftBehind.push(leaf);
  }
  if (leftBehind.includes(mover)) return 'the mover among those who are left behind';
  const coming = new Set(parts.map(({ leaf }) => leaf));
  if (leftBehind.some((leaf) => coming.has(leaf))) return 'somebody who comes along and is left behind';
  if (reader.remaining > 0) return 'bytes after those who are left behind';
  return { group, epoch: at, since, mover, number, commitment, sealedInvitation, parts, leftBehind };
}

const malformed = (fault: string): MoveReading => ({ kind: 'malformed', fault });

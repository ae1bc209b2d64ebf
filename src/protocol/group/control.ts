/**
 * Control messages between members: the plaintext of sealed objects of a control track.
 *
 * Who is a member and who has the keys is read from the MLS tree alone; no control message repeats it.
 */
import { ByteReader } from '../bytes/byte-reader.ts';
import { ByteWriter } from '../bytes/byte-writer.ts';
import { OutOfRange } from '../bytes/out-of-range.ts';
import { Truncated } from '../bytes/truncated.ts';
import { decodeUtf8, encodeUtf8 } from '../bytes/utf8.ts';
import { MAX_MOVE_BYTES } from './move.ts';

/** Most bytes of a display name in UTF-8. */
export const MAX_DISPLAY_NAME_BYTES = 256;
const FINGERPRINT_BYTES = 32;
const SIGNATURE_BYTES = 64;
/** Most bytes of a statement: what its tracks may have, and some for how they are counted. */
const MAX_STATEMENT_BYTES = 48 * 1024;

/** One message. */
export type ControlMessage =
  /** Who I am and what I send now; repeated as a sign of life. */
  | {
      readonly kind: 'hello';
      readonly displayName: string;
      readonly microphone: boolean;
      readonly camera: boolean;
    }
  /** I leave: remove me. */
  | { readonly kind: 'leave' }
  /** The member with this fingerprint is asked for a key frame of its video. */
  | { readonly kind: 'keyframe-request'; readonly fingerprint: Uint8Array }
  /** I move the meeting: bytes as `move.ts` has them. */
  | { readonly kind: 'move'; readonly move: Uint8Array }
  /** What I have sealed, signed with my leaf's key. @see docs/protocol.md #who-speaks */
  | { readonly kind: 'statement'; readonly statement: Uint8Array; readonly signature: Uint8Array };

const types = { hello: 1, leave: 2, 'keyframe-request': 3, move: 4, statement: 5 } as const;
const MICROPHONE = 1;
const CAMERA = 2;

/** Encodes a message: its type, then the fields of the type. A display name that is too long is cut between characters. */
export function encodeControlMessage(message: ControlMessage): Uint8Array {
  const writer = new ByteWriter().vi64(types[message.kind]);
  switch (message.kind) {
    case 'hello':
      writer
        .u8((message.microphone ? MICROPHONE : 0) | (message.camera ? CAMERA : 0))
        .lengthPrefixed(displayNameBytes(message.displayName));
      break;
    case 'keyframe-request':
      writer.bytes(message.fingerprint);
      break;
    case 'move':
      writer.lengthPrefixed(message.move);
      break;
    case 'statement':
      writer.lengthPrefixed(message.statement).bytes(message.signature);
      break;
    case 'leave':
      break;
  }
  return writer.finish();
}

/**
 * Decodes a message; bytes after the fields of a type are left for later versions.
 * @returns fresh values, or undefined for an unknown type or bytes that are not a message.
 */
export function decodeControlMessage(bytes: Uint8Array): ControlMessage | undefined {
  const reader = new ByteReader(bytes);
  try {
    switch (reader.vi64Number(0xffff)) {
      case types.hello: {
        const flags = reader.u8();
        const displayName = readDisplayName(reader.lengthPrefixed(MAX_DISPLAY_NAME_BYTES));
        if (displayName === undefined) return undefined;
        return {
          kind: 'hello',
          displayName,
          microphone: (flags & MICROPHONE) !== 0,
          camera: (flags & CAMERA) !== 0,
        };
      }
      case types.leave:
        return { kind: 'leave' };
      case types['keyframe-request']:
        return { kind: 'keyframe-request', fingerprint: reader.bytes(FINGERPRINT_BYTES).slice() };
      case types.move:
        return { kind: 'move', move: reader.lengthPrefixed(MAX_MOVE_BYTES).slice() };
      case types.statement: {
        const statement = reader.lengthPrefixed(MAX_STATEMENT_BYTES).slice();
        return { kind: 'statement', statement, signature: reader.bytes(SIGNATURE_BYTES).slice() };
      }
      default:
        return undefined;
    }
  } catch (error) {
    if (error instanceof Truncated || error instanceof OutOfRange) return undefined;
    throw error;
  }
}

/** Whether a message says that it is a statement; its fields are not read. */
export function isStatement(bytes: Uint8Array): boolean {
  try {
    return new ByteReader(bytes).vi64Number() === types.statement;
  } catch (error) {
    if (error instanceof Truncated || error instanceof OutOfRange) return false;
    throw error;
  }
}

/** A display name in UTF-8, cut between characters where it is too long. */
export function displayNameBytes(name: string): Uint8Array {
  let characters = Array.from(name);
  let bytes = encodeUtf8(name);
  while (bytes.length > MAX_DISPLAY_NAME_BYTES) {
    characters = characters.slice(0, -1);
    bytes = encodeUtf8(characters.join(''));
  }
  return bytes;
}

/** Reads a display name: what can be seen of it; undefined when the bytes are no UTF-8. */
export function readDisplayName(bytes: Uint8Array): string | undefined {
  const name = decodeUtf8(bytes);
  return name === undefined ? undefined : visible(name);
}

/** Removes control and bidirectional characters, with which a name could disguise the text next to it. */
function visible(name: string): string {
  return name.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '').trim();
}

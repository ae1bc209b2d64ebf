/** One sealed file: `"CNCL" || version || nonce (24) || XChaCha20-Poly1305 of the state`. */
import { createHash, randomBytes } from 'node:crypto';
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { ByteReader } from '../../protocol/bytes/byte-reader.ts';
import { ByteWriter } from '../../protocol/bytes/byte-writer.ts';
import { concat } from '../../protocol/bytes/concat.ts';
import { equal } from '../../protocol/bytes/equal.ts';
import { encodeUtf8 } from '../../protocol/bytes/utf8.ts';

/** Bytes of a sealing key. */
export const SEALING_KEY_LENGTH = 32;

const PURPOSE = encodeUtf8('conclave sealed state');
/** Magic and format version. */
const HEADER = concat(encodeUtf8('CNCL'), Uint8Array.of(1));
const NONCE_LENGTH = 24;
const TAG_LENGTH = 16;

/** What a sealed file is bound to besides its key. */
export interface SealedPlace {
  readonly profileId: string;
  /** Of {@link sealedFileName}. */
  readonly fileName: string;
}

/** Name of the file of a state: tells nothing, and suits file systems that ignore case. */
export function sealedFileName(name: string): string {
  return `${createHash('sha256').update(name).digest('hex').slice(0, 32)}.sealed`;
}

/** Seals a state. @returns fresh bytes for the file. */
export function sealState(key: Uint8Array, place: SealedPlace, state: Uint8Array): Uint8Array {
  const nonce = Uint8Array.from(randomBytes(NONCE_LENGTH));
  const sealed = xchacha20poly1305(key, nonce, aadOf(place)).encrypt(state);
  return concat(HEADER, nonce, sealed);
}

/** Opens a sealed file. @returns fresh bytes, or `undefined` unless this key sealed it for this place. */
export function openState(key: Uint8Array, place: SealedPlace, file: Uint8Array): Uint8Array | undefined {
  if (file.length < HEADER.length + NONCE_LENGTH + TAG_LENGTH) return undefined;
  const reader = new ByteReader(file);
  if (!equal(reader.bytes(HEADER.length), HEADER)) return undefined;
  const nonce = reader.bytes(NONCE_LENGTH);
  try {
    return xchacha20poly1305(key, nonce, aadOf(place)).decrypt(reader.rest());
  } catch {
    return undefined;
  }
}

function aadOf({ profileId, fileName }: SealedPlace): Uint8Array {
  return new ByteWriter()
    .lengthPrefixed(PURPOSE)
    .bytes(HEADER)
    .lengthPrefixed(encodeUtf8(profileId))
    .lengthPrefixed(encodeUtf8(fileName))
    .finish();
}

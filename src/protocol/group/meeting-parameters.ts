/**
 * Meeting parameters: what all members must agree on, in the GroupContext (extension 0xF0C1).
 * @see docs/protocol.md#mls
 */
import { ByteReader } from '../bytes/byte-reader.ts';
import { ByteWriter } from '../bytes/byte-writer.ts';
import { equal } from '../bytes/equal.ts';
import { encodeHex } from '../bytes/hex.ts';
import { OutOfRange } from '../bytes/out-of-range.ts';
import { Truncated } from '../bytes/truncated.ts';
import { decodeUtf8, encodeUtf8 } from '../bytes/utf8.ts';
import type { CounterMode } from '../counter/client.ts';
import type { Fingerprint } from './names.ts';

/** GroupContext extension that carries {@link MeetingParameters}. */
export const MEETING_PARAMETERS_EXTENSION = 0xf0c1;
/** Bytes of a receipt public key and of a signature public key (Ed25519). */
const KEY_BYTES = 32;
/** Largest number of kicked keys in a meeting. */
export const MAX_KICKED_KEYS = 4096;
/** Largest number of organisers in a meeting. */
export const MAX_ORGANISERS = 64;
const MAX_PROFILE_BYTES = 32;
/** Bytes of the SHA-256 of a signature key. */
const FINGERPRINT_BYTES = 32;
const ADMISSIONS = ['open', 'ask'] as const;

/** Who is let in that proves the invitation: everybody, or whom an organiser admits. */
export type Admission = (typeof ADMISSIONS)[number];

/** What organisers decide. */
export interface MeetingSettings {
  readonly admission: Admission;
  /** Whose Commits may change this, kick, and let in while one asks; each once, whether it is a member or not. */
  readonly organisers: readonly Fingerprint[];
}

/** Fixed at creation, except for the settings, and the list of kicked keys, which only grows. */
export interface MeetingParameters extends MeetingSettings {
  /** Cipher suite of Secure Objects. @see draft-ietf-moq-secure-objects #cipher-suites */
  readonly secureObjectsSuite: number;
  /** Version of the key schedule and of sealed objects, for example `01`. */
  readonly profile: string;
  readonly mode: CounterMode;
  /** The counter's Ed25519 receipt key, 32 bytes; undefined in plain mode. */
  readonly receiptKey: Uint8Array | undefined;
  /** Signature keys that are not let in again, 32 bytes each. */
  readonly kickedKeys: readonly Uint8Array[];
}

/** Value of extension 0xF0C1: suite (2), profile, mode (1), receipt key, count and kicked keys, admission (1), count and organisers. */
export function encodeMeetingParameters(parameters: MeetingParameters): Uint8Array {
  const writer = new ByteWriter()
    .u16(parameters.secureObjectsSuite)
    .lengthPrefixed(encodeUtf8(parameters.profile))
    .u8(parameters.mode === 'fenced' ? 1 : 0)
    .lengthPrefixed(parameters.receiptKey ?? new Uint8Array(0))
    .vi64(parameters.kickedKeys.length);
  for (const key of parameters.kickedKeys) writer.lengthPrefixed(key);
  writer.u8(ADMISSIONS.indexOf(parameters.admission)).vi64(parameters.organisers.length);
  for (const organiser of parameters.organisers) writer.bytes(organiser);
  return writer.finish();
}

/**
 * Reads the value of extension 0xF0C1.
 * @returns fresh values, or undefined when the bytes are not such a value.
 */
export function decodeMeetingParameters(bytes: Uint8Array): MeetingParameters | undefined {
  const reader = new ByteReader(bytes);
  try {
    const secureObjectsSuite = reader.u16();
    const profile = decodeUtf8(reader.lengthPrefixed(MAX_PROFILE_BYTES));
    const mode = reader.u8();
    const receiptKey = reader.lengthPrefixed(KEY_BYTES).slice();
    const count = reader.vi64Number(MAX_KICKED_KEYS);
    const kickedKeys: Uint8Array[] = [];
    for (let at = 0; at < count; at += 1) kickedKeys.push(reader.lengthPrefixed(KEY_BYTES).slice());
    const admission = ADMISSIONS[reader.u8()];
    const organisers: Fingerprint[] = [];
    for (let left = reader.vi64Number(MAX_ORGANISERS); left > 0; left -= 1) {
      organisers.push(reader.bytes(FINGERPRINT_BYTES).slice() as Fingerprint);
    }
    const fenced = mode === 1;
    const keyFits = receiptKey.length === (fenced ? KEY_BYTES : 0);
    if (profile === undefined || mode > 1 || !keyFits || reader.remaining > 0) return undefined;
    if (kickedKeys.some((key) => key.length !== KEY_BYTES)) return undefined;
    if (admission === undefined || !areDistinct(organisers)) return undefined;
    return {
      secureObjectsSuite,
      profile,
      mode: fenced ? 'fenced' : 'plain',
      receiptKey: fenced ? receiptKey : undefined,
      kickedKeys,
      admission,
      organisers,
    };
  } catch (error) {
    if (error instanceof Truncated || error instanceof OutOfRange) return undefined;
    throw error;
  }
}

/**
 * Whether a Commit of an organiser may change the parameters to `next`: it may change the settings, and append kicked keys,
 * each once, of members that it removes. So the list grows by real kicks alone, and nobody can fill it. A Commit that kicks
 * leaves the door closed: whoever was kicked may have the link still, and another key.
 * @param removed - signature keys of those members.
 */
export function mayFollow(
  previous: MeetingParameters,
  next: MeetingParameters,
  removed: readonly Uint8Array[],
): boolean {
  const known = previous.kickedKeys;
  if (!sameMeeting(previous, next) || next.kickedKeys.length < known.length) return false;
  if (!known.every((key, at) => equal(key, next.kickedKeys[at] ?? key.subarray(0, 0)))) return false;
  const kickable = new Set(removed.map((key) => encodeHex(key)));
  for (const key of known) kickable.delete(encodeHex(key));
  if (next.kickedKeys.length > known.length && next.admission !== 'ask') return false;
  return next.kickedKeys.slice(known.length).every((key) => kickable.delete(encodeHex(key)));
}

/** Whether two settings are equal. */
export function sameSettings(a: MeetingSettings, b: MeetingSettings): boolean {
  const { organisers } = b;
  return (
    a.admission === b.admission &&
    a.organisers.length === organisers.length &&
    a.organisers.every((organiser, at) => equal(organiser, organisers[at] ?? organiser.subarray(0, 0)))
  );
}

/** Whether two sets of parameters belong to the same meeting; settings and kicked keys are ignored. */
export function sameMeeting(a: MeetingParameters, b: MeetingParameters): boolean {
  const none = new Uint8Array(0);
  return (
    a.secureObjectsSuite === b.secureObjectsSuite &&
    a.profile === b.profile &&
    a.mode === b.mode &&
    equal(a.receiptKey ?? none, b.receiptKey ?? none)
  );
}

/** Whether a signature key was kicked from the meeting. */
export function isKicked(parameters: MeetingParameters, signatureKey: Uint8Array): boolean {
  return parameters.kickedKeys.some((key) => equal(key, signatureKey));
}

function areDistinct(fingerprints: readonly Fingerprint[]): boolean {
  return new Set(fingerprints.map((each) => encodeHex(each))).size === fingerprints.length;
}

/**
 * Invitations: `conclave://join/<base64url>`, all that a stranger's machine needs to enter a meeting.
 *
 * Bytes: version (1), mode (1), MLS suite (2), secret (32), meeting name, counter URL, counter's receipt
 * key, counter's token, count of relays and for each its URL and flags (1), count of trust anchors and each as kind (1) and bytes; then the
 * first 4 bytes of SHA-256 over all before. Texts and byte strings carry a vi64 length.
 */
import { decodeBase64Url, encodeBase64Url } from '../bytes/base64url.ts';
import { ByteReader } from '../bytes/byte-reader.ts';
import { ByteWriter } from '../bytes/byte-writer.ts';
import { equal } from '../bytes/equal.ts';
import { OutOfRange } from '../bytes/out-of-range.ts';
import { Truncated } from '../bytes/truncated.ts';
import { decodeUtf8, encodeUtf8 } from '../bytes/utf8.ts';
import type { CounterMode } from '../counter/client.ts';
import { invariant } from '../errors.ts';
import type { GroupCrypto } from './crypto-port.ts';
import type { MlsSuite } from './mls.ts';
import { relayAuthorityOf } from './relay-pass.ts';
import { SECRET_BYTES } from './room-keys.ts';

/** Begins every invitation link. */
export const INVITATION_PREFIX = 'conclave://join/';
/** Sizes that an invitation keeps to; bytes, or counts where they say so. */
export const INVITATION_LIMITS = {
  /** Characters of a whole link. */
  link: 8192,
  name: 200,
  url: 512,
  token: 512,
  /** A count. */
  relays: 8,
  /** A count. */
  anchors: 4,
  /** A CA certificate in DER. */
  certificate: 2048,
} as const;

const VERSION = 2;
const KEY_BYTES = 32;
const CHECK_BYTES = 4;
/** Flag of a relay. */
const WANTS_PASS = 1;

/** What the relays' and the counter's certificates are checked against; none: the system's roots. */
export type TrustAnchor =
  /** A CA of the meeting's own, in DER. */
  | { readonly kind: 'ca-certificate'; readonly der: Uint8Array }
  /** SHA-256 of the one certificate that is accepted, 32 bytes. */
  | { readonly kind: 'certificate-hash'; readonly sha256: Uint8Array };

/** A relay of a meeting. */
export interface InvitedRelay {
  /** `https://` (WebTransport) or `moqt://` (QUIC). */
  readonly url: string;
  /** It asks for a pass, which others than Conclave's relay have no use for. */
  readonly pass: boolean;
}

/** A meeting, for somebody who is to join it. */
export interface Invitation {
  /** What people call the meeting; may be empty. */
  readonly name: string;
  readonly mode: CounterMode;
  readonly suite: MlsSuite;
  /** 32 random bytes, from which the room and its keys follow. */
  readonly secret: Uint8Array;
  /** In order of preference; at least one. */
  readonly relays: readonly InvitedRelay[];
  /** `https://` URL of the epoch counter. */
  readonly counter: string;
  /** The counter's Ed25519 receipt key; undefined in plain mode. */
  readonly receiptKey: Uint8Array | undefined;
  /** Bearer token for the counter, where it wants one; may be empty. */
  readonly counterToken: string;
  readonly anchors: readonly TrustAnchor[];
}

/** Outcome of reading a link. */
export type InvitationOutcome =
  | { readonly kind: 'invitation'; readonly invitation: Invitation }
  | { readonly kind: 'invalid'; readonly fault: InvitationFault };

/** What exactly is wrong with a link. */
export type InvitationFault =
  /** It does not begin with `conclave://join/`. */
  | 'not-an-invitation'
  | 'too-long'
  /** A character that cannot be in a link, or the last one is missing. */
  | 'damaged-characters'
  /** The end is missing, or something was changed on the way. */
  | 'cut-off-or-changed'
  /** Made by another version of Conclave. */
  | 'unknown-version'
  | 'unknown-mode'
  | 'unknown-suite'
  | 'bad-name'
  | 'bad-relay-address'
  /** The relay wants something that this version does not know. */
  | 'unknown-relay-flags'
  | 'no-relay'
  | 'bad-counter-address'
  | 'bad-receipt-key'
  | 'bad-counter-token'
  | 'bad-trust-anchor'
  /** Bytes after its end, or lengths that do not add up. */
  | 'malformed';

/** Thrown within this file only: each fault leaves by {@link InvitationOutcome}. */
class Fault extends Error {
  readonly fault: InvitationFault;
  constructor(fault: InvitationFault) {
    super(fault);
    this.fault = fault;
  }
}

/**
 * Makes the link.
 * @throws {InvariantError} when a field is outside {@link INVITATION_LIMITS}: what a person may enter is checked before.
 */
export function encodeInvitation(invitation: Invitation, crypto: Pick<GroupCrypto, 'sha256'>): string {
  const writer = new ByteWriter(512)
    .u8(VERSION)
    .u8(invitation.mode === 'fenced' ? 1 : 0)
    .u16(invitation.suite)
    .bytes(invitation.secret)
    .lengthPrefixed(encodeUtf8(invitation.name))
    .lengthPrefixed(encodeUtf8(invitation.counter))
    .lengthPrefixed(invitation.receiptKey ?? new Uint8Array(0))
    .lengthPrefixed(encodeUtf8(invitation.counterToken))
    .vi64(invitation.relays.length);
  for (const { url, pass } of invitation.relays)
    writer.lengthPrefixed(encodeUtf8(url)).u8(pass ? WANTS_PASS : 0);
  writer.vi64(invitation.anchors.length);
  for (const anchor of invitation.anchors) {
    if (anchor.kind === 'ca-certificate') writer.u8(1).lengthPrefixed(anchor.der);
    else writer.u8(2).lengthPrefixed(anchor.sha256);
  }
  const body = writer.finish();
  const bytes = new ByteWriter(body.length + CHECK_BYTES).bytes(body).bytes(checkOf(body, crypto)).finish();
  const link = INVITATION_PREFIX + encodeBase64Url(bytes);
  const outcome = parseInvitation(link, crypto);
  invariant(outcome.kind === 'invitation', 'an invitation that we make can be read');
  return link;
}

/** Reads a link that came from anywhere; costs no more than its length, which is bounded. */
export function parseInvitation(link: string, crypto: Pick<GroupCrypto, 'sha256'>): InvitationOutcome {
  try {
    return { kind: 'invitation', invitation: parse(link.trim(), crypto) };
  } catch (error) {
    if (error instanceof Fault) return { kind: 'invalid', fault: error.fault };
    if (error instanceof Truncated || error instanceof OutOfRange) {
      return { kind: 'invalid', fault: 'malformed' };
    }
    throw error;
  }
}

function parse(link: string, crypto: Pick<GroupCrypto, 'sha256'>): Invitation {
  if (!link.startsWith(INVITATION_PREFIX)) throw new Fault('not-an-invitation');
  if (link.length > INVITATION_LIMITS.link) throw new Fault('too-long');
  // Browsers and mail programs like to add a slash.
  const bytes = decodeBase64Url(link.slice(INVITATION_PREFIX.length).replace(/\/$/, ''));
  if (bytes === undefined) throw new Fault('damaged-characters');
  if (bytes[0] !== VERSION && bytes.length > CHECK_BYTES) throw new Fault('unknown-version');
  const body = bytes.subarray(0, Math.max(0, bytes.length - CHECK_BYTES));
  if (!equal(bytes.subarray(body.length), checkOf(body, crypto))) throw new Fault('cut-off-or-changed');

  const reader = new ByteReader(body);
  reader.u8();
  const mode = modeOf(reader.u8());
  const suite = suiteOf(reader.u16());
  const secret = reader.bytes(SECRET_BYTES).slice();
  const name = textOf(reader.lengthPrefixed(INVITATION_LIMITS.name), 'bad-name');
  if (hasControlCharacters(name)) throw new Fault('bad-name');
  const counter = urlOf(reader, ['https:'], 'bad-counter-address');
  const receiptKey = reader.lengthPrefixed(KEY_BYTES).slice();
  if (receiptKey.length !== (mode === 'fenced' ? KEY_BYTES : 0)) throw new Fault('bad-receipt-key');
  const counterToken = textOf(reader.lengthPrefixed(INVITATION_LIMITS.token), 'bad-counter-token');
  if (!/^[\x21-\x7e]*$/.test(counterToken)) throw new Fault('bad-counter-token');
  const relays: InvitedRelay[] = [];
  for (let left = reader.vi64Number(INVITATION_LIMITS.relays); left > 0; left -= 1) {
    relays.push(relayOf(reader));
  }
  if (relays.length === 0) throw new Fault('no-relay');
  const anchors: TrustAnchor[] = [];
  for (let left = reader.vi64Number(INVITATION_LIMITS.anchors); left > 0; left -= 1) {
    anchors.push(anchorOf(reader));
  }
  if (reader.remaining > 0) throw new Fault('malformed');
  return {
    name,
    mode,
    suite,
    secret,
    relays,
    counter,
    receiptKey: mode === 'fenced' ? receiptKey : undefined,
    counterToken,
    anchors,
  };
}

function checkOf(body: Uint8Array, crypto: Pick<GroupCrypto, 'sha256'>): Uint8Array {
  return crypto.sha256(body).subarray(0, CHECK_BYTES);
}

function modeOf(byte: number): CounterMode {
  if (byte > 1) throw new Fault('unknown-mode');
  return byte === 1 ? 'fenced' : 'plain';
}

function suiteOf(value: number): MlsSuite {
  if (value !== 0x0001 && value !== 0x0053) throw new Fault('unknown-suite');
  return value;
}

function textOf(bytes: Uint8Array, fault: InvitationFault): string {
  const text = decodeUtf8(bytes);
  if (text === undefined) throw new Fault(fault);
  return text;
}

function hasControlCharacters(text: string): boolean {
  // Controls, and the marks that change the direction of text.
  return /\p{Cc}|[\u202a-\u202e\u2066-\u2069]/u.test(text);
}

/** An absolute address with a host and nothing that hides another one: no user, no fragment, no spaces. */
const ADDRESS =
  /^([a-z]+:)\/\/(?:[a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::([0-9]{1,5}))?(?:\/[\x21-\x22\x24-\x7e]*)?$/i;

function urlOf(reader: ByteReader, schemes: readonly string[], fault: InvitationFault): string {
  const text = textOf(reader.lengthPrefixed(INVITATION_LIMITS.url), fault);
  const [, scheme, port] = ADDRESS.exec(text) ?? [];
  if (scheme === undefined || !schemes.includes(scheme.toLowerCase())) throw new Fault(fault);
  if (port !== undefined && (Number(port) === 0 || Number(port) > 65_535)) throw new Fault(fault);
  return text;
}

function relayOf(reader: ByteReader): InvitedRelay {
  const url = urlOf(reader, ['https:', 'moqt:'], 'bad-relay-address');
  const flags = reader.u8();
  if (flags > WANTS_PASS) throw new Fault('unknown-relay-flags');
  const pass = flags === WANTS_PASS;
  // A pass has room for most names, but not for all.
  if (pass && relayAuthorityOf(url) === undefined) throw new Fault('bad-relay-address');
  return { url, pass };
}

function anchorOf(reader: ByteReader): TrustAnchor {
  const kind = reader.u8();
  const bytes = reader.lengthPrefixed(INVITATION_LIMITS.certificate).slice();
  if (kind === 1 && bytes.length > 0) return { kind: 'ca-certificate', der: bytes };
  if (kind === 2 && bytes.length === 32) return { kind: 'certificate-hash', sha256: bytes };
  throw new Fault('bad-trust-anchor');
}

/**
 * Relay passes: proof to one relay that whoever shows it was invited to a meeting. The relay needs to know nothing of the
 * meeting for that, and the pass is worth nothing to it at any other relay.
 * @see docs/protocol.md #relays
 */
import { ByteReader } from '../bytes/byte-reader.ts';
import { ByteWriter } from '../bytes/byte-writer.ts';
import { encodeUtf8 } from '../bytes/utf8.ts';
import { invariant } from '../errors.ts';
import type { Ed25519Signer, GroupCrypto } from './crypto-port.ts';
import { groupNameOf, type GroupName } from './names.ts';
import type { RoomKey } from './room-keys.ts';

/** The type of the MOQT authorization token that is a pass. @see moqt-18 #iana-auth-token-type */
export const RELAY_PASS_TYPE = 0xf0c0n;

const LABEL = encodeUtf8('conclave relay pass v1');
const ROOM_BYTES = 32;
const SIGNATURE_BYTES = 64;
const PASS_BYTES = ROOM_BYTES + 4 + SIGNATURE_BYTES;
/** Bytes of an authority at most, whose length is one byte. */
const AUTHORITY_BYTES = 255;
const DEFAULT_PORT = '443';

/**
 * The authority of a relay, as passes name it: host in lower case and port, the port also where the URL leaves it out.
 * @param url - `https://…` or `moqt://…`, as invitations have it.
 * @returns undefined where there is none, or one too long for a pass.
 */
export function relayAuthorityOf(url: string): string | undefined {
  const [, host, port = DEFAULT_PORT] =
    /^[a-z]+:\/\/(\[[^\]/]*\]|[^:/?#]*)(?::([0-9]+))?(?:[/?#]|$)/i.exec(url) ?? [];
  if (host === undefined || host === '') return undefined;
  const authority = `${host.toLowerCase()}:${String(Number(port))}`;
  return authority.length <= AUTHORITY_BYTES ? authority : undefined;
}

/**
 * A pass: `R || uint32 generation || Ed25519 by the room key over ("conclave relay pass v1" || uint8(length) || authority || group)`.
 * @param signer - of the room.
 * @param authority - by {@link relayAuthorityOf}.
 */
export function makeRelayPass(
  signer: Ed25519Signer,
  generation: number,
  authority: string,
  crypto: Pick<GroupCrypto, 'sha256'>,
): Uint8Array {
  const room = signer.publicKey as RoomKey;
  const group = groupNameOf(room, generation, crypto);
  const signature = signer.sign(signed(authority, group));
  return new ByteWriter(PASS_BYTES).bytes(room).u32(generation).bytes(signature).finish();
}

/** What a relay finds a pass to be. */
export type RelayPassVerdict =
  | { readonly kind: 'valid'; readonly group: GroupName }
  /** It has another length than a pass. */
  | { readonly kind: 'malformed' }
  /** It is for another relay, or signed by nobody. */
  | { readonly kind: 'invalid' };

/**
 * Judges a pass that came from anywhere. Costs at most one verification for each authority.
 * @param authorities - under which the relay is known, by {@link relayAuthorityOf}.
 */
export function judgeRelayPass(
  pass: Uint8Array,
  authorities: readonly string[],
  crypto: Pick<GroupCrypto, 'sha256' | 'verifyEd25519'>,
): RelayPassVerdict {
  if (pass.length !== PASS_BYTES) return { kind: 'malformed' };
  const reader = new ByteReader(pass);
  const room = reader.bytes(ROOM_BYTES) as RoomKey;
  const group = groupNameOf(room, reader.u32(), crypto);
  const signature = reader.bytes(SIGNATURE_BYTES);
  const isOurs = authorities.some((authority) =>
    crypto.verifyEd25519(room, signed(authority, group), signature),
  );
  return isOurs ? { kind: 'valid', group } : { kind: 'invalid' };
}

function signed(authority: string, group: GroupName): Uint8Array {
  const bytes = encodeUtf8(authority);
  invariant(bytes.length <= AUTHORITY_BYTES, 'the authority of a relay fits into a pass');
  return new ByteWriter().bytes(LABEL).u8(bytes.length).bytes(bytes).bytes(group).finish();
}

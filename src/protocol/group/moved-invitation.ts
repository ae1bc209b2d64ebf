/** The invitation to a room that a meeting moves to: that of its room, with another secret. @see docs/protocol.md#moving */
import type { GroupCrypto } from './crypto-port.ts';
import { encodeInvitation, parseInvitation } from './invitation.ts';
import { decodeUtf8 } from '../bytes/utf8.ts';
import { invariant } from '../errors.ts';
import { SECRET_BYTES } from './room-keys.ts';

/** The link of a new room on the servers of another one. @param source - of fresh random bytes. */
export function movedLink(
  link: string,
  source: { random(length: number): Uint8Array },
  crypto: Pick<GroupCrypto, 'sha256'>,
): string {
  const outcome = parseInvitation(link, crypto);
  invariant(outcome.kind === 'invitation', 'one is in the meeting of an invitation that can be read');
  return encodeInvitation({ ...outcome.invitation, secret: source.random(SECRET_BYTES) }, crypto);
}

/**
 * Whether a link is another in the secret alone: whoever moves a meeting takes nobody to other servers, and has nobody trust
 * other certificates or keys.
 */
function sameButSecret(link: string, moved: string, crypto: Pick<GroupCrypto, 'sha256'>): boolean {
  const [before, after] = [parseInvitation(link, crypto), parseInvitation(moved, crypto)];
  if (before.kind !== 'invitation' || after.kind !== 'invitation') return false;
  const { secret } = before.invitation;
  const unchanged = encodeInvitation({ ...after.invitation, secret }, crypto);
  return unchanged === encodeInvitation(before.invitation, crypto);
}

/** The link in what a move sealed; undefined where it is none that may be followed from a room: see {@link sameButSecret}. */
export function movedLinkIn(
  invitation: Uint8Array,
  from: string,
  crypto: Pick<GroupCrypto, 'sha256'>,
): string | undefined {
  const link = decodeUtf8(invitation);
  return link !== undefined && sameButSecret(from, link, crypto) ? link : undefined;
}

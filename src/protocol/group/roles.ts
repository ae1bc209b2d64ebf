/** Who decides in a meeting, as its keys enforce it. @see docs/protocol.md#roles */
import { encodeHex } from '../bytes/hex.ts';
import type { MeetingSettings } from './meeting-parameters.ts';
import type { LeafIndex, Member } from './roster.ts';

/** What a member may do. */
export type Role =
  /** Named among the organisers. */
  | 'organiser'
  /** Nobody in the tree is named: the member of the lowest leaf decides. */
  | 'acting-organiser'
  | 'member';

/** Whether a role decides on the door, on roles and on kicks. */
export function isOrganiser(role: Role | undefined): boolean {
  return role === 'organiser' || role === 'acting-organiser';
}

/** The roles of all members of a tree, by leaf. */
export function rolesOf(
  { organisers }: Pick<MeetingSettings, 'organisers'>,
  roster: Iterable<Pick<Member, 'leaf' | 'fingerprint'>>,
): ReadonlyMap<LeafIndex, Role> {
  const named = new Set(organisers.map((organiser) => encodeHex(organiser)));
  const roles = new Map<LeafIndex, Role>();
  let [lowest, hasOrganiser]: [LeafIndex | undefined, boolean] = [undefined, false];
  for (const { leaf, fingerprint } of roster) {
    const isNamed = named.has(encodeHex(fingerprint));
    roles.set(leaf, isNamed ? 'organiser' : 'member');
    hasOrganiser ||= isNamed;
    if (lowest === undefined || leaf < lowest) lowest = leaf;
  }
  if (lowest !== undefined && !hasOrganiser) roles.set(lowest, 'acting-organiser');
  return roles;
}

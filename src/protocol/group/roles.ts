/** Who decides in a meeting, as its keys enforce it. @see docs/protocol.md#roles */
import { equal } from '../bytes/equal.ts';
import { encodeHex } from '../bytes/hex.ts';
import { MAX_ORGANISERS } from './meeting-parameters.ts';
import type { MeetingSettings } from './meeting-parameters.ts';
import type { EpochView } from './mls.ts';
import type { Fingerprint } from './names.ts';
import type { LeafIndex, Member } from './roster.ts';

/** What a member may do: an organiser decides on the door, on roles and on kicks. */
export type Role = 'organiser' | 'member';

type Named = Pick<MeetingSettings, 'organisers'>;
type Leaf = Pick<Member, 'leaf' | 'fingerprint'>;

/** What a Commit does to a tree. */
export interface TreeChange {
  readonly committer: LeafIndex;
  readonly removed: ReadonlySet<LeafIndex>;
  /** Fingerprints of whom it adds. */
  readonly added: readonly Fingerprint[];
}

/** The role of somebody. */
export function roleOf({ organisers }: Named, fingerprint: Fingerprint): Role {
  return organisers.some((organiser) => equal(organiser, fingerprint)) ? 'organiser' : 'member';
}

/** Our own role in an epoch; undefined where our leaf is not in its tree. */
export function ownRoleIn({
  roster,
  ownLeaf,
  parameters,
}: Pick<EpochView, 'roster' | 'ownLeaf' | 'parameters'>): Role | undefined {
  const own = roster.find(({ leaf }) => leaf === ownLeaf);
  return own && roleOf(parameters, own.fingerprint);
}

/** The leaves of those who decide. */
export function organisersAmong({ organisers }: Named, roster: readonly Leaf[]): ReadonlySet<LeafIndex> {
  const named = namesOf(organisers);
  return new Set(
    roster.flatMap(({ leaf, fingerprint }) => (named.has(encodeHex(fingerprint)) ? [leaf] : [])),
  );
}

/** Whether somebody is in a tree after a Commit who is named in these settings. */
export function hasOrganiser({ organisers }: Named, roster: readonly Leaf[], change: TreeChange): boolean {
  const named = namesOf(organisers);
  const isNamed = (fingerprint: Fingerprint): boolean => named.has(encodeHex(fingerprint));
  return (
    staying(roster, change).some(({ fingerprint }) => isNamed(fingerprint)) || change.added.some(isNamed)
  );
}

/**
 * The organisers that a Commit has to name since it removes the last one in the tree: those of before, and the member of the
 * lowest leaf that stays, who takes over. Its author takes over only where nobody else stays, so that nobody wins by removing
 * an organiser; and nobody that it adds, who may take the lowest leaf.
 * @returns undefined when an organiser is left.
 */
export function successionOf(
  settings: Named,
  roster: readonly Leaf[],
  change: TreeChange,
): readonly Fingerprint[] | undefined {
  if (hasOrganiser(settings, roster, change)) return undefined;
  const rest = [...staying(roster, change)].sort((a, b) => a.leaf - b.leaf);
  const heir = rest.find(({ leaf }) => leaf !== change.committer) ?? rest[0];
  // Where there are as many as there can be, all of them are gone, and the first makes room.
  return heir && [...settings.organisers.slice(1 - MAX_ORGANISERS), heir.fingerprint];
}

function staying(roster: readonly Leaf[], { removed }: TreeChange): readonly Leaf[] {
  return roster.filter(({ leaf }) => !removed.has(leaf));
}

function namesOf(organisers: readonly Fingerprint[]): ReadonlySet<string> {
  return new Set(organisers.map((organiser) => encodeHex(organiser)));
}

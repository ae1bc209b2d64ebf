/**
 * What the moves that are said in an epoch are for us, and which of them counts. Nothing is remembered here.
 * @see docs/protocol.md#moving
 */
import { encodeHex } from '../bytes/hex.ts';
import type { OpenMoveOutcome } from '../group/mls.ts';
import { roleOf } from '../group/roles.ts';
import type { LeafIndex, Member } from '../group/roster.ts';
import type { Epoch } from '../units.ts';
import type { EpochBegun } from './group-events.ts';
import type { SeenMove } from './seen-move.ts';

/** A move that a member has signed. */
export type OpenedMove = Extract<OpenMoveOutcome, { readonly kind: 'opened' }>;

/** In what moves are looked at. */
export interface Situation {
  readonly begun: Omit<EpochBegun, 'masterKey'>;
  readonly broken: BrokenLine | undefined;
}

/** The counter has logged what nobody can follow, or what we do not know of whether anybody can. */
export interface BrokenLine {
  /** Who is proven to have done it. */
  readonly author: LeafIndex | undefined;
  /** Whose Commit removes us, so that it is perhaps proven to others. */
  readonly suspect: LeafIndex | undefined;
  /** Whose moves are looked at: organisers', those of others but the suspect, too, or all. */
  readonly movers: 'organisers' | 'others' | 'all';
}

/** What decides between movers: the lowest counts. Each has one move, its newest. */
export interface MoveRank {
  readonly byOrganiser: boolean;
  readonly since: Epoch;
  readonly leaf: LeafIndex;
}

/** A move, and what it is for us. */
export interface JudgedMove {
  readonly seen: SeenMove;
  /** It moves us, or leaves us behind, whatever a person says. */
  readonly decides: boolean;
  /** It takes us along, as an organiser's or from a line that is broken. */
  readonly takesUsAlong: boolean;
  /** It is for us, and our part of it cannot be opened. */
  readonly isSpoilt: boolean;
  readonly rank: MoveRank;
}

/** A move of our own. `rank`: undefined where it was not said yet. */
export interface OwnMoveRank {
  readonly commitment: string;
  readonly rank: MoveRank | undefined;
}

/** @returns undefined for one that is nothing to us. */
export function judgeMove(opened: OpenedMove, situation: Situation): JudgedMove | undefined {
  const { roster, ownLeaf } = situation.begun;
  const mover = roster.find(({ leaf }) => leaf === opened.mover);
  if (mover === undefined) return undefined;
  const recipients = new Set(opened.recipients);
  const coming = roster.filter(({ leaf }) => leaf === mover.leaf || recipients.has(leaf));
  // Whoever is in neither had not come when it was decided: nobody wanted it left behind.
  const leftBehind = roster.filter(({ leaf }) => opened.leftBehind.includes(leaf));
  const isForUs = recipients.has(ownLeaf);
  const rank = rankOf(mover, opened.since, situation);
  // By its word alone, a member that is none moves nobody.
  if (!rank.byOrganiser && !(isForUs && isHeard(mover, situation))) return undefined;
  const isEscape = !rank.byOrganiser && escapes(situation, coming);
  // Organisers are moved by each other alone: they move the meeting themselves, and it stays theirs.
  const decides = rank.byOrganiser || (isEscape && !organises(situation));
  const kind = !isForUs ? 'left-behind' : decides ? 'follow' : 'ask';
  const { invitation } = opened;
  const commitment = encodeHex(opened.commitment);
  return {
    seen: { mover, kind, commitment, invitation, coming, leftBehind },
    decides,
    takesUsAlong: isForUs && (decides || isEscape),
    isSpoilt: isForUs && invitation === undefined,
    rank,
  };
}

/** Since when they say it counts among organisers alone: nobody gains by a lie. */
export function rankOf({ leaf, fingerprint }: Member, since: Epoch, { begun }: Situation): MoveRank {
  const byOrganiser = roleOf(begun.parameters, fingerprint) === 'organiser';
  return { byOrganiser, since: byOrganiser ? since : begun.epoch, leaf };
}

/**
 * The move that counts: to the room of the mover that is before all others. Who of those that move there says it is all one, so
 * that nobody is kept from it by a mover that has spoilt its part.
 * @returns undefined where that is our own, or there is none that we could follow.
 */
export function movesUs(judged: readonly JudgedMove[], own: OwnMoveRank | undefined): JudgedMove | undefined {
  const deciding = judged.filter(({ decides }) => decides);
  const rooms = new Map<string, MoveRank>();
  const enter = (commitment: string, rank: MoveRank): void => {
    const known = rooms.get(commitment);
    if (known === undefined || isBefore(rank, known)) rooms.set(commitment, rank);
  };
  for (const { seen, rank } of deciding) enter(seen.commitment, rank);
  if (own?.rank !== undefined) enter(own.commitment, own.rank);
  const roomOf = ({ seen, rank }: JudgedMove): MoveRank => rooms.get(seen.commitment) ?? rank;
  const [first] = deciding
    .filter(({ isSpoilt }) => !isSpoilt)
    .sort((a, b) => compare(roomOf(a), roomOf(b)) || compare(a.rank, b.rank));
  if (first === undefined || first.seen.commitment === own?.commitment) return undefined;
  const ownRoom = own && rooms.get(own.commitment);
  return ownRoom !== undefined && isBefore(ownRoom, roomOf(first)) ? undefined : first;
}

/** While a removal of ours is in doubt some members are not listened to yet. */
function isHeard({ leaf }: Member, { broken }: Situation): boolean {
  const { movers = 'all', suspect } = broken ?? {};
  return movers === 'all' || (movers === 'others' && leaf !== suspect);
}

/**
 * Whether a member that is no organiser moves the meeting from a line that is broken: we know so ourselves, or cannot know, and
 * everybody of the tree comes along but whoever is proven to have broken it, or may be to others.
 */
function escapes({ begun, broken }: Situation, coming: readonly Member[]): boolean {
  if (broken === undefined) return false;
  const { author, suspect } = broken;
  const [left, ...others] = begun.roster.filter((member) => !coming.includes(member));
  if (others.length > 0) return false;
  return left?.leaf === author || (suspect !== undefined && left?.leaf === suspect);
}

function organises({ begun: { roster, ownLeaf, parameters } }: Situation): boolean {
  const own = roster.find(({ leaf }) => leaf === ownLeaf);
  return own !== undefined && roleOf(parameters, own.fingerprint) === 'organiser';
}

/** An organiser's, then the one that was said first, then that of the lower leaf. */
function isBefore(a: MoveRank, b: MoveRank): boolean {
  if (a.byOrganiser !== b.byOrganiser) return a.byOrganiser;
  return a.since === b.since ? a.leaf < b.leaf : a.since < b.since;
}

const compare = (a: MoveRank, b: MoveRank): number => (isBefore(a, b) ? -1 : isBefore(b, a) ? 1 : 0);

/**
 * Moves of the meeting to another room, as this room brings them: which of them counts, and our own, which is said again until
 * those whom it is for have gone.
 * @see docs/protocol.md#moving
 */
import { encodeHex } from '../bytes/hex.ts';
import type { OpenMoveOutcome, SealMoveOutcome } from '../group/mls.ts';
import { commitmentOf, decodeMove } from '../group/move.ts';
import { roleOf } from '../group/roles.ts';
import type { LeafIndex, Member } from '../group/roster.ts';
import type { ParticipantId } from '../media/encoded-media.ts';
import { settled, type Task } from '../tasks.ts';
import type { Epoch, Millis } from '../units.ts';
import type { MeetingCore } from './core.ts';
import type { EpochBegun } from './group-events.ts';
import type { MeetingInput } from './inputs.ts';
import { participantIdOf } from './members.ts';
import type { SeenMove } from './seen-move.ts';
import { SignatureAllowance } from './signature-allowance.ts';

/** Moves of one member that wait to be looked at; it says its own again. */
const MAX_LOOKING = 4;
/** Moves of this epoch that are not looked at again, the newest. */
const MAX_SEEN = 256;
/** Moves of this epoch that are kept, the newest: what they are for us may change. */
const MAX_KEPT = 16;
/** How often our own is said: those who were away find it when they are back. */
const SAY_EVERY_MS = 4_000;

type Epochal = Omit<EpochBegun, 'masterKey'>;
type Opened = Extract<OpenMoveOutcome, { kind: 'opened' }>;

/** What decides between moves: the lowest counts. */
interface Rank {
  readonly byOrganiser: boolean;
  readonly since: Epoch;
  readonly leaf: LeafIndex;
  readonly commitment: string;
}

interface OwnMove {
  readonly invitation: Uint8Array;
  readonly recipients: ReadonlySet<ParticipantId>;
  readonly leftBehind: ReadonlySet<ParticipantId>;
  readonly commitment: string;
  since: Epoch | undefined;
}

interface Spent {
  readonly allowance: SignatureAllowance;
  looking: number;
}

/** What the moves need. */
export interface MovesOwner {
  /** Says it on our control track. */
  say(move: Uint8Array): void;
}

/** The part of the meeting machine. */
export class Moves {
  readonly #core: MeetingCore;
  readonly #owner: MovesOwner;
  #begun: Epochal | undefined;
  #own: OwnMove | undefined;
  #sayAt: Millis | undefined;
  #isSaying = false;
  #best: Rank | undefined;
  /** What is spent on each mover in this epoch: whoever says ever new moves keeps us from those of nobody else. */
  readonly #spent = new Map<LeafIndex, Spent>();
  /** Hashes of what was looked at in this epoch. */
  readonly #seen = new Set<string>();
  /** What was said to us last: it is not said twice. */
  #told: string | undefined;
  /** The counter has logged what nobody can follow; who is proven to have done it. */
  #broken: { readonly author: LeafIndex | undefined } | undefined;
  /** The newest of each mover. */
  readonly #kept = new Map<LeafIndex, Opened>();
  /** Whose moves led nowhere. */
  readonly #distrusted = new Set<LeafIndex>();

  constructor(core: MeetingCore, owner: MovesOwner) {
    this.#core = core;
    this.#owner = owner;
  }

  /** An epoch begins: what was said before counts no more, and ours is said anew. */
  epochBegan(begun: Epochal): void {
    this.#begun = begun;
    this.#broken = undefined;
    this.#forget();
    this.#say();
  }

  /** MLS was lost, and has the group again: what was asked of it is not answered. */
  resumed(begun: Epochal): void {
    this.#isSaying = false;
    this.epochBegan(begun);
  }

  /** Our membership is over: nothing is said under the keys of another group. */
  end(): void {
    this.#own?.invitation.fill(0);
    this.#own = undefined;
    this.#begun = undefined;
    this.#best = undefined;
    this.#forget();
  }

  /**
   * The counter has logged what we cannot follow: from now on members that are no organisers move the meeting, too.
   * @param author - who is proven to have broken a rule: it moves nobody.
   */
  lineBroke(author: LeafIndex | undefined): void {
    this.#broken = { author };
    if (author !== undefined) this.#distrusted.add(author);
    this.#lookAgain();
  }

  /** Somebody’s moves led nowhere: those of others count. */
  distrust(leaf: LeafIndex): void {
    this.#distrusted.add(leaf);
    this.#lookAgain();
  }

  /** We move the meeting: who comes again with the same key is who it was. */
  move({ invitation, recipients, leftBehind }: Extract<MeetingInput, { readonly kind: 'move' }>): void {
    this.#own = {
      invitation,
      recipients: new Set(recipients),
      leftBehind: new Set(leftBehind),
      commitment: encodeHex(commitmentOf(invitation, this.#core.options.groupCrypto)),
      since: undefined,
    };
    this.#say();
  }

  /** Somebody began to listen to us. */
  wanted(): void {
    this.#say();
  }

  /** To be called a few times a second. */
  tick(): void {
    if (this.#sayAt !== undefined && this.#sayAt <= this.#core.tasks.now) this.#say();
  }

  /** A member says that it moves the meeting. */
  heard(from: LeafIndex, move: Uint8Array): void {
    const begun = this.#begun;
    const reading = decodeMove(move);
    // It is said again in the next epoch.
    if (begun === undefined || reading.kind === 'malformed' || reading.content.epoch !== begun.epoch) return;
    if (reading.content.mover !== from) return;
    const hash = encodeHex(this.#core.options.groupCrypto.sha256(move));
    const spent = this.#spent.get(from) ?? { allowance: new SignatureAllowance(), looking: 0 };
    this.#spent.set(from, spent);
    const mayLook = spent.looking < MAX_LOOKING && spent.allowance.isLeft(this.#core.tasks.now);
    if (this.#seen.has(hash) || !mayLook) return;
    spent.allowance.spend();
    spent.looking += 1;
    this.#seen.add(hash);
    const [oldest] = this.#seen;
    if (this.#seen.size > MAX_SEEN && oldest !== undefined) this.#seen.delete(oldest);
    this.#core.tasks.start(this.#look(begun, move, hash, spent));
  }

  *#look(begun: Epochal, move: Uint8Array, hash: string, spent: Spent): Task {
    const { handle } = begun;
    const ask = { kind: 'open-move', input: { handle, move } } as const;
    const outcome = yield* settled(this.#core.ask<OpenMoveOutcome>({ kind: 'mls', ask }));
    spent.looking -= 1;
    if (outcome.kind === 'refused') return;
    // Roles and leaves are those of the epoch that it is of.
    if (this.#begun !== begun) {
      this.#seen.delete(hash);
      return;
    }
    this.#keep(outcome);
    this.#opened(begun, outcome);
  }

  #keep(opened: Opened): void {
    this.#kept.get(opened.mover)?.invitation?.fill(0);
    this.#kept.delete(opened.mover);
    this.#kept.set(opened.mover, { ...opened, invitation: opened.invitation?.slice() });
    const [oldest] = this.#kept.keys();
    if (this.#kept.size <= MAX_KEPT || oldest === undefined) return;
    this.#kept.get(oldest)?.invitation?.fill(0);
    this.#kept.delete(oldest);
  }

  /** What the moves of this epoch are for us has changed. */
  #lookAgain(): void {
    if (this.#best !== undefined && this.#distrusted.has(this.#best.leaf)) this.#best = undefined;
    if (this.#begun === undefined) return;
    for (const opened of this.#kept.values())
      this.#opened(this.#begun, { ...opened, invitation: opened.invitation?.slice() });
  }

  #forget(): void {
    this.#spent.clear();
    this.#seen.clear();
    this.#distrusted.clear();
    for (const { invitation } of this.#kept.values()) invitation?.fill(0);
    this.#kept.clear();
  }

  #opened(begun: Epochal, opened: Opened): void {
    const { roster, ownLeaf, parameters } = begun;
    const mover = roster.find(({ leaf }) => leaf === opened.mover);
    if (mover === undefined || this.#distrusted.has(mover.leaf)) return;
    const byOrganiser = roleOf(parameters, mover.fingerprint) === 'organiser';
    const commitment = encodeHex(opened.commitment);
    const coming = roster.filter(({ leaf }) => leaf === mover.leaf || opened.recipients.includes(leaf));
    // Whoever is in neither had not come when it was decided: nobody wanted it left behind.
    const leftBehind = roster.filter(({ leaf }) => opened.leftBehind.includes(leaf));
    const isForUs = coming.some(({ leaf }) => leaf === ownLeaf);
    // By its word alone, a member that is none moves nobody.
    if (!byOrganiser && !isForUs) return;
    const moves = byOrganiser || this.#escapes(begun, coming);
    const { since, invitation } = opened;
    if (moves && !this.#wins(rankOf(begun, { byOrganiser, since, leaf: mover.leaf, commitment }))) return;
    const kind = !isForUs ? 'left-behind' : moves ? 'follow' : 'ask';
    const told = `${kind} ${commitment}`;
    if (this.#told === told) return;
    this.#told = told;
    const move: SeenMove = { mover, kind, commitment, invitation, coming, leftBehind };
    this.#core.emit({ kind: 'moved', move });
    this.#core.changed();
  }

  /**
   * Whether a member that is no organiser moves us from a line that is broken: we know so ourselves, and nobody of the tree is left
   * behind but whoever is proven to have broken it, since when ever it says that it moves. Organisers are moved by each other alone: they move the meeting themselves, and it
   * stays theirs.
   */
  #escapes({ roster, ownLeaf, parameters }: Epochal, coming: readonly Member[]): boolean {
    const own = roster.find(({ leaf }) => leaf === ownLeaf);
    if (this.#broken === undefined || own === undefined) return false;
    if (roleOf(parameters, own.fingerprint) === 'organiser') return false;
    const { author } = this.#broken;
    const [left, ...others] = roster.filter((member) => !coming.includes(member));
    return others.length === 0 && left?.leaf === author;
  }

  /** Whether a move is the one that counts, of those that we know; ours is given up for one that does. */
  #wins(rank: Rank): boolean {
    const own = this.#ownRank();
    if (own !== undefined && isBefore(own, rank)) return false;
    if (this.#best !== undefined && isBefore(this.#best, rank)) return false;
    this.#best = rank;
    this.#own?.invitation.fill(0);
    this.#own = undefined;
    return true;
  }

  #ownRank(): Rank | undefined {
    const begun = this.#begun;
    const { since, commitment } = this.#own ?? {};
    const own = begun?.roster.find(({ leaf }) => leaf === begun.ownLeaf);
    if (begun === undefined || own === undefined || since === undefined || commitment === undefined)
      return undefined;
    const byOrganiser = roleOf(begun.parameters, own.fingerprint) === 'organiser';
    return rankOf(begun, { byOrganiser, since, leaf: own.leaf, commitment });
  }

  #say(): void {
    this.#sayAt = undefined;
    const begun = this.#begun;
    const own = this.#own;
    if (begun === undefined || own === undefined) return;
    this.#sayAt = this.#core.tasks.after(SAY_EVERY_MS);
    if (this.#isSaying) return;
    own.since ??= begun.epoch;
    this.#isSaying = true;
    this.#core.tasks.start(this.#seal(begun, own, own.since));
  }

  *#seal(begun: Epochal, own: OwnMove, since: Epoch): Task {
    const { invitation } = own;
    const others = begun.roster.filter(({ leaf }) => leaf !== begun.ownLeaf);
    const recipients = leavesOf(others, own.recipients);
    const plan = { invitation, since, recipients, leftBehind: leavesOf(others, own.leftBehind) };
    const ask = { kind: 'seal-move', input: { handle: begun.handle, plan } } as const;
    const outcome = yield* settled(this.#core.ask<SealMoveOutcome>({ kind: 'mls', ask }));
    this.#isSaying = false;
    if (this.#own !== own) return;
    if (this.#begun !== begun) this.#say();
    else if (outcome.kind === 'sealed') this.#owner.say(outcome.move);
  }
}

function leavesOf(roster: readonly Member[], people: ReadonlySet<ParticipantId>): readonly LeafIndex[] {
  return roster.filter((member) => people.has(participantIdOf(member))).map(({ leaf }) => leaf);
}

/** Since when they say it counts among organisers alone: nobody gains by a lie. */
function rankOf({ epoch }: Epochal, rank: Rank): Rank {
  return rank.byOrganiser ? rank : { ...rank, since: epoch };
}

/** Of two moves: an organiser's, the one that was said first, that of the lower leaf, and any order that all have. */
function isBefore(a: Rank, b: Rank): boolean {
  if (a.byOrganiser !== b.byOrganiser) return a.byOrganiser;
  if (a.since !== b.since) return a.since < b.since;
  if (a.leaf !== b.leaf) return a.leaf < b.leaf;
  return a.commitment < b.commitment;
}

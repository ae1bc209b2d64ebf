/**
 * Moves of the meeting to another room, as this room brings them: which of them counts, and our own, which is said again until
 * those whom it is for have gone.
 * @see docs/protocol.md#moving
 */
import { encodeHex } from '../bytes/hex.ts';
import type { OpenMoveOutcome, SealMoveOutcome } from '../group/mls.ts';
import { commitmentOf, decodeMove } from '../group/move.ts';
import type { LeafIndex, Member } from '../group/roster.ts';
import type { ParticipantId } from '../media/encoded-media.ts';
import { settled, type Task } from '../tasks.ts';
import type { Epoch, Millis } from '../units.ts';
import type { MeetingCore } from './core.ts';
import type { EpochBegun } from './group-events.ts';
import type { MeetingInput } from './inputs.ts';
import { participantIdOf } from './members.ts';
import {
  judgeMove,
  movesUs,
  rankOf,
  type BrokenLine,
  type OpenedMove,
  type OwnMoveRank,
  type Situation,
} from './move-order.ts';
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
/** How many numbers there are: whose clock is a century ahead moves people, too. */
const NUMBERS = 2 ** 32;
/** Rooms about each of which a person was asked, the newest. */
const MAX_ASKED = 256;

type Epochal = Omit<EpochBegun, 'masterKey'>;

interface OwnMove {
  readonly invitation: Uint8Array;
  readonly recipients: ReadonlySet<ParticipantId>;
  readonly leftBehind: ReadonlySet<ParticipantId>;
  readonly commitment: string;
  readonly number: number;
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
  /** Somebody moves the meeting, from a line that is broken or as an organiser, and takes us along. */
  moved(): void;
}

/** The part of the meeting machine. */
export class Moves {
  readonly #core: MeetingCore;
  readonly #owner: MovesOwner;
  #begun: Epochal | undefined;
  #own: OwnMove | undefined;
  #sayAt: Millis | undefined;
  #isSaying = false;
  /** What is spent on each mover in this epoch: whoever says ever new moves keeps us from those of nobody else. */
  readonly #spent = new Map<LeafIndex, Spent>();
  /** Hashes of what was looked at in this epoch. */
  readonly #seen = new Set<string>();
  /** What we told of the move that counts, which is one, whoever says it: it is not told again before another counts. */
  #told: string | undefined;
  /** About which rooms a person was asked: others may say theirs at the same time. */
  readonly #asked = new Set<string>();
  /** Of our newest move; seconds of our clock, so that it rises over a restart, too. */
  #number = 0;
  /** Rooms that we moved people to before we moved on: nobody leads us there any more. */
  readonly #passed = new Set<string>();
  /** The counter has logged what nobody can follow, or what we do not know of whether anybody can. */
  #broken: BrokenLine | undefined;
  /** The newest of each mover. */
  readonly #kept = new Map<LeafIndex, OpenedMove>();
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
    this.#forget();
  }

  /**
   * The counter has logged what we cannot follow: from now on members that are no organisers move the meeting, too.
   * @param author - who is proven to have broken a rule: it moves nobody.
   * @param suspect - who may be proven to others.
   */
  lineBroke(author: LeafIndex | undefined, suspect?: LeafIndex): void {
    this.#broken = { author, suspect, movers: 'all' };
    if (author !== undefined) this.#distrusted.add(author);
    this.#weigh();
  }

  /**
   * The counter has logged a Commit that removes us, and perhaps nobody can follow it.
   * @param movers - who moves us from there: organisers alone as ever, or members that are none, but not its author.
   */
  removalDoubted(author: LeafIndex, movers: Exclude<BrokenLine['movers'], 'all'>): void {
    if (this.#broken?.movers === movers) return;
    this.#broken = { author: undefined, suspect: author, movers };
    this.#weigh();
  }

  /** Somebody’s moves led nowhere: those of others count. */
  distrust(leaf: LeafIndex): void {
    this.#distrusted.add(leaf);
    // What counted did perhaps on its word alone.
    this.#told = undefined;
    this.#weigh();
  }

  /** We move the meeting, or move on: who comes again with the same key is who it was. */
  move({ invitation, recipients, leftBehind }: Extract<MeetingInput, { readonly kind: 'move' }>): void {
    const before = this.#own;
    before?.invitation.fill(0);
    this.#number = Math.max(this.#number + 1, Math.floor(this.#core.wallClock / 1_000) % NUMBERS);
    const commitment = encodeHex(commitmentOf(invitation, this.#core.options.groupCrypto));
    if (before !== undefined && before.commitment !== commitment) this.#passed.add(before.commitment);
    this.#own = {
      invitation,
      recipients: new Set(recipients),
      leftBehind: new Set(leftBehind),
      commitment,
      number: this.#number,
      since: before?.since,
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
    const { mover, number } = reading.content;
    if (mover !== from || number < (this.#kept.get(mover)?.number ?? 0)) return;
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
      outcome.invitation?.fill(0);
      this.#seen.delete(hash);
      return;
    }
    this.#keep(outcome);
    this.#weigh();
  }

  /** Of each mover the one of the highest number: whoever moves on leads to where it is. */
  #keep(opened: OpenedMove): void {
    const before = this.#kept.get(opened.mover);
    if (before !== undefined && isNewer(before, opened)) {
      opened.invitation?.fill(0);
      return;
    }
    before?.invitation?.fill(0);
    this.#kept.delete(opened.mover);
    this.#kept.set(opened.mover, opened);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size <= MAX_KEPT || oldest === undefined) return;
    this.#kept.get(oldest)?.invitation?.fill(0);
    this.#kept.delete(oldest);
  }

  #forget(): void {
    this.#spent.clear();
    this.#seen.clear();
    this.#distrusted.clear();
    for (const { invitation } of this.#kept.values()) invitation?.fill(0);
    this.#kept.clear();
  }

  /** Looks at which move counts, of those that we know; ours is given up for it. */
  #weigh(): void {
    const begun = this.#begun;
    if (begun === undefined) return;
    const situation = { begun, broken: this.#broken };
    const judged = [...this.#kept.values()]
      .filter(({ mover }) => !this.#distrusted.has(mover))
      .flatMap((opened) => judgeMove(opened, situation) ?? [])
      .filter(({ seen }) => !this.#passed.has(seen.commitment));
    if (judged.some(({ takesUsAlong }) => takesUsAlong)) this.#owner.moved();
    for (const { seen, isSpoilt } of judged) if (seen.kind === 'ask' && !isSpoilt) this.#ask(seen);
    const counts = movesUs(judged, this.#ownRank(situation));
    if (counts === undefined) return;
    this.#own?.invitation.fill(0);
    this.#own = undefined;
    const told = `${counts.seen.kind} ${counts.seen.commitment}`;
    if (this.#told === told) return;
    this.#told = told;
    this.#tell(counts.seen);
  }

  #ask(move: SeenMove): void {
    if (this.#asked.has(move.commitment)) return;
    this.#asked.add(move.commitment);
    const [oldest] = this.#asked;
    if (this.#asked.size > MAX_ASKED && oldest !== undefined) this.#asked.delete(oldest);
    this.#tell(move);
  }

  #tell(move: SeenMove): void {
    this.#core.emit({ kind: 'moved', move: { ...move, invitation: move.invitation?.slice() } });
    this.#core.changed();
  }

  #ownRank(situation: Situation): OwnMoveRank | undefined {
    const { roster, ownLeaf } = situation.begun;
    const self = roster.find(({ leaf }) => leaf === ownLeaf);
    if (this.#own === undefined || self === undefined) return undefined;
    const { commitment, since } = this.#own;
    return { commitment, rank: since === undefined ? undefined : rankOf(self, since, situation) };
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
    const { invitation, number } = own;
    const others = begun.roster.filter(({ leaf }) => leaf !== begun.ownLeaf);
    const recipients = leavesOf(others, own.recipients);
    const plan = { invitation, number, since, recipients, leftBehind: leavesOf(others, own.leftBehind) };
    const ask = { kind: 'seal-move', input: { handle: begun.handle, plan } } as const;
    const outcome = yield* settled(this.#core.ask<SealMoveOutcome>({ kind: 'mls', ask }));
    this.#isSaying = false;
    if (this.#own !== own || this.#begun !== begun) this.#say();
    else if (outcome.kind === 'sealed') this.#owner.say(outcome.move);
  }
}

function leavesOf(roster: readonly Member[], people: ReadonlySet<ParticipantId>): readonly LeafIndex[] {
  return roster.filter((member) => people.has(participantIdOf(member))).map(({ leaf }) => leaf);
}

/** Whether what we have of a mover is newer than what has come. Who says two things by one number counts with one of them. */
function isNewer(known: OpenedMove, { number, commitment }: OpenedMove): boolean {
  if (known.number !== number) return known.number > number;
  return encodeHex(known.commitment) < encodeHex(commitment);
}

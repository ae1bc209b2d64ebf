/**
 * Getting a meeting away from a line of changes that nobody can follow: whose turn it is to move it, whom it leaves behind, and
 * what is done where no move comes about. Each member decides by what it has seen itself.
 * @see docs/protocol.md#a-broken-line
 */
import type { LeafIndex, Member } from '../group/roster.ts';
import type { ParticipantId } from '../media/encoded-media.ts';
import { millis, type Millis } from '../units.ts';
import { participantIdOf } from './members.ts';
import type { Room } from './room.ts';
import type { LineView, MeetingView, News, ParticipantView } from './view.ts';

/** Who was away hears of a move within this time: it is not moved twice. */
const LISTEN_MS = 2_000;
/** How much longer each next member waits for those before it. */
const TURN_MS = 3_000;
const JITTER_MS = 500;
/** How long we wait for somebody to move with. */
const ALONE_MS = 15_000;
/** How long it may take to get to a room, and to be followed there. */
const ARRIVE_MS = 30_000;
/** How long one mover may have us on our way, to however many rooms. */
const LED_MS = 60_000;
/** A room that could not be made is made again. */
const RETRY_MS = 5_000;
/** So often in such a time a meeting moves by itself; after that its organisers have a while to do it. */
const MOST_ESCAPES = 3;
const WITHIN_MS = 600_000;
const LAST_WORD_MS = 60_000;

type Broken = Extract<LineView, { readonly kind: 'line-broken' }>;

/** What is to be done now. */
export type EscapeStep =
  /** It is our turn to move the meeting. */
  | { readonly kind: 'move'; readonly leaveBehind: readonly ParticipantId[] }
  /** We do not get to where we are heading. Undefined: it was we who moved. */
  | { readonly kind: 'turn-back'; readonly mover: LeafIndex | undefined }
  /** No move comes about: our place here is given up. */
  | { readonly kind: 'abandon'; readonly author: Member | undefined; readonly rejoins: boolean };

/** Where we are heading, since when, and since when whoever moves us there has led us anywhere. */
interface OnTheWay {
  readonly room: Room;
  readonly since: Millis;
  readonly ledSince: Millis;
}

/** How we stand in a room whose line is broken. */
interface Watch {
  readonly room: Room;
  readonly since: Millis;
  readonly jitter: number;
  /** Since when there has been somebody to move with, and since when there has been nobody. */
  readySince: Millis | undefined;
  aloneSince: Millis | undefined;
  notBefore: Millis;
  heading: OnTheWay | undefined;
  isOver: boolean;
}

/** The part of the machine of all rooms. */
export class Escapes {
  readonly #random: (length: number) => Uint8Array;
  #watch: Watch | undefined;
  #dueAt: Millis | undefined;
  /** When the meeting got away. */
  #escaped: readonly Millis[] = [];

  /** @param random - fresh random bytes. */
  constructor(random: (length: number) => Uint8Array) {
    this.#random = random;
  }

  /** When {@link Escapes.look} has something to say though nothing happens. */
  get dueAt(): Millis | undefined {
    return this.#dueAt;
  }

  /** What there is to do. @param shown - the room that the meeting is in. @param heading - the one that we are on our way to. */
  look(shown: Room, heading: Room | undefined, now: Millis): EscapeStep | undefined {
    this.#dueAt = undefined;
    const { view } = shown;
    if (view === undefined || view.line.kind === 'whole' || view.end !== undefined) {
      this.#watch = undefined;
      return undefined;
    }
    const watch = this.#watchOf(shown, now);
    if (watch.isOver) return undefined;
    return heading === undefined
      ? this.#here(watch, view, view.line, now)
      : this.#onTheWay(watch, heading, view.line, now);
  }

  /** Whether the meeting may be shown in a room: who moves it from a line that is broken does not go alone. */
  mayArrive(shown: Room, heading: Room): boolean {
    return shown.view?.line.kind !== 'line-broken' || heading.own === undefined || isFollowed(heading);
  }

  /** The meeting goes on in another room. @returns what is news, where it got away from a line that is broken. */
  arrived(shown: Room, heading: Room, now: Millis): News | undefined {
    const line = shown.view?.line;
    if (line?.kind !== 'line-broken') return undefined;
    this.#escaped = [...this.#lately(now), now];
    const { author } = line;
    const comesAlong = author !== undefined && heading.expected.has(participantIdOf(author));
    return comesAlong ? undefined : { ...line, then: 'moved' };
  }

  #here(watch: Watch, view: MeetingView, { author }: Broken, now: Millis): EscapeStep | undefined {
    watch.heading = undefined;
    const isConnected = view.connection.kind === 'connected';
    const here = inTurn(view.group?.participants ?? [], author);
    const isAlone = here.length <= 1;
    watch.readySince = isConnected && !isAlone ? (watch.readySince ?? now) : undefined;
    watch.aloneSince = isConnected && isAlone ? (watch.aloneSince ?? now) : undefined;
    if (this.#lately(now).length >= MOST_ESCAPES)
      return this.#once(watch.since + LAST_WORD_MS, now, () => end(watch, author, false));
    if (watch.aloneSince !== undefined)
      return this.#once(watch.aloneSince + ALONE_MS, now, () => end(watch, author, true));
    if (watch.readySince === undefined) return undefined;
    const rank = here.findIndex(({ self }) => self);
    const turn = watch.readySince + LISTEN_MS + rank * TURN_MS + watch.jitter;
    return this.#once(Math.max(turn, watch.notBefore), now, () => ({
      kind: 'move',
      leaveBehind: author === undefined ? [] : [participantIdOf(author)],
    }));
  }

  #onTheWay(watch: Watch, heading: Room, { author }: Broken, now: Millis): EscapeStep | undefined {
    const { own, mover, inSince, view } = heading;
    watch.heading = onTheWay(watch.heading, heading, now);
    const { since, ledSince } = watch.heading;
    const turnBack = (): EscapeStep => {
      watch.readySince = undefined;
      watch.notBefore = millis(now + RETRY_MS);
      return { kind: 'turn-back', mover: mover?.leaf };
    };
    if (view?.end !== undefined) return turnBack();
    if (inSince === undefined)
      return this.#once(Math.min(since + ARRIVE_MS, ledSince + LED_MS), now, turnBack);
    if (own === undefined || isFollowed(heading)) return undefined;
    return this.#once(inSince + ARRIVE_MS, now, () => end(watch, author, true));
  }

  #once(due: number, now: Millis, step: () => EscapeStep): EscapeStep | undefined {
    if (due <= now) return step();
    this.#dueAt = millis(due);
    return undefined;
  }

  #watchOf(room: Room, now: Millis): Watch {
    if (this.#watch?.room === room) return this.#watch;
    const [chance = 0] = this.#random(1);
    this.#watch = {
      room,
      since: now,
      jitter: Math.floor((chance * JITTER_MS) / 256),
      readySince: undefined,
      aloneSince: undefined,
      notBefore: now,
      heading: undefined,
      isOver: false,
    };
    return this.#watch;
  }

  #lately(now: Millis): readonly Millis[] {
    return this.#escaped.filter((at) => now - at < WITHIN_MS);
  }
}

/**
 * Who is there to move the meeting, organisers first: without whoever has broken its line. Who is in the tree and not heard would take
 * no turn.
 */
function inTurn(
  participants: readonly ParticipantView[],
  author: Member | undefined,
): readonly ParticipantView[] {
  const there = participants.filter(
    ({ member, heard, leaving }) => heard && !leaving && member.leaf !== author?.leaf,
  );
  const [first, then] = (['organiser', 'member'] as const).map((each) =>
    there.filter(({ role }) => role === each),
  );
  return [...(first ?? []), ...(then ?? [])];
}

function onTheWay(before: OnTheWay | undefined, room: Room, now: Millis): OnTheWay {
  if (before?.room === room) return before;
  const isLedOn = before !== undefined && before.room.mover?.leaf === room.mover?.leaf;
  return { room, since: now, ledSince: isLedOn ? before.ledSince : now };
}

const isFollowed = (room: Room): boolean => room.present().size > 1;

function end(watch: Watch, author: Member | undefined, rejoins: boolean): EscapeStep {
  watch.isOver = true;
  return { kind: 'abandon', author, rejoins };
}

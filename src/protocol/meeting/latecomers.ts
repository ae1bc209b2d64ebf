/**
 * Those who have not come along to the room that the meeting has moved to: whom we lead there from a room that is being left, and
 * who does so beside the mover.
 * @see docs/protocol.md#moving
 */
import { equal } from '../bytes/equal.ts';
import { encodeUtf8 } from '../bytes/utf8.ts';
import type { Member } from '../group/roster.ts';
import type { ParticipantId } from '../media/encoded-media.ts';
import type { Millis } from '../units.ts';
import type { MeetingInput } from './inputs.ts';
import { participantIdOf } from './members.ts';
import type { Led, Room } from './room.ts';

/** Followers who say a move again: one is enough, and perhaps some of them mean harm. */
const MOST_STAND_INS = 3;

/** Tells them. */
export class Latecomers {
  readonly #feed: (room: Room, input: MeetingInput) => void;

  /** @param feed - says something to a room. */
  constructor(feed: (room: Room, input: MeetingInput) => void) {
    this.#feed = feed;
  }

  /** Says in a room where the meeting moves to. */
  lead(from: Room, led: Led, link: string): void {
    from.leads = { link, led };
    this.#feed(from, { kind: 'move', invitation: encodeUtf8(link), ...led });
  }

  /** What we say in a room was perhaps given up for the move of somebody: says it again. */
  leadAgain(from: Room): void {
    const { leads } = from;
    if (leads !== undefined && leads.led.recipients.length > 0) this.lead(from, leads.led, leads.link);
  }

  /** The meeting has gone on to a room: those whom we lead elsewhere are led there. */
  goOn(rooms: readonly Room[], shown: Room): void {
    for (const from of rooms) {
      const { leads } = from;
      if (leads === undefined || leads.link === shown.link || from.isLeft || from.isOver) continue;
      const via = rooms.find(({ link }) => link === leads.link);
      const led = ledFurther(from, leads.led, via, shown);
      if (led.recipients.length > 0) this.lead(from, led, shown.link);
      else from.leads = { link: shown.link, led };
    }
  }

  /**
   * Looks after a room that is being left. @param shown - the one that the meeting is in.
   * @returns what is to be done about our own place there.
   */
  look(room: Room, shown: Room, now: Millis): 'leave' | 'quieten' | undefined {
    const { leaveAt, quietAt } = room;
    if (leaveAt === undefined) return undefined;
    if (room.isDone(shown, now)) return 'leave';
    if (leaveAt <= now) {
      const turn = turnToStandIn(room, shown);
      if (turn === undefined) return 'leave';
      room.stay(shown, turn, now);
    }
    const { standIn } = room;
    if (standIn !== undefined && room.leads === undefined && standIn.at <= now) {
      const { followed, link } = standIn.to;
      if (followed !== undefined) this.lead(room, followed.led, link);
      this.goOn([room, standIn.to], shown);
    }
    return quietAt !== undefined && quietAt <= now ? 'quieten' : undefined;
  }
}

/** Who follows a move, and who does not. */
export function ledBy(coming: readonly Member[], leftBehind: readonly Member[]): Led {
  return { recipients: coming.map(participantIdOf), leftBehind: leftBehind.map(participantIdOf) };
}

/** Those of a move that was beaten, but whom the one that counts leaves behind. */
export function ledToWinner({ recipients }: Led, members: readonly Member[]): Led {
  const leftBehind = members.map(participantIdOf);
  return { recipients: recipients.filter((id) => !leftBehind.includes(id)), leftBehind };
}

/** Who is let in without a question where the meeting moves to: who comes along, and who was to come where it was and has not. */
export function expectedIn(
  from: Room,
  coming: readonly Member[],
  leftBehind: readonly Member[],
): ReadonlySet<ParticipantId> {
  const others = [
    ...(from.view?.group?.participants ?? []).map(({ id }) => id),
    ...leftBehind.map(participantIdOf),
  ];
  return new Set([
    ...coming.map(participantIdOf),
    ...[...from.expected].filter((id) => !others.includes(id)),
  ]);
}

/**
 * Whom we lead from a room to the one to which the meeting has gone on since, instead of the one before: all who have not come
 * there, but whoever is barred from the next; who was left behind is perhaps there, by a move that counts for more. From a line that is broken a member that is no organiser moves nobody unless it
 * moves all.
 * @param via - the one before, where we are in it still.
 */
function ledFurther(from: Room, led: Led, via: Room | undefined, next: Room): Led {
  const { view } = from;
  const group = view?.group;
  const kicked = next.view?.group?.parameters.kickedKeys ?? [];
  const barred = (group?.participants ?? []).flatMap(({ id, member }) =>
    kicked.some((key) => equal(key, member.signatureKey)) ? [id] : [],
  );
  const movesAll = view?.line.kind === 'line-broken' && group?.role !== 'organiser';
  const arrived = movesAll || via === undefined ? new Set<ParticipantId>() : via.present();
  return {
    recipients: led.recipients.filter((id) => !barred.includes(id) && !arrived.has(id)),
    leftBehind: barred,
  };
}

/**
 * Whose turn it is to say again where we went from a room whose line is broken, beside the mover, who has perhaps spoilt somebody's
 * part of its move: the followers of the lowest leaves, 0 first.
 * @returns undefined: it is not for us.
 */
function turnToStandIn(from: Room, next: Room): number | undefined {
  const isBroken = from.view?.line.kind === 'line-broken';
  if (!isBroken || next.followed?.from !== from || from.standIn !== undefined) return undefined;
  const there = next.present();
  const followers = (from.view?.group?.participants ?? [])
    .filter(({ id, member }) => there.has(id) && member.leaf !== next.mover?.leaf)
    .sort((a, b) => a.member.leaf - b.member.leaf);
  const turn = followers.findIndex(({ self }) => self);
  return turn === -1 || turn >= MOST_STAND_INS ? undefined : turn;
}

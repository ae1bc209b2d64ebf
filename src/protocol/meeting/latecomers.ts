/**
 * Those who have not come along to the room that the meeting has moved to: whom we lead there from a room that is being left, and
 * who does so beside the mover.
 * @see docs/protocol.md#moving
 */
import { equal } from '../bytes/equal.ts';
import type { Member } from '../group/roster.ts';
import type { ParticipantId } from '../media/encoded-media.ts';
import { participantIdOf } from './members.ts';
import type { Led, Room } from './room.ts';

/** Followers who say a move again: one is enough, and perhaps some of them mean harm. */
const MOST_STAND_INS = 3;

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
 * there, but whoever is barred from the next. From a line that is broken a member that is no organiser moves nobody unless it
 * moves all.
 * @param via - the one before, where we are in it still.
 */
export function ledFurther(from: Room, led: Led, via: Room | undefined, next: Room): Led {
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
    leftBehind: [...new Set([...led.leftBehind, ...barred])],
  };
}

/**
 * Whose turn it is to say a move again in a room whose line is broken, beside its mover, who has perhaps spoilt somebody's part of
 * it: the followers of the lowest leaves, 0 first.
 * @returns undefined: it is not for us.
 */
export function turnToStandIn(from: Room, next: Room): number | undefined {
  const there = next.present();
  const followers = (from.view?.group?.participants ?? [])
    .filter(({ id, member }) => there.has(id) && member.leaf !== next.mover?.leaf)
    .sort((a, b) => a.member.leaf - b.member.leaf);
  const turn = followers.findIndex(({ self }) => self);
  return turn === -1 || turn >= MOST_STAND_INS ? undefined : turn;
}

/** Whoever does harm, or crashes, with moves of a meeting, in virtual time: real machines, a real relay, the counter's real rules. */
import { describe, expect, test } from 'vitest';
import { encodeUtf8 } from '../../../src/protocol/bytes/utf8.ts';
import { parseInvitation } from '../../../src/protocol/group/invitation.ts';
import { roomKeysOf } from '../../../src/protocol/group/room-keys.ts';
import { movedLink } from '../../../src/protocol/group/moved-invitation.ts';
import { fakeCrypto } from '../../harness/group/simulation.ts';
import { breakLine } from '../../harness/simulation/line-breaker.ts';
import { SimulatedMeeting, SimulatedMember } from '../../harness/simulation/simulated-meeting.ts';
import {
  areTogether,
  gather,
  linkOf,
  type SimulatedPerson,
} from '../../harness/simulation/simulated-person.ts';

type Six = [
  SimulatedPerson,
  SimulatedPerson,
  SimulatedPerson,
  SimulatedPerson,
  SimulatedPerson,
  SimulatedPerson,
];

function meeting(seed = 1, ...more: readonly string[]) {
  const world = new SimulatedMeeting({ seed });
  const people = gather(world, linkOf(world, 'the room'), 'Ana', 'Bo', 'Cy', 'Di', 'Ed', 'Fay', ...more);
  for (const person of people) person.goLive();
  world.pass(1_000);
  return { world, people: people as [...Six, ...SimulatedPerson[]] };
}

/** A link to a room of the same servers in which nobody is. */
function freshLink(world: SimulatedMeeting, link: string): string {
  const random = (length: number) => Uint8Array.from({ length }, () => Math.floor(world.random() * 256));
  return movedLink(link, { random }, fakeCrypto);
}

/** Says a move in the first room, whatever its own machine thinks. */
function sayMove(mover: SimulatedPerson, people: readonly SimulatedPerson[], link: string): void {
  const [first] = mover.homes.values();
  const recipients = people.map(({ id }) => id);
  first?.feed({ kind: 'move', invitation: encodeUtf8(link), recipients, leftBehind: [] });
}

/** Makes a room in which somebody is who lets nobody in. */
function makeShutRoom(world: SimulatedMeeting, link: string): void {
  const reading = parseInvitation(link, fakeCrypto);
  if (reading.kind !== 'invitation') expect.unreachable();
  const { signer } = roomKeysOf(reading.invitation.secret, fakeCrypto);
  const place = { signer, parameters: world.parameters };
  const holder = new SimulatedMember(`holder of ${link}`, world, place);
  holder.start();
  world.until('the room is made', () => holder.group !== undefined);
  if (holder.mls === undefined) expect.unreachable();
  holder.mls.inspect = () => ({ kind: 'refused', reason: 'nobody comes in here' });
}

const areInRoom = (room: number, people: readonly SimulatedPerson[]): boolean =>
  people.every(({ view }) => view.room === room && !view.isMoving) &&
  new Set(people.map(({ view }) => view.link)).size === 1;

const knowsOfIt = ({ member }: SimulatedPerson): boolean => member.view.line.kind === 'line-broken';

describe('a room whose line is broken, while no organiser is there', () => {
  test('is got away from though a member leads to ever new rooms that let nobody in', () => {
    const { world, people } = meeting();
    const [ana, mallory, ...others] = people;
    ana.goAway(400_000);
    world.pass(20_000);
    expect(breakLine(world, mallory, 'no commit')).toBe(true);
    world.until('all know', () => [mallory, ...others].every(knowsOfIt));
    mallory.stand();
    for (let room = 0; room < 5; room += 1) {
      const link = freshLink(world, linkOf(world, 'the room'));
      makeShutRoom(world, link);
      sayMove(mallory, people, link);
      world.pass(20_000);
    }
    expect(areTogether(others)).toBe(true);
  });

  test.each([1, 2, 3])('is moved by whoever crashes when it has said so, and comes back (%i)', (seed) => {
    const { world, people } = meeting(seed);
    const [ana, bo, ...others] = people;
    ana.goAway(400_000);
    world.pass(20_000);
    expect(breakLine(world, bo, 'no commit')).toBe(true);
    world.until('somebody follows', () => others.some(({ members }) => members.length > 1));
    bo.kill();
    bo.start();
    world.until('all are together', () => areTogether([bo, ...others]), 60_000);
    world.pass(60_000);
    expect(areTogether([bo, ...others])).toBe(true);
  });
});

describe('those who stay where a line broke, to say where the others are', () => {
  /** Mallory is of the lowest leaf but Ana’s, who is away. Bo moves the meeting, and dies; Hal does not come. */
  test('are led nowhere else by whoever says a better move later', () => {
    const { world, people } = meeting(1, 'Gus', 'Hal');
    const [ana, mallory, bo, ...rest] = people;
    const others = rest.slice(0, 4);
    for (const person of [ana, ...rest.slice(4)]) person.goAway(400_000);
    world.pass(20_000);
    expect(breakLine(world, mallory, 'no commit')).toBe(true);
    mallory.stand();
    world.until('five have moved', () => areInRoom(1, [bo, ...others]));
    world.pass(20_000);
    bo.kill();
    sayMove(mallory, people, freshLink(world, linkOf(world, 'the room')));
    world.pass(60_000);
    expect(areInRoom(1, others)).toBe(true);
    expect(areTogether(others)).toBe(true);
  });

  test('leave nobody behind for an organiser who comes back, whose person can go to them', () => {
    const { world, people } = meeting(1, 'Gus', 'Hal');
    const [ana, bo, ...others] = people;
    ana.goAway(70_000);
    world.pass(20_000);
    expect(breakLine(world, bo, 'no commit')).toBe(true);
    world.until('seven have moved', () => areInRoom(1, [bo, ...others]));
    world.pass(20_000);
    bo.kill();
    world.until('Ana is asked', () => ana.view.asked !== undefined);
    // Long after it has seen that nobody follows it.
    world.pass(90_000);
    expect(areTogether(others)).toBe(true);
    ana.feed({ kind: 'answer-move', follows: true });
    world.until('Ana is there', () => areTogether([ana, ...others]));
  });
});

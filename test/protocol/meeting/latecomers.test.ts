/** Those who come late to where a meeting has moved, in virtual time: real machines, a real relay, the counter's real rules. */
import { describe, expect, test } from 'vitest';
import { encodeUtf8 } from '../../../src/protocol/bytes/utf8.ts';
import { leafIndex } from '../../../src/protocol/group/roster.ts';
import type { MeetingInput } from '../../../src/protocol/meeting/inputs.ts';
import { Latecomers } from '../../../src/protocol/meeting/latecomers.ts';
import { participantIdOf } from '../../../src/protocol/meeting/members.ts';
import { Room } from '../../../src/protocol/meeting/room.ts';
import type { MeetingView } from '../../../src/protocol/meeting/view.ts';
import { millis } from '../../../src/protocol/units.ts';
import { FakeMls } from '../../harness/group/fake-mls.ts';
import { breakLine } from '../../harness/simulation/line-breaker.ts';
import { SimulatedMeeting } from '../../harness/simulation/simulated-meeting.ts';
import {
  areTogether,
  gather,
  haveMoved,
  linkOf,
  type SimulatedPerson,
} from '../../harness/simulation/simulated-person.ts';

type Four = [SimulatedPerson, SimulatedPerson, SimulatedPerson, SimulatedPerson];

/** A meeting of Ana, who organises it, Bo, Cy and Di. */
function meeting(seed = 1) {
  const world = new SimulatedMeeting({ seed });
  const people = gather(world, linkOf(world, 'the room'), 'Ana', 'Bo', 'Cy', 'Di') as Four;
  for (const person of people) person.goLive();
  world.pass(1_000);
  return { world, people };
}

/** Whether these, and nobody else, are together in a room that they have moved to so many times. */
const areIn = (room: number, people: readonly SimulatedPerson[]): boolean =>
  haveMoved(people) && people.every(({ view }) => view.room === room);

/** By whom the move is about which its person is asked. */
const askedBy = ({ view }: SimulatedPerson): string | undefined =>
  view.asked && participantIdOf(view.asked.by);

/** Whose machine says, in the first room, that the meeting moves; filled as it happens. */
function sayersOf(people: readonly SimulatedPerson[]): ReadonlySet<string> {
  const sayers = new Set<string>();
  for (const { name, member } of people) {
    const { mls } = member;
    if (mls === undefined) expect.unreachable();
    mls.sealMove = (handle, plan) => {
      sayers.add(name);
      return FakeMls.prototype.sealMove.call(mls, handle, plan);
    };
  }
  return sayers;
}

describe('whoever was away while the meeting moved on and on', () => {
  test.each([2, 3])('finds the others in room %i, where each before was broken, at a closed door', (last) => {
    const { world, people } = meeting();
    const [ana, bo, cy, di] = people;
    ana.feed({ kind: 'admission', admission: 'ask' });
    world.until('the door is closed', () => di.view.group?.admission === 'ask');
    di.goAway(25_000 * (last - 1));
    for (let room = 1; room <= last; room += 1) {
      expect(breakLine(world, bo, 'no commit')).toBe(true);
      world.until(`three are in room ${String(room)}`, () => areIn(room, [ana, bo, cy]));
    }
    world.until('Di is there', () => areTogether(people), 120_000);
    expect(di.view.link).toBe(ana.view.link);
    world.pass(150_000);
    expect(areTogether(people)).toBe(true);
    expect(di.members.filter(({ hasEnded }) => !hasEnded)).toHaveLength(1);
    expect(world.broken).toEqual([]);
  });

  /** In both orders of what the rooms are called. */
  test.each([1, 2, 3])('follows the newest of two moves of one mover that it hears (%i)', (seed) => {
    const { world, people } = meeting(seed);
    const [ana, bo, cy, di] = people;
    const back = world.agenda.now + 20_000;
    di.goAway(20_000);
    expect(breakLine(world, bo, 'no commit')).toBe(true);
    world.until('three are in room 1', () => areIn(1, [ana, bo, cy]));
    world.pass(back - 500 - world.agenda.now);
    expect(breakLine(world, bo, 'no commit')).toBe(true);
    // The next room is made only when Di has set out for this one, where nobody lets it in.
    world.counter.reachable = false;
    world.until('Di is on its way to room 1', () => di.members.length === 2);
    expect([di.view.isMoving, ana.view.room]).toEqual([true, 1]);
    world.counter.reachable = true;
    world.until('all are in room 2', () => areTogether(people));
    expect([ana.view.room, di.view.link]).toEqual([2, ana.view.link]);
    world.pass(150_000);
    expect(areTogether(people)).toBe(true);
  });

  test('is led to the last room, where an organiser moved twice, and whoever is left behind there is not', () => {
    const { world, people } = meeting();
    const [ana, bo, cy, di] = people;
    di.goAway(20_000);
    ana.feed({ kind: 'move', leaveBehind: [] });
    world.until('three are in room 1', () => areIn(1, [ana, bo, cy]));
    ana.feed({ kind: 'move', leaveBehind: [cy.id] });
    world.until('two are in room 2', () => areIn(2, [ana, bo]));
    world.until('Di is there', () => areTogether([ana, bo, di]), 60_000);
    world.pass(60_000);
    expect([cy.view.room, cy.members.length, areTogether([ana, bo, di])]).toEqual([1, 2, true]);
    expect(world.broken).toEqual([]);
  });

  test('does not draw along whoever stayed in the room between, where each was asked', () => {
    const { world, people } = meeting();
    const [ana, bo, cy, di] = people;
    di.goAway(20_000);
    ana.feed({ kind: 'move', leaveBehind: [] });
    world.until('three are in room 1', () => areIn(1, [ana, bo, cy]));
    bo.feed({ kind: 'move', leaveBehind: [] });
    world.until('both are asked', () => ana.view.asked !== undefined && cy.view.asked !== undefined);
    ana.feed({ kind: 'answer-move', follows: true });
    cy.feed({ kind: 'answer-move', follows: false });
    world.until('two are in room 2', () => areTogether([ana, bo]));
    world.until('Di is there', () => areTogether([ana, bo, di]), 60_000);
    expect([cy.view.room, cy.view.isMoving, cy.members.length]).toEqual([1, false, 2]);
  });
});

describe('whoever has not come from a line that is broken', () => {
  /** Ana, who organises, is away for long, so that Bo moves first, who does not. */
  test.each([
    ['of a lower leaf than all who followed', 2],
    ['of a higher one', 3],
  ])('comes along though its mover has spoilt its part: %s', (_, spoilt) => {
    const { world, people } = meeting();
    const [ana, bo, cy, di] = people;
    ana.goAway(200_000);
    world.pass(20_000);
    const { mls } = bo.member;
    if (mls === undefined) expect.unreachable();
    mls.spoilsPartsOf = [leafIndex(spoilt)];
    expect(breakLine(world, bo, 'no commit')).toBe(true);
    world.until('all three are in one room', () => areTogether([bo, cy, di]), 40_000);
    expect(new Set([bo, cy, di].map(({ view }) => view.link)).size).toBe(1);
    expect(bo.view.room).toBe(1);
    world.pass(100_000);
    expect(areTogether([bo, cy, di])).toBe(true);
    expect(world.broken).toEqual([]);
  });

  test('finds the others though its mover is gone', () => {
    const { world, people } = meeting();
    const [ana, bo, cy, di] = people;
    di.goAway(40_000);
    expect(breakLine(world, bo, 'no commit')).toBe(true);
    world.until('three are in room 1', () => areIn(1, [ana, bo, cy]));
    ana.kill();
    world.until('Di is there', () => areTogether([bo, cy, di]), 120_000);
    expect(di.view.link).toBe(bo.view.link);
  });

  test('finds them in the room after that, though the mover of the first stays there and says so', () => {
    const { world, people } = meeting();
    const [ana, bo, cy, di] = people;
    di.goAway(60_000);
    expect(breakLine(world, bo, 'no commit')).toBe(true);
    world.until('three are in room 1', () => areIn(1, [ana, bo, cy]));
    world.pass(25_000);
    ana.stand();
    expect(breakLine(world, bo, 'no commit')).toBe(true);
    world.until('two are in room 2', () => areIn(2, [bo, cy]));
    world.until('Di is there', () => areTogether([bo, cy, di]), 120_000);
    expect(di.view.link).toBe(bo.view.link);
  });

  test.each([
    ['by the mover alone where all come', 0, ['Ana']],
    ['by three others where somebody does not', 60_000, ['Ana', 'Bo', 'Cy', 'Di']],
  ])('is told %s', (_, duration, sayers) => {
    const world = new SimulatedMeeting();
    const people = gather(world, linkOf(world, 'the room'), 'Ana', 'Bo', 'Cy', 'Di', 'Ed', 'Fay');
    const [, bo] = people;
    const fay = people.at(-1);
    if (bo === undefined || fay === undefined) expect.unreachable();
    const said = sayersOf(people);
    if (duration > 0) fay.goAway(duration);
    expect(breakLine(world, bo, 'no commit')).toBe(true);
    world.until('all are in one room', () => areTogether(people) && fay.view.room > 0, 120_000);
    world.pass(30_000);
    expect([...said].sort()).toEqual(sayers);
  });
});

describe('whoever may decide', () => {
  test('is asked about two moves one after the other, and about none of them again', () => {
    const { world, people } = meeting();
    const [ana, bo, cy, di] = people;
    for (const mover of [bo, cy]) mover.feed({ kind: 'move', leaveBehind: [] });
    const asked: (string | undefined)[] = [];
    world.pass(3_000);
    for (let question = 0; question < 3; question += 1) {
      asked.push(askedBy(di));
      world.pass(10_000);
      expect(askedBy(di)).toBe(asked.at(-1));
      di.feed({ kind: 'answer-move', follows: false });
      world.pass(10_000);
    }
    expect([asked[2], new Set(asked.slice(0, 2))]).toEqual([undefined, new Set([bo.id, cy.id])]);
    expect(ana.view.room).toBe(0);
  });
});

test('who is led further is told of those as left behind who are barred there, whoever was left behind before', () => {
  const room = (number: number, ids: readonly string[], kickedKeys: readonly Uint8Array[]): Room => {
    const made = new Room(number, `conclave://join/${String(number)}`, millis(0));
    const participants = ids.map((id) => ({ id, member: { signatureKey: encodeUtf8(id) }, leaving: false }));
    const view = { line: { kind: 'whole' }, group: { participants, parameters: { kickedKeys } } };
    made.view = view as unknown as MeetingView;
    return made;
  };
  const first = room(0, ['Ana', 'Bo', 'Cy', 'Di'], []);
  const second = room(1, ['Ana'], []);
  const third = room(2, ['Ana', 'Cy'], [encodeUtf8('Di')]);
  first.leads = { link: second.link, led: { recipients: ['Bo', 'Di'], leftBehind: ['Cy'] } };
  const said: MeetingInput[] = [];
  new Latecomers((_, input) => said.push(input)).goOn([first, second, third], third);
  expect(said).toMatchObject([{ kind: 'move', recipients: ['Bo'], leftBehind: ['Di'] }]);
});

/** Those who come late to where a meeting has moved, in virtual time: real machines, a real relay, the counter's real rules. */
import { describe, expect, test } from 'vitest';
import { breakLine } from '../../harness/simulation/line-breaker.ts';
import { SimulatedMeeting } from '../../harness/simulation/simulated-meeting.ts';
import {
  areTogether,
  gather,
  linkOf,
  type SimulatedPerson,
} from '../../harness/simulation/simulated-person.ts';

type Four = [SimulatedPerson, SimulatedPerson, SimulatedPerson, SimulatedPerson];

/** A meeting of Ana, who organises it, Bo, Cy and Di. */
function meeting() {
  const world = new SimulatedMeeting();
  const people = gather(world, linkOf(world, 'the room'), 'Ana', 'Bo', 'Cy', 'Di') as Four;
  for (const person of people) person.goLive();
  world.pass(1_000);
  return { world, people };
}

/** Whether these, and nobody else, are together in a room that they have moved to so many times. */
const areIn = (room: number, people: readonly SimulatedPerson[]): boolean =>
  areTogether(people) &&
  people.every(({ view }) => view.room === room && !view.isMoving) &&
  new Set(people.map(({ view }) => view.link)).size === 1;

/** It reaches nobody for a while. */
function away(world: SimulatedMeeting, person: SimulatedPerson, duration: number): void {
  person.reachesRelay = false;
  person.reachesCounter = false;
  person.cut(duration);
  world.agenda.after(duration, () => {
    person.reachesRelay = true;
    person.reachesCounter = true;
  });
}

describe('whoever was away while the meeting moved on and on', () => {
  test.each([2, 3])('finds the others in room %i, where each before was broken, at a closed door', (last) => {
    const { world, people } = meeting();
    const [ana, bo, cy, di] = people;
    ana.feed({ kind: 'admission', admission: 'ask' });
    world.until('the door is closed', () => di.view.group?.admission === 'ask');
    away(world, di, 25_000 * (last - 1));
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

  test('is led to the last room, where an organiser moved twice, and whoever is left behind there is not', () => {
    const { world, people } = meeting();
    const [ana, bo, cy, di] = people;
    away(world, di, 20_000);
    ana.feed({ kind: 'move', leaveBehind: [] });
    world.until('three are in room 1', () => areIn(1, [ana, bo, cy]));
    ana.feed({ kind: 'move', leaveBehind: [cy.id] });
    world.until('two are in room 2', () => areIn(2, [ana, bo]));
    world.until('Di is there', () => areTogether([ana, bo, di]), 60_000);
    world.pass(60_000);
    expect([cy.view.room, areTogether([ana, bo, di])]).toEqual([1, true]);
    expect(world.broken).toEqual([]);
  });
});

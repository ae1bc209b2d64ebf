/**
 * A Commit that removes somebody beside what may be wrong in its receipt, in virtual time: whoever is removed cannot tell, and looks
 * at what the others do.
 * @see docs/protocol.md#a-broken-line
 */
import { describe, expect, test } from 'vitest';
import { roomKeysOf } from '../../../src/protocol/group/room-keys.ts';
import type { LeafIndex } from '../../../src/protocol/group/roster.ts';
import { groupId, objectId } from '../../../src/protocol/moqt/model.ts';
import { fakeCrypto } from '../../harness/group/simulation.ts';
import { forge } from '../../harness/meeting/forge.ts';
import { Forger } from '../../harness/simulation/forger.ts';
import { logRemoval, WRONG } from '../../harness/simulation/line-breaker.ts';
import { SimulatedMeeting } from '../../harness/simulation/simulated-meeting.ts';
import {
  gather,
  haveMoved,
  linkOf,
  secretOf,
  type SimulatedPerson,
} from '../../harness/simulation/simulated-person.ts';

type Four = [SimulatedPerson, SimulatedPerson, SimulatedPerson, SimulatedPerson];

const ROOM = 'the room';

/** A meeting of four, of whom the first organises. */
function meeting() {
  const { signer } = roomKeysOf(secretOf(ROOM), fakeCrypto);
  const world = new SimulatedMeeting({ signer });
  const people = gather(world, linkOf(world, ROOM), 'Ana', 'Bo', 'Cy', 'Di');
  for (const person of people) person.goLive();
  // All have stated something.
  world.pass(1_000);
  const [ana, bo, cy, di] = people as Four;
  return { world, people, ana, bo, cy, di };
}

/** A meeting whose organiser is away for long, so that whoever moves it is none. */
function withoutOrganiser() {
  const scene = meeting();
  scene.world.cut(scene.ana.member, 200_000);
  scene.ana.member.reachesCounter = false;
  scene.world.pass(20_000);
  return scene;
}

function leafOf({ view, name }: SimulatedPerson): LeafIndex {
  const own = view.group?.participants.find(({ self }) => self);
  if (own === undefined) throw new Error(`${name} is in a group`);
  return own.member.leaf;
}

const knowsOfIt = ({ member }: SimulatedPerson): boolean => member.view.line.kind === 'line-broken';

/** Lets time pass until somebody's machine has looked at a Commit that is logged meanwhile. */
function untilItLooks(
  world: SimulatedMeeting,
  { member, name }: SimulatedPerson,
  logged: () => boolean,
): void {
  let hasLooked = false;
  const { performed } = member;
  member.performed = (effect) => {
    performed(effect);
    if (effect.kind === 'mls' && effect.ask.kind === 'process') hasLooked = true;
  };
  expect(logged()).toBe(true);
  world.until(`${name} has looked`, () => hasLooked);
  world.pass(10);
}

/** Its machine takes no Commit any more, its own either. */
function stayInEpoch({ member }: SimulatedPerson): void {
  member.meddle = (ask, moment) =>
    ask === 'process' && moment === 'before' ? { delay: 600_000 } : undefined;
}

describe('whom a Commit removes that nobody can follow', () => {
  test('comes along by itself, and is shown nothing before', () => {
    const { world, ana, bo, cy, di } = meeting();
    const heard: string[] = [];
    cy.member.performed = watching(cy.member.performed, heard);
    expect(logRemoval(world, bo, [leafOf(cy)], { nextKey: WRONG })).toBe(true);
    world.until('three have moved', () => haveMoved([ana, cy, di]), 20_000);
    expect(heard).toEqual(['none whole', 'none line-broken']);
    expect(cy.view.notices.at(-1)?.news).toEqual({ kind: 'line-broken', author: undefined, then: 'moved' });
    expect(cy.view.sending.microphone).toBe(true);
    world.pass(150_000);
    expect(haveMoved([ana, cy, di])).toBe(true);
    expect(world.broken).toEqual([]);
  });

  test('knows at once where the transcript is wrong, and moves the meeting as the others do', () => {
    const { world, ana, bo, cy, di } = meeting();
    expect(logRemoval(world, bo, [leafOf(cy)], { transcript: WRONG })).toBe(true);
    world.until('all know', () => [ana, cy, di].every(knowsOfIt), 3_000);
    world.until('three have moved', () => haveMoved([ana, cy, di]), 20_000);
    expect(world.broken).toEqual([]);
  });

  test('moves the meeting itself where it organises it, once it sees another move it', () => {
    const { world, ana, bo, cy, di } = meeting();
    // Whoever breaks the line is first, and would organise the room to which all go.
    stayInEpoch(bo);
    expect(logRemoval(world, bo, [leafOf(ana)], { nextKey: WRONG })).toBe(true);
    world.until('Cy knows', () => knowsOfIt(cy));
    bo.feed({ kind: 'move', leaveBehind: [] });
    world.until('all have moved', () => haveMoved([ana, bo, cy, di]), 60_000);
    expect([ana, bo, cy, di].map(({ view }) => view.group?.role)).toEqual([
      'organiser',
      'member',
      'member',
      'member',
    ]);
    expect(ana.members).toHaveLength(2);
    expect(world.broken).toEqual([]);
  });

  test('comes along though the others leave the Commit’s author behind, having found more than it can', () => {
    const { world, ana, bo, cy, di } = meeting();
    const author = leafOf(bo);
    for (const { member } of [ana, di]) {
      if (member.mls === undefined) expect.unreachable();
      member.mls.process = () => ({ kind: 'refused', reason: 'a path that only they look at', author });
    }
    // Whoever organises is not there: its move would count in any case.
    world.cut(ana.member, 200_000);
    ana.member.reachesCounter = false;
    world.pass(20_000);
    stayInEpoch(bo);
    expect(logRemoval(world, bo, [leafOf(cy)], { nextKey: WRONG })).toBe(true);
    world.until('two have moved', () => haveMoved([cy, di]), 30_000);
  });

  test('comes along though its author moves first and is not the one who logged it, a while later', () => {
    const { world, bo, cy, di } = withoutOrganiser();
    // Bo is as honest as anybody, stays where it was, and moves the meeting first.
    stayInEpoch(bo);
    expect(logRemoval(world, bo, [leafOf(cy)], { nextKey: WRONG })).toBe(true);
    world.until('Di knows', () => knowsOfIt(di));
    bo.feed({ kind: 'move', leaveBehind: [] });
    world.until('Di is on its way', () => di.view.isMoving || di.view.room > 0);
    expect(cy.view.isMoving).toBe(false);
    world.until('all have moved', () => haveMoved([bo, cy, di]), 30_000);
  });

  test('comes along after a sleep, another process, and another MLS', () => {
    for (const meanwhile of ['sleep', 'process', 'MLS'] as const) {
      const { world, ana, bo, cy, di } = meeting();
      untilItLooks(world, cy, () => logRemoval(world, bo, [leafOf(cy)], { nextKey: WRONG }));
      if (meanwhile === 'sleep') cy.sleep(40_000, true);
      else if (meanwhile === 'MLS') cy.member.loseMls();
      else {
        cy.kill();
        cy.start();
      }
      world.until(`three have moved (${meanwhile})`, () => haveMoved([ana, cy, di]), 100_000);
      expect(world.broken).toEqual([]);
    }
  });

  test('leaves when it wants to', () => {
    const { world, ana, bo, cy, di } = meeting();
    untilItLooks(world, cy, () => logRemoval(world, bo, [leafOf(cy)], { nextKey: WRONG }));
    cy.feed({ kind: 'leave' });
    world.until('Cy has left', () => cy.hasEnded, 5_000);
    expect([cy.view.end, cy.homes.values().next().value?.hasSaved]).toEqual(['left', false]);
    world.until('two have moved', () => haveMoved([ana, di]), 60_000);
  });

  test('joins the room again where nobody is left who could take it along', () => {
    const { world, ana, bo, cy, di } = meeting();
    for (const person of [ana, di]) person.kill();
    expect(logRemoval(world, bo, [leafOf(cy)], { nextKey: WRONG })).toBe(true);
    world.until('Cy asks again', () => cy.view.absence.kind === 'rejoining', 10_000);
  });

  test('joins the room again after half a minute in which somebody is there and does nothing', () => {
    const { world, ana, bo, cy, di } = meeting();
    for (const person of [ana, di]) {
      person.stand();
      stayInEpoch(person);
    }
    untilItLooks(world, cy, () => logRemoval(world, bo, [leafOf(cy)], { nextKey: WRONG }));
    world.pass(29_000);
    expect(cy.view.absence.kind).toBe('none');
    world.pass(1_500);
    expect(cy.view.absence.kind).toBe('rejoining');
    // Nothing is kept of what it had.
    expect(cy.member.memory.length).toBeGreaterThan(0);
    expect(cy.member.mlsHolds?.groups).toBe(0);
  });
});

describe('whom a Commit removes that the others follow', () => {
  test.each([
    ['hears of it last', 3_000, 0],
    ['hears of it first', 0, 3_000],
  ])('asks to be let in at once where it %s', (_, itsDelay, theirDelay) => {
    const { world, ana, bo, cy, di } = meeting();
    // Of what the counter logs they hear within some seconds of each other.
    const slow = (person: SimulatedPerson, delay: number): void => {
      person.member.meddle = (ask, moment) =>
        ask === 'process' && moment === 'before' ? { delay } : undefined;
    };
    slow(cy, itsDelay);
    for (const person of [ana, di]) slow(person, theirDelay);
    const epoch = cy.member.epoch ?? 0n;
    expect(logRemoval(world, bo, [leafOf(cy)])).toBe(true);
    const follows = ({ member }: SimulatedPerson): boolean => (member.epoch ?? 0n) > epoch;
    world.until('somebody follows', () => follows(ana) || follows(di));
    const since = world.agenda.now;
    world.until('Cy asks again', () => cy.view.absence.kind === 'rejoining');
    // It finds the log by what it sees of them, which takes less than a second.
    expect(world.agenda.now - since).toBeLessThan(itsDelay + 600);
  });

  test('is drawn nowhere by its author', () => {
    const { world, ana, bo, cy, di } = meeting();
    // Nobody else is there to be heard.
    for (const person of [ana, di]) person.kill();
    stayInEpoch(bo);
    expect(logRemoval(world, bo, [leafOf(cy)])).toBe(true);
    bo.feed({ kind: 'move', leaveBehind: [] });
    world.until('Cy asks again', () => cy.view.absence.kind === 'rejoining', 10_000);
    expect(cy.members).toHaveLength(1);
  });

  test('is drawn nowhere by another member, before it can know that they follow', () => {
    const { world, ana, bo, cy, di } = meeting();
    for (const person of [bo, di]) stayInEpoch(person);
    // What is heard of Ana comes a second late.
    ana.member.meddle = (ask, moment) =>
      ask === 'process' && moment === 'before' ? { delay: 1_000 } : undefined;
    di.feed({ kind: 'move', leaveBehind: [] });
    world.until('Cy is asked', () => cy.view.asked !== undefined, 5_000);
    expect(logRemoval(world, bo, [leafOf(cy)])).toBe(true);
    world.until('Cy asks again', () => cy.view.absence.kind === 'rejoining', 10_000);
    expect(cy.members).toHaveLength(1);
  });
});

test('nobody but a member itself makes others believe that it has followed', () => {
  const { world, ana, bo, cy, di } = meeting();
  const [group, masterKey] = [groupId(0n), new Uint8Array(32)];
  stayInEpoch(bo);
  untilItLooks(world, cy, () => logRemoval(world, bo, [leafOf(cy)], { nextKey: WRONG }));
  const forger = new Forger(world, bo.member);
  const next = { epoch: (cy.member.epoch ?? 0n) + 1n, masterKey };
  for (const victim of [ana, di]) {
    const track = forger.newTrack(victim.member, 'control');
    const id = forger.publish(track);
    expect(forger.refusal(id)).toBeUndefined();
    const location = { group, object: objectId(0n) };
    forger.send(id, forge(next, { track, location, priority: 8, payload: WRONG }));
  }
  expect(cy.view.absence.kind).toBe('none');
  world.until('all have moved', () => haveMoved([ana, bo, cy, di]), 20_000);
});

/** Notes each change of what is shown of absence and of the line. */
function watching(
  performed: SimulatedPerson['member']['performed'],
  shown: string[],
): SimulatedPerson['member']['performed'] {
  return (effect) => {
    performed(effect);
    if (effect.kind !== 'show') return;
    const state = `${effect.view.absence.kind} ${effect.view.line.kind}`;
    if (shown.at(-1) !== state) shown.push(state);
  };
}

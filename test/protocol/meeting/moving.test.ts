/** A meeting that moves to another room, in virtual time: real machines, a real relay, the counter's real rules. */
import { describe, expect, test } from 'vitest';
import { encodeUtf8 } from '../../../src/protocol/bytes/utf8.ts';
import { epoch } from '../../../src/protocol/units.ts';
import { FakeMls } from '../../harness/group/fake-mls.ts';
import { SimulatedMeeting } from '../../harness/simulation/simulated-meeting.ts';
import {
  areTogether,
  gather,
  haveMoved,
  linkOf,
  SimulatedPerson,
} from '../../harness/simulation/simulated-person.ts';

const kinds = (person: SimulatedPerson): readonly string[] =>
  person.view.notices.map(({ news: { kind } }) => kind);

type Three = [SimulatedPerson, SimulatedPerson, SimulatedPerson];

/** A meeting of these, of whom the first organises. */
function meeting(...names: readonly string[]) {
  const world = new SimulatedMeeting();
  const link = linkOf(world, 'the leaked room');
  const people = gather(world, link, ...names);
  for (const person of people) person.goLive();
  world.pass(1_000);
  return { world, link, people };
}

/** Makes somebody an organiser, too. */
function promote(world: SimulatedMeeting, by: SimulatedPerson, person: SimulatedPerson): void {
  by.feed({ kind: 'organiser', participant: person.id, isOrganiser: true });
  world.until('there is another organiser', () => person.view.group?.role === 'organiser');
}

describe('an organiser moves the meeting', () => {
  test('all follow by themselves, nobody misses a packet, and the link is another', () => {
    const { world, link, people } = meeting('Ana', 'Bo', 'Cy');
    const [ana, bo, cy] = people as Three;
    let spoken = 0;
    const speak = (): void => {
      for (const person of people) person.speak(`${person.name} ${String(spoken)}`);
      spoken += 1;
      world.pass(20);
    };
    for (let packet = 0; packet < 20; packet += 1) speak();
    ana.feed({ kind: 'move', leaveBehind: [] });
    for (let packet = 0; packet < 300; packet += 1) speak();
    expect(haveMoved(people)).toBe(true);
    expect(new Set(people.map(({ view }) => view.link)).size).toBe(1);
    expect(ana.view.link).not.toBe(link);
    world.pass(200);
    for (const listener of people)
      for (const speaker of people) {
        if (listener === speaker) continue;
        const number = ({ text }: { readonly text: string }): number => Number(text.split(' ')[1]);
        const heard = listener.heard(speaker).map(number);
        expect(heard.sort((a, b) => a - b)).toEqual(Array.from({ length: spoken }, (_, at) => at));
      }
    expect([ana, bo, cy].map((person) => kinds(person).at(-1))).toEqual(['moved', 'moved', 'moved']);
    world.until('the old room is left', () => people.every(({ members }) => members[0]?.hasEnded === true));
    expect(people.map(({ members }) => members.length)).toEqual([2, 2, 2]);
    expect(world.broken).toEqual([]);
  });

  test('what was off stays off, and the settings go along', () => {
    const { world, people } = meeting('Ana', 'Bo', 'Cy');
    const [ana, bo, cy] = people as Three;
    promote(world, ana, bo);
    ana.feed({ kind: 'admission', admission: 'ask' });
    world.until('the door is closed', () => cy.view.group?.admission === 'ask');
    cy.feed({ kind: 'sending', sending: { microphone: false, camera: false } });
    bo.feed({ kind: 'move', leaveBehind: [] });
    world.until('all have moved', () => haveMoved(people));
    expect(people.map(({ view }) => view.sending.microphone)).toEqual([true, true, false]);
    expect(people.map(({ view }) => view.group?.admission)).toEqual(['ask', 'ask', 'ask']);
    expect(people.map(({ view }) => view.group?.role)).toEqual(['organiser', 'organiser', 'member']);
    expect(world.broken).toEqual([]);
  });

  test('a move of another organiser that leads nowhere keeps nobody from it who was away', () => {
    const { world, people } = meeting('Ana', 'Bo', 'Cy', 'Di');
    const [ana, bo, cy, di] = people as [...Three, SimulatedPerson];
    promote(world, ana, bo);
    const { mls } = bo.member;
    if (mls === undefined) expect.unreachable();
    // As if it had been said before all others.
    mls.sealMove = (handle, plan) =>
      FakeMls.prototype.sealMove.call(mls, handle, { ...plan, since: epoch(0n) });
    bo.stand();
    world.cut(di.member, 8_000);
    ana.feed({ kind: 'move', leaveBehind: [bo.id] });
    world.until('two have moved', () => haveMoved([ana, cy]), 7_000);
    const recipients = [ana.id, cy.id, di.id];
    bo.member.feed({ kind: 'move', invitation: encodeUtf8('nowhere'), recipients, leftBehind: [] });
    world.until('Di has moved, too', () => haveMoved([ana, cy, di]), 30_000);
  });

  test('who is left behind is told so, stays where it is, and comes in with no link', () => {
    const { world, link, people } = meeting('Ana', 'Bo', 'Cy');
    const [ana, bo, cy] = people as Three;
    ana.feed({ kind: 'move', leaveBehind: [cy.id] });
    world.until('two have moved', () => haveMoved([ana, bo]));
    expect([cy.view.room, kinds(cy).at(-1), cy.view.asked, cy.members.length]).toEqual([
      0,
      'left-behind',
      undefined,
      1,
    ]);
    expect(ana.view.group?.parameters.kickedKeys).toHaveLength(1);
    // Its key is barred in the new room, whoever gives it the link; and who comes with the old one finds Cy alone.
    const late = new SimulatedPerson('Cy', world, ana.view.link);
    const dee = new SimulatedPerson('Dee', world, link);
    for (const person of [late, dee]) person.start();
    world.until('Dee is with Cy', () => areTogether([cy, dee]), 120_000);
    expect(late.view.group).toBeUndefined();
    expect(haveMoved([ana, bo])).toBe(true);
  });

  test('who came when it had been said, and is given the new link then, is nobody who was left behind', () => {
    const { world, link, people } = meeting('Ana', 'Bo');
    const [ana, bo] = people as [SimulatedPerson, SimulatedPerson];
    world.cut(bo.member, 6_000);
    ana.feed({ kind: 'move', leaveBehind: [] });
    world.pass(1_000);
    const dee = new SimulatedPerson('Dee', world, link);
    dee.start();
    world.until('Dee is in the old room', () => dee.group !== undefined);
    world.until('both have moved', () => haveMoved([ana, bo]), 120_000);
    expect([dee.view.room, kinds(dee).at(-1)]).toEqual([0, 'left-behind']);
    dee.kill();
    dee.start(ana.view.link);
    world.until('all are in the new room', () => areTogether([ana, bo, dee]), 60_000);
    expect(bo.view.end).toBeUndefined();
    expect(world.broken).toEqual([]);
  });

  test('who asked to be let in while the new room was made is left behind by nobody', () => {
    const { world, link, people } = meeting('Ana', 'Bo');
    const [ana, bo] = people as [SimulatedPerson, SimulatedPerson];
    ana.meddle = (ask, moment) =>
      ask === 'create-group' && moment === 'before' ? { delay: 5_000 } : undefined;
    ana.feed({ kind: 'move', leaveBehind: [] });
    const dee = new SimulatedPerson('Dee', world, link);
    dee.start();
    world.until('Dee is in the old room', () => areTogether([ana, bo, dee]));
    expect(ana.view.isMoving).toBe(true);
    world.until('both have moved', () => haveMoved([ana, bo]));
    expect([dee.view.room, kinds(dee).at(-1)]).toEqual([0, 'left-behind']);
    dee.kill();
    dee.start(ana.view.link);
    world.until('all are in the new room', () => areTogether([ana, bo, dee]), 60_000);
    expect(bo.view.end).toBeUndefined();
    expect(world.broken).toEqual([]);
  });

  test('who is left behind is named by it: the others let it in no more, should they begin the room', () => {
    const { world, people } = meeting('Ana', 'Bo', 'Cy');
    const [ana, bo, cy] = people as Three;
    ana.feed({ kind: 'move', leaveBehind: [cy.id] });
    world.until('two have moved', () => haveMoved([ana, bo]));
    expect(bo.member.parameters.kickedKeys).toEqual([cy.member.signatureKey]);
  });

  test('who was away finds the move when it is back', () => {
    const { world, people } = meeting('Ana', 'Bo', 'Cy');
    const [ana, bo, cy] = people as Three;
    world.cut(cy.member, 40_000);
    world.pass(100);
    ana.feed({ kind: 'move', leaveBehind: [] });
    world.until('two have moved', () => haveMoved([ana, bo]));
    world.until('Cy is there', () => haveMoved(people), 120_000);
    expect(world.broken).toEqual([]);
  });

  test('a room that cannot be made moves nobody', () => {
    const { world, people } = meeting('Ana', 'Bo');
    const [ana, bo] = people as [SimulatedPerson, SimulatedPerson];
    world.counter.reachable = false;
    ana.feed({ kind: 'move', leaveBehind: [] });
    expect(ana.view.isMoving || ana.view.room === 0).toBe(true);
    world.until('Ana is told', () => kinds(ana).at(-1) === 'move-failed', 60_000);
    world.counter.reachable = true;
    world.pass(60_000);
    expect([ana.view.room, bo.view.room, ana.view.isMoving]).toEqual([0, 0, false]);
    expect(areTogether(people)).toBe(true);
  });
});

describe('two organisers move the meeting at once', () => {
  /** When the second begins, after the first, in ms: before it is heard, while the others are on their way, and later. */
  test.each([0, 5, 20, 40, 80, 150, 300, 1_000])('%i ms apart, and all come to one room', (later) => {
    for (const first of [0, 1]) {
      const { world, people } = meeting('Ana', 'Bo', 'Cy');
      const [ana, bo] = people as Three;
      promote(world, ana, bo);
      const movers = first === 0 ? [ana, bo] : [bo, ana];
      movers[0]?.feed({ kind: 'move', leaveBehind: [] });
      world.pass(later);
      movers[1]?.feed({ kind: 'move', leaveBehind: [] });
      world.pass(3_000);
      world.until('all are in one room', () => haveMoved(people), 60_000);
      world.pass(150_000);
      expect(haveMoved(people)).toBe(true);
      expect(new Set(people.map(({ view }) => view.link)).size).toBe(1);
      expect(people.every(({ members }) => members.filter(({ hasEnded }) => !hasEnded).length === 1)).toBe(
        true,
      );
      expect(world.broken).toEqual([]);
    }
  });
});

test('whom the move that counts leaves behind is not led along by the one that was beaten', () => {
  const { world, people } = meeting('Ana', 'Bo', 'Cy', 'Di');
  const [ana, bo, cy, di] = people as [...Three, SimulatedPerson];
  promote(world, ana, bo);
  // Ana says hers, and neither hears the other for a while.
  world.cut(ana.member, 1_500);
  ana.feed({ kind: 'move', leaveBehind: [cy.id] });
  bo.feed({ kind: 'move', leaveBehind: [] });
  world.until('they have followed Bo', () => [bo, cy, di].every(({ members }) => members.length === 2));
  world.until('three are with Ana', () => haveMoved([ana, bo, di]));
  world.pass(60_000);
  expect([cy.members.length, haveMoved([ana, bo, di])]).toEqual([2, true]);
  expect(world.broken).toEqual([]);
});

describe('a member that is no organiser', () => {
  test('moves nobody by its word alone: each is asked, and goes or stays', () => {
    const { world, people } = meeting('Ana', 'Bo', 'Cy');
    const [ana, bo, cy] = people as Three;
    bo.feed({ kind: 'move', leaveBehind: [] });
    world.until('both are asked', () => ana.view.asked !== undefined && cy.view.asked !== undefined);
    expect([ana.view.room, cy.view.room]).toEqual([0, 0]);
    expect(ana.view.asked?.by.fingerprint).toEqual(
      bo.view.group?.participants.find(({ self }) => self)?.member.fingerprint,
    );
    ana.feed({ kind: 'answer-move', follows: false });
    cy.feed({ kind: 'answer-move', follows: true });
    world.until('Cy is with Bo', () => haveMoved([bo, cy]));
    world.pass(20_000);
    expect([ana.view.room, ana.view.asked]).toEqual([0, undefined]);
  });
});

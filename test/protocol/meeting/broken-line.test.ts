/**
 * A line of changes that a member breaks, in virtual time: real machines, a real relay, the counter's real rules.
 * @see docs/protocol.md#a-broken-line
 */
import { describe, expect, test } from 'vitest';
import { encodeUtf8 } from '../../../src/protocol/bytes/utf8.ts';
import type { Member } from '../../../src/protocol/group/roster.ts';
import type { IncrementRequest } from '../../../src/protocol/counter/client.ts';
import type { News } from '../../../src/protocol/meeting/view.ts';
import { FakeMls } from '../../harness/group/fake-mls.ts';
import { breakLine, log, type Breach } from '../../harness/simulation/line-breaker.ts';
import { SimulatedMeeting } from '../../harness/simulation/simulated-meeting.ts';
import {
  areTogether,
  gather,
  haveMoved,
  linkOf,
  SimulatedPerson,
} from '../../harness/simulation/simulated-person.ts';

type Three = [SimulatedPerson, SimulatedPerson, SimulatedPerson];

/** A meeting of these, of whom the first organises. */
function meeting(...names: readonly string[]) {
  const world = new SimulatedMeeting();
  const link = linkOf(world, 'the room');
  const people = gather(world, link, ...names);
  for (const person of people) person.goLive();
  world.pass(1_000);
  return { world, link, people };
}

const lastNews = (person: SimulatedPerson): News | undefined => person.view.notices.at(-1)?.news;
const memberOf = (person: SimulatedPerson): Member => {
  const own = person.view.group?.participants.find(({ self }) => self);
  if (own === undefined) throw new Error(`${person.name} is in a group`);
  return own.member;
};

/** Its machine takes no Commit any more, its own either. */
function stayInEpoch({ member }: SimulatedPerson): void {
  member.meddle = (ask, moment) =>
    ask === 'process' && moment === 'before' ? { delay: 600_000 } : undefined;
}

const knowsOfIt = ({ member }: SimulatedPerson): boolean => member.view.line.kind === 'line-broken';

/** A meeting whose organiser is away for long, so that whoever moves it is none. */
function withoutOrganiser() {
  const { world, people } = meeting('Ana', 'Bo', 'Cy', 'Di');
  const [ana, bo, cy, di] = people as [...Three, SimulatedPerson];
  world.cut(ana.member, 200_000);
  ana.member.reachesCounter = false;
  world.pass(20_000);
  return { world, ana, bo, cy, di };
}

describe('a line that a member breaks', () => {
  test('by a Commit that breaks a rule: the meeting moves by itself, without that member', () => {
    const { world, link, people } = meeting('Ana', 'Bo', 'Cy', 'Di');
    const [ana, bo, cy] = people as Three;
    const others = people.filter((person) => person !== bo);
    const author = memberOf(bo);
    expect(breakLine(world, bo, 'rule')).toBe(true);
    world.until('the others have moved', () => haveMoved(others));
    for (const person of others)
      expect(lastNews(person)).toEqual({ kind: 'line-broken', author, then: 'moved' });
    expect(ana.view.group?.parameters.kickedKeys).toEqual([author.signatureKey]);
    expect(others.map(({ view }) => view.group?.role)).toEqual(['organiser', 'member', 'member']);
    // All that it could get is the new link, and its key is barred there.
    const again = new SimulatedPerson('Bo', world, ana.view.link);
    // Whoever has the old one meets nobody who was there.
    const late = new SimulatedPerson('Ed', world, link);
    for (const person of [again, late]) person.start();
    world.pass(180_000);
    expect(again.view.group).toBeUndefined();
    expect(haveMoved(others)).toBe(true);
    expect(late.sees).not.toContain(cy.id);
    expect(others.map(({ members }) => members.map(({ hasEnded }) => hasEnded))).toEqual(
      others.map(() => [true, false]),
    );
    expect(world.broken).toEqual([]);
  });

  test.each<Breach>(['transcript', 'next key', 'no commit'])(
    'by a wrong %s: nobody is proven to have done it, and all move',
    (breach) => {
      const { world, people } = meeting('Ana', 'Bo', 'Cy', 'Di');
      const [ana, bo] = people as Three;
      // What Bo’s own machine makes of it is another matter: it knows what it did.
      const honest = breach === 'no commit' ? people : people.filter((person) => person !== bo);
      expect(breakLine(world, bo, breach)).toBe(true);
      world.until('all have moved', () => honest.every(({ view }) => view.room > 0 && !view.isMoving));
      for (const person of honest)
        expect(lastNews(person)).toEqual({ kind: 'line-broken', author: undefined, then: 'moved' });
      expect(ana.view.group?.parameters.kickedKeys).toEqual([]);
      world.until('they are in one room', () => areTogether(honest), 60_000);
      world.pass(150_000);
      expect(haveMoved(honest)).toBe(true);
      expect(world.broken).toEqual([]);
    },
  );

  test('nobody misses a word', () => {
    const { world, people } = meeting('Ana', 'Bo', 'Cy', 'Di');
    const [, bo] = people as Three;
    const others = people.filter((person) => person !== bo);
    expect(breakLine(world, bo, 'rule')).toBe(true);
    let spoken = 0;
    const speak = (): void => {
      for (const person of others) person.speak(`${person.name} ${String(spoken)}`);
      spoken += 1;
      world.pass(20);
    };
    while (!haveMoved(others) && spoken < 3_000) speak();
    for (let more = 0; more < 50; more += 1) speak();
    world.pass(500);
    for (const listener of others)
      for (const speaker of others) {
        if (listener === speaker) continue;
        const heard = listener.heard(speaker).map(({ text }) => Number(text.split(' ')[1]));
        expect(heard.sort((a, b) => a - b)).toEqual(Array.from({ length: spoken }, (_, at) => at));
      }
  });

  test.each([
    ['makes the room to which all come in the end', false],
    ['takes over where somebody else was first and its person goes along', true],
  ])('whoever organises, and was away, %s', (_, follows) => {
    const { world, people } = meeting('Ana', 'Bo', 'Cy', 'Di');
    const [ana, bo, cy] = people as Three;
    // Ana hears of it, and of everything else, only later.
    world.cut(ana.member, 20_000);
    ana.member.reachesCounter = false;
    expect(breakLine(world, bo, 'rule')).toBe(true);
    world.until('two have moved', () => haveMoved(people.slice(2)));
    expect(cy.view.group?.role).toBe('organiser');
    const { link } = cy.view;
    ana.member.reachesCounter = true;
    if (follows) {
      world.until('Ana is asked', () => ana.view.asked !== undefined);
      ana.feed({ kind: 'answer-move', follows });
    }
    const others = people.filter((person) => person !== bo);
    world.until('Ana is there', () => haveMoved(others), 120_000);
    expect(ana.view.link === link).toBe(follows);
    world.until('Cy organises nothing any more', () => cy.view.group?.role === 'member');
    expect(ana.view.group?.role).toBe('organiser');
    expect(world.broken).toEqual([]);
  });

  test('by the one who organises: the meeting has another organiser', () => {
    const { world, people } = meeting('Ana', 'Bo', 'Cy');
    const [ana, bo, cy] = people as Three;
    expect(breakLine(world, ana, 'rule')).toBe(true);
    world.until('two have moved', () => haveMoved([bo, cy]));
    expect([bo, cy].map(({ view }) => view.group?.role)).toEqual(['organiser', 'member']);
  });

  test.each([0, 1_000, 1_900])(
    'two who move it at once, the second %i ms later, do not split it',
    (later) => {
      const { world, people } = meeting('Ana', 'Bo', 'Cy', 'Di');
      const [ana, bo, cy, di] = people as [...Three, SimulatedPerson];
      expect(breakLine(world, bo, 'rule')).toBe(true);
      world.until('Ana knows', () => knowsOfIt(ana));
      const knewAt = world.agenda.now;
      world.until('all know', () => [ana, cy, di].every(knowsOfIt));
      // Her turn comes 2 s after she knows.
      world.pass(Math.max(0, knewAt + later - world.agenda.now));
      expect([ana, cy, di].map(({ view }) => view.room)).toEqual([0, 0, 0]);
      // As if each thought that it were the first of those who are there.
      for (const person of [di, cy]) person.feed({ kind: 'move', leaveBehind: [bo.id] });
      world.pass(10_000);
      world.until('all are in one room', () => haveMoved([ana, cy, di]), 120_000);
      world.pass(150_000);
      expect(haveMoved([ana, cy, di])).toBe(true);
      expect(world.broken).toEqual([]);
    },
  );

  test('who was away finds the others when it is back', () => {
    const { world, people } = meeting('Ana', 'Bo', 'Cy', 'Di');
    const [ana, bo, cy, di] = people as [...Three, SimulatedPerson];
    world.cut(di.member, 40_000);
    di.member.reachesCounter = false;
    expect(breakLine(world, bo, 'rule')).toBe(true);
    world.until('two have moved', () => haveMoved([ana, cy]));
    di.member.reachesCounter = true;
    world.until('Di is there', () => haveMoved([ana, cy, di]), 120_000);
    expect(world.broken).toEqual([]);
  });

  test('who is alone with whoever did it joins the room again, where that key is barred', () => {
    const { world, people } = meeting('Ana', 'Bo');
    const [ana, bo] = people as [SimulatedPerson, SimulatedPerson];
    const author = memberOf(bo);
    expect(breakLine(world, bo, 'rule')).toBe(true);
    world.until('Ana has joined again', () => ana.sees.length === 1, 180_000);
    expect(lastNews(ana)).toEqual({ kind: 'line-broken', author, then: 'joined-again' });
    expect([ana.view.room, ana.view.group?.admission]).toEqual([0, 'ask']);
    expect(ana.view.group?.parameters.kickedKeys).toEqual([author.signatureKey]);
    world.pass(60_000);
    expect(ana.sees).toEqual([ana.id]);
  });

  test('a room that cannot be made is made when the counter answers again', () => {
    const { world, people } = meeting('Ana', 'Bo', 'Cy', 'Di');
    const [ana, bo, cy, di] = people as [...Three, SimulatedPerson];
    expect(breakLine(world, bo, 'rule')).toBe(true);
    const three = [ana, cy, di];
    world.until('all know', () => three.every(({ member }) => member.view.line.kind === 'line-broken'));
    world.counter.reachable = false;
    world.pass(60_000);
    expect(three.map(({ view }) => view.room)).toEqual([0, 0, 0]);
    world.counter.reachable = true;
    world.until('three have moved', () => haveMoved(three), 120_000);
  });

  test('who leaves in the middle of it leaves', () => {
    const { world, people } = meeting('Ana', 'Bo', 'Cy', 'Di');
    const [ana, bo, cy, di] = people as [...Three, SimulatedPerson];
    expect(breakLine(world, bo, 'rule')).toBe(true);
    world.until('Di knows', () => di.member.view.line.kind === 'line-broken');
    di.feed({ kind: 'leave' });
    world.until('Di has left, and the others have moved', () => di.hasEnded && haveMoved([ana, cy]), 120_000);
    expect(di.view.end).toBe('left');
  });
});

describe('whoever does harm with a line that is broken', () => {
  test('lets nobody else be left behind: what another member made, and it logged beside a wrong key, proves nothing', () => {
    const { world, people } = meeting('Ana', 'Bo', 'Cy');
    const [ana, bo, cy] = people as Three;
    // Ana locks, says her Commit, and stands still past her lock.
    let hers: IncrementRequest | undefined;
    const { performed } = ana.member;
    ana.member.performed = (effect) => {
      if (effect.kind === 'counter' && effect.ask.kind === 'increment') hers = effect.ask.input.request;
      performed(effect);
    };
    ana.member.meddle = (ask, moment) =>
      ask === 'increment' && moment === 'before' ? { delay: 8_000 } : undefined;
    ana.feed({ kind: 'renew' });
    world.until('Ana has said it', () => hers !== undefined);
    ana.member.meddle = undefined;
    if (hers?.mode !== 'fenced') expect.unreachable();
    const { commit, transcript } = hers;
    const nextKey = new Uint8Array(32).fill(5);
    world.until('Bo has logged it', () => log(world, bo, { commit, transcript, nextKey }));
    world.until('all have moved', () => haveMoved([ana, bo, cy]), 60_000);
    for (const person of [ana, bo, cy])
      expect(lastNews(person)).toEqual({ kind: 'line-broken', author: undefined, then: 'moved' });
    expect(ana.view.group?.parameters.kickedKeys).toEqual([]);
    expect(ana.view.group?.role).toBe('organiser');
  });

  test('moves nobody by a false alarm: each looks at the line itself', () => {
    const { world, people } = meeting('Ana', 'Bo', 'Cy');
    const [ana, bo, cy] = people as Three;
    const mover = memberOf(bo);
    bo.feed({ kind: 'move', leaveBehind: [] });
    world.pass(60_000);
    expect([ana, cy].map(({ view }) => [view.room, view.asked?.by])).toEqual([
      [0, mover],
      [0, mover],
    ]);
    expect(ana.member.group?.securityCode).toBe(cy.member.group?.securityCode);
  });

  test('is not there, where one machine alone cannot follow: it moves nobody, and joins again', () => {
    const { world, people } = meeting('Ana', 'Bo', 'Cy');
    const [ana, , cy] = people as Three;
    const { mls } = cy.member;
    if (mls === undefined) expect.unreachable();
    mls.process = () => ({ kind: 'refused', reason: 'a fault of this machine', author: undefined });
    ana.feed({ kind: 'renew' });
    world.until('Cy cannot follow', () => cy.member.view.line.kind === 'line-broken');
    Reflect.deleteProperty(mls, 'process');
    world.until('Cy is back', () => areTogether(people) && cy.view.line.kind === 'whole', 120_000);
    expect(people.map(({ view }) => [view.room, view.isMoving])).toEqual(people.map(() => [0, false]));
    expect(lastNews(cy)).toEqual({ kind: 'line-broken', author: undefined, then: 'joined-again' });
    world.pass(60_000);
    expect(areTogether(people)).toBe(true);
  });

  test('moves nobody, though it moves first: whoever is proven to have broken it', () => {
    const { world, people } = meeting('Ana', 'Bo', 'Cy', 'Di');
    const [ana, bo, cy, di] = people as [...Three, SimulatedPerson];
    stayInEpoch(bo);
    expect(breakLine(world, bo, 'rule')).toBe(true);
    bo.feed({ kind: 'move', leaveBehind: [] });
    world.until('the others have moved', () => haveMoved([ana, cy, di]));
    expect(ana.sees).not.toContain(bo.id);
    expect(ana.view.group?.role).toBe('organiser');
  });

  test('moves nobody, though it moves first and organises the meeting', () => {
    const { world, people } = meeting('Ana', 'Bo', 'Cy', 'Di');
    const [ana, bo, cy, di] = people as [...Three, SimulatedPerson];
    stayInEpoch(ana);
    expect(breakLine(world, ana, 'rule')).toBe(true);
    world.until('all know', () =>
      [bo, cy, di].every(({ member }) => member.view.line.kind === 'line-broken'),
    );
    ana.feed({ kind: 'move', leaveBehind: [] });
    world.until('the others have moved', () => haveMoved([bo, cy, di]));
    expect(ana.members).toHaveLength(2);
    expect(bo.sees).not.toContain(ana.id);
  });

  test('leaves nobody behind of whom nothing is proven, and organises nothing where an organiser is there', () => {
    const { world, people } = meeting('Ana', 'Bo', 'Cy', 'Di');
    const [ana, bo, cy, di] = people as [...Three, SimulatedPerson];
    expect(breakLine(world, bo, 'no commit')).toBe(true);
    world.until('all know', () => people.every(({ member }) => member.view.line.kind === 'line-broken'));
    bo.feed({ kind: 'move', leaveBehind: [cy.id] });
    world.until('all have moved', () => haveMoved(people));
    expect(cy.sees).toContain(bo.id);
    expect(people.map(({ view }) => view.group?.role)).toEqual(['organiser', 'member', 'member', 'member']);
    expect(di.view.link).toBe(ana.view.link);
  });

  test('holds nobody up for long with a room that lets nobody in', () => {
    const { world, people } = meeting('Ana', 'Bo', 'Cy', 'Di');
    const [ana, bo, cy, di] = people as [...Three, SimulatedPerson];
    // Who organises is away, so that whoever moves first does.
    world.cut(ana.member, 200_000);
    ana.member.reachesCounter = false;
    world.pass(20_000);
    expect(breakLine(world, bo, 'no commit')).toBe(true);
    world.until('Bo moves', () => bo.members[1]?.mls !== undefined);
    const { mls } = bo.members[1] ?? {};
    if (mls === undefined) expect.unreachable();
    mls.inspect = () => ({ kind: 'refused', reason: 'nobody comes in here' });
    world.until('both are on their way', () => [cy, di].every(({ view }) => view.isMoving));
    // It stays there, alone, and goes on saying so.
    bo.stand();
    world.until('the others have moved', () => haveMoved([cy, di]), 120_000);
    expect(cy.sees).not.toContain(bo.id);
  });

  test('leaves nobody behind by not naming it', () => {
    const { world, bo, cy, di } = withoutOrganiser();
    const { mls } = bo.member;
    if (mls === undefined) expect.unreachable();
    mls.sealMove = (handle, plan) =>
      FakeMls.prototype.sealMove.call(mls, handle, { ...plan, leftBehind: [] });
    expect(breakLine(world, bo, 'no commit')).toBe(true);
    world.until('all know', () => [bo, cy, di].every(knowsOfIt));
    bo.feed({ kind: 'move', leaveBehind: [cy.id] });
    world.until('the others have moved', () => haveMoved([cy, di]), 60_000);
  });

  test('holds nobody up with a move that leads nowhere', () => {
    const { world, ana, bo, cy, di } = withoutOrganiser();
    expect(breakLine(world, bo, 'no commit')).toBe(true);
    world.until('all know', () => [bo, cy, di].every(knowsOfIt));
    bo.stand();
    const recipients = [ana.id, cy.id, di.id];
    bo.member.feed({ kind: 'move', invitation: encodeUtf8('nowhere'), recipients, leftBehind: [] });
    world.until('the others have moved', () => haveMoved([cy, di]), 20_000);
  });

  test('keeps nobody from the moves of others by ever new ones of its own', () => {
    const { world, ana, bo, cy, di } = withoutOrganiser();
    bo.stand();
    for (let move = 0; move < 300; move += 1) {
      const invitation = encodeUtf8(`nowhere ${String(move)}`);
      const recipients = [ana.id, cy.id, di.id];
      bo.member.feed({ kind: 'move', invitation, recipients, leftBehind: [] });
      world.pass(20);
    }
    expect(breakLine(world, bo, 'no commit')).toBe(true);
    world.until('the others have moved', () => haveMoved([cy, di]), 40_000);
  });

  test('ends the meeting where it breaks each room that it moves to, and tells who may move it in time', () => {
    const { world, people } = meeting('Ana', 'Bo', 'Cy');
    const [ana, bo] = people as Three;
    for (let room = 1; room <= 3; room += 1) {
      expect(breakLine(world, bo, 'no commit')).toBe(true);
      world.until(
        'all have moved',
        () => areTogether(people) && people.every(({ view }) => view.room === room && !view.isMoving),
      );
    }
    expect(breakLine(world, bo, 'no commit')).toBe(true);
    world.until('all know', () => people.every(({ member }) => member.view.line.kind === 'line-broken'));
    world.pass(30_000);
    expect(people.map(({ view }) => [view.room, view.isMoving, view.end])).toEqual(
      people.map(() => [3, false, undefined]),
    );
    world.until('it is over', () => people.every(({ view }) => view.end === 'line-broken'), 60_000);
    expect(ana.members).toHaveLength(4);
  });
});

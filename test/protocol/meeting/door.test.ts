/** The door and roles: whole meetings in virtual time. */
import { describe, expect, test } from 'vitest';
import type { Decision } from '../../../src/protocol/meeting/decisions.ts';
import { meet } from '../../harness/simulation/meet.ts';
import { SimulatedMeeting, type SimulatedMember } from '../../harness/simulation/simulated-meeting.ts';

/** Makes somebody decide, and waits until the meeting is so. */
function close(world: SimulatedMeeting, by: SimulatedMember): void {
  by.feed({ kind: 'admission', admission: 'ask' });
  world.until('the door is closed', () => world.present.every(({ group }) => group?.admission === 'ask'));
}
function appoint(world: SimulatedMeeting, by: SimulatedMember, member: SimulatedMember): void {
  by.feed({ kind: 'organiser', participant: member.id, isOrganiser: true });
  world.until(`${member.name} organises`, () => member.group?.role === 'organiser');
}
const namesAt = (door: SimulatedMember): (string | undefined)[] =>
  door.view.door.map(({ displayName }) => displayName);
const adds = (member: SimulatedMember): number =>
  member.view.history.filter(({ change }) => change.added.length > 0).length;

/** A meeting of these, with its door closed. */
function behindDoor(...names: readonly string[]) {
  const world = new SimulatedMeeting();
  const members = meet(world, ...names);
  close(world, members[0]!);
  return { world, members, ana: members[0]!, bo: members[1]!, cy: members[2]! };
}
/** Somebody comes and stands at the door. */
function call(world: SimulatedMeeting, name: string, by: SimulatedMember): SimulatedMember {
  const caller = world.join(name);
  world.until(`${name} is at the door`, () => namesAt(by).includes(name));
  return caller;
}

describe.each(['fenced', 'plain'] as const)('a door that is closed, counter in %s mode,', (mode) => {
  test('lets in whom an organiser admits, and nobody else', () => {
    const world = new SimulatedMeeting({ mode });
    const [ana, bo] = meet(world, 'Ana', 'Bo');
    close(world, ana!);
    const cy = call(world, 'Cy', ana!);
    const di = call(world, 'Di', ana!);
    world.until('all members see them', () => namesAt(bo!).length === 2);
    expect(namesAt(ana!)).toEqual(['Cy', 'Di']);
    expect(ana!.view.door.map(({ id }) => id)).toEqual([cy.id, di.id]);
    world.pass(20_000);
    expect([cy, di].map(({ group, view }) => [group, view.isKeptWaiting])).toEqual([
      [undefined, true],
      [undefined, true],
    ]);
    ana!.feed({ kind: 'admit', participant: di.id });
    world.until('Di is in', () => world.agree([ana!, bo!, di]), 5_000);
    expect([namesAt(ana!), namesAt(bo!), namesAt(di)]).toEqual([['Cy'], ['Cy'], []]);
    world.until('Di sees it too', () => namesAt(di).includes('Cy'), 15_000);
    expect([di.view.isKeptWaiting, cy.group]).toEqual([false, undefined]);
    expect(world.broken).toEqual([]);
  });
});

test('whoever is declined is not shown again, though it asks again and again and the keys change', () => {
  const { world, ana, bo } = behindDoor('Ana', 'Bo');
  const cy = call(world, 'Cy', ana);
  const before = adds(ana);
  ana.feed({ kind: 'decline', participant: cy.id });
  const shown: number[] = [];
  for (let second = 0; second < 60; second += 1) {
    if (second % 20 === 10) bo.feed({ kind: 'renew' });
    world.pass(1_000);
    shown.push(ana.view.door.length);
  }
  expect(Math.max(...shown)).toBe(0);
  expect([adds(ana), cy.group, cy.view.isKeptWaiting]).toEqual([before, undefined, true]);
  // It is not said for ever: a person may think better of it.
  world.until('Cy is at the door again', () => namesAt(ana).includes('Cy'), 300_000);
  ana.feed({ kind: 'admit', participant: cy.id });
  world.until('Cy is in', () => world.agree([ana, bo, cy]), 15_000);
  expect(world.broken).toEqual([]);
});

test('one entry stays one, and its admission holds, though the keys change and the KeyPackage with them', () => {
  const { world, ana, bo } = behindDoor('Ana', 'Bo');
  const cy = call(world, 'Cy', ana);
  const [{ since } = { since: undefined }] = ana.view.door;
  const shown: (string | undefined)[][] = [];
  for (let second = 0; second < 40; second += 1) {
    if (second % 8 === 4) ana.feed({ kind: 'organiser', participant: bo.id, isOrganiser: second % 16 === 4 });
    world.pass(1_000);
    shown.push(namesAt(ana));
  }
  expect(ana.epoch! > 5n).toBe(true);
  expect(new Set(shown.map((each) => each.join()))).toEqual(new Set(['Cy']));
  expect(ana.view.door[0]?.since).toBe(since);
  // Admitted while the counter does not answer, so that the KeyPackage is another when it does.
  world.counter.reachable = false;
  ana.feed({ kind: 'admit', participant: cy.id });
  world.pass(8_000);
  expect([namesAt(ana), cy.group]).toEqual([[], undefined]);
  world.counter.reachable = true;
  world.until('Cy is in', () => world.agree([ana, bo, cy]), 30_000);
  expect(world.broken).toEqual([]);
});

test('whoever goes away from the door is not shown for long, and is again when it comes back', () => {
  const { world, ana } = behindDoor('Ana', 'Bo');
  const cy = call(world, 'Cy', ana);
  cy.kill();
  world.until('Cy has gone', () => ana.view.door.length === 0, 45_000);
  cy.start();
  world.until('Cy is back', () => namesAt(ana).includes('Cy'), 15_000);
});

test('two organisers who admit one person at once let it in once', () => {
  const { world, ana, bo, cy } = behindDoor('Ana', 'Bo', 'Cy');
  appoint(world, ana, bo);
  const di = call(world, 'Di', ana);
  world.until('Bo sees it too', () => bo.view.door.length === 1);
  const before = adds(ana);
  for (const each of [ana, bo]) each.feed({ kind: 'admit', participant: di.id });
  world.until('Di is in', () => world.agree([ana, bo, cy, di]), 10_000);
  world.pass(30_000);
  expect(world.agree([ana, bo, cy, di])).toBe(true);
  expect([adds(ana) - before, ana.view.door, bo.view.door]).toEqual([1, [], []]);
  expect(world.broken).toEqual([]);
});

test('an organiser that one declines may still admit', () => {
  const { world, ana, bo, cy } = behindDoor('Ana', 'Bo', 'Cy');
  appoint(world, ana, cy);
  const di = call(world, 'Di', ana);
  world.until('Cy sees it too', () => cy.view.door.length === 1);
  ana.feed({ kind: 'decline', participant: di.id });
  world.pass(2_000);
  // Others commit for organisers, but let in nobody.
  expect([ana.view.door.length, cy.view.door.length, di.group]).toEqual([0, 1, undefined]);
  cy.feed({ kind: 'admit', participant: di.id });
  world.until('Di is in', () => world.agree([ana, bo, cy, di]), 5_000);
  expect(world.broken).toEqual([]);
});

test('when the organiser leaves, somebody who stays takes over, and is told; whoever comes later does not', () => {
  const { world, ana, bo, cy } = behindDoor('Ana', 'Bo', 'Cy');
  expect([ana, bo, cy].map(({ group }) => group?.role)).toEqual(['organiser', 'member', 'member']);
  ana.feed({ kind: 'leave' });
  world.until('Ana is out', () => ana.hasEnded && world.agree([bo, cy]));
  // Bo, who has the lowest leaf, has removed Ana: it falls to the next.
  expect([bo, cy].map(({ group }) => group?.role)).toEqual(['member', 'organiser']);
  expect([bo, cy].map((each) => each.sees(cy)?.role)).toEqual(['organiser', 'organiser']);
  expect(cy.view.notices.map(({ news }) => news)).toEqual([{ kind: 'became-organiser' }]);
  const di = call(world, 'Di', cy);
  cy.feed({ kind: 'admit', participant: di.id });
  world.until('Di is in', () => world.agree([bo, cy, di]), 5_000);
  // Though the lowest leaf is Di's.
  expect([bo, cy, di].map(({ group }) => group?.role)).toEqual(['member', 'organiser', 'member']);
  expect(di.group?.ownLeaf).toBe(0);
  cy.kill();
  world.until('Cy is out', () => world.agree([bo, di]), 60_000);
  expect([bo, di].filter(({ group }) => group?.role === 'organiser')).toHaveLength(1);
  expect(world.broken).toEqual([]);
});

test.each([
  ['any member', 1],
  ['the organiser', 0],
])('%s that was gone for a while comes back in without being asked', (_, index) => {
  const { world, members } = behindDoor('Ana', 'Bo', 'Cy');
  const away = members[index]!;
  const others = members.filter((member) => member !== away);
  away.kill();
  world.until('it is removed', () => world.agree(others), 60_000);
  away.loseDisk();
  away.start();
  world.until('it is back', () => world.agree([...others, away]), 30_000);
  expect(others.flatMap(({ view }) => view.door)).toEqual([]);
  expect(away.group?.role).toBe(index === 0 ? 'organiser' : 'member');
  const news = others.flatMap(({ view }) => view.notices.map((notice) => notice.news.kind));
  // Somebody else took over from the organiser, and goes on beside it.
  expect(news).toEqual(index === 0 ? ['became-organiser'] : []);
  expect(world.broken).toEqual([]);
});

test('whoever left comes back in without being asked, and stays known over a restart of the organiser', () => {
  const { world, ana, bo, cy } = behindDoor('Ana', 'Bo', 'Cy');
  cy.feed({ kind: 'leave' });
  world.until('Cy is out', () => cy.hasEnded && world.agree([ana, bo]));
  ana.kill();
  world.pass(500);
  ana.start();
  world.until('Ana is back', () => world.agree([ana, bo]));
  cy.kill();
  cy.start();
  world.until('Cy is in', () => world.agree([ana, bo, cy]), 15_000);
  expect(world.broken).toEqual([]);
});

test('a kick closes the door, on whoever was about to come in as well', () => {
  const world = new SimulatedMeeting();
  const [ana, bo, mal] = meet(world, 'Ana', 'Bo', 'Mal');
  expect(ana!.group?.admission).toBe('open');
  ana!.feed({ kind: 'kick', participant: mal!.id });
  // With another key, before the keys have changed.
  const again = world.join('Mal again');
  world.until('Mal is out', () => mal!.view.end === 'kicked' && world.agree([ana!, bo!]));
  expect([ana!.group?.admission, bo!.group?.admission]).toEqual(['ask', 'ask']);
  world.until('Mal stands at the door', () => ana!.view.door.length === 1, 15_000);
  world.pass(20_000);
  expect([again.group, ana!.group?.participants.length]).toEqual([undefined, 2]);
  ana!.feed({ kind: 'admission', admission: 'open' });
  world.until('the open door lets everybody in', () => world.agree([ana!, bo!, again]), 15_000);
  expect(world.broken).toEqual([]);
});

describe('what is not done is said', () => {
  const decisions = (other: SimulatedMember): Decision[] => [
    { kind: 'kick', participant: other.id },
    { kind: 'admit', participant: other.id },
    { kind: 'decline', participant: other.id },
    { kind: 'admission', admission: 'open' },
    { kind: 'organiser', participant: other.id, isOrganiser: true },
  ];

  test('to a member who is no organiser', () => {
    const { world, ana, bo } = behindDoor('Ana', 'Bo');
    const { epoch } = bo;
    for (const decision of decisions(ana)) bo.feed(decision);
    world.pass(5_000);
    expect(bo.view.notices.map(({ news }) => news)).toEqual(
      decisions(ana).map(({ kind }) => ({ kind: 'refused', decision: kind, refusal: 'not-organiser' })),
    );
    expect([bo.epoch, bo.sees(ana)?.leaving, world.agree([ana, bo])]).toEqual([epoch, false, true]);
  });

  test('to an organiser whose role is taken away before it is done', () => {
    const { world, ana, bo, cy } = behindDoor('Ana', 'Bo', 'Cy');
    appoint(world, ana, bo);
    // Bo's Commit is slow, and comes after that of Ana.
    bo.mlsMs = 300;
    ana.feed({ kind: 'organiser', participant: bo.id, isOrganiser: false });
    bo.feed({ kind: 'admission', admission: 'open' });
    const refused = { kind: 'refused', decision: undefined, refusal: 'not-organiser' };
    world.until('Bo is told', () => bo.view.notices.length === 2, 10_000);
    expect(bo.view.notices.map(({ news }) => news)).toEqual([{ kind: 'became-organiser' }, refused]);
    world.pass(5_000);
    expect([ana, bo, cy].map(({ group }) => group?.admission)).toEqual(['ask', 'ask', 'ask']);
    expect(world.agree([ana, bo, cy])).toBe(true);
    expect(world.broken).toEqual([]);
  });

  test('about people who are not there, oneself, and the last organiser', () => {
    const { world, ana, bo } = behindDoor('Ana', 'Bo');
    ana.feed({ kind: 'kick', participant: 'nobody' });
    ana.feed({ kind: 'admit', participant: bo.id });
    ana.feed({ kind: 'kick', participant: ana.id });
    ana.feed({ kind: 'organiser', participant: ana.id, isOrganiser: false });
    world.pass(1_000);
    expect(ana.view.notices.map(({ news }) => 'refusal' in news && news.refusal)).toEqual([
      'not-there',
      'not-there',
      'oneself',
      'last-organiser',
    ]);
    appoint(world, ana, bo);
    ana.feed({ kind: 'organiser', participant: ana.id, isOrganiser: false });
    world.until(
      'Ana organises no more',
      () => bo.sees(ana)?.role === 'member' && ana.group?.role === 'member',
    );
    expect(bo.view.notices.map(({ news }) => news)).toEqual([{ kind: 'became-organiser' }]);
  });
});

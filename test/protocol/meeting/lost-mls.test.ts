/** MLS dies in the middle of a meeting: the membership is taken up again, a few times. */
import { describe, expect, test } from 'vitest';
import type { MeetingInput } from '../../../src/protocol/meeting/inputs.ts';
import { participantIdOf } from '../../../src/protocol/meeting/members.ts';
import { SimulatedMeeting, type SimulatedMember } from '../../harness/simulation/simulated-meeting.ts';

function meet(...names: readonly string[]): { world: SimulatedMeeting; people: SimulatedMember[] } {
  const world = new SimulatedMeeting();
  const people = names.map((name) => {
    const member = world.join(name);
    world.until(`${name} is in`, () => world.agree());
    return member;
  });
  for (const member of people) member.goLive();
  world.pass(1_000);
  return { world, people };
}

describe('a member whose MLS has died', () => {
  test('stays in the meeting under the keys of before, is heard and hears, and goes on to the next', () => {
    const { world, people } = meet('Ana', 'Bo');
    const [ana, bo] = people as [SimulatedMember, SimulatedMember];
    const { senderId, epoch } = bo.group!;
    bo.loseMls();
    expect(bo.group).toMatchObject({ senderId, epoch });
    expect(bo.view.attention).toContain('mls-restarted');
    world.pass(2_000);
    expect(bo.group).toMatchObject({ senderId, epoch });
    const [heard, hears] = [ana.got(bo, 'audio').length, bo.got(ana, 'audio').length];
    ana.speak('hello');
    bo.speak('hello');
    world.pass(500);
    expect([ana.got(bo, 'audio').length, bo.got(ana, 'audio').length]).toEqual([heard + 1, hears + 1]);
    const cy = world.join('Cy');
    world.until('Cy is in', () => world.agree([ana, bo, cy]));
    expect(bo.group!.senderId).toEqual(senderId);
    expect(bo.view.attention).not.toContain('mls-restarted');
    expect(bo.view.history.map((record) => record.epoch)).toEqual(
      [...new Set(bo.view.history.map((record) => record.epoch))].sort((a, b) => Number(a - b)),
    );
    expect(world.broken).toEqual([]);
  });

  test('catches up when the others went on meanwhile', () => {
    const { world, people } = meet('Ana', 'Bo');
    const [ana, bo] = people as [SimulatedMember, SimulatedMember];
    const cy = world.join('Cy');
    // At whatever moment of the Commit.
    for (let at = 0; at < 3; at += 1) {
      world.pass(40);
      bo.loseMls();
    }
    world.until('all agree', () => world.agree([ana, bo, cy]));
    expect(bo.view.end).toBeUndefined();
    expect(world.broken).toEqual([]);
  });

  test('knows who went by a Commit that was saved and not announced', () => {
    const { world, people } = meet('Ana', 'Bo', 'Cy');
    const [ana, bo, cy] = people as [SimulatedMember, SimulatedMember, SimulatedMember];
    bo.saved = () => {
      bo.saved = () => undefined;
      bo.loseMls();
    };
    ana.feed({ kind: 'kick', participant: cy.id });
    world.until('the others agree', () => world.agree([ana, bo]));
    const last = bo.view.history.at(-1);
    expect(last?.epoch).toBe(bo.epoch);
    expect(last?.change.removed.map(participantIdOf)).toEqual([cy.id]);
    expect(world.broken).toEqual([]);
  });

  test('asks to be let in again where nothing was saved, and takes its place', () => {
    const { world, people } = meet('Ana', 'Bo');
    const [ana, bo] = people as [SimulatedMember, SimulatedMember];
    const { senderId } = bo.group!;
    bo.loseDisk();
    bo.loseMls();
    world.until('Bo is in again', () => world.agree([ana, bo]) && !equalBytes(bo.group?.senderId, senderId));
    expect(ana.group!.participants).toHaveLength(2);
    expect(world.broken).toEqual([]);
  });

  test('removes whom it was removing', () => {
    const { world, people } = meet('Ana', 'Bo', 'Cy');
    const [ana, bo, cy] = people as [SimulatedMember, SimulatedMember, SimulatedMember];
    ana.feed({ kind: 'kick', participant: cy.id });
    ana.loseMls();
    world.until('Cy is out', () => cy.view.end === 'kicked');
    world.until('the others agree', () => world.agree([ana, bo]));
  });

  test.each<
    [string, (ana: SimulatedMember, bo: SimulatedMember) => MeetingInput, (bo: SimulatedMember) => boolean]
  >([
    [
      'closes the door',
      () => ({ kind: 'admission', admission: 'ask' }),
      (bo) => bo.group?.admission === 'ask',
    ],
    [
      'makes somebody an organiser',
      (_, bo) => ({ kind: 'organiser', participant: bo.id, isOrganiser: true }),
      (bo) => bo.group?.role === 'organiser',
    ],
  ])('%s where its person had decided so', (_, decide, isDone) => {
    const { world, people } = meet('Ana', 'Bo');
    const [ana, bo] = people as [SimulatedMember, SimulatedMember];
    ana.feed(decide(ana, bo));
    ana.loseMls();
    world.until('it is done', () => isDone(bo), 10_000);
    // And once.
    const { epoch } = ana;
    ana.loseMls();
    world.pass(10_000);
    expect(ana.epoch).toBe(epoch);
    expect(ana.view.notices).toEqual([]);
  });

  test('lets in whom its person had admitted, and shows nobody again whom it had declined', () => {
    const { world, people } = meet('Ana', 'Bo');
    const [ana, bo] = people as [SimulatedMember, SimulatedMember];
    ana.feed({ kind: 'admission', admission: 'ask' });
    world.until('the door is closed', () => bo.group?.admission === 'ask');
    const [cy, mal] = [world.join('Cy'), world.join('Mal')];
    world.until('both wait', () => ana.view.door.length === 2);
    ana.feed({ kind: 'admit', participant: cy.id });
    ana.feed({ kind: 'decline', participant: mal.id });
    ana.loseMls();
    world.until('Cy is in', () => world.agree([ana, bo, cy]), 20_000);
    const shown = new Set<number>();
    for (let seconds = 0; seconds < 30; seconds += 1) {
      world.pass(1_000);
      shown.add(ana.view.door.length);
    }
    expect([...shown]).toEqual([0]);
    // The others, who have not declined it, see it.
    expect(bo.view.door.map(({ displayName }) => displayName)).toEqual(['Mal']);
  });

  test('makes the fresh key that its person had asked for', () => {
    const { world, people } = meet('Ana', 'Bo');
    const [ana] = people as [SimulatedMember];
    ana.feed({ kind: 'renew' });
    ana.loseMls();
    expect(ana.view.ownKey.renewing).toBe(true);
    const { epoch } = ana;
    world.until('it is made', () => !ana.view.ownKey.renewing, 100_000);
    expect(ana.epoch).toBe((epoch ?? 0n) + 1n);
    expect(ana.view.ownKey.since).toBeDefined();
  });

  test('leaves while it is leaving, and keeps nothing', () => {
    const { world, people } = meet('Ana', 'Bo');
    const [ana, bo] = people as [SimulatedMember, SimulatedMember];
    bo.feed({ kind: 'leave' });
    world.pass(20);
    bo.loseMls();
    world.until('Bo is out', () => bo.view.end === 'left', 10_000);
    expect([bo.hasSaved, bo.view.attention.has('store-failing')]).toEqual([false, false]);
    world.until('Ana knows', () => world.agree([ana]), 40_000);
  });

  test('goes on three times in a minute and not four times, but any number of times in longer', () => {
    const { world, people } = meet('Ana', 'Bo');
    const [, bo] = people as [SimulatedMember, SimulatedMember];
    for (let times = 0; times < 6; times += 1) {
      bo.loseMls();
      world.pass(21_000);
    }
    expect(bo.view.end).toBeUndefined();
    world.pass(60_000);
    for (let times = 0; times < 3; times += 1) bo.loseMls();
    expect(bo.view.end).toBeUndefined();
    bo.loseMls();
    expect(bo.view.end).toBe('fault');
    expect(world.broken).toEqual([]);
  });
});

test('what an organiser had decided is done when it is back, though the others went on without it meanwhile', () => {
  const { world, people } = meet('Ana', 'Bo', 'Cy');
  const [ana, bo, cy] = people as [SimulatedMember, SimulatedMember, SimulatedMember];
  ana.feed({ kind: 'kick', participant: cy.id });
  // Before anything of it is on its way.
  ana.sleep(60_000, false);
  world.until('Ana is removed', () => world.agree([bo, cy]), 50_000);
  world.until(
    'Ana is back',
    () => bo.sees(ana) !== undefined && ana.view.absence.kind === 'rejoined',
    60_000,
  );
  world.until('Cy is out', () => cy.view.end === 'kicked', 10_000);
  world.until('the others agree', () => world.agree([ana, bo]));
  expect(world.broken).toEqual([]);
});

const equalBytes = (a: Uint8Array | undefined, b: Uint8Array): boolean =>
  a !== undefined && Buffer.from(a).equals(b);

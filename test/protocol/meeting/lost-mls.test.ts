/** MLS dies in the middle of a meeting: the membership is taken up again, a few times. */
import { describe, expect, test } from 'vitest';
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

const equalBytes = (a: Uint8Array | undefined, b: Uint8Array): boolean =>
  a !== undefined && Buffer.from(a).equals(b);

import { describe, expect, test } from 'vitest';
import { DEFAULT_TIMING } from '../../../src/protocol/group/coordination/timing.ts';
import { millis } from '../../../src/protocol/units.ts';
import { SimulatedMeeting, type SimulatedMember } from '../../harness/simulation/simulated-meeting.ts';

const NAMES = ['Ana', 'Bo', 'Cy', 'Dee'];

function meetingOfFour(seed: number): SimulatedMeeting {
  const world = new SimulatedMeeting({ seed, timing: { ...DEFAULT_TIMING, renewPause: millis(100) } });
  for (const name of NAMES) {
    world.join(name);
    world.until(`${name} is in`, () => world.agree());
  }
  return world;
}

/** A meeting whose halves, each with a line of the counter's, have changed keys while they did not see each other. */
function splitMeeting(seed: number): readonly [SimulatedMeeting, readonly SimulatedMember[]] {
  const world = meetingOfFour(seed);
  const [ana, , cy, dee] = world.members;
  if (ana === undefined || cy === undefined || dee === undefined) throw new Error('there are four');
  const before = ana.epoch ?? 0n;
  const others = [cy.mls, dee.mls];
  world.counter.split((mls) => others.includes(mls));
  // While Dee's and Cy's network is down neither half sees what the other does.
  for (const each of [cy, dee]) world.cut(each, 4_000);
  ana.feed({ kind: 'renew' });
  cy.feed({ kind: 'renew' });
  world.until('both halves have gone on', () => (ana.epoch ?? 0n) > before && (cy.epoch ?? 0n) > before);
  for (const each of world.members) each.goLive();
  // Before the silence of the other half lets each remove it.
  world.until('all are told', () => world.members.every(({ view }) => view.fork !== undefined), 10_000);
  return [world, world.members];
}

describe('a counter that signs two lines, one for each half of a meeting', () => {
  test.each([1, 2, 3])('is found out by heads on both sides, and nobody goes on sending (%i)', (seed) => {
    const [, members] = splitMeeting(seed);
    for (const { view } of members) expect(view.attention.has('equivocation')).toBe(true);
    for (const each of members) {
      each.goLive();
      expect(each.view.sending).toEqual({ microphone: false, camera: false });
    }
  });

  test('is not forgotten by whoever loses MLS, and nobody changes keys any more, whoever is missing', () => {
    const [world, members] = splitMeeting(1);
    const epochs = members.map(({ epoch }) => epoch);
    members[0]?.loseMls();
    members[0]?.feed({ kind: 'renew' });
    members[3]?.kill();
    // Each half has long missed the other, and Dee.
    world.pass(60_000);
    expect(members.slice(0, 3).map(({ epoch }) => epoch)).toEqual(epochs.slice(0, 3));
    members[0]?.goLive();
    expect(members[0]?.view).toMatchObject({
      sending: { microphone: false, camera: false },
      ownKey: { renewing: false },
    });
  });
});

test('an honest meeting, whoever comes, goes and loses the network, hears none', () => {
  for (let seed = 1; seed <= 3; seed += 1) {
    const world = meetingOfFour(seed);
    const [, bo, cy] = world.members;
    if (bo !== undefined) world.cut(bo, 3_000);
    cy?.feed({ kind: 'leave' });
    world.pass(70_000);
    world.join('Eva');
    world.pass(10_000);
    expect(world.members.filter(({ view }) => view.fork !== undefined)).toEqual([]);
    expect(world.members.filter(({ view }) => view.attention.has('equivocation'))).toEqual([]);
    expect(world.broken).toEqual([]);
  }
});

/** Members come, leave, die and come back: whole meetings in virtual time, over both kinds of relay and counter. */
import { describe, expect, test } from 'vitest';
import type { CounterMode } from '../../../src/protocol/counter/client.ts';
import { openAccess, type RelayPolicy } from '../../../src/protocol/relay/policy.ts';
import { meetingTracks } from '../../../src/services/relay/meeting-tracks.ts';
import type { Network } from '../../harness/simulation/link.ts';
import { meet } from '../../harness/simulation/meet.ts';
import { SimulatedMeeting } from '../../harness/simulation/simulated-meeting.ts';

/** A relay that keeps nothing and lets one publisher write a track at a time, as others than ours do. */
const takesTurns: RelayPolicy = {
  ...openAccess,
  treatmentOf: () => ({ kept: false, reliable: true, exclusive: true, firstWins: false }),
};
const relays = { keeps: { ...meetingTracks, ...openAccess }, 'takes turns': takesTurns };

const cases = (['keeps', 'takes turns'] as const).flatMap((relay) =>
  (['fenced', 'plain'] as const).map((mode): [typeof relay, CounterMode] => [relay, mode]),
);

describe.each(cases)('over a relay that %s, counter in %s mode', (relay, mode) => {
  const open = (network: Partial<Network> = {}): SimulatedMeeting =>
    new SimulatedMeeting({ mode, policy: relays[relay], network });

  test('one creates, others join, one leaves, all agree', () => {
    const world = open();
    const [ana, bo] = meet(world, 'Ana', 'Bo');
    const together = [world.join('Cy'), world.join('Di')];
    world.until('two join at once', () => world.agree());
    const { epoch } = ana!;
    bo!.feed({ kind: 'leave' });
    world.until('Bo is out', () => bo!.view.end === 'left');
    expect(bo!.hasSaved).toBe(false);
    // Far sooner than one who fell silent: the good-bye was heard.
    world.until('the others know', () => world.agree([ana!, ...together]), 5_000);
    expect(ana!.epoch).toBeGreaterThan(epoch!);
    expect(ana!.view.history.at(-1)?.change.removed).toHaveLength(1);
    expect(world.broken).toEqual([]);
  });

  test.each([1, 10, 100])('who leaves the moment it is in is heard, at a latency of %i ms', (latency) => {
    const world = open({ latency });
    const [ana, bo] = meet(world, 'Ana', 'Bo');
    const cy = world.join('Cy');
    world.until('Cy is in', () => cy.group !== undefined);
    cy.feed({ kind: 'leave' });
    world.until('Cy is done', () => cy.view.end === 'left');
    world.until('the others know', () => world.agree([ana!, bo!]), 5_000);
    expect(world.broken).toEqual([]);
  });

  test('who comes is known by name with the first round trips, not with the next sign of life', () => {
    const world = open();
    const [ana] = meet(world, 'Ana');
    const bo = world.join('Bo');
    world.until('Bo is in', () => world.agree([ana!, bo]));
    world.until(
      'names',
      () => ana!.sees(bo)?.displayName === 'Bo' && bo.sees(ana!)?.displayName === 'Ana',
      500,
    );
  });

  test('one dies: others remove it; it comes back with its state and is let in again', () => {
    const world = open();
    const [ana, bo, cy] = meet(world, 'Ana', 'Bo', 'Cy');
    const before = ana!.group!.senderId;
    // The creator, so that others commit without the first leaf.
    ana!.kill();
    world.until('the dead one is removed', () => world.agree([bo!, cy!]));
    ana!.start();
    world.until('it joins again', () => world.agree([ana!, bo!, cy!]));
    expect(ana!.group!.senderId).not.toEqual(before);
    expect(world.broken).toEqual([]);
  });

  test('a kick is final: the key is refused, and people are told', () => {
    const world = open();
    const [ana, bo] = meet(world, 'Ana', 'Bo');
    ana!.feed({ kind: 'kick', participant: bo!.id });
    world.until('Bo is told', () => bo!.view.end === 'kicked');
    world.until('Bo is out', () => world.agree([ana!]));
    bo!.kill();
    bo!.start();
    world.until('Ana hears of it', () => ana!.view.attention.has('kicked-asks'));
    world.pass(20_000);
    expect([ana!.group!.participants.length, bo!.group]).toEqual([1, undefined]);
    expect(world.broken).toEqual([]);
  });

  test('a restart within the grace resumes the membership', () => {
    const world = open();
    const [ana, bo, cy] = meet(world, 'Ana', 'Bo', 'Cy');
    const before = bo!.group!.senderId;
    world.pass(1_000);
    bo!.kill();
    cy!.feed({ kind: 'leave' });
    world.until('an epoch passes meanwhile', () => ana!.group!.participants.length === 2);
    bo!.start();
    world.until('Bo has caught up', () => world.agree([ana!, bo!]));
    // Where neither relay nor counter keeps Commits there is nothing to catch up with: Bo has joined again.
    if (relay === 'keeps' || mode === 'fenced') expect(bo!.group!.senderId).toEqual(before);
    expect(world.broken).toEqual([]);
  });
});

test('a member that lost its disk takes the place of its old leaf', () => {
  const world = new SimulatedMeeting();
  const [ana, bo, cy] = meet(world, 'Ana', 'Bo', 'Cy');
  bo!.kill();
  bo!.loseDisk();
  bo!.start();
  world.until('Bo is in once', () => world.agree([ana!, bo!, cy!]));
  bo!.goLive();
  bo!.speak('here');
  world.until('Bo is heard', () => {
    bo!.speak('again');
    world.pass(20);
    return [ana!, cy!].every((by) => by.got(bo!, 'audio').length > 3);
  });
  expect(world.broken).toEqual([]);
});

test('a room whose creator died before anybody joined is opened by somebody else', () => {
  const world = new SimulatedMeeting();
  const [ana] = meet(world, 'Ana');
  ana!.kill();
  const bo = world.join('Bo');
  // Once nobody has kept it alive for a minute.
  world.until('Bo opens it', () => bo.group?.participants.length === 1, 80_000);
  const cy = world.join('Cy');
  world.until('Cy finds Bo', () => world.agree([bo, cy]));
  expect(world.broken).toEqual([]);
});

test('a room that all have left is opened anew, with other keys', () => {
  const world = new SimulatedMeeting();
  const [ana, bo] = meet(world, 'Ana', 'Bo');
  const { securityCode } = ana!.group!;
  bo!.feed({ kind: 'leave' });
  ana!.feed({ kind: 'leave' });
  world.until('both are out', () => [ana!, bo!].every(({ view }) => view.end === 'left'));
  const cy = world.join('Cy');
  world.until('Cy opens it', () => cy.group?.participants.length === 1);
  expect(cy.group!.securityCode).not.toBe(securityCode);
});

test('leaving twice is leaving once, and being removed meanwhile is leaving all the same', () => {
  const world = new SimulatedMeeting();
  const [ana, bo] = meet(world, 'Ana', 'Bo');
  bo!.feed({ kind: 'leave' });
  bo!.feed({ kind: 'leave' });
  ana!.feed({ kind: 'kick', participant: bo!.id });
  world.until('Bo is out', () => bo!.view.end !== undefined);
  expect(bo!.view.end).toBe('left');
  world.until('Ana knows', () => world.agree([ana!]));
  world.pass(5_000);
  expect(ana!.view.history.filter(({ change }) => change.removed.length > 0)).toHaveLength(1);
});

test('who leaves says so until it is heard, and sends nothing else meanwhile', () => {
  const world = new SimulatedMeeting();
  const [ana, bo] = meet(world, 'Ana', 'Bo');
  bo!.goLive();
  world.until('Bo is heard', () => {
    bo!.speak('before');
    world.pass(20);
    return ana!.got(bo!, 'audio').length > 0;
  });
  bo!.feed({ kind: 'leave' });
  const heard = ana!.got(bo!, 'audio').length;
  bo!.feed({ kind: 'sending', sending: { microphone: true, camera: true } });
  bo!.speak('after');
  expect(bo!.view.end).toBeUndefined();
  world.until('Ana sees it go', () => ana!.sees(bo!)?.leaving === true);
  world.until('Bo is out', () => bo!.view.end === 'left');
  expect(ana!.got(bo!, 'audio').slice(heard)).not.toContain('after');
  world.until('the keys have changed', () => world.agree([ana!]));
});

test('who leaves while nobody answers is gone after a moment', () => {
  const world = new SimulatedMeeting();
  const [ana, bo] = meet(world, 'Ana', 'Bo');
  ana!.kill();
  bo!.feed({ kind: 'leave' });
  world.until('Bo is out', () => bo!.view.end === 'left', 3_000);
  expect(bo!.hasSaved).toBe(false);
});

test('suspending keeps the membership, leaving erases it', () => {
  const world = new SimulatedMeeting();
  const [ana, bo] = meet(world, 'Ana', 'Bo');
  const { epoch } = ana!;
  bo!.feed({ kind: 'suspend' });
  expect([bo!.view.end, bo!.hasSaved]).toEqual(['left', true]);
  bo!.kill();
  bo!.start();
  world.until('Bo resumes', () => world.agree([ana!, bo!]));
  expect(ana!.epoch).toBe(epoch);
  bo!.feed({ kind: 'leave' });
  world.until('Bo is out', () => bo!.view.end === 'left');
  expect(bo!.hasSaved).toBe(false);
});

test('whoever reaches the counter but no relay opens no further generation, and is let in once it does', () => {
  const world = new SimulatedMeeting();
  const [ana, bo] = meet(world, 'Ana', 'Bo');
  const cy = world.join('Cy');
  cy.reachesRelay = false;
  world.pass(120_000);
  expect([cy.group, cy.view.step]).toEqual([undefined, 'waiting-for-member']);
  cy.reachesRelay = true;
  world.until('Cy is in', () => world.agree([ana!, bo!, cy]));
  expect(new Set([...world.codes.keys()].map((key) => key.split('/')[0])).size).toBe(1);
});

test('whoever leaves before being let in leaves no KeyPackage behind', () => {
  const world = new SimulatedMeeting();
  const [ana] = meet(world, 'Ana');
  ana!.kill();
  const bo = world.join('Bo');
  world.until('Bo asks', () => (bo.mlsHolds?.keyPackages ?? 0) > 0);
  bo.feed({ kind: 'leave' });
  world.pass(1_000);
  expect([bo.view.end, bo.mlsHolds]).toEqual(['left', { groups: 0, keyPackages: 0 }]);
});

test('a membership that is being saved when one leaves is erased all the same', () => {
  const world = new SimulatedMeeting();
  const ana = world.join('Ana');
  ana.saveMs = 500;
  // The counter's round trip and MLS have passed: the new group is being saved.
  world.pass(100);
  ana.feed({ kind: 'leave' });
  world.until('it is left', () => ana.view.end === 'left');
  world.pass(1_000);
  expect(ana.hasSaved).toBe(false);
});

describe('the key of one’s own leaf', () => {
  test('is there since one came in, and is renewed when one asks, which others see as a change of keys', () => {
    const world = new SimulatedMeeting();
    const [ana, bo] = meet(world, 'Ana', 'Bo');
    const joined = bo!.view.history.at(-1)?.change.time;
    expect(bo!.view.ownKey).toEqual({ since: joined, renewing: false });
    const { epoch } = ana!;
    bo!.feed({ kind: 'renew' });
    world.pass(100);
    expect(bo!.view.ownKey).toEqual({ since: joined, renewing: true });
    world.until('it is renewed', () => !bo!.view.ownKey.renewing, 40_000);
    world.until('the others have the new keys', () => world.agree());
    const change = ana!.view.history.at(-1)?.change;
    expect([ana!.epoch, change?.added, change?.removed]).toEqual([epoch! + 1n, [], []]);
    expect(bo!.view.ownKey.since).toBe(change?.time);
    expect(ana!.view.ownKey.since).toBeLessThan(change!.time);
    expect(world.broken).toEqual([]);
  });

  test('is of an unknown age after a restart, and soon renewed', () => {
    const world = new SimulatedMeeting();
    const [, bo] = meet(world, 'Ana', 'Bo');
    bo!.kill();
    bo!.start();
    world.until('Bo is back', () => world.agree());
    expect(bo!.view.ownKey.since).toBeUndefined();
    world.until('it is renewed', () => bo!.view.ownKey.since !== undefined, 40_000);
  });
});

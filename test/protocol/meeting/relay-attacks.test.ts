/** What somebody who reaches the relay can do to a meeting: real members, the real relay and the counter's rules. */
import { expect, test } from 'vitest';
import { commitTrack, groupNamespace, type GroupName } from '../../../src/protocol/group/names.ts';
import { mlsObject } from '../../../src/protocol/meeting/short-publication.ts';
import { RequestErrorCode } from '../../../src/protocol/moqt/codes.ts';
import type { FullTrackName } from '../../../src/protocol/moqt/model.ts';
import { decodeUtf8 } from '../../../src/protocol/bytes/utf8.ts';
import { object } from '../../harness/moqt/names.ts';
import { Intruder } from '../../harness/simulation/intruder.ts';
import { SimulatedMeeting, type SimulatedMember } from '../../harness/simulation/simulated-meeting.ts';

/** Members that send sound. */
function meet(world: SimulatedMeeting, ...names: readonly string[]): SimulatedMember[] {
  const members = names.map((name) => {
    const member = world.join(name);
    world.until(`${name} is in`, () => world.agree());
    return member;
  });
  for (const member of members) member.goLive();
  return members;
}

function groupOf(member: SimulatedMember | undefined): GroupName {
  if (member?.group === undefined) throw new Error('nobody is in a group');
  return member.group.group;
}

/** Whether what `speaker` says from now on reaches `listener` within a second. */
function isHeard(world: SimulatedMeeting, speaker: SimulatedMember, listener: SimulatedMember): boolean {
  const before = listener.got(speaker, 'audio').length;
  for (let at = 0; at < 50; at += 1) {
    speaker.speak(`${speaker.name} at ${String(world.agenda.now)}`);
    world.pass(20);
  }
  return listener.got(speaker, 'audio').length > before + 25;
}

/** All tracks of the meeting, as whoever may read there learns them. */
function tracksOf(intruder: Intruder, group: GroupName): FullTrackName[] {
  intruder.session.subscribeTracks(groupNamespace(group), { forward: false });
  intruder.run();
  return intruder.requests('publish').map(({ track }) => track);
}

const isOwn = ({ namespace }: FullTrackName): boolean => {
  const kind = namespace[1] && decodeUtf8(namespace[1]);
  return kind === 'media' || kind === 'control' || kind === 'keypackages';
};

test('a second publisher neither mutes a member nor has it barred as malformed', () => {
  const world = new SimulatedMeeting();
  const [ana, bo] = meet(world, 'Ana', 'Bo');
  if (ana === undefined || bo === undefined) throw new Error('nobody came');
  expect(isHeard(world, ana, bo)).toBe(true);
  const intruder = new Intruder(world);
  const taken = tracksOf(intruder, groupOf(ana)).filter(isOwn);
  // Control, catalog, sound and pictures of both, and the track of the KeyPackage of the one who joined.
  expect(taken).toHaveLength(9);
  for (const track of taken) {
    const id = intruder.publish(track);
    intruder.send(id, ...Array.from({ length: 100 }, (_, ahead) => object(ahead, 0, 'junk')));
    expect(intruder.refusal(id)).toBe(RequestErrorCode.UNINTERESTED);
  }
  expect(isHeard(world, ana, bo)).toBe(true);
  expect(isHeard(world, bo, ana)).toBe(true);
  expect(world.relay?.statistics().tracksMalformed).toBe(0);
});

test('the tracks of a member that lost the relay are not taken by whoever waits for that', () => {
  const world = new SimulatedMeeting();
  const [ana, bo] = meet(world, 'Ana', 'Bo');
  if (ana === undefined || bo === undefined) throw new Error('nobody came');
  const intruder = new Intruder(world);
  const group = groupOf(ana);
  const known = tracksOf(intruder, group).filter(isOwn);
  world.cut(ana, 8_000);
  const { connection } = ana.view;
  expect(connection.kind).toBe('connected');
  world.until('Ana has lost the relay', () => ana.view.connection.kind !== 'connected');
  for (const track of known) intruder.publish(track);
  world.until('Ana is back', () => ana.view.connection.kind === 'connected');
  world.until('Ana is heard again', () => isHeard(world, ana, bo), 10_000);
  expect(isHeard(world, bo, ana)).toBe(true);
});

test('junk at the locations of the next Commits keeps nobody from joining or leaving', () => {
  const world = new SimulatedMeeting();
  const [ana, bo] = meet(world, 'Ana', 'Bo');
  if (ana === undefined || bo === undefined) throw new Error('nobody came');
  const intruder = new Intruder(world);
  const commits = intruder.publish(commitTrack(groupOf(ana)));
  expect(intruder.refusal(commits)).toBeUndefined();
  const next = Array.from({ length: 20 }, (_, ahead) => (ana.epoch ?? 0n) + BigInt(ahead + 1));
  intruder.send(
    commits,
    ...next.flatMap((epoch) =>
      [0, 1, 2, 3].map((at) => mlsObject(epoch, at, new TextEncoder().encode('junk'))),
    ),
  );
  const cy = world.join('Cy');
  world.until('Cy is in', () => world.agree([ana, bo, cy]), 30_000);
  bo.feed({ kind: 'leave' });
  world.until('Bo is out', () => world.agree([ana, cy]), 30_000);
  expect(world.relay?.statistics().tracksMalformed).toBe(0);
  expect(world.broken).toEqual([]);
});

test('whoever announces everything, or asks for everything, is told no name', () => {
  const world = new SimulatedMeeting();
  const intruder = new Intruder(world);
  const announced = intruder.session.publishNamespace([]);
  const asked = [
    intruder.session.subscribeNamespace([]),
    intruder.session.subscribeTracks([], { forward: false }),
  ];
  intruder.run();
  meet(world, 'Ana', 'Bo');
  // A track that its publisher has left and that somebody still looks for is asked of whoever announced a prefix of it.
  const curious = new Intruder(world);
  curious.session.subscribe(
    { namespace: groupNamespace(groupOf(world.members[0])), name: new Uint8Array(4) },
    {},
  );
  curious.run();
  for (const id of [announced, ...asked]) expect(intruder.refusal(id)).toBe(RequestErrorCode.UNAUTHORIZED);
  expect(intruder.of('request')).toEqual([]);
  expect(intruder.of('namespace')).toEqual([]);
});

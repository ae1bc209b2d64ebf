/** What networks, relays, counters and disks do to a meeting, in virtual time. */
import { describe, expect, test } from 'vitest';
import { meetLive } from '../../harness/simulation/meet.ts';
import { RELAY, SimulatedMeeting, type SimulatedMember } from '../../harness/simulation/simulated-meeting.ts';

/** All speak and show for a while, 50 packets and 10 pictures a second. */
function talk(world: SimulatedMeeting, members: readonly SimulatedMember[], duration: number): void {
  for (let at = 0; at < duration; at += 20) {
    for (const member of members) {
      member.speak(`${member.name} says ${String(world.agenda.now)}`);
      if (at % 100 === 0) member.show(`${member.name} shows ${String(world.agenda.now)}`);
    }
    world.pass(20);
  }
}

const count = (by: SimulatedMember, whom: SimulatedMember): number => by.got(whom, 'audio').length;

/** Each hears each, by what comes from now on. */
function allHear(world: SimulatedMeeting, members: readonly SimulatedMember[], limit = 30_000): void {
  const before = new Map(members.map((by) => [by, members.map((whom) => count(by, whom))]));
  world.until(
    'all hear all',
    () => {
      talk(world, members, 100);
      return members.every((by) =>
        members.every((whom, at) => whom === by || count(by, whom) > (before.get(by)?.[at] ?? 0) + 2),
      );
    },
    limit,
  );
}

test('five members over a network that loses a twentieth hear and see each other, and nothing comes twice', () => {
  const world = new SimulatedMeeting({ network: { latency: 40, lossPercent: 5 } });
  const members = meetLive(world, 'Ana', 'Bo', 'Cy', 'Di', 'Ed');
  for (const member of members)
    member.feed({
      kind: 'watch',
      participants: members.map(({ id }) => id).filter((id) => id !== member.id),
    });
  talk(world, members, 2_000);
  world.pass(1_000);
  for (const by of members)
    for (const whom of members)
      if (by !== whom)
        for (const media of ['audio', 'video'] as const) {
          const got = by.got(whom, media);
          expect(got.length).toBeGreaterThan(10);
          expect(new Set(got).size).toBe(got.length);
        }
  expect(world.broken).toEqual([]);
});

test('a relay that dies: members come back to it, keep their group, and hear each other again', () => {
  const world = new SimulatedMeeting();
  const members = meetLive(world, 'Ana', 'Bo', 'Cy');
  allHear(world, members);
  const { epoch } = members[0]!;
  world.killRelay();
  world.until('all notice', () => members.every(({ view }) => view.connection.kind === 'connecting'));
  // Longer than silence and grace together: nobody may be taken for gone while the relay is.
  world.pass(60_000);
  world.startRelay();
  allHear(world, members);
  expect(members.map((member) => member.epoch)).toEqual([epoch, epoch, epoch]);
  expect(world.broken).toEqual([]);
});

test('a relay that dies again and again is not called in a loop', () => {
  const world = new SimulatedMeeting();
  const [ana] = meetLive(world, 'Ana');
  world.killRelay();
  world.until('it is noticed', () => ana!.view.connection.kind === 'connecting');
  world.pass(120_000);
  const { connection } = ana!.view;
  // Waits grow to 8 s.
  expect(connection.kind === 'connecting' && connection.attempt).toBeLessThan(30);
  expect(connection.kind === 'connecting' && connection.attempt).toBeGreaterThan(10);
});

test('a relay that is dead from the start is passed over', () => {
  const world = new SimulatedMeeting({
    relays: [
      { url: 'moqt://dead.test/', pass: true },
      { url: RELAY, pass: true },
    ],
  });
  const [ana, bo] = meetLive(world, 'Ana', 'Bo');
  allHear(world, [ana!, bo!]);
  expect(ana!.view.connection).toEqual({ kind: 'connected', relay: RELAY });
});

describe('a network that carries nothing', () => {
  test('for two seconds costs nothing: what was sent comes after', () => {
    const world = new SimulatedMeeting();
    const [ana, bo] = meetLive(world, 'Ana', 'Bo');
    allHear(world, [ana!, bo!]);
    const before = count(ana!, bo!);
    world.cut(bo!, 2_000);
    talk(world, [bo!], 1_000);
    world.pass(3_000);
    expect(count(ana!, bo!) - before).toBe(50);
    expect([ana!.epoch, bo!.view.connection.kind]).toEqual([1n, 'connected']);
  });

  test('until the session is given up is survived with a new session, in the same place', () => {
    const world = new SimulatedMeeting();
    const [ana, bo, cy] = meetLive(world, 'Ana', 'Bo', 'Cy');
    allHear(world, [ana!, bo!, cy!]);
    const before = bo!.group!.senderId;
    world.cut(bo!, 9_000);
    world.until('Bo notices', () => bo!.view.connection.kind === 'connecting');
    world.until('Bo is back', () => bo!.view.connection.kind === 'connected');
    allHear(world, [ana!, bo!, cy!]);
    expect([ana!.epoch, bo!.epoch, bo!.group!.senderId]).toEqual([2n, 2n, before]);
    expect(world.broken).toEqual([]);
  });
});

test('a member that dies and comes back within its grace is heard at once, on new tracks', () => {
  const world = new SimulatedMeeting();
  const [ana, bo] = meetLive(world, 'Ana', 'Bo');
  allHear(world, [ana!, bo!]);
  bo!.kill();
  bo!.start();
  world.until('Bo resumes', () => world.agree([ana!, bo!]));
  bo!.goLive();
  allHear(world, [ana!, bo!]);
  expect([ana!.epoch, bo!.epoch]).toEqual([1n, 1n]);
});

test('a counter that does not answer stops changes, not the meeting; changes come when it is back', () => {
  const world = new SimulatedMeeting();
  const [ana, bo] = meetLive(world, 'Ana', 'Bo');
  world.counter.reachable = false;
  const cy = world.join('Cy');
  allHear(world, [ana!, bo!]);
  world.pass(20_000);
  expect(cy.group).toBeUndefined();
  expect(cy.view.step).toBe('counter-unreachable');
  world.counter.reachable = true;
  world.until('Cy is in', () => world.agree([ana!, bo!, cy]));
  expect(world.broken).toEqual([]);
});

describe('a disk that is full', () => {
  test('is told once and tried again; nothing of an epoch is used before it is saved', () => {
    const world = new SimulatedMeeting();
    const ana = world.join('Ana');
    ana.failDisk(true);
    world.until('it is told', () => ana.view.attention.has('store-failing'));
    world.pass(10_000);
    expect([ana.group, ana.hasSaved]).toEqual([undefined, false]);
    ana.failDisk(false);
    world.until('the group is made', () => ana.group !== undefined);
    expect([ana.hasSaved, ana.view.attention.has('store-failing')]).toEqual([true, false]);
  });

  test('keeps nobody from ending', () => {
    const world = new SimulatedMeeting();
    const [ana] = meetLive(world, 'Ana');
    ana!.failDisk(true);
    ana!.feed({ kind: 'leave' });
    world.until('it is left', () => ana!.view.end === 'left', 5_000);
    expect([ana!.view.attention.has('store-failing'), ana!.hasSaved]).toEqual([true, true]);
  });

  test('keeps nobody who was removed from leaving', () => {
    const world = new SimulatedMeeting();
    const [ana, bo] = meetLive(world, 'Ana', 'Bo');
    bo!.failDisk(true);
    ana!.feed({ kind: 'kick', participant: bo!.id });
    world.until('Bo is out', () => world.agree([ana!]));
    world.pass(5_000);
    expect(bo!.view.end).toBeUndefined();
    bo!.feed({ kind: 'leave' });
    world.until('Bo is gone', () => bo!.view.end !== undefined, 10_000);
  });
});

describe('members that are replaced and join again by themselves, beside each other', () => {
  test('hear each other, though one was ahead and offered its tracks early', () => {
    const world = new SimulatedMeeting({ network: { latency: 20 } });
    const members = meetLive(world, 'Ana', 'Bo', 'Cy', 'Di');
    world.pass(1);
    members[0]!.kill();
    world.agenda.after(1, () => {
      members[0]!.start();
    });
    world.pass(1);
    world.counter.reachable = false;
    world.agenda.after(1_427, () => {
      world.counter.reachable = true;
    });
    world.pass(15_000);
    world.until('all have met again', () => world.agree(members));
    for (const member of members) member.goLive();
    allHear(world, members);
    expect(world.broken).toEqual([]);
  });

  test('hear each other, though their new tracks were offered before the tree knew of the new join', () => {
    const world = new SimulatedMeeting({ seed: 0, network: { latency: 20, lossPercent: 10 } });
    const members = ['0', '1', '2', '3'].map((name) => {
      const member = world.join(name);
      world.until(`${name} is in`, () => world.agree());
      return member;
    });
    world.pass(1);
    members[0]!.kill();
    world.agenda.after(1, () => {
      members[0]!.start();
    });
    world.pass(384);
    members.push(world.join('4'));
    world.pass(15_000);
    world.until('all have met again', () => world.agree(members));
    for (const member of members) member.goLive();
    allHear(world, members);
    expect(world.broken).toEqual([]);
  });
});

describe('absence', () => {
  /** How each of them is gone: the machine sleeps and its clock with it, or the process alone is halted. */
  const ways = [
    ['a machine that sleeps', true],
    ['a process that is halted', false],
  ] as const;
  const lengths = [
    ['40 s', 40_000],
    ['ten minutes', 600_000],
  ] as const;

  describe.each(ways)('of %s', (_, machine) => {
    test.each(lengths)(
      'for %s ends in the same meeting, with microphone and camera off',
      (_length, duration) => {
        const world = new SimulatedMeeting();
        const [ana, bo, cy] = meetLive(world, 'Ana', 'Bo', 'Cy');
        allHear(world, [ana!, bo!, cy!]);
        const { group } = bo!.group!;
        bo!.sleep(duration, machine);
        world.pass(duration - 1_000);
        // The others did not let a machine that nobody hears keep the keys.
        expect(world.agree([ana!, cy!])).toBe(true);
        expect(ana!.sees(bo!)).toBeUndefined();
        world.pass(1_000);
        const heard = count(ana!, bo!);
        // The old session is dead, and would be believed for another 7 s.
        world.until('Bo is in again', () => world.agree([ana!, bo!, cy!]), 2_000);
        expect(bo!.view).toMatchObject({
          absence: { kind: 'rejoined' },
          sending: { microphone: false, camera: false },
        });
        expect(bo!.group!.group).toEqual(group);
        bo!.speak('nobody asked for this');
        world.pass(1_000);
        expect(count(ana!, bo!)).toBe(heard);
        bo!.goLive();
        allHear(world, [ana!, bo!, cy!]);
        expect(world.broken).toEqual([]);
      },
    );
  });

  test('of a few seconds costs nobody a place, and microphone and camera are off all the same', () => {
    const world = new SimulatedMeeting();
    const [ana, bo] = meetLive(world, 'Ana', 'Bo');
    allHear(world, [ana!, bo!]);
    const { senderId } = bo!.group!;
    bo!.sleep(15_000, true);
    world.pass(17_000);
    expect(bo!.view.connection.kind).toBe('connected');
    expect(bo!.view).toMatchObject({
      absence: { kind: 'slept' },
      sending: { microphone: false, camera: false },
    });
    world.pass(20_000);
    expect([ana!.epoch, bo!.epoch, bo!.group!.senderId]).toEqual([1n, 1n, senderId]);
    bo!.goLive();
    allHear(world, [ana!, bo!]);
  });
});

describe('a removal that cannot be committed', () => {
  test('is said, cuts off what is heard of the one removed at once, and is done when the counter is back', () => {
    const world = new SimulatedMeeting();
    const [ana, bo, cy] = meetLive(world, 'Ana', 'Bo', 'Cy');
    allHear(world, [ana!, bo!, cy!]);
    const heard = { ofBo: count(ana!, bo!), ofCy: count(ana!, cy!) };
    world.counter.reachable = false;
    ana!.feed({ kind: 'kick', participant: bo!.id });
    talk(world, [bo!, cy!], 7_000);
    expect(ana!.sees(bo!)).toMatchObject({ leaving: true });
    expect(ana!.view.step).toBe('counter-unreachable');
    expect(count(ana!, bo!)).toBe(heard.ofBo);
    expect(count(ana!, cy!)).toBeGreaterThan(heard.ofCy + 300);
    // New tracks are not taken either.
    bo!.kill();
    bo!.start();
    world.pass(3_000);
    bo!.goLive();
    talk(world, [bo!], 2_000);
    expect(count(ana!, bo!)).toBe(heard.ofBo);
    world.counter.reachable = true;
    world.until('Bo is out', () => world.agree([ana!, cy!]));
    expect([bo!.view.end, ana!.view.step]).toEqual(['kicked', 'member']);
    expect(world.broken).toEqual([]);
  });

  test('over a relay that is gone is made with the counter all the same, and the others learn of it', () => {
    const world = new SimulatedMeeting();
    const [ana, bo, cy] = meetLive(world, 'Ana', 'Bo', 'Cy');
    world.killRelay();
    world.until('all notice', () =>
      [ana!, bo!, cy!].every(({ view }) => view.connection.kind === 'connecting'),
    );
    ana!.feed({ kind: 'kick', participant: bo!.id });
    world.until('Bo is out', () => bo!.view.end === 'kicked' && world.agree([ana!, cy!]));
    expect(ana!.view.connection.kind).toBe('connecting');
  });

  /** The first of a meeting makes somebody an organiser, who may remove then. */
  const appoint = (world: SimulatedMeeting, first: SimulatedMember, member: SimulatedMember): void => {
    first.feed({ kind: 'organiser', participant: member.id, isOrganiser: true });
    world.until(`${member.name} organises`, () => member.group?.role === 'organiser');
  };

  test('is not held up by people who join again and again', () => {
    const world = new SimulatedMeeting();
    const [ana, bo, cy, mal] = meetLive(world, 'Ana', 'Bo', 'Cy', 'Mal');
    appoint(world, ana!, cy!);
    cy!.feed({ kind: 'kick', participant: mal!.id });
    for (let stranger = 0; stranger < 4; stranger += 1) {
      world.join(`Stranger ${String(stranger)}`);
      world.pass(700);
    }
    expect(mal!.view.end).toBe('kicked');
    expect([ana, bo, cy].map((each) => each!.sees(mal!))).toEqual([undefined, undefined, undefined]);
  });

  test('is done though whoever wants it leaves at once', () => {
    const world = new SimulatedMeeting();
    const [ana, bo, cy] = meetLive(world, 'Ana', 'Bo', 'Cy');
    appoint(world, ana!, bo!);
    // Ana answers a good-bye sooner than Bo is done.
    bo!.mlsMs = 400;
    bo!.feed({ kind: 'kick', participant: cy!.id });
    bo!.feed({ kind: 'leave' });
    world.until('both are out', () => world.agree([ana!]) && bo!.hasEnded && cy!.hasEnded);
    expect([bo!.view.end, cy!.view.end]).toEqual(['left', 'kicked']);
  });

  test('is not shaken off by joining again', () => {
    const world = new SimulatedMeeting();
    const [ana, bo, cy, mal] = meetLive(world, 'Ana', 'Bo', 'Cy', 'Mal');
    appoint(world, ana!, cy!);
    world.counter.reachable = false;
    cy!.feed({ kind: 'kick', participant: mal!.id });
    world.pass(1_000);
    mal!.kill();
    mal!.loseDisk();
    mal!.start();
    world.pass(2_000);
    world.counter.reachable = true;
    world.until('Mal is out', () => world.agree([ana!, bo!, cy!]));
    world.pass(20_000);
    expect(ana!.sees(mal!)).toBeUndefined();
    expect(world.broken).toEqual([]);
  });
});

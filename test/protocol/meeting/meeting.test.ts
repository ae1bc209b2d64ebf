/** What people do in a meeting and what they are shown: the machine as a whole, in virtual time. */
import { describe, expect, test } from 'vitest';
import { groupNameOf } from '../../../src/protocol/group/names.ts';
import type { RoomKey } from '../../../src/protocol/group/room-keys.ts';
import type { DownlinkItem } from '../../../src/protocol/media/encoded-media.ts';
import { epoch, unixMillis } from '../../../src/protocol/units.ts';
import { fakeCrypto } from '../../harness/group/simulation.ts';
import { TIME_ORIGIN } from '../../harness/simulation/agenda.ts';
import { meet } from '../../harness/simulation/meet.ts';
import { RELAY, SimulatedMeeting, type SimulatedMember } from '../../harness/simulation/simulated-meeting.ts';

/** Ana and Bo, who both send and see each other. */
function pair(): {
  readonly world: SimulatedMeeting;
  readonly ana: SimulatedMember;
  readonly bo: SimulatedMember;
} {
  const world = new SimulatedMeeting();
  const [ana, bo] = meet(world, 'Ana', 'Bo');
  if (ana === undefined || bo === undefined) throw new Error('two were let in');
  ana.goLive();
  bo.goLive();
  ana.feed({ kind: 'watch', participants: [bo.id] });
  bo.feed({ kind: 'watch', participants: [ana.id] });
  world.pass(200);
  return { world, ana, bo };
}

/** What goes down to a renderer while something happens. */
function during(member: SimulatedMember, run: () => void): DownlinkItem[] {
  const before = member.received.length;
  run();
  return member.received.slice(before);
}
const kindsOf = (items: readonly DownlinkItem[]): string[] => items.map(({ kind }) => kind);
const chunks = (items: readonly DownlinkItem[]): boolean[] =>
  items.flatMap((item) => (item.kind === 'chunk' && item.media === 'video' ? [item.keyframe] : []));
const OPUS = { kind: 'audio', codec: 'opus', sampleRate: 48_000, channels: 1 } as const;

describe('what is sent', () => {
  test('is what is switched on: the others see what is not', () => {
    const { world, ana, bo } = pair();
    bo.speak('on');
    bo.show('on');
    world.pass(100);
    expect([ana.sees(bo)?.audio, ana.sees(bo)?.video]).toEqual(['live', 'live']);
    expect(bo.sees(bo)).toMatchObject({ self: true, audio: 'live', video: 'live', leaving: false });
    bo.feed({ kind: 'sending', sending: { microphone: false, camera: true } });
    bo.speak('off');
    bo.show('still on');
    world.pass(100);
    expect([ana.got(bo, 'audio'), ana.got(bo, 'video')]).toEqual([['on'], ['on', 'still on']]);
    expect(bo.view.sending).toEqual({ microphone: false, camera: true });
    expect(bo.sees(bo)).toMatchObject({ audio: 'off', video: 'live' });
    world.pass(4_000);
    expect(ana.sees(bo)?.audio).toBe('off');
  });

  test('is said to be over at once, by its switch or by its encoder', () => {
    const { world, ana, bo } = pair();
    const over = (run: () => void): string[] =>
      kindsOf(
        during(ana, () => {
          run();
          world.pass(100);
        }),
      );
    expect(
      over(() => {
        bo.feed({ kind: 'uplink', item: { kind: 'uplink-off', media: 'video' } });
      }),
    ).toEqual(['track-off']);
    expect(
      over(() => {
        bo.feed({ kind: 'sending', sending: { microphone: false, camera: true } });
      }),
    ).toEqual(['track-off']);
    // Switched off once is off: there is nothing to say again.
    expect(
      over(() => {
        bo.feed({ kind: 'sending', sending: { microphone: false, camera: false } });
      }),
    ).toEqual([]);
  });

  test('is announced with each change of its encoder', () => {
    const { world, ana, bo } = pair();
    const items = during(ana, () => {
      bo.feed({
        kind: 'uplink',
        item: { kind: 'uplink-config', config: { ...OPUS, channels: 2 }, bitrate: 64_000 },
      });
      world.pass(100);
    });
    expect(items).toEqual([{ kind: 'track-on', participant: bo.id, config: { ...OPUS, channels: 2 } }]);
  });

  test('goes on where it was when only its encoder changes', () => {
    const { world, ana, bo } = pair();
    bo.show('key');
    bo.goLive();
    bo.show('delta');
    world.pass(100);
    expect(ana.got(bo, 'video')).toEqual(['key', 'delta']);
  });

  test('begins anew with a key frame when the camera is on again', () => {
    const { world, ana, bo } = pair();
    bo.show('one');
    bo.feed({ kind: 'uplink', item: { kind: 'uplink-off', media: 'video' } });
    bo.goLive();
    // Not a key frame: it cannot be decoded, and one is asked for instead.
    bo.show('two');
    bo.show('three');
    world.pass(100);
    expect(ana.got(bo, 'video')).toEqual(['one', 'three']);
  });
});

describe('a key frame', () => {
  test('is asked of whom a decoder needs one of, and comes', () => {
    const { world, ana, bo } = pair();
    bo.show('key');
    bo.show('delta');
    world.pass(1_000);
    const items = during(ana, () => {
      ana.feed({ kind: 'feedback', feedback: { kind: 'keyframe-needed', participant: bo.id } });
      world.pass(100);
      bo.show('key');
      bo.show('delta');
      world.pass(100);
    });
    expect(chunks(items)).toEqual([true, false]);
  });

  test('is wanted for a renderer that has just begun, which is told what is on', () => {
    const { ana, bo } = pair();
    const items = during(ana, () => {
      ana.feed({ kind: 'announce' });
    });
    expect(items).toMatchObject([
      { kind: 'track-on', participant: bo.id, config: { kind: 'audio' } },
      { kind: 'track-on', participant: bo.id, config: { kind: 'video' } },
      { kind: 'keyframe-wanted' },
    ]);
  });

  test('is wanted when somebody is watched from now on', () => {
    const { world, ana, bo } = pair();
    ana.feed({ kind: 'watch', participants: [] });
    world.pass(100);
    bo.show('unseen');
    world.pass(100);
    expect(ana.got(bo, 'video')).toEqual([]);
    const items = during(bo, () => {
      ana.feed({ kind: 'watch', participants: [bo.id] });
      world.pass(100);
    });
    expect(kindsOf(items)).toContain('keyframe-wanted');
    bo.show('seen');
    world.pass(100);
    expect(ana.got(bo, 'video')).toEqual(['seen']);
  });

  test('is not needed of somebody who is watched before coming', () => {
    const world = new SimulatedMeeting();
    const [ana] = meet(world, 'Ana');
    const bo = world.join('Bo');
    ana?.feed({ kind: 'watch', participants: [bo.id] });
    world.until('Bo is in', () => world.agree());
    bo.goLive();
    world.pass(200);
    bo.show('seen');
    world.pass(100);
    expect(ana?.got(bo, 'video')).toEqual(['seen']);
  });
});

test('long queues ask the encoder for fewer bits, for five seconds after the last', () => {
  const { world, ana, bo } = pair();
  const rates = (): (number | undefined)[] =>
    bo.received.flatMap((item) => (item.kind === 'video-bitrate' ? [item.bitsPerSecond] : []));
  const jam = (): void => {
    bo.queuedBytes = 10_000_000;
    bo.show('jam');
    bo.show('jam');
    bo.queuedBytes = 0;
    world.pass(100);
  };
  jam();
  expect(rates()).toEqual([250_000]);
  world.pass(3_000);
  jam();
  expect(rates()).toEqual([250_000, 250_000]);
  world.pass(4_500);
  expect(rates()).toHaveLength(2);
  world.pass(1_000);
  expect(rates()).toEqual([250_000, 250_000, undefined]);
  world.pass(20_000);
  expect(rates()).toHaveLength(3);
  bo.show('through');
  world.pass(100);
  expect(ana.got(bo, 'video').at(-1)).toBe('through');
});

describe('people', () => {
  test('are known by the name that they give themselves', () => {
    const { world, ana, bo } = pair();
    expect(ana.sees(bo)?.displayName).toBe('Bo');
    bo.feed({ kind: 'rename', displayName: 'Boris' });
    world.pass(100);
    expect(ana.sees(bo)?.displayName).toBe('Boris');
  });

  test('who are not there cannot be removed', () => {
    const { world, ana, bo } = pair();
    const { epoch } = ana;
    ana.feed({ kind: 'kick', participant: 'nobody' });
    ana.feed({ kind: 'kick', participant: ana.id });
    world.pass(2_000);
    expect([ana.epoch, bo.epoch, world.agree()]).toEqual([epoch, epoch, true]);
  });

  test('see the history of their keys, who came, and since when', () => {
    const { world, ana, bo } = pair();
    expect(
      ana.view.history.map(({ epoch, change }) => [epoch, change.added.length, change.removed.length]),
    ).toEqual([
      [0n, 0, 0],
      [1n, 1, 0],
    ]);
    expect(bo.view.history.map(({ epoch }) => epoch)).toEqual([1n]);
    expect(ana.view.history.at(-1)?.securityCode).toBe(bo.view.history.at(-1)?.securityCode);
    expect(ana.view.history[1]?.securityCode).not.toBe(ana.view.history[0]?.securityCode);
    expect(ana.group?.participants.map(({ joinedEpoch, self }) => [joinedEpoch, self])).toEqual([
      [0n, true],
      [1n, false],
    ]);
    world.join('Cy');
    world.until('Cy is in', () => world.agree());
    expect(ana.group?.participants.map(({ joinedEpoch }) => joinedEpoch)).toEqual([0n, 1n, 2n]);
    expect([ana.view.step, ana.view.connection]).toEqual([bo.view.step, { kind: 'connected', relay: RELAY }]);
  });

  test('are shown what changes at most every 50 ms, and what the last change led to', () => {
    const { world, ana, bo } = pair();
    ana.shownAt.length = 0;
    for (let at = 0; at < 100; at += 1) {
      bo.feed({ kind: 'rename', displayName: `Bo ${String(at)}` });
      world.pass(3);
    }
    world.pass(100);
    const gaps = ana.shownAt.slice(1).map((at, index) => at - (ana.shownAt[index] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(50);
    expect(ana.shownAt.length).toBeGreaterThan(4);
    expect(ana.sees(bo)?.displayName).toBe('Bo 99');
  });

  test('are not shown again what has not changed', () => {
    const { world, ana, bo } = pair();
    bo.speak('a word, after which nothing is said');
    world.pass(10_000);
    expect(ana.sees(bo)?.audio).not.toBe('live');
    ana.shownAt.length = 0;
    world.pass(3_000);
    // Somebody may have said who it is.
    expect(ana.shownAt.length).toBeLessThan(3);
  });
});

describe('before we are a member', () => {
  test('nothing can be done to others, and what is wished for holds afterwards', () => {
    const world = new SimulatedMeeting();
    const [ana] = meet(world, 'Ana');
    if (ana === undefined) throw new Error('one was let in');
    ana.goLive();
    world.counter.reachable = false;
    const bo = world.join('Bo');
    expect(bo.view).toMatchObject({ step: 'seeking', group: undefined, history: [], end: undefined });
    bo.goLive();
    bo.speak('to nobody');
    bo.feed({ kind: 'uplink', item: { kind: 'uplink-off', media: 'video' } });
    bo.feed({ kind: 'sending', sending: { microphone: true, camera: false } });
    bo.feed({ kind: 'rename', displayName: 'Boris' });
    bo.feed({ kind: 'watch', participants: [ana.id] });
    bo.feed({ kind: 'kick', participant: ana.id });
    bo.feed({ kind: 'feedback', feedback: { kind: 'keyframe-needed', participant: ana.id } });
    bo.feed({ kind: 'announce' });
    world.pass(1_000);
    expect(bo.received).toEqual([{ kind: 'keyframe-wanted' }]);
    world.counter.reachable = true;
    world.until('Bo is in', () => world.agree([ana, bo]));
    world.pass(200);
    bo.speak('to Ana');
    ana.show('to Bo');
    world.pass(100);
    expect(ana.sees(bo)).toMatchObject({ displayName: 'Boris', video: 'off' });
    expect([ana.got(bo, 'audio'), bo.got(ana, 'video')]).toEqual([['to Ana'], ['to Bo']]);
  });

  test('a session may be lost: tracks that it offered are forgotten with it', () => {
    const world = new SimulatedMeeting();
    const [ana] = meet(world, 'Ana');
    if (ana === undefined) throw new Error('one was let in');
    ana.goLive();
    const bo = world.join('Bo');
    world.until('there is a session', () => bo.view.connection.kind === 'connected');
    world.killRelay();
    world.until('it is noticed', () => bo.view.connection.kind === 'connecting');
    world.startRelay();
    world.until('Bo is in', () => world.agree([ana, bo]));
    world.pass(1_000);
    ana.speak('to Bo');
    world.pass(100);
    expect(bo.got(ana, 'audio')).toEqual(['to Bo']);
  });

  test('leaving is done at once', () => {
    const world = new SimulatedMeeting();
    world.counter.reachable = false;
    const ana = world.join('Ana');
    world.until('there is a session', () => ana.view.connection.kind === 'connected');
    ana.feed({ kind: 'leave' });
    world.pass(100);
    expect([ana.view.end, ana.hasEnded]).toEqual(['left', true]);
  });
});

describe('a relay', () => {
  test('that cannot be reached is passed over, and people are told where we are', () => {
    const world = new SimulatedMeeting({
      relays: [
        { url: 'moqt://dead.test/', pass: true },
        { url: RELAY, pass: true },
      ],
    });
    const ana = world.join('Ana');
    expect(ana.view.connection).toEqual({
      kind: 'connecting',
      relay: 'moqt://dead.test/',
      attempt: 1,
      refused: false,
    });
    world.until('there is a session', () => ana.view.connection.kind === 'connected', 2_000);
    expect(ana.view.connection).toEqual({ kind: 'connected', relay: RELAY });
  });

  test('that dies and comes back is met again: what is sent then is heard', () => {
    const { world, ana, bo } = pair();
    bo.speak('before');
    world.pass(100);
    world.killRelay();
    world.until('it is noticed', () => [ana, bo].every(({ view }) => view.connection.kind === 'connecting'));
    bo.speak('to nobody');
    world.startRelay();
    world.until('it is met', () => [ana, bo].every(({ view }) => view.connection.kind === 'connected'));
    world.pass(500);
    bo.speak('after');
    bo.show('anew');
    world.pass(100);
    expect([ana.got(bo, 'audio'), ana.got(bo, 'video')]).toEqual([['before', 'after'], ['anew']]);
    expect(world.broken).toEqual([]);
  });
});

test('who was away too long is replaced, joins again by itself, and is heard on new tracks', () => {
  const { world, ana, bo } = pair();
  const before = bo.group?.senderId;
  bo.reachesRelay = false;
  world.cut(bo, 40_000);
  world.until('Bo is removed', () => world.agree([ana]));
  bo.reachesRelay = true;
  world.until('Bo is in again', () => world.agree([ana, bo]), 60_000);
  expect(bo.group?.senderId).not.toEqual(before);
  world.pass(500);
  // Whoever is back is heard once the microphone is on again.
  bo.speak('to myself');
  world.pass(100);
  bo.goLive();
  bo.speak('again');
  ana.speak('welcome');
  world.pass(100);
  expect([ana.got(bo, 'audio'), bo.got(ana, 'audio')]).toEqual([['again'], ['welcome']]);
  expect(world.broken).toEqual([]);
});

describe('who is removed for good', () => {
  test('is told, and whoever did it hears when the key asks again', () => {
    const { world, ana, bo } = pair();
    ana.feed({ kind: 'kick', participant: bo.id });
    world.until('Bo is out', () => bo.view.end !== undefined && world.agree([ana]));
    expect([bo.view.end, bo.hasEnded, ana.view.attention]).toEqual(['kicked', true, new Set()]);
    bo.kill();
    bo.start();
    world.until('Ana hears of it', () => ana.view.attention.has('kicked-asks'));
    expect([...ana.view.attention]).toEqual(['kicked-asks']);
  });
});

test('a newer generation of the room is told to those who are well in theirs', () => {
  const world = new SimulatedMeeting({ mode: 'plain' });
  const [ana] = meet(world, 'Ana', 'Bo');
  const group = groupNameOf(world.signer.publicKey as RoomKey, 1, fakeCrypto);
  const ignore = (): void => undefined;
  const lock = { group, request: { mode: 'plain', val: epoch(0n) } } as const;
  world.counter.ask({ kind: 'lock', input: lock }, undefined, ignore);
  const increment = { group, request: { mode: 'plain' } } as const;
  world.counter.ask({ kind: 'increment', input: increment }, undefined, ignore);
  world.pass(70_000);
  expect([[...(ana?.view.attention ?? [])], world.agree()]).toEqual([['newer-generation'], true]);
});

describe('a disk that fails', () => {
  test('is told until it works again', () => {
    const world = new SimulatedMeeting();
    const ana = world.join('Ana');
    ana.failDisk(true);
    world.until('it is told', () => ana.view.attention.has('store-failing'));
    ana.failDisk(false);
    world.until('we are in', () => ana.group !== undefined);
    expect([...ana.view.attention]).toEqual([]);
  });

  test('and works again is not told any more, though the keys cannot change yet', () => {
    const { world, ana, bo } = pair();
    bo.failDisk(true);
    ana.feed({ kind: 'leave' });
    world.until('it is told', () => bo.view.attention.has('store-failing'));
    const { epoch: before } = bo;
    world.counter.reachable = false;
    bo.failDisk(false);
    world.until('it is not told any more', () => bo.view.attention.size === 0, 2_000);
    expect(bo.epoch).toBe(before);
    world.counter.reachable = true;
    world.until('the keys change', () => bo.epoch !== before);
  });

  test('for a while only is not told to whoever leaves after that', () => {
    const world = new SimulatedMeeting();
    const ana = world.join('Ana');
    ana.failDisk(true);
    world.until('it is told', () => ana.view.attention.has('store-failing'));
    ana.feed({ kind: 'leave' });
    ana.failDisk(false);
    world.until('it is left', () => ana.hasEnded);
    expect([ana.view.end, [...ana.view.attention], ana.hasSaved]).toEqual(['left', [], false]);
  });

  test('keeps nobody in a meeting that is to be left for longer than three seconds', () => {
    const world = new SimulatedMeeting();
    const [ana] = meet(world, 'Ana');
    if (ana === undefined) throw new Error('one was let in');
    world.until('there is a session', () => ana.view.connection.kind === 'connected');
    ana.failDisk(true);
    ana.feed({ kind: 'leave' });
    world.pass(3_000);
    expect(ana.view.end).toBeUndefined();
    world.pass(100);
    expect([ana.view.end, [...ana.view.attention], ana.hasSaved]).toEqual(['left', ['store-failing'], true]);
  });
});

describe('a meeting that is over', () => {
  test('by leaving is said to the others first, and nothing else any more', () => {
    const { world, ana, bo } = pair();
    bo.feed({ kind: 'leave' });
    bo.feed({ kind: 'leave' });
    bo.feed({ kind: 'sending', sending: { microphone: true, camera: true } });
    bo.speak('after');
    expect(bo.view.end).toBeUndefined();
    world.until('Ana sees it go', () => ana.sees(bo)?.leaving === true, 100);
    expect(bo.view.sending).toEqual({ microphone: false, camera: false });
    expect(ana.received.filter(({ kind }) => kind === 'track-off')).toHaveLength(2);
    // The others answer by removing us, which is the end.
    world.until('Bo is out', () => bo.view.end === 'left', 1_000);
    expect([ana.got(bo, 'audio'), bo.hasSaved, world.agree([ana])]).toEqual([[], false, true]);
  });

  test('by leaving where nobody answers is over two seconds later', () => {
    const { world, ana, bo } = pair();
    ana.kill();
    bo.feed({ kind: 'leave' });
    world.pass(1_900);
    expect(bo.view.end).toBeUndefined();
    world.pass(200);
    expect([bo.view.end, bo.hasSaved]).toEqual(['left', false]);
  });

  test('by leaving waits for the transport, but not for long', () => {
    for (const flushes of [true, false]) {
      const world = new SimulatedMeeting();
      const [ana] = meet(world, 'Ana');
      if (ana === undefined) throw new Error('one was let in');
      world.until('there is a session', () => ana.view.connection.kind === 'connected');
      ana.flushes = flushes;
      const [former] = ana.links.keys();
      // Nobody has asked, and then that of another connection.
      if (former !== undefined) ana.feed({ kind: 'flushed', connection: former });
      ana.feed({ kind: 'leave' });
      ana.feed({ kind: 'flushed', connection: 99 as NonNullable<typeof former> });
      world.pass(100);
      expect([ana.hasEnded, ana.view.end]).toEqual(flushes ? [true, 'left'] : [false, undefined]);
      world.pass(499);
      expect(ana.hasEnded).toBe(flushes);
      world.pass(20);
      expect([ana.hasEnded, ana.view.end]).toEqual([true, 'left']);
    }
  });

  test('by leaving without a session waits for nothing', () => {
    const world = new SimulatedMeeting();
    const [ana] = meet(world, 'Ana', 'Bo');
    world.killRelay();
    if (ana === undefined) throw new Error('one was let in');
    world.until('it is noticed', () => ana.view.connection.kind === 'connecting');
    ana.flushes = false;
    ana.feed({ kind: 'leave' });
    world.pass(20);
    expect(ana.view.end).toBe('left');
  });

  test('by a fault of our own keeps what rests, and says so once', () => {
    const { world, ana } = pair();
    ana.feed({ kind: 'leave' });
    ana.feed({ kind: 'fault' });
    expect([ana.view.end, ana.hasEnded, ana.hasSaved]).toEqual(['fault', true, true]);
    const { length } = ana.shownAt;
    ana.feed({ kind: 'suspend' });
    ana.feed({ kind: 'leave' });
    world.pass(60_000);
    expect([ana.view.end, ana.shownAt.length, ana.view.group]).toEqual(['fault', length, undefined]);
  });

  test('is over for whoever does not know its media cipher, and rests nowhere', () => {
    const world = new SimulatedMeeting({ cipher: 99 });
    const ana = world.join('Ana');
    world.until('it is over', () => ana.view.end !== undefined);
    expect([ana.view.end, ana.hasSaved, ana.view.history]).toEqual(['unknown-cipher', false, []]);
  });

  test('tells its renderer that everybody is gone, and MLS to forget its groups', () => {
    const { world, bo, ana } = pair();
    const items = during(ana, () => {
      ana.feed({ kind: 'suspend' });
    });
    expect(items).toEqual([
      { kind: 'track-off', participant: bo.id, media: 'audio' },
      { kind: 'track-off', participant: bo.id, media: 'video' },
    ]);
    expect([ana.view.end, ana.hasEnded, ana.hasSaved]).toEqual(['left', true, true]);
    bo.feed({ kind: 'suspend' });
    world.pass(100);
    expect([ana, bo].map(({ mlsHolds }) => mlsHolds)).toEqual(Array(2).fill({ groups: 0, keyPackages: 0 }));
  });
});

test('nobody is told of a wrong clock by a date that is behind what the counter has signed', () => {
  const { world, ana } = pair();
  const told = (behind: number): number | undefined => {
    const now = unixMillis(Math.round(TIME_ORIGIN + world.agenda.now));
    const served = unixMillis(now - behind);
    ana.feed({ kind: 'dated', answer: { served, sentAt: now, receivedAt: now } });
    world.pass(10);
    return ana.view.clockOffset;
  };
  // A proxy's, say, while ours is like the one of the receipts; a date of later is the counter's own.
  expect([told(500_000), told(-500_000)]).toEqual([undefined, -480_000]);
});

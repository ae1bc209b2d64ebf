/** Members that send as others: all have the keys of all, and none the leaf key of another. */
import { describe, expect, test } from 'vitest';
import { encodeUtf8 } from '../../../src/protocol/bytes/utf8.ts';
import { encodeControlMessage } from '../../../src/protocol/group/control.ts';
import {
  classifyTrack,
  controlTrack,
  groupNamespace,
  mediaTrack,
  type GroupName,
  type SenderId,
} from '../../../src/protocol/group/names.ts';
import { encodeLocProperties } from '../../../src/protocol/media/loc.ts';
import { controlInstance, mediaInstance, mediaKindOf } from '../../../src/protocol/meeting/track-instance.ts';
import { groupId, objectId, type FullTrackName } from '../../../src/protocol/moqt/model.ts';
import type { TrackTreatment } from '../../../src/protocol/relay/policy.ts';
import { passAccess } from '../../../src/services/relay/pass-access.ts';
import { meetingTracks } from '../../../src/services/relay/meeting-tracks.ts';
import { fakeCrypto } from '../../harness/group/simulation.ts';
import { forge } from '../../harness/meeting/forge.ts';
import { Intruder, passOf } from '../../harness/simulation/intruder.ts';
import { meetLive } from '../../harness/simulation/meet.ts';
import {
  RELAY_AUTHORITY,
  SimulatedMeeting,
  type SimulatedMember,
} from '../../harness/simulation/simulated-meeting.ts';

/** A relay that lets anybody publish what one member says: one that works together with a member, say. */
const COLLUDING = {
  ...passAccess(() => [RELAY_AUTHORITY], fakeCrypto),
  treatmentOf: (track: FullTrackName): TrackTreatment => ({
    ...meetingTracks.treatmentOf(track),
    exclusive: false,
    firstWins: true,
  }),
};
const PRIORITY = { control: 8, catalog: 16, audio: 32, video: 128 } as const;
type Kind = keyof typeof PRIORITY;
const SOUND = encodeLocProperties({ timestamp: 1n, timescale: 1_000_000n });

function groupOf(member: SimulatedMember): GroupName {
  if (member.group === undefined) throw new Error('nobody is in a group');
  return member.group.group;
}

/** A member with a session of its own, on which it sends as somebody else. */
class Forger extends Intruder {
  readonly #member: SimulatedMember;
  readonly #published = new Map<FullTrackName, ReturnType<Intruder['publish']>>();

  constructor(world: SimulatedMeeting, member: SimulatedMember) {
    super(world, passOf(world));
    this.#member = member;
  }

  /** A track of somebody's, as the relay has it. */
  trackOf(victim: SimulatedMember, kind: Kind): FullTrackName {
    const group = groupOf(this.#member);
    if (this.requests('publish').length === 0) {
      this.session.subscribeTracks(groupNamespace(group), { forward: false });
      this.run();
    }
    const found = this.requests('publish').findLast(({ track }) => {
      const named = classifyTrack(group, track);
      if (named.kind !== 'control' && named.kind !== 'media') return false;
      const isVictims = Buffer.from(named.sender).equals(this.#senderOf(victim));
      return isVictims && (named.kind === 'control' ? 'control' : mediaKindOf(named.instance)) === kind;
    });
    if (found === undefined) throw new Error(`no ${kind} of ${victim.name}`);
    return found.track;
  }

  /** A track under somebody's name that nobody has published before. */
  newTrack(victim: SimulatedMember, kind: Kind, instance = 7): FullTrackName {
    const [group, sender] = [groupOf(this.#member), this.#senderOf(victim)];
    const bytes = new Uint8Array(16).fill(instance);
    return kind === 'control'
      ? controlTrack(group, sender, controlInstance(bytes))
      : mediaTrack(group, sender, mediaInstance(kind, bytes));
  }

  /** Sends as the owner of a track. */
  forge(track: FullTrackName, kind: Kind, group: number, payload: Uint8Array, object = 0): void {
    const { epoch } = this.#member;
    const masterKey = this.#member.memory.findLast(({ view }) => view.epoch === epoch)?.masterKey;
    if (epoch === undefined || masterKey === undefined) throw new Error('has no keys');
    const id = this.#published.get(track) ?? this.publish(track);
    this.#published.set(track, id);
    if (this.refusal(id) !== undefined) throw new Error('the relay refuses it');
    const location = { group: groupId(BigInt(group)), object: objectId(BigInt(object)) };
    const encrypted = kind === 'audio' || kind === 'video' ? { encrypted: SOUND } : {};
    const forged = forge(
      { epoch, masterKey },
      { track, location, priority: PRIORITY[kind], payload, ...encrypted },
    );
    this.session.sendSingleObject(id, forged, false);
    this.drain();
  }

  /** The name of a track of somebody's with something before its instance: nobody has it, and the relay lets anybody use it. */
  besideTrackOf(victim: SimulatedMember, kind: Kind): FullTrackName {
    const { namespace, name } = this.trackOf(victim, kind);
    const field = Buffer.from(namespace.at(-1) ?? []).toString();
    const beside = kind === 'control' ? `x.${field}` : field.replace('.', '.x.');
    return { namespace: [...namespace.slice(0, -1), encodeUtf8(beside)], name };
  }

  #senderOf({ name, group }: SimulatedMember): SenderId {
    const own = group?.participants.find(({ self }) => self);
    if (own === undefined) throw new Error(`${name} is no member`);
    return own.member.senderId;
  }
}

/** How often somebody has spoken: as many groups of sound there are. */
const spoken = new Map<SimulatedMember, number>();

/** All speak for a while. */
function talk(world: SimulatedMeeting, duration: number, ...speakers: readonly SimulatedMember[]): void {
  for (let passed = 0; passed < duration; passed += 20) {
    for (const speaker of speakers) {
      speaker.speak(`${speaker.name} speaks`);
      spoken.set(speaker, (spoken.get(speaker) ?? 0) + 1);
    }
    world.pass(20);
  }
}

function three(world: SimulatedMeeting): [SimulatedMember, SimulatedMember, SimulatedMember] {
  const [ana, bo, mal] = meetLive(world, 'Ana', 'Bo', 'Mal');
  if (ana === undefined || bo === undefined || mal === undefined) throw new Error('nobody came');
  return [ana, bo, mal];
}

const FORGED = encodeUtf8('send the money');
const heard = (listener: SimulatedMember, speaker: SimulatedMember): number =>
  listener.got(speaker, 'audio').filter((text) => text === 'send the money').length;
const own = (listener: SimulatedMember, speaker: SimulatedMember): number =>
  listener.got(speaker, 'audio').length - heard(listener, speaker);
const notices = (member: SimulatedMember): string[] =>
  member.view.notices.flatMap(({ news }) =>
    news.kind === 'forged' ? [Buffer.from(news.member.fingerprint).toString('base64url')] : [],
  );

describe('a member who sends as another', () => {
  test('under a new name of theirs is not heard, while the other sends or is silent', () => {
    const world = new SimulatedMeeting();
    const [ana, bo, mal] = three(world);
    talk(world, 1_000, ana, bo);
    const forger = new Forger(world, mal);
    const track = forger.newTrack(bo, 'audio');
    for (let group = 0; group < 100; group += 1) {
      forger.forge(track, 'audio', group, FORGED);
      talk(world, 20, bo);
    }
    // Bo falls silent, which is when another instance would take over.
    for (let group = 100; group < 250; group += 1) {
      forger.forge(track, 'audio', group, FORGED);
      world.pass(20);
    }
    expect([heard(ana, bo), notices(ana)]).toEqual([0, []]);
    const before = own(ana, bo);
    talk(world, 1_000, bo);
    expect(own(ana, bo)).toBeGreaterThan(before + 40);
    expect(world.broken).toEqual([]);
  });

  test('cannot say under a new name of theirs that they leave', () => {
    const world = new SimulatedMeeting();
    const [ana, bo, mal] = three(world);
    talk(world, 1_000, bo);
    const forger = new Forger(world, mal);
    const epoch = ana.epoch;
    forger.forge(forger.newTrack(bo, 'control'), 'control', 0, encodeControlMessage({ kind: 'leave' }));
    world.pass(5_000);
    expect([ana.epoch, ana.sees(bo)?.leaving]).toEqual([epoch, false]);
  });

  test('under a name beside theirs is not heard, and neither silences them nor has them leave', () => {
    const world = new SimulatedMeeting();
    const [ana, bo, mal] = three(world);
    talk(world, 3_000, bo);
    const forger = new Forger(world, mal);
    const { epoch } = ana;
    const sound = forger.besideTrackOf(bo, 'audio');
    const control = forger.besideTrackOf(bo, 'control');
    // At a place that Bo has spoken of, then far ahead while Bo is silent.
    forger.forge(sound, 'audio', (spoken.get(bo) ?? 0) - 60, FORGED, 1);
    for (let group = 1_000_000; group < 1_000_100; group += 1) {
      forger.forge(sound, 'audio', group, FORGED);
      forger.forge(control, 'control', group, encodeControlMessage({ kind: 'leave' }));
      world.pass(20);
    }
    world.pass(5_000);
    expect([heard(ana, bo), notices(ana), ana.sees(bo)?.doubt]).toEqual([0, [], 'none']);
    expect([ana.epoch, ana.sees(bo)?.leaving]).toEqual([epoch, false]);
    expect(world.broken).toEqual([]);
  });

  test('in their place is noticed within a second: the tile says so, and nothing of them is played', () => {
    const world = new SimulatedMeeting({ policy: COLLUDING });
    const [ana, bo, mal] = three(world);
    talk(world, 1_000, bo);
    const forger = new Forger(world, mal);
    const track = forger.trackOf(bo, 'audio');
    const next = spoken.get(bo) ?? 0;
    // First at the next location, so that Bo's own object there counts for nothing.
    forger.forge(track, 'audio', next, FORGED);
    talk(world, 1_000, bo);
    expect([heard(ana, bo), ana.sees(bo)?.doubt, notices(ana)]).toEqual([1, 'forged', [bo.id]]);
    // Mal, who knows better, is told the same.
    expect(mal.sees(bo)?.doubt).toBe('forged');
    const stopped = own(ana, bo);
    expect(ana.received.findLast((item) => item.kind === 'track-off')).toMatchObject({ participant: bo.id });
    talk(world, 8_000, bo);
    expect([own(ana, bo), ana.sees(bo)?.doubt]).toEqual([stopped, 'forged']);
    // When it has been quiet for long enough, Bo is heard again; the notice stays.
    talk(world, 4_000, bo);
    expect(own(ana, bo)).toBeGreaterThan(stopped + 50);
    expect([ana.sees(bo)?.doubt, notices(ana)]).toEqual(['none', [bo.id]]);
    expect(world.broken).toEqual([]);
  });

  test('between what they sent is noticed at once, and not heard', () => {
    const world = new SimulatedMeeting({ policy: COLLUDING });
    const [ana, bo, mal] = three(world);
    talk(world, 3_000, bo);
    const forger = new Forger(world, mal);
    const sent = spoken.get(bo) ?? 0;
    forger.forge(forger.trackOf(bo, 'audio'), 'audio', sent - 60, FORGED, 1);
    talk(world, 100, bo);
    expect([heard(ana, bo), ana.sees(bo)?.doubt]).toEqual([0, 'forged']);
  });

  test('at a place that is long past is not heard', () => {
    const world = new SimulatedMeeting({ policy: COLLUDING });
    const [ana, bo, mal] = three(world);
    talk(world, 11_000, bo);
    const forger = new Forger(world, mal);
    forger.forge(forger.trackOf(bo, 'audio'), 'audio', (spoken.get(bo) ?? 0) - 500, FORGED, 1);
    talk(world, 500, bo);
    expect([heard(ana, bo), ana.sees(bo)?.doubt]).toEqual([0, 'none']);
  });

  test('is silenced with them for longer each time, and not beyond a removal', () => {
    const world = new SimulatedMeeting({ policy: COLLUDING });
    const [ana, bo, mal] = three(world);
    talk(world, 3_000, bo);
    const forger = new Forger(world, mal);
    const track = forger.trackOf(bo, 'audio');
    const attack = (): void => {
      forger.forge(track, 'audio', (spoken.get(bo) ?? 0) - 50, FORGED, 1);
      talk(world, 500, bo);
    };
    attack();
    talk(world, 12_000, bo);
    expect(ana.sees(bo)?.doubt).toBe('none');
    attack();
    talk(world, 12_000, bo);
    expect(ana.sees(bo)?.doubt).toBe('forged');
    talk(world, 10_000, bo);
    expect(ana.sees(bo)?.doubt).toBe('none');
    attack();
    expect([ana.sees(bo)?.doubt, notices(ana).length]).toEqual(['forged', 3]);
    ana.feed({ kind: 'kick', participant: mal.id });
    world.until('Mal is out', () => ana.group?.participants.length === 2);
    talk(world, 1_000, bo);
    expect([ana.sees(bo)?.doubt, heard(ana, bo)]).toEqual(['none', 0]);
  });
});

describe('media that is not confirmed', () => {
  test('since what its owner states is not signed is stopped after three seconds, without a word about forging', () => {
    const world = new SimulatedMeeting();
    const [ana, bo] = three(world);
    talk(world, 1_000, bo);
    bo.signs = false;
    talk(world, 3_000, bo);
    const stopped = own(ana, bo);
    expect(stopped).toBeGreaterThan(150);
    talk(world, 2_000, bo);
    expect([ana.sees(bo)?.doubt, notices(ana)]).toEqual(['unconfirmed', []]);
    expect(own(ana, bo)).toBeLessThan(stopped + 50);
    bo.signs = true;
    // What was never confirmed is forgotten first.
    talk(world, 8_000, bo);
    expect(ana.sees(bo)?.doubt).toBe('none');
    expect(own(ana, bo)).toBeGreaterThan(stopped + 50);
  });

  test('of somebody who never stated anything is stopped, too', () => {
    const world = new SimulatedMeeting();
    const ana = world.join('Ana');
    const bo = world.join('Bo');
    bo.signs = false;
    world.until('both are in', () => world.agree());
    bo.goLive();
    talk(world, 5_000, bo);
    expect(ana.sees(bo)?.doubt).toBe('unconfirmed');
    expect(own(ana, bo)).toBeGreaterThan(0);
    expect(own(ana, bo)).toBeLessThan(200);
  });
});

describe('nobody is in doubt', () => {
  const networks = [
    { latency: 80, lossPercent: 20 },
    { latency: 250, lossPercent: 5 },
  ];

  test.each(networks)('while members come, go and are cut off, over %o', (network) => {
    const world = new SimulatedMeeting({ network, seed: network.latency });
    const [ana, bo, cy] = meetLive(world, 'Ana', 'Bo', 'Cy');
    if (ana === undefined || bo === undefined || cy === undefined) throw new Error('nobody came');
    const all = [ana, bo, cy];
    ana.feed({ kind: 'watch', participants: [bo.id, cy.id] });
    const live = (duration: number): void => {
      for (let passed = 0; passed < duration; passed += 20) {
        for (const member of all.filter(({ isRunning }) => isRunning)) {
          member.speak('word');
          if (passed % 60 === 0) member.show('picture');
        }
        world.pass(20);
      }
    };
    live(2_000);
    const dan = world.join('Dan');
    live(3_000);
    dan.goLive();
    all.push(dan);
    live(2_000);
    // Keys change in the middle of a half second, with a removal.
    cy.feed({ kind: 'leave' });
    live(3_000);
    // Too short to lose the session; then long enough.
    world.cut(bo, 3_000);
    live(5_000);
    world.cut(ana, 8_000);
    live(14_000);
    ana.feed({ kind: 'watch', participants: [] });
    live(700);
    ana.feed({ kind: 'watch', participants: [bo.id] });
    live(2_000);
    dan.sleep(2_500, false);
    live(5_000);
    bo.kill();
    live(500);
    bo.start();
    live(6_000);
    bo.goLive();
    live(5_000);
    ana.feed({ kind: 'renew' });
    live(3_000);
    expect(world.doubts).toEqual([]);
    expect(world.broken).toEqual([]);
    expect(own(ana, bo)).toBeGreaterThan(500);
    expect(ana.got(bo, 'video').length).toBeGreaterThan(10);
  });
});

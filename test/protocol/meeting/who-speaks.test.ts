/** Members that send as others: all have the keys of all, and none the leaf key of another. */
import { describe, expect, test } from 'vitest';
import { encodeControlMessage } from '../../../src/protocol/group/control.ts';
import type { FullTrackName } from '../../../src/protocol/moqt/model.ts';
import type { TrackTreatment } from '../../../src/protocol/relay/policy.ts';
import { passAccess } from '../../../src/services/relay/pass-access.ts';
import { meetingTracks } from '../../../src/services/relay/meeting-tracks.ts';
import { fakeCrypto } from '../../harness/group/simulation.ts';
import { Forger } from '../../harness/simulation/forger.ts';
import { meetLive } from '../../harness/simulation/meet.ts';
import { RELAY_AUTHORITY, SimulatedMeeting } from '../../harness/simulation/simulated-meeting.ts';
import { FORGED, heard, notices, own, spoken, talk, three } from './who-speaks-scene.ts';

/** A relay that lets anybody publish what one member says: one that works together with a member, say. */
const COLLUDING = {
  ...passAccess(() => [RELAY_AUTHORITY], fakeCrypto),
  treatmentOf: (track: FullTrackName): TrackTreatment => ({
    ...meetingTracks.treatmentOf(track),
    exclusive: false,
    firstWins: true,
  }),
};
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

  test('under the names that they had is not heard, while they are cut off, nor by whoever was cut off with them', () => {
    const world = new SimulatedMeeting();
    const [ana, bo, mal] = three(world);
    talk(world, 1_000, bo);
    const forger = new Forger(world, mal);
    const tracks = { audio: forger.trackOf(bo, 'audio'), control: forger.trackOf(bo, 'control') };
    for (const away of [ana, bo]) {
      away.reachesRelay = false;
      world.cut(away, 60_000);
    }
    // Until the relay has noticed.
    world.pass(7_000);
    const send = (duration: number, from: number): void => {
      for (let group = from; group < from + duration / 20; group += 1) {
        forger.forge(tracks.audio, 'audio', group, FORGED);
        forger.forge(tracks.control, 'control', group, encodeControlMessage({ kind: 'leave' }));
        world.pass(20);
      }
    };
    send(3_000, 1_000);
    ana.reachesRelay = true;
    world.until('Ana is back', () => ana.view.connection.kind === 'connected');
    send(3_000, 2_000);
    expect([heard(ana, bo), heard(mal, bo), ana.sees(bo)?.leaving]).toEqual([0, 0, false]);
    bo.reachesRelay = true;
    world.until('Bo is back', () => bo.view.connection.kind === 'connected');
    const before = own(ana, bo);
    talk(world, 1_000, bo);
    expect(own(ana, bo) - before).toBeGreaterThan(20);
    expect([heard(ana, bo), notices(ana), world.broken]).toEqual([0, [], []]);
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

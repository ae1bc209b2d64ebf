import { beforeEach, describe, expect, test } from 'vitest';
import { encodeUtf8 } from '../../../src/protocol/bytes/utf8.ts';
import { encodeControlMessage } from '../../../src/protocol/group/control.ts';
import { commitTrack, mediaTrack } from '../../../src/protocol/group/names.ts';
import { encodeCatalog } from '../../../src/protocol/media/catalog.ts';
import type { PublishOffer } from '../../../src/protocol/moqt/client/client-api.ts';
import { RequestErrorCode } from '../../../src/protocol/moqt/codes.ts';
import { leafIndex, type Member } from '../../../src/protocol/group/roster.ts';
import type { MeetingCore } from '../../../src/protocol/meeting/core.ts';
import type { EpochBegun } from '../../../src/protocol/meeting/group-events.ts';
import type { MeetingKeys } from '../../../src/protocol/meeting/meeting-keys.ts';
import { Members, participantIdOf, SILENT_AFTER_MS } from '../../../src/protocol/meeting/members.ts';
import { timeOfTrack } from '../../../src/protocol/meeting/track-instance.ts';
import { epoch, millis } from '../../../src/protocol/units.ts';
import { joinId } from '../../harness/group/membership.ts';
import { downlinkOf, meetingCore } from '../../harness/meeting/core.ts';
import { controlOf, GROUP, mediaOf, person, senderOf } from './people.ts';
import { beginEpoch, meetingKeys, PublishedTrack } from './published-track.ts';

const OWN_LEAF = leafIndex(0);
const SELF = person(0);
const BO = person(1);
/** After its second join. */
const BO_AGAIN = person(1, 2);

const hello = (displayName: string): Uint8Array =>
  encodeControlMessage({ kind: 'hello', displayName, microphone: true, camera: true });

let core: MeetingCore;
let keys: MeetingKeys;
let members: Members;
let log: string[];
beforeEach(() => {
  log = [];
  core = meetingCore();
  keys = meetingKeys();
  members = new Members(
    GROUP,
    {
      core,
      keys,
      link: { client: undefined },
      notices: {
        memberLeft: (leaf) => log.push(`left ${String(leaf)}`),
        memberVanished: (leaf) => log.push(`vanished ${String(leaf)}`),
        memberAlive: (leaf) => log.push(`alive ${String(leaf)}`),
        requestUpdate: () => log.push('update'),
        epochSeen: (of) => log.push(`seen ${String(of)}`),
        removalJudged: (counts) => log.push(`removal judged ${String(counts)}`),
      },
    },
    {
      control: ({ member: { leaf } }, message) =>
        log.push(`${String(leaf)} ${message.kind === 'hello' ? message.displayName : message.kind}`),
      keyframeNeeded: ({ id }) => log.push(`keyframe ${id === participantIdOf(BO) ? 'Bo' : id}`),
      ahead: () => log.push('ahead'),
      forged: ({ id }) => log.push(`forged ${id}`),
    },
  );
});

/** Lets time pass. */
function pass(duration: number): void {
  core.tasks.advance(core.tasks.after(duration));
}

function begin(of: bigint, roster: readonly Member[], removed: readonly Member[] = []): void {
  beginEpoch(keys, of, core.tasks.now);
  members.epochBegan({
    epoch: epoch(of),
    roster,
    ownLeaf: OWN_LEAF,
    change: { added: [], removed, by: undefined, time: 0 },
  } as unknown as EpochBegun);
}

describe('tracks of others', () => {
  test('wait for the tree to name their sender', () => {
    const track = controlOf(BO, 1, 1);
    begin(0n, [SELF]);
    members.offered(track.offer());
    expect([track.accepted, track.rejected]).toEqual([undefined, 0]);
    begin(1n, [SELF, BO]);
    expect(track.accepted).toEqual({ forward: true, subscriberPriority: 8 });
    track.send(1n, hello('Bo'));
    expect(members.get(participantIdOf(BO))?.displayName).toBe('Bo');
  });

  test('of nobody in the tree wait in bounded number; what is no track of a meeting is refused', () => {
    begin(0n, [SELF]);
    // Of each of two hundred people 21 tracks.
    const strangers = Array.from({ length: 4_200 }, (_, at) =>
      controlOf(person((at % 200) + 2), 1, at % 256),
    );
    for (const track of strangers) members.offered(track.offer());
    expect(strangers.filter(({ rejected }) => rejected === 1)).toEqual(strangers.slice(0, 104));
    const foreign = new PublishedTrack(
      mediaTrack(GROUP, senderOf(BO, 1), encodeUtf8('screen-of-the-future.x')),
    );
    members.offered(foreign.offer());
    expect(foreign.rejected).toBe(1);
  });

  test('of one stranger that are known by their names stay, whatever else is offered in its name', () => {
    begin(0n, [SELF]);
    const own = [controlOf(person(2), 1, 1), mediaOf(person(2), 'audio', 1, 1)];
    core.known.of(participantIdOf(person(2)), joinId(1)).add(timeOfTrack(own[0]!.track) ?? '');
    for (const track of own) members.offered(track.offer());
    for (let at = 0; at < 1_000; at += 1) members.offered(controlOf(person(2), 1, 2 + (at % 250)).offer());
    for (let at = 0; at < 5_000; at += 1)
      members.offered(controlOf(person(3 + (at % 200)), 1, at % 256).offer());
    expect(own.map(({ rejected }) => rejected)).toEqual([0, 0]);
  });

  test('of one stranger wait in small number, and displace nobody else', () => {
    begin(0n, [SELF]);
    const bos = controlOf(BO, 1, 1);
    members.offered(bos.offer());
    const flood = Array.from({ length: 2_000 }, (_, at) => controlOf(person(2), at % 256, at % 255));
    for (const track of flood) members.offered(track.offer());
    expect(flood.filter(({ rejected }) => rejected === 0)).toEqual(flood.slice(-256));
    begin(1n, [SELF, BO]);
    expect(bos.accepted?.forward).toBe(true);
  });

  test('of as many joiners as one Commit may add all wait for it', () => {
    begin(0n, [SELF]);
    const joiners = Array.from({ length: 250 }, (_, at) => person(at + 1));
    const tracks = joiners.flatMap((each) => [
      controlOf(each, 1, 1),
      ...(['catalog', 'audio', 'video'] as const).map((kind) => mediaOf(each, kind)),
    ]);
    for (const track of tracks) members.offered(track.offer());
    begin(1n, [SELF, ...joiners]);
    expect(tracks.filter(({ accepted }) => accepted === undefined)).toEqual([]);
  });

  test('are closed at once when their sender is removed', () => {
    begin(0n, [SELF, BO]);
    const track = controlOf(BO, 1, 1);
    members.offered(track.offer());
    track.send(0n, hello('Bo'));
    begin(1n, [SELF], [BO]);
    expect([track.cancelled, members.get(participantIdOf(BO))]).toEqual([1, undefined]);
    track.send(0n, hello('Ghost'));
    expect(log).toEqual(['1 Bo']);
  });

  test('of a join that overtakes its Commit are not lost with the old leaf', () => {
    begin(0n, [SELF, BO]);
    const old = controlOf(BO, 1, 1);
    members.offered(old.offer());
    old.send(0n, hello('Bo'));
    const fresh = controlOf(BO, 2, 2);
    members.offered(fresh.offer());
    expect(fresh.accepted).toBeUndefined();
    begin(1n, [SELF, { ...BO_AGAIN, leaf: leafIndex(3) }], [BO]);
    expect([old.cancelled, fresh.accepted?.forward, fresh.cancelled]).toEqual([1, true, 0]);
    fresh.send(1n, hello('Bo again'));
    expect(log).toEqual(['1 Bo', '3 Bo again']);
  });

  test('of a dead process and of a living one may be offered in any order: the one that talks counts', () => {
    begin(0n, [SELF, BO]);
    const [living, dead] = [controlOf(BO, 1, 2), controlOf(BO, 1, 1)];
    members.offered(living.offer());
    members.offered(dead.offer());
    living.send(0n, hello('Bo'));
    dead.owner?.done(2, 'gone');
    living.send(0n, hello('Bo still'));
    expect([living.cancelled, log]).toEqual([0, ['1 Bo', '1 Bo still']]);
  });

  test('of a member that came back take over when the former one is quiet, and not before', () => {
    begin(0n, [SELF, BO]);
    const [first, second] = [controlOf(BO, 1, 1), controlOf(BO, 1, 2)];
    members.offered(first.offer());
    members.offered(second.offer());
    first.send(0n, hello('first'));
    second.send(0n, hello('second'));
    pass(1_001);
    second.send(0n, hello('second'));
    expect(log).toEqual(['1 first', '1 second']);
  });

  test('of another join than the tree has wait for it, however quiet the member is', () => {
    begin(0n, [SELF, BO]);
    const fresh = controlOf(BO, 2, 2);
    members.offered(fresh.offer());
    pass(10_000);
    members.tick(millis(0));
    expect(fresh.accepted).toBeUndefined();
    begin(1n, [SELF, BO_AGAIN], [BO]);
    expect(fresh.accepted).toEqual({ forward: true, subscriberPriority: 8 });
  });

  test('that wait are forgotten with the session, and given back with the join', () => {
    begin(0n, [SELF]);
    const [lost, kept] = [controlOf(BO, 1, 1), controlOf(BO, 1, 2)];
    members.offered(lost.offer());
    members.detach();
    members.offered(kept.offer());
    expect(members.close().map(({ track }) => track)).toEqual([kept.track]);
    begin(1n, [SELF, BO]);
    expect([lost, kept].map(({ accepted, rejected }) => [accepted, rejected])).toEqual([
      [undefined, 0],
      [undefined, 0],
    ]);
  });

  test('that nobody here may have are refused as what they are', () => {
    begin(0n, [SELF]);
    const refusals: unknown[] = [];
    const refused = (track: PublishedTrack): PublishOffer => ({
      ...track.offer(),
      reject: (refusal) => refusals.push(refusal),
    });
    members.offered(refused(new PublishedTrack(commitTrack(GROUP))));
    for (let at = 0; at < 257; at += 1) members.offered(refused(controlOf(BO, 1, at % 256)));
    expect(refusals).toEqual([
      { code: RequestErrorCode.UNINTERESTED, reason: 'not a track of this meeting' },
      { code: RequestErrorCode.UNINTERESTED, reason: 'not a member' },
    ]);
  });

  test('make later epochs known', () => {
    begin(0n, [SELF, BO]);
    const track = controlOf(BO, 1, 1);
    members.offered(track.offer());
    track.send(5n, hello('Bo'));
    expect(log).toEqual(['seen 5', 'ahead']);
    begin(5n, [SELF, BO]);
    expect(log).toEqual(['seen 5', 'ahead', '1 Bo']);
  });
});

describe('pictures', () => {
  test('that are wanted late begin with a key frame', () => {
    begin(0n, [SELF, BO]);
    const track = mediaOf(BO, 'video');
    members.offered(track.offer());
    members.watch(new Set([participantIdOf(BO)]));
    members.watch(new Set([participantIdOf(BO)]));
    expect(log).toEqual(['keyframe Bo']);
    expect([track.accepted?.forward, track.updates]).toEqual([false, [{ forward: true }]]);
  });

  test('of somebody who is watched are wanted from the first on, though the tree names it later', () => {
    begin(0n, [SELF]);
    members.watch(new Set([participantIdOf(BO)]));
    const track = mediaOf(BO, 'video');
    members.offered(track.offer());
    begin(1n, [SELF, BO]);
    expect([track.accepted?.forward, log]).toEqual([true, []]);
  });
});

describe('members', () => {
  test('are here since their join, and anew when they join again', () => {
    const id = participantIdOf(BO);
    begin(0n, [SELF]);
    begin(1n, [SELF, BO]);
    begin(2n, [SELF, BO]);
    expect([members.joinedEpoch(participantIdOf(SELF)), members.joinedEpoch(id)]).toEqual([0n, 1n]);
    members.left(id);
    begin(3n, [SELF, { ...BO, leaf: leafIndex(2) }], [BO]);
    expect([members.joinedEpoch(id), members.isLeaving(id), members.get(id)?.member.leaf]).toEqual([
      3n,
      false,
      2,
    ]);
    begin(4n, [SELF], [BO]);
    expect(members.joinedEpoch(id)).toBeUndefined();
  });

  test('that are gone still count in what could not be opened', () => {
    begin(0n, [SELF, BO]);
    const [track, unknown] = [controlOf(BO, 1, 1), controlOf(BO, 1, 2)];
    members.offered(track.offer());
    // What is sealed for another track opens on no other.
    track.owner?.object(unknown.seal(0n, hello('Eve')));
    expect([members.unreadable, log]).toEqual([1, []]);
    begin(1n, [SELF], [BO]);
    expect(members.unreadable).toBe(1);
  });

  test('are let go when our join is over: the next one takes them, since a relay offers a track once', () => {
    begin(0n, [SELF, BO]);
    const track = controlOf(BO, 1, 1);
    members.offered(track.offer());
    const offers = members.close();
    track.send(0n, hello('Bo'));
    expect([track.handedOver, track.cancelled, members.get(participantIdOf(BO)), log]).toEqual([
      1,
      0,
      undefined,
      [],
    ]);
    expect(offers.map((offer) => offer.track)).toEqual([track.track]);
  });
});

test('what is on is said again to a renderer that has just begun', () => {
  begin(0n, [SELF, BO]);
  const catalog = mediaOf(BO, 'catalog');
  members.offered(catalog.offer());
  const opus = { kind: 'audio', name: 'o', isLive: true, codec: 'opus', bitrate: 32_000 } as const;
  catalog.send(0n, encodeCatalog({ generatedAt: 0, tracks: [{ ...opus, sampleRate: 48_000, channels: 1 }] }));
  const on = downlinkOf(core);
  expect(on).toMatchObject([{ kind: 'track-on', participant: participantIdOf(BO) }]);
  members.announce();
  expect(downlinkOf(core)).toEqual(on);
});

describe('silence', () => {
  test('makes a member vanish, and a word makes it alive', () => {
    begin(0n, [SELF, BO]);
    const track = controlOf(BO, 1, 1);
    members.offered(track.offer());
    pass(SILENT_AFTER_MS);
    members.tick(millis(0));
    expect(log).toEqual([]);
    pass(1);
    members.tick(millis(0));
    members.tick(millis(0));
    expect([log, members.isLeaving(participantIdOf(BO))]).toEqual([['vanished 1'], true]);
    track.send(0n, hello('Bo'));
    members.tick(millis(0));
    expect([log, members.isLeaving(participantIdOf(BO))]).toEqual([['vanished 1', '1 Bo', 'alive 1'], false]);
  });

  test('says nothing while there is no session, and its grace ends with the session', () => {
    begin(0n, [SELF, BO]);
    pass(SILENT_AFTER_MS + 1);
    members.tick(undefined);
    expect(log).toEqual([]);
    members.tick(millis(0));
    members.tick(undefined);
    expect(log).toEqual(['vanished 1']);
    members.detach();
    expect(log).toEqual(['vanished 1', 'alive 1']);
    pass(60_000);
    members.tick(millis(core.tasks.now - 1_000));
    expect(log).toEqual(['vanished 1', 'alive 1']);
  });

  test('is nothing heard yet, where a session has just begun: who is there is heard first', () => {
    begin(1n, [SELF, BO]);
    pass(1_000);
    const connectedAt = core.tasks.now;
    const id = participantIdOf(BO);
    members.tick(connectedAt);
    expect([members.isHeard(id), members.isLeaving(id)]).toEqual([false, false]);
    const track = controlOf(BO, 1, 1);
    members.offered(track.offer());
    track.send(1n, hello('Bo'));
    members.tick(connectedAt);
    expect(members.isHeard(id)).toBe(true);
    pass(SILENT_AFTER_MS + 1);
    members.tick(connectedAt);
    expect([members.isHeard(id), members.isLeaving(id)]).toEqual([false, true]);
    members.detach();
    expect(members.isHeard(id)).toBe(false);
  });

  test('or a good-bye: either way the member is leaving', () => {
    begin(0n, [SELF, BO]);
    members.left(participantIdOf(BO));
    expect(members.isLeaving(participantIdOf(BO))).toBe(true);
  });
});

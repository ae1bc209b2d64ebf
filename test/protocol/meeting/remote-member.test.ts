import { beforeEach, describe, expect, test } from 'vitest';
import { encodeUtf8 } from '../../../src/protocol/bytes/utf8.ts';
import { encodeControlMessage } from '../../../src/protocol/group/control.ts';
import { encodeCatalog, type CatalogTrack } from '../../../src/protocol/media/catalog.ts';
import { encodeLocProperties } from '../../../src/protocol/media/loc.ts';
import { nodeGroupCrypto } from '../../../src/main/mls/node-group-crypto.ts';
import type { MeetingCore } from '../../../src/protocol/meeting/core.ts';
import type { MeetingKeys } from '../../../src/protocol/meeting/meeting-keys.ts';
import { encodeStatement, signedStatement } from '../../../src/protocol/meeting/statement.ts';
import { RemoteMember } from '../../../src/protocol/meeting/remote-member.ts';
import { MEMBER_TRACK_KINDS, type MemberTrackKind } from '../../../src/protocol/meeting/track-instance.ts';
import { leafIndex } from '../../../src/protocol/group/roster.ts';
import { groupId, objectId } from '../../../src/protocol/moqt/model.ts';
import { epoch } from '../../../src/protocol/units.ts';
import { DEAF_GROUP, downlinkOf, meetingCore } from '../../harness/meeting/core.ts';
import { controlOf, mediaOf, person, senderOf } from './people.ts';
import { beginEpoch, masterKey, meetingKeys, type PublishedTrack } from './published-track.ts';
import { ScriptedRelay } from './scripted-relay.ts';

const SIGNER = nodeGroupCrypto.ed25519Signer(new Uint8Array(32).fill(5));
const BO = { ...person(1), signatureKey: SIGNER.publicKey };
const ID = 'bo';
const COMMON = { isLive: true, bitrate: 32_000 } as const;
const AUDIO: CatalogTrack = {
  kind: 'audio',
  name: 'audio',
  ...COMMON,
  codec: 'opus',
  sampleRate: 48_000,
  channels: 1,
};
const VIDEO: CatalogTrack = {
  kind: 'video',
  name: 'video',
  ...COMMON,
  codec: 'vp8',
  width: 640,
  height: 360,
  framerate: 30,
};
const AUDIO_ON = {
  kind: 'track-on',
  participant: ID,
  config: { kind: 'audio', codec: 'opus', sampleRate: 48_000, channels: 1 },
} as const;
const VIDEO_ON = {
  kind: 'track-on',
  participant: ID,
  config: { kind: 'video', codec: 'vp8', width: 640, height: 360, framerate: 30 },
} as const;

let core: MeetingCore;
let keys: MeetingKeys;
let bo: RemoteMember;
let log: string[];
let relay: ScriptedRelay;
beforeEach(() => {
  core = meetingCore();
  relay = new ScriptedRelay();
  keys = meetingKeys();
  log = [];
  bo = new RemoteMember(
    ID,
    BO,
    { core, keys, link: { client: relay }, notices: DEAF_GROUP },
    {
      control: (member, message) => log.push(`${member.id}: ${message.kind}`),
      keyframeNeeded: (member) => log.push(`${member.id} needs a key frame`),
      ahead: () => log.push('ahead'),
      forged: (member) => log.push(`${member.id} is forged`),
    },
  );
  beginEpoch(keys, 0n, core.tasks.now);
});

/** The relay offers a track of the member. */
function offered(kind: MemberTrackKind, instance = 1): PublishedTrack {
  const track = kind === 'control' ? controlOf(BO, 1, instance) : mediaOf(BO, kind, 1, instance);
  bo.offered(kind, track.offer());
  return track;
}
const catalogOf = (...tracks: readonly CatalogTrack[]): Uint8Array =>
  encodeCatalog({ generatedAt: 0, tracks });
/** The member states that it has sealed nothing yet. */
function stateNothing(control: PublishedTrack, of: bigint): void {
  const nothing = { after: undefined, sealed: [] };
  const tracks = { control: nothing, catalog: nothing, audio: nothing, video: nothing };
  const statement = encodeStatement(0, tracks);
  const signature = SIGNER.sign(signedStatement(control.track, epoch(of), statement));
  control.send(of, encodeControlMessage({ kind: 'statement', statement, signature }));
}
const pass = (duration: number): void => {
  core.tasks.advance(core.tasks.after(duration));
};

describe('control after a Commit', () => {
  const leave = encodeControlMessage({ kind: 'leave' });

  test('counts for nothing where it was sealed before somebody was removed: that one has the key still', () => {
    const control = offered('control');
    const forged = [
      control.seal(0n, leave),
      control.seal(
        0n,
        encodeControlMessage({ kind: 'hello', displayName: 'Eve', microphone: false, camera: false }),
      ),
    ];
    keys.begin(epoch(1n), masterKey(1n), core.tasks.now, { roundTrip: undefined });
    bo.epochBegan(epoch(1n));
    for (const object of forged) control.owner?.object(object);
    expect([log, bo.displayName, bo.unreadable]).toEqual([[], undefined, 2]);
    control.send(1n, leave);
    expect(log).toEqual(['bo: leave']);
  });

  test('is heard where somebody was only added, but for a good-bye', () => {
    const control = offered('control');
    const hello = encodeControlMessage({
      kind: 'hello',
      displayName: 'Bo',
      microphone: false,
      camera: false,
    });
    const before = [control.seal(0n, hello), control.seal(0n, leave)];
    beginEpoch(keys, 1n, core.tasks.now);
    bo.epochBegan(epoch(1n));
    for (const object of before) control.owner?.object(object);
    expect([log, bo.displayName]).toEqual([['bo: hello'], 'Bo']);
  });
});

describe('an epoch that we have no key of', () => {
  const hello = encodeControlMessage({
    kind: 'hello',
    displayName: 'Bo',
    microphone: false,
    camera: false,
  });

  test('is the member’s where its control track says so, the newest that it said', () => {
    const control = offered('control');
    control.send(0n, hello);
    expect([bo.aheadIn, log]).toEqual([undefined, ['bo: hello']]);
    const older = control.seal(2n, hello);
    control.send(3n, hello);
    control.owner?.object(older);
    expect([bo.aheadIn, log]).toEqual([3n, ['bo: hello', 'ahead', 'ahead']]);
  });

  test('is not where another of its tracks does, whose name somebody else may use while nothing is published there', () => {
    for (const kind of ['catalog', 'audio', 'video'] as const) offered(kind).send(1n, hello);
    expect([bo.aheadIn, log]).toEqual([undefined, []]);
  });

  test('is not where it comes on an instance that is not known to be the member’s, once one is', () => {
    const control = offered('control');
    control.send(0n, hello);
    stateNothing(control, 0n);
    offered('control', 2).send(1n, hello);
    expect(bo.aheadIn).toBeUndefined();
    control.send(1n, hello);
    expect(bo.aheadIn).toBe(1n);
  });

  test('is not that of another join', () => {
    offered('control').send(1n, hello);
    bo.update({ ...BO, senderId: person(1, 2).senderId });
    expect(bo.aheadIn).toBeUndefined();
  });
});

test('recorded media that the relay offers again under the same name plays no second time', () => {
  offered('catalog').send(0n, catalogOf(AUDIO));
  const audio = offered('audio');
  const recorded = audio.seal(0n, encodeUtf8('stop the machine'));
  audio.owner?.object(recorded);
  expect(downlinkOf(core).filter(({ kind }) => kind === 'chunk')).toHaveLength(1);
  audio.owner?.done(0, 'ended');
  const again = offered('audio');
  again.owner?.object(recorded);
  expect([downlinkOf(core), bo.unreadable]).toEqual([[], 1]);
});

describe('the catalog of a member', () => {
  test('says what is on, once for each change', () => {
    const catalog = offered('catalog');
    catalog.send(0n, catalogOf(AUDIO, VIDEO));
    expect(downlinkOf(core)).toEqual([AUDIO_ON, VIDEO_ON]);
    catalog.send(0n, catalogOf(AUDIO, VIDEO));
    expect(downlinkOf(core)).toEqual([]);
    catalog.send(0n, catalogOf({ ...AUDIO, isLive: false }, { ...VIDEO, width: 1280, height: 720 }));
    expect(downlinkOf(core)).toEqual([
      { kind: 'track-off', participant: ID, media: 'audio' },
      { ...VIDEO_ON, config: { ...VIDEO_ON.config, width: 1280, height: 720 } },
    ]);
    catalog.send(0n, catalogOf({ ...AUDIO, codec: 'mp4a.40.2' }));
    expect(downlinkOf(core)).toEqual([{ kind: 'track-off', participant: ID, media: 'video' }]);
  });

  test('that comes late does not undo a newer one, but one of another instance does', () => {
    const catalog = offered('catalog');
    const late = catalog.seal(0n, catalogOf(AUDIO, VIDEO));
    catalog.send(0n, catalogOf(AUDIO));
    catalog.owner?.object(late);
    expect(downlinkOf(core)).toEqual([AUDIO_ON]);
    pass(2_000);
    const anew = offered('catalog', 2);
    anew.send(0n, catalogOf(AUDIO, VIDEO));
    expect(downlinkOf(core)).toEqual([VIDEO_ON]);
  });

  test('that cannot be read changes nothing', () => {
    const catalog = offered('catalog');
    catalog.send(0n, catalogOf(AUDIO));
    downlinkOf(core);
    catalog.send(0n, encodeUtf8('{'));
    expect([downlinkOf(core), bo.mediaState('audio')]).toEqual([[], 'reconnecting']);
  });

  test('is said again to a renderer that has just begun, and unsaid when the member is gone', () => {
    offered('catalog').send(0n, catalogOf(AUDIO, VIDEO));
    downlinkOf(core);
    bo.announce();
    expect(downlinkOf(core)).toEqual([AUDIO_ON, VIDEO_ON]);
    bo.close();
    expect(downlinkOf(core)).toEqual([
      { kind: 'track-off', participant: ID, media: 'audio' },
      { kind: 'track-off', participant: ID, media: 'video' },
    ]);
  });
});

describe('the media of a member', () => {
  test('goes down as it was captured', () => {
    const [audio, video] = [offered('audio'), offered('video')];
    const [sound, picture] = [Uint8Array.of(1, 2), Uint8Array.of(3)];
    audio.send(
      0n,
      sound,
      encodeLocProperties({
        timestamp: 48_000n,
        timescale: 48_000n,
        audioLevel: { voice: true, level: 30 },
      }),
    );
    const marked = (independent: boolean): Uint8Array =>
      encodeLocProperties({ timestamp: 7n, videoFrameMarking: { independent, discardable: false } });
    video.send(0n, picture, marked(true));
    video.send(0n, picture, marked(false));
    const common = { kind: 'chunk', participant: ID, object: 0 } as const;
    expect(downlinkOf(core)).toEqual([
      { ...common, media: 'audio', group: 0, timestamp: 1_000_000, keyframe: true, bytes: sound, level: 30 },
      { ...common, media: 'video', group: 0, timestamp: 7, keyframe: true, bytes: picture },
      { ...common, media: 'video', group: 1, timestamp: 7, keyframe: false, bytes: picture },
    ]);
  });

  test('with properties that cannot be read goes nowhere', () => {
    const audio = offered('audio');
    audio.send(0n, Uint8Array.of(1), encodeLocProperties({ timescale: 0n }));
    audio.send(0n, Uint8Array.of(2));
    expect(downlinkOf(core)).toMatchObject([{ kind: 'chunk', group: 1 }]);
  });

  test('at a time or in a group that a decoder would throw at goes nowhere', () => {
    const [audio, video] = [offered('audio'), offered('video')];
    const largest = BigInt(Number.MAX_SAFE_INTEGER);
    const at = (timestamp: bigint): Uint8Array => encodeLocProperties({ timestamp });
    audio.send(0n, Uint8Array.of(1), at(largest + 1n));
    audio.send(0n, Uint8Array.of(2), at(2n ** 64n - 1n));
    // In microseconds it is a million times as much.
    audio.send(0n, Uint8Array.of(3), encodeLocProperties({ timestamp: largest, timescale: 1n }));
    audio.send(0n, Uint8Array.of(4), at(largest));
    video.skipTo(largest);
    video.send(0n, Uint8Array.of(5), at(1n));
    video.send(0n, Uint8Array.of(6), at(2n));
    expect(downlinkOf(core)).toMatchObject([
      { media: 'audio', timestamp: Number.MAX_SAFE_INTEGER, bytes: Uint8Array.of(4) },
      { media: 'video', group: Number.MAX_SAFE_INTEGER, bytes: Uint8Array.of(5) },
    ]);
  });

  test('has a state in words', () => {
    const state = (): string => bo.mediaState('audio');
    expect(state()).toBe('off');
    pass(3_001);
    expect(state()).toBe('reconnecting');
    const catalog = offered('catalog');
    catalog.send(1n, catalogOf(AUDIO));
    expect(state()).toBe('waiting-for-keys');
    beginEpoch(keys, 1n, core.tasks.now);
    bo.epochBegan(epoch(1n));
    expect(state()).toBe('reconnecting');
    const audio = offered('audio');
    expect(state()).toBe('starting');
    audio.send(1n, Uint8Array.of(1));
    expect(state()).toBe('live');
    pass(3_000);
    expect(state()).toBe('live');
    pass(1);
    expect(state()).toBe('reconnecting');
    audio.send(2n, Uint8Array.of(2));
    expect(state()).toBe('waiting-for-keys');
    pass(3_001);
    bo.tick();
    expect(state()).toBe('unreadable');
    pass(3_001);
    expect(state()).toBe('reconnecting');
    stateNothing(offered('control'), 1n);
    catalog.send(1n, catalogOf());
    expect(state()).toBe('off');
  });

  test('is starting while its picture is not on the screen', () => {
    offered('catalog').send(0n, catalogOf(VIDEO));
    const video = offered('video');
    video.send(0n, Uint8Array.of(1));
    pass(3_001);
    expect(bo.mediaState('video')).toBe('starting');
    bo.setWatched(true);
    expect([bo.mediaState('video'), log]).toEqual(['reconnecting', ['bo needs a key frame']]);
  });

  test('is wanted by urgency: who is here, then sound, then pictures, and those only when watched', () => {
    expect(MEMBER_TRACK_KINDS.map((kind) => offered(kind).accepted)).toEqual([
      { forward: true, subscriberPriority: 8 },
      { forward: true, subscriberPriority: 16 },
      { forward: true, subscriberPriority: 32 },
      { forward: false, subscriberPriority: 128 },
    ]);
  });
});

describe('a member', () => {
  test('says who it is', () => {
    const control = offered('control');
    core.takeChanged();
    const hello = { kind: 'hello', displayName: 'Bo', microphone: true, camera: true } as const;
    control.send(0n, encodeControlMessage(hello));
    control.send(0n, encodeControlMessage({ kind: 'leave' }));
    control.send(0n, encodeUtf8('?'));
    expect([bo.displayName, log]).toEqual(['Bo', ['bo: hello', 'bo: leave']]);
    expect(core.takeChanged()).toBe(true);
  });

  test('is heard by whatever opens, and by nothing else', () => {
    const audio = offered('audio');
    pass(500);
    audio.send(0n, Uint8Array.of(1));
    pass(500);
    audio.send(1n, Uint8Array.of(1));
    expect([bo.lastHeard, core.tasks.now]).toEqual([500, 1_000]);
  });

  test('is asked for what it published before we came, but for sound that is over and pictures that nobody sees', () => {
    const offer = (): (string | undefined)[] => {
      const before = relay.fetches.length;
      const tracks = MEMBER_TRACK_KINDS.map((kind) =>
        kind === 'control' ? controlOf(BO, 1, 1) : mediaOf(BO, kind),
      );
      tracks.forEach((track, at) => {
        track.description = { largest: { group: groupId(7n), object: objectId(2n) } };
        bo.offered(MEMBER_TRACK_KINDS[at] ?? 'control', track.offer());
      });
      return relay.fetches
        .slice(before)
        .map(({ asked: [name] }) => MEMBER_TRACK_KINDS[tracks.findIndex(({ track }) => track === name)]);
    };
    core.takeChanged();
    expect(offer()).toEqual(['control', 'catalog']);
    expect(core.takeChanged()).toBe(true);
    bo.setWatched(true);
    expect(offer()).toEqual(['control', 'catalog', 'video']);
  });

  test('that joins again begins anew, and only then', () => {
    const [control, catalog] = [offered('control'), offered('catalog')];
    const hello = { kind: 'hello', displayName: 'Bo', microphone: true, camera: true } as const;
    control.send(0n, encodeControlMessage(hello));
    catalog.send(0n, catalogOf(AUDIO, VIDEO));
    downlinkOf(core);
    pass(5_000);
    const moved = { ...BO, leaf: leafIndex(7) };
    bo.update(moved);
    expect([bo.member, bo.displayName, bo.lastHeard, downlinkOf(core)]).toEqual([moved, 'Bo', 0, []]);
    expect(bo.mediaState('audio')).toBe('reconnecting');
    expect([bo.mayUse(senderOf(BO, 1)), bo.mayUse(senderOf(BO, 2))]).toEqual([true, false]);
    const again = person(BO.leaf, 2);
    bo.update(again);
    expect([bo.member, bo.displayName, bo.lastHeard]).toEqual([again, undefined, 5_000]);
    expect(downlinkOf(core)).toEqual([
      { kind: 'track-off', participant: ID, media: 'audio' },
      { kind: 'track-off', participant: ID, media: 'video' },
    ]);
    expect([control.cancelled, catalog.cancelled]).toEqual([1, 1]);
    expect([bo.mediaState('audio'), bo.mayUse(senderOf(BO, 1)), bo.mayUse(senderOf(BO, 2))]).toEqual([
      'off',
      false,
      true,
    ]);
    const anew = mediaOf(BO, 'catalog', 2);
    bo.offered('catalog', anew.offer());
    anew.send(0n, catalogOf(AUDIO));
    expect(downlinkOf(core)).toEqual([AUDIO_ON]);
  });

  test('is in no doubt by what somebody else sends as it', () => {
    stateNothing(offered('control'), 0n);
    const fake = offered('audio', 2);
    for (let passed = 0; passed < 5_000; passed += 100) {
      fake.send(0n, Uint8Array.of(1));
      bo.tick();
      pass(100);
    }
    expect(bo.doubt).toBe('none');
  });

  test('whose track ends is looked at again', () => {
    const audio = offered('audio');
    core.takeChanged();
    audio.owner?.done(2, 'over');
    expect(core.takeChanged()).toBe(true);
  });

  test('whose session is lost keeps what it said, and its tracks come anew', () => {
    const [control, catalog] = [offered('control'), offered('catalog')];
    catalog.send(0n, catalogOf(AUDIO));
    downlinkOf(core);
    bo.detach();
    expect([control.cancelled, catalog.cancelled, downlinkOf(core)]).toEqual([1, 1, []]);
    expect(bo.mediaState('audio')).toBe('reconnecting');
  });

  test('lets its tracks go when our join is over, and is gone', () => {
    const tracks = [offered('control'), offered('catalog'), offered('audio')];
    tracks[1]?.send(0n, catalogOf(AUDIO));
    downlinkOf(core);
    expect(bo.handOver().map(({ track }) => track)).toEqual(tracks.map(({ track }) => track));
    expect(tracks.map(({ cancelled, handedOver }) => [cancelled, handedOver])).toEqual(Array(3).fill([0, 1]));
    expect(downlinkOf(core)).toEqual([{ kind: 'track-off', participant: ID, media: 'audio' }]);
  });

  test('has the SenderId of its leaf and no other, however long it is quiet', () => {
    expect([bo.mayUse(senderOf(BO, 1)), bo.mayUse(senderOf(BO, 2))]).toEqual([true, false]);
    pass(60_000);
    expect([bo.mayUse(senderOf(BO, 1)), bo.mayUse(senderOf(BO, 2))]).toEqual([true, false]);
  });
});

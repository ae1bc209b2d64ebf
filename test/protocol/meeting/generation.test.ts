/** One join of ours: its keys, its tracks and the others, on a session to a relay. */
import { beforeEach, describe, expect, test } from 'vitest';
import { nodeCrypto } from '../../../src/io/crypto/node-crypto.ts';
import { encodeUtf8 } from '../../../src/protocol/bytes/utf8.ts';
import { decodeControlMessage, encodeControlMessage } from '../../../src/protocol/group/control.ts';
import type { GroupHandle } from '../../../src/protocol/group/mls.ts';
import type { GroupName } from '../../../src/protocol/group/names.ts';
import { leafIndex, type Member } from '../../../src/protocol/group/roster.ts';
import type { MeetingCore } from '../../../src/protocol/meeting/core.ts';
import { Generation } from '../../../src/protocol/meeting/generation.ts';
import type { EpochBegun } from '../../../src/protocol/meeting/group-events.ts';
import { MeetingKeys } from '../../../src/protocol/meeting/meeting-keys.ts';
import { participantIdOf } from '../../../src/protocol/meeting/members.ts';
import { OwnMedia } from '../../../src/protocol/meeting/own-media.ts';
import { epoch, type Millis } from '../../../src/protocol/units.ts';
import { DEAF_GROUP, downlinkOf, meetingCore } from '../../harness/meeting/core.ts';
import { ClientPair } from '../../harness/moqt/client-pair.ts';
import { arrivedAt, SENDER } from './own-tracks-scene.ts';
import { controlOf, GROUP, mediaOf, person, senderOf } from './people.ts';
import { beginEpoch, masterKey, meetingKeys } from './published-track.ts';

const SELF = person(0);
const BO = person(1);
const WANTED = { kind: 'keyframe-wanted' };

let core: MeetingCore;
let pair: ClientPair;
let log: string[];
let connectedSince: Millis | undefined;
/** Another member, who opens what we send. */
let theirs: MeetingKeys;
beforeEach(() => {
  core = meetingCore();
  pair = new ClientPair();
  log = [];
  connectedSince = core.tasks.now;
  theirs = meetingKeys();
});

function begun(
  of: bigint,
  roster: readonly Member[] = [SELF, BO],
  more: Partial<EpochBegun> = {},
): EpochBegun {
  return {
    kind: 'epoch',
    group: GROUP,
    senderId: SENDER,
    handle: 1 as GroupHandle,
    epoch: epoch(of),
    masterKey: masterKey(of) as EpochBegun['masterKey'],
    roster,
    ownLeaf: leafIndex(0),
    epochAuthenticator: new Uint8Array(32),
    securityCode: 'code',
    suite: 0x0001,
    parameters: core.options.parameters,
    change: { added: [], removed: [], by: undefined, time: core.wallClock },
    signedAt: undefined,
    madeOwnKey: false,
    past: [],
    receipt: undefined,
    ...more,
  };
}

function generationOf(first: EpochBegun): Generation | undefined {
  return Generation.of(first, {
    core,
    link: {
      get client() {
        return connectedSince === undefined ? undefined : pair.client;
      },
      get connectedSince() {
        return connectedSince;
      },
      roundTrip: undefined,
    },
    notices: {
      ...DEAF_GROUP,
      memberLeft: (leaf) => log.push(`left ${String(leaf)}`),
      requestUpdate: () => log.push('update'),
    },
    media: new OwnMedia(),
    hello: () => ({ kind: 'hello', displayName: 'Ana', microphone: true, camera: false }),
    congested: () => log.push('congested'),
    forged: () => log.push('forged'),
  });
}

/** The first epoch of a join of ours, which has a session where the relay takes all our tracks. */
function joined(): Generation {
  const first = begun(0n);
  const generation = generationOf(first);
  if (generation === undefined) throw new Error('its media cipher is known');
  generation.attach(pair.client);
  pair.run();
  for (const { id } of pair.requests('publish')) pair.relay.session.acceptPublish(id, { forward: true });
  pair.run();
  beginEpoch(theirs, 0n, core.tasks.now);
  generation.epochBegan(first);
  return generation;
}
const pass = (duration: number): void => {
  core.tasks.advance(core.tasks.after(duration));
};
const said = (from = 0): (string | undefined)[] =>
  arrivedAt(pair, theirs, 'control', from)
    .map(({ payload }) => decodeControlMessage(payload)?.kind)
    .filter((kind) => kind !== 'statement');
const catalogs = (from = 0): number => arrivedAt(pair, theirs, 'catalog', from).length;

describe('a join', () => {
  test('is told by group and SenderId', () => {
    const join = joined();
    const other = new Uint8Array(16).fill(8) as GroupName;
    expect([join.isOf(GROUP, SENDER), join.isOf(GROUP, senderOf(SELF, 2)), join.isOf(other, SENDER)]).toEqual(
      [true, false, false],
    );
  });

  test('is none where the media cipher is not known', () => {
    const { parameters } = core.options;
    for (const foreign of [{ secureObjectsSuite: 99 }, { profile: '2030-01' }])
      expect(generationOf(begun(0n, [SELF], { parameters: { ...parameters, ...foreign } }))).toBeUndefined();
  });

  test('takes its keys by the hash of the MLS suite', () => {
    const first = begun(0n, [SELF], { suite: 0x0053 });
    const join = generationOf(first);
    join?.attach(pair.client);
    pair.run();
    for (const { id } of pair.requests('publish')) pair.relay.session.acceptPublish(id, { forward: true });
    pair.run();
    join?.epochBegan(first);
    theirs = new MeetingKeys({ mlsHash: 'SHA-512', suite: 0x0004 }, nodeCrypto);
    beginEpoch(theirs, 0n, core.tasks.now);
    expect(said()).toEqual(['hello']);
  });

  test('introduces us in each epoch and on each session: hello, catalog, and a picture to begin with', () => {
    const join = joined();
    expect([said(), catalogs()]).toEqual([['hello'], 1]);
    expect(downlinkOf(core)).toContainEqual(WANTED);
    const second = begun(1n);
    beginEpoch(theirs, 1n, core.tasks.now);
    join.epochBegan(second);
    expect([said(1), catalogs(1), downlinkOf(core)]).toEqual([['hello'], 1, [WANTED]]);
    // The master key is copied by nobody.
    expect(second.masterKey.every((byte) => byte === 0)).toBe(true);
    join.detach();
    pair = new ClientPair();
    join.attach(pair.client);
    pair.run();
    expect([pair.requests('publish').length, downlinkOf(core)]).toEqual([4, [WANTED]]);
  });

  test('says nothing on a session that is gone, and lets the tracks of others come anew', () => {
    const join = joined();
    const track = controlOf(BO, 1, 1);
    join.members.offered(track.offer());
    join.detach();
    join.hello();
    expect([said(), track.cancelled]).toEqual([['hello'], 1]);
  });

  test('gives a sign of life every four seconds since we spoke last, while there is a session', () => {
    const join = joined();
    pass(3_000);
    join.hello();
    pass(3_999);
    join.tick();
    expect([said().length, catalogs()]).toEqual([2, 1]);
    pass(1);
    join.tick();
    join.tick();
    expect([said(), catalogs()]).toEqual([['hello', 'hello', 'hello'], 2]);
    connectedSince = undefined;
    pass(4_000);
    join.tick();
    expect([said().length, catalogs()]).toEqual([3, 2]);
  });

  test('counts four seconds from its own beginning, too', () => {
    pass(10_000);
    const join = generationOf(begun(0n));
    join?.attach(pair.client);
    pass(3_999);
    join?.tick();
    expect(join?.own.find(pairTrack('control'))?.largest).toBeUndefined();
  });

  test('that is over sends nothing, opens nothing, and gives the tracks of others back', () => {
    const join = joined();
    const track = controlOf(BO, 1, 1);
    join.members.offered(track.offer());
    expect(join.close('over').map((offer) => offer.track)).toEqual([track.track]);
    pair.run();
    expect(pair.relay.of('publish-done').map(({ reason }) => reason)).toEqual(Array(4).fill('over'));
    join.hello();
    expect(said()).toEqual(['hello']);
  });
});

/** The name of a track of ours as the relay was offered it. */
function pairTrack(kind: 'control' | 'media'): Parameters<Generation['own']['find']>[0] {
  pair.run();
  const found = pair.requests('publish').find(({ track: { namespace } }) => {
    const [, field] = namespace;
    return field !== undefined && Buffer.from(field).toString() === kind;
  });
  if (found === undefined) throw new Error(`${kind} was not offered`);
  return found.track;
}

describe('another member', () => {
  test('is asked for a key frame, each at most every half second', () => {
    const cy = person(2);
    const join = joined();
    beginEpoch(theirs, 1n, core.tasks.now);
    join.epochBegan(begun(1n, [SELF, BO, cy]));
    const requests = (): (number | undefined)[] =>
      arrivedAt(pair, theirs, 'control', 4).map(({ payload }) => {
        const message = decodeControlMessage(payload);
        return message?.kind === 'keyframe-request' ? message.fingerprint[0] : undefined;
      });
    join.requestKeyframe('nobody');
    join.requestKeyframe(participantIdOf(BO));
    join.requestKeyframe(participantIdOf(cy));
    expect(requests()).toEqual([2, 3]);
    pass(499);
    join.requestKeyframe(participantIdOf(BO));
    expect(requests()).toEqual([2, 3]);
    pass(1);
    join.requestKeyframe(participantIdOf(BO));
    expect(requests()).toEqual([2, 3, 2]);
  });

  test('is asked for one when its picture comes to the screen', () => {
    const join = joined();
    join.members.offered(mediaOf(BO, 'video').offer());
    join.members.watch(new Set([participantIdOf(BO)]));
    expect(said()).toEqual(['hello', 'keyframe-request']);
  });

  test('that asks us for a key frame gets one; what it asks of somebody else is not ours', () => {
    const join = joined();
    const track = controlOf(BO, 1, 1);
    join.members.offered(track.offer());
    downlinkOf(core);
    const ask = (of: Member): void => {
      track.send(0n, encodeControlMessage({ kind: 'keyframe-request', fingerprint: of.fingerprint }));
    };
    ask(BO);
    expect(downlinkOf(core)).toEqual([]);
    ask(SELF);
    expect(downlinkOf(core)).toEqual([WANTED]);
  });

  test('that says good-bye is leaving, and the group is told', () => {
    const join = joined();
    const track = controlOf(BO, 1, 1);
    join.members.offered(track.offer());
    track.send(
      0n,
      encodeControlMessage({ kind: 'hello', displayName: 'Bo', microphone: true, camera: true }),
    );
    expect([join.members.isLeaving(participantIdOf(BO)), log]).toEqual([false, []]);
    core.takeChanged();
    track.send(0n, encodeControlMessage({ kind: 'leave' }));
    expect([join.members.isLeaving(participantIdOf(BO)), log, core.hasChanged]).toEqual([
      true,
      ['left 1'],
      true,
    ]);
  });
});

test('a key that nears its limits asks for an update, once in each epoch', () => {
  // The suite with the shortest tag, whose keys may fail to open the least: 1,024 objects.
  const parameters = { ...core.options.parameters, secureObjectsSuite: 0x0003 };
  const first = begun(0n, [SELF, BO], { parameters });
  const join = generationOf(first);
  if (join === undefined) throw new Error('its media cipher is known');
  join.epochBegan(first);
  const forged = controlOf(BO, 1, 1);
  join.members.offered(forged.offer());
  // Sealed under another suite: nothing of it opens.
  const forge = (count: number, of: bigint): void => {
    for (let at = 0; at < count; at += 1) forged.send(of, encodeUtf8('forged'));
    join.tick();
    join.tick();
  };
  forge(511, 0n);
  expect(log).toEqual([]);
  forge(1, 0n);
  expect(log).toEqual(['update']);
  join.epochBegan(begun(1n, [SELF, BO], { parameters }));
  forge(511, 1n);
  expect(log).toEqual(['update']);
  forge(1, 1n);
  expect(log).toEqual(['update', 'update']);
});

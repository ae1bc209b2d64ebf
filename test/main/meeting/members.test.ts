import { beforeEach, describe, expect, test } from 'vitest';
import type { MoqtClient, PublishOffer, SubscriptionCallbacks } from '../../../src/io/moqt/client-api.ts';
import { nodeCrypto } from '../../../src/io/crypto/node-crypto.ts';
import type { DownlinkItem } from '../../../src/contract/media.ts';
import type { EpochBegun } from '../../../src/main/group/group-events.ts';
import { MeetingKeys } from '../../../src/main/meeting/meeting-keys.ts';
import { Members, participantIdOf, SILENT_AFTER_MS } from '../../../src/main/meeting/members.ts';
import { controlInstance, mediaInstance } from '../../../src/main/meeting/track-instance.ts';
import { encodeControlMessage } from '../../../src/protocol/group/control.ts';
import {
  controlTrack,
  mediaTrack,
  senderIdOf,
  type Fingerprint,
  type GroupName,
  type SenderId,
} from '../../../src/protocol/group/names.ts';
import { leafIndex, type Member } from '../../../src/protocol/group/roster.ts';
import { groupId, objectId, subgroupId, type FullTrackName } from '../../../src/protocol/moqt/model.ts';
import { deriveEpochSecret, deriveTrackBaseKey } from '../../../src/protocol/secure-objects/key-schedule.ts';
import { TrackSealer } from '../../../src/protocol/secure-objects/track-sealer.ts';
import { epoch, millis } from '../../../src/protocol/units.ts';

const GROUP = new Uint8Array(16).fill(9) as GroupName;
const PARAMETERS = { mlsHash: 'SHA-256', suite: 0x0004, profile: '2026-03' } as const;
const OWN_LEAF = leafIndex(0);
const masterKey = (of: bigint): Uint8Array => new Uint8Array(32).fill(Number(of) + 1);

function person(leaf: number): Member {
  const bytes = new Uint8Array(32).fill(leaf + 1);
  return {
    leaf: leafIndex(leaf),
    signatureKey: bytes,
    fingerprint: bytes as Fingerprint,
    encryptionKey: bytes,
  };
}
const SELF = person(0);
const BO = person(1);
const senderOf = (member: Member, join: number): SenderId =>
  senderIdOf(member.fingerprint, new Uint8Array(8).fill(join));

/** A track that somebody publishes, offered to us. */
class Published {
  readonly track: FullTrackName;
  readonly #sealer: TrackSealer;
  #group = 0n;
  callbacks: SubscriptionCallbacks | undefined;
  accepted = 0;
  rejected = 0;
  cancelled = 0;

  constructor(track: FullTrackName) {
    this.track = track;
    this.#sealer = new TrackSealer({ track, suite: 0x0004, profile: '2026-03', crypto: nodeCrypto });
  }

  offer(): PublishOffer {
    return {
      track: this.track,
      description: {},
      accept: (_, callbacks) => {
        this.accepted += 1;
        this.callbacks = callbacks;
        return {
          track: this.track,
          description: {},
          update: () => undefined,
          cancel: () => {
            this.cancelled += 1;
          },
        };
      },
      reject: () => {
        this.rejected += 1;
      },
    };
  }

  /** Seals under the key of an epoch and delivers. */
  send(of: bigint, payload: Uint8Array): void {
    if (this.#sealer.epoch !== of) {
      const secret = deriveEpochSecret(nodeCrypto, 'SHA-256', masterKey(of), epoch(of));
      this.#sealer.setKey(epoch(of), deriveTrackBaseKey(nodeCrypto, 'SHA-256', secret, this.track));
    }
    const location = { group: groupId(this.#group), object: objectId(0n) };
    this.#group += 1n;
    const sealed = this.#sealer.seal(location.group, location.object, payload);
    if (sealed.kind !== 'sealed') throw new Error(sealed.kind);
    this.callbacks?.object({
      location,
      subgroup: subgroupId(0n),
      publisherPriority: 0,
      forwarding: 'subgroup',
      properties: sealed.properties,
      content: { kind: 'payload', payload: sealed.payload },
    });
  }
}

const hello = (displayName: string): Uint8Array =>
  encodeControlMessage({ kind: 'hello', displayName, microphone: true, camera: true });
const control = (member: Member, join: number, instance: number): Published =>
  new Published(
    controlTrack(GROUP, senderOf(member, join), controlInstance(new Uint8Array(16).fill(instance))),
  );

let now: number;
let keys: MeetingKeys;
let members: Members;
let log: string[];
let media: DownlinkItem[];
beforeEach(() => {
  now = 0;
  log = [];
  media = [];
  keys = new MeetingKeys(PARAMETERS);
  members = new Members(GROUP, keys, {
    now: () => millis(now),
    client: () => ({}) as MoqtClient,
    control: (member, message) =>
      log.push(
        `${String(member.member.leaf)} ${message.kind === 'hello' ? message.displayName : message.kind}`,
      ),
    media: (item) => media.push(item),
    keyframeNeeded: (id) => log.push(`keyframe ${id === participantIdOf(BO) ? 'Bo' : id}`),
    changed: () => undefined,
    vanished: (leaf) => log.push(`vanished ${String(leaf)}`),
    alive: (leaf) => log.push(`alive ${String(leaf)}`),
    epochSeen: (of) => log.push(`seen ${String(of)}`),
  });
});

function begin(of: bigint, roster: readonly Member[], removed: readonly Member[] = []): void {
  keys.begin(epoch(of), masterKey(of), millis(now));
  members.epochBegan({
    epoch: epoch(of),
    roster,
    ownLeaf: OWN_LEAF,
    change: { added: [], removed, by: undefined, time: 0 },
  } as unknown as EpochBegun);
}

describe('tracks of others', () => {
  test('wait for the tree to name their sender', () => {
    const track = control(BO, 1, 1);
    begin(0n, [SELF]);
    members.offered(track.offer());
    expect([track.accepted, track.rejected]).toEqual([0, 0]);
    begin(1n, [SELF, BO]);
    expect(track.accepted).toBe(1);
    track.send(1n, hello('Bo'));
    expect(members.get(participantIdOf(BO))?.displayName).toBe('Bo');
  });

  test('of nobody in the tree wait in bounded number; what is no track of a meeting is refused', () => {
    begin(0n, [SELF]);
    const strangers = Array.from({ length: 300 }, (_, at) => control(person((at % 200) + 2), at % 250, 1));
    for (const track of strangers) members.offered(track.offer());
    expect(strangers.filter(({ rejected }) => rejected === 1)).toHaveLength(44);
    const foreign = new Published(
      mediaTrack(GROUP, senderOf(BO, 1), new TextEncoder().encode('screen-of-the-future.x')),
    );
    members.offered(foreign.offer());
    expect(foreign.rejected).toBe(1);
  });

  test('are closed at once when their sender is removed', () => {
    begin(0n, [SELF, BO]);
    const track = control(BO, 1, 1);
    members.offered(track.offer());
    track.send(0n, hello('Bo'));
    begin(1n, [SELF], [BO]);
    expect([track.cancelled, members.get(participantIdOf(BO))]).toEqual([1, undefined]);
    track.send(0n, hello('Ghost'));
    expect(log).toEqual(['1 Bo']);
  });

  test('of a join that overtakes its Commit are not lost with the old leaf', () => {
    begin(0n, [SELF, BO]);
    const old = control(BO, 1, 1);
    members.offered(old.offer());
    old.send(0n, hello('Bo'));
    const fresh = control(BO, 2, 2);
    members.offered(fresh.offer());
    expect(fresh.accepted).toBe(0);
    begin(1n, [SELF, { ...BO, leaf: leafIndex(3) }], [BO]);
    expect([old.cancelled, fresh.accepted, fresh.cancelled]).toEqual([1, 1, 0]);
    fresh.send(1n, hello('Bo again'));
    expect(log).toEqual(['1 Bo', '3 Bo again']);
  });

  test('of a dead process and of a living one may be offered in any order: the one that talks counts', () => {
    begin(0n, [SELF, BO]);
    const [living, dead] = [control(BO, 1, 2), control(BO, 1, 1)];
    members.offered(living.offer());
    members.offered(dead.offer());
    living.send(0n, hello('Bo'));
    dead.callbacks?.done(2, 'gone');
    living.send(0n, hello('Bo still'));
    expect([living.cancelled, log]).toEqual([0, ['1 Bo', '1 Bo still']]);
  });

  test('of a member that came back take over when the former one is quiet, and not before', () => {
    begin(0n, [SELF, BO]);
    const [first, second] = [control(BO, 1, 1), control(BO, 1, 2)];
    members.offered(first.offer());
    members.offered(second.offer());
    first.send(0n, hello('first'));
    second.send(0n, hello('second'));
    now += 1_001;
    second.send(0n, hello('second'));
    expect(log).toEqual(['1 first', '1 second']);
  });

  test('make later epochs known', () => {
    begin(0n, [SELF, BO]);
    const track = control(BO, 1, 1);
    members.offered(track.offer());
    track.send(5n, hello('Bo'));
    expect(log).toEqual(['seen 5']);
    begin(5n, [SELF, BO]);
    expect(log).toEqual(['seen 5', '1 Bo']);
  });
});

describe('pictures', () => {
  test('that are wanted late begin with a key frame', () => {
    begin(0n, [SELF, BO]);
    const track = new Published(
      mediaTrack(GROUP, senderOf(BO, 1), mediaInstance('video', new Uint8Array(16))),
    );
    members.offered(track.offer());
    members.watch(new Set([participantIdOf(BO)]));
    members.watch(new Set([participantIdOf(BO)]));
    expect(log).toEqual(['keyframe Bo']);
  });
});

describe('silence', () => {
  test('makes a member vanish, and a word makes it alive', () => {
    begin(0n, [SELF, BO]);
    const track = control(BO, 1, 1);
    members.offered(track.offer());
    now = SILENT_AFTER_MS;
    members.tick(millis(0));
    expect(log).toEqual([]);
    now += 1;
    members.tick(millis(0));
    members.tick(millis(0));
    expect([log, members.isLeaving(participantIdOf(BO))]).toEqual([['vanished 1'], true]);
    track.send(0n, hello('Bo'));
    members.tick(millis(0));
    expect([log, members.isLeaving(participantIdOf(BO))]).toEqual([['vanished 1', '1 Bo', 'alive 1'], false]);
  });

  test('says nothing while there is no session, and its grace ends with the session', () => {
    begin(0n, [SELF, BO]);
    now = SILENT_AFTER_MS + 1;
    members.tick(undefined);
    expect(log).toEqual([]);
    members.tick(millis(0));
    members.detach();
    expect(log).toEqual(['vanished 1', 'alive 1']);
    now += 60_000;
    members.tick(millis(now - 1_000));
    expect(log).toEqual(['vanished 1', 'alive 1']);
  });

  test('or a good-bye: either way the member is leaving', () => {
    begin(0n, [SELF, BO]);
    members.left(participantIdOf(BO));
    expect(members.isLeaving(participantIdOf(BO))).toBe(true);
  });
});

/** The engine's own decisions, with a group and a session that do as they are told. */
import { afterEach, describe, expect, test } from 'vitest';
import type { DownlinkItem, UplinkItem } from '../../../src/contract/media.ts';
import type { MoqtClient, PublishOffer } from '../../../src/io/moqt/client-api.ts';
import type { EpochBegun, GroupEvent } from '../../../src/main/group/group-events.ts';
import type { MeetingGroup, MeetingGroupListener } from '../../../src/main/meeting/meeting-group.ts';
import { Meeting } from '../../../src/main/meeting/meeting.ts';
import type { GroupName, SenderId } from '../../../src/protocol/group/names.ts';
import { encodeUtf8 } from '../../../src/protocol/bytes/utf8.ts';
import { leafIndex } from '../../../src/protocol/group/roster.ts';
import type { FullTrackName, MoqtObject } from '../../../src/protocol/moqt/model.ts';
import { epoch, millis, unixMillis } from '../../../src/protocol/units.ts';

class Scene {
  readonly log: string[] = [];
  readonly down: DownlinkItem[] = [];
  /** Tracks by the last field of their namespace, with how many objects went out. */
  readonly sent = new Map<string, number>();
  queued = 0;
  listener: MeetingGroupListener | undefined;
  readonly #client = {
    closed: new Promise(() => undefined),
    onGoaway: () => undefined,
    queuedBytes: () => this.queued,
    close: () => this.log.push('session closed'),
    publishNamespace: () => Promise.resolve({ kind: 'published', cancel: () => undefined }),
    publish: (track: FullTrackName) => Promise.resolve({ kind: 'published', publication: this.#take(track) }),
  } as unknown as MoqtClient;
  readonly #group = {
    transportRestored: () => undefined,
    transportLost: () => undefined,
    leave: () => {
      this.log.push('group left');
      return new Promise<void>((resolve) => {
        this.event({ kind: 'stopped', reason: 'left' });
        resolve();
      });
    },
    ownObjects: () => undefined,
  } as unknown as MeetingGroup;
  readonly meeting = new Meeting({
    relays: ['a'],
    connect: () => Promise.resolve({ kind: 'connected', client: this.#client }),
    group: (listener) => {
      this.listener = listener;
      return this.#group;
    },
    displayName: () => 'Ana',
    now: () => millis(performance.now()),
    wallClock: () => 0,
    downlink: (item) => this.down.push(item),
    changed: () => undefined,
    ended: () => this.log.push('ended'),
  });

  event(event: GroupEvent): void {
    this.listener?.event(event);
  }

  /** An epoch of ours alone. @param join - which of our joins it belongs to. */
  begin(of: bigint, join: number, suite = 0x0004): void {
    const begun = {
      kind: 'epoch',
      group: new Uint8Array(16) as GroupName,
      senderId: encodeUtf8(`sender ${String(join)}`) as SenderId,
      epoch: epoch(of),
      masterKey: new Uint8Array(32).fill(1),
      roster: [],
      ownLeaf: leafIndex(0),
      securityCode: 'code',
      suite: 0x0001,
      parameters: { secureObjectsSuite: suite, profile: '2026-03', mode: 'fenced', kickedKeys: [] },
      change: { added: [], removed: [], by: undefined, time: unixMillis(0) },
    } as unknown as EpochBegun;
    this.event(begun);
    this.masterKey = begun.masterKey;
  }
  masterKey: Uint8Array | undefined;

  #take(track: FullTrackName): unknown {
    const name = Buffer.from(track.namespace.at(-1) ?? []).toString();
    const kind = name.includes('.') ? (name.split('.')[0] ?? '') : 'control';
    const count = (_object: MoqtObject): number => {
      this.sent.set(kind, (this.sent.get(kind) ?? 0) + 1);
      return 0;
    };
    return {
      forwarding: true,
      sendSingleObject: count,
      openSubgroup: () => undefined,
      writeObject: count,
      closeSubgroup: () => undefined,
      done: () => this.log.push(`${kind} done`),
    };
  }
}

let scene: Scene;
const settle = (ms = 5): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
async function start(): Promise<Scene> {
  scene = new Scene();
  await settle();
  return scene;
}
afterEach(async () => {
  await scene.meeting.leave();
});

const config: UplinkItem = {
  kind: 'uplink-config',
  config: { kind: 'audio', codec: 'opus', sampleRate: 48_000, channels: 1 },
};
const chunk: UplinkItem = {
  kind: 'uplink-chunk',
  media: 'audio',
  timestamp: 0,
  keyframe: true,
  bytes: new Uint8Array(10),
};

describe('leaving', () => {
  test('says good-bye, lets it out, and only then ends membership and session', async () => {
    const { meeting, log } = await start();
    scene.begin(0n, 1);
    await settle();
    scene.queued = 500;
    const before = scene.sent.get('control') ?? 0;
    const leaving = meeting.leave();
    expect(scene.sent.get('control')).toBe(before + 1);
    await settle(150);
    expect(log).not.toContain('group left');
    scene.queued = 0;
    await leaving;
    expect(log.slice(-3)).toEqual(['group left', 'session closed', 'ended']);
  });

  test('twice is leaving once', async () => {
    const { meeting, log } = await start();
    scene.begin(0n, 1);
    await Promise.all([meeting.leave(), meeting.leave()]);
    await meeting.leave();
    expect(log.filter((line) => line === 'group left')).toHaveLength(1);
    expect(meeting.stopped).toBe('left');
  });

  test('is leaving also when others are faster and remove us meanwhile', async () => {
    const { meeting } = await start();
    scene.begin(0n, 1);
    const leaving = meeting.leave();
    scene.event({ kind: 'stopped', reason: 'removed' });
    await leaving;
    expect(meeting.stopped).toBe('left');
  });
});

describe('what the encoders make', () => {
  test('is sent when it was announced before we were a member', async () => {
    const { meeting } = await start();
    meeting.setSending({ microphone: true, camera: false });
    meeting.uplink(config);
    scene.begin(0n, 1);
    await settle();
    meeting.uplink(chunk);
    expect(scene.sent.get('audio')).toBe(1);
  });

  test('is sent on after a re-join, which has new tracks, and not when it was switched off', async () => {
    const { meeting } = await start();
    meeting.setSending({ microphone: true, camera: false });
    scene.begin(0n, 1);
    await settle();
    meeting.uplink(config);
    meeting.uplink(chunk);
    scene.event({ kind: 'generation', generation: 0 });
    expect(meeting.members).toBeUndefined();
    scene.begin(7n, 2);
    await settle();
    meeting.uplink(chunk);
    expect(scene.sent.get('audio')).toBe(2);
    meeting.setSending({ microphone: false, camera: false });
    meeting.uplink(chunk);
    scene.begin(9n, 3);
    await settle();
    meeting.setSending({ microphone: true, camera: false });
    meeting.uplink(chunk);
    expect(scene.sent.get('audio')).toBe(2);
  });
});

describe('the engine', () => {
  test('overwrites the master key it is given, also of a meeting whose cipher it does not have', async () => {
    const { meeting } = await start();
    scene.begin(0n, 1);
    expect(scene.masterKey?.every((byte) => byte === 0)).toBe(true);
    scene.begin(1n, 2, 0x7777);
    expect(scene.masterKey?.every((byte) => byte === 0)).toBe(true);
    expect(meeting.stopped).toBe('unknown-cipher');
  });

  test('takes no part in a meeting whose cipher it does not have', async () => {
    const { meeting, log } = await start();
    scene.begin(1n, 1, 0x7777);
    await settle();
    expect(meeting.stopped).toBe('unknown-cipher');
    expect(log.filter((line) => line === 'group left')).toHaveLength(1);
  });

  test('holds a bounded number of tracks while it is no member', async () => {
    await start();
    let rejected = 0;
    for (let at = 0; at < 300; at += 1)
      scene.listener?.offered({
        reject: () => {
          rejected += 1;
        },
      } as unknown as PublishOffer);
    expect(rejected).toBe(44);
    scene.event({ kind: 'stopped', reason: 'removed' });
  });

  test('says that a newer generation exists until it follows there', async () => {
    const { meeting } = await start();
    scene.begin(0n, 1);
    scene.event({ kind: 'newer-generation', generation: 1 });
    expect([...meeting.attention]).toEqual(['newer-generation']);
    scene.event({ kind: 'generation', generation: 1 });
    expect([...meeting.attention]).toEqual([]);
  });
});

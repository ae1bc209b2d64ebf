import { beforeEach, describe, expect, test } from 'vitest';
import { encodeUtf8 } from '../../../src/protocol/bytes/utf8.ts';
import { OutgoingTrack } from '../../../src/protocol/meeting/outgoing-track.ts';
import type {
  MoqtClient,
  Publication,
  PublicationOwner,
  PublishOutcome,
} from '../../../src/protocol/moqt/client/client-api.ts';
import { groupId, objectId, type FullTrackName, type MoqtObject } from '../../../src/protocol/moqt/model.ts';
import { Pending } from '../../../src/protocol/tasks.ts';

const TRACK: FullTrackName = { namespace: [encodeUtf8('n')], name: encodeUtf8('o') };
const NOTHING = new Uint8Array(0);

/** A subscriber that writes down what is done to it. */
class Subscriber implements Publication {
  readonly track = TRACK;
  forwarding = true;
  queued = 0;
  readonly log: string[] = [];
  sendSingleObject({ location }: MoqtObject): void {
    this.log.push(`single ${String(location.group)}`);
  }
  openSubgroup({ group }: { group: bigint }): void {
    this.log.push(`open ${String(group)}`);
  }
  writeObject({ location }: MoqtObject): number {
    this.log.push(`write ${String(location.group)}/${String(location.object)}`);
    return this.queued;
  }
  closeSubgroup(group: bigint): void {
    this.log.push(`close ${String(group)}`);
  }
  resetSubgroup(group: bigint): void {
    this.log.push(`reset ${String(group)}`);
  }
  sendDatagram(): void {
    throw new Error('media never goes by datagram');
  }
  done(): void {
    this.log.push('done');
  }
}

/** A session that answers a PUBLISH when told to. */
class Session {
  readonly subscriber = new Subscriber();
  owner: PublicationOwner | undefined;
  options: unknown;
  readonly #outcome = new Pending<PublishOutcome>();
  readonly client = {
    publish: (_track: FullTrackName, options: unknown, owner: PublicationOwner) => {
      this.owner = owner;
      this.options = options;
      return this.#outcome;
    },
  } as unknown as MoqtClient;

  accept(): void {
    this.#outcome.settle({ kind: 'published', publication: this.subscriber });
  }

  refuse(): void {
    this.#outcome.settle({ kind: 'refused', refusal: { code: 1, reason: 'no' } });
  }
}

let seals: string[];
let hasKey: boolean;
let congested: number;
let wanted: number;
let track: OutgoingTrack;
beforeEach(() => {
  seals = [];
  hasKey = true;
  congested = 0;
  wanted = 0;
  track = new OutgoingTrack({
    track: TRACK,
    priority: 1,
    queueLimit: 100,
    seal: ({ group, object }, payload) => {
      if (!hasKey) return undefined;
      seals.push(`${String(group)}/${String(object)}`);
      return { properties: NOTHING, payload };
    },
    onCongestion: () => {
      congested += 1;
    },
    onWanted: () => {
      wanted += 1;
    },
  });
});

function attach(): Session {
  const session = new Session();
  track.offer(session.client);
  session.accept();
  return session;
}
const send = (begins: boolean, bytes = 10): boolean => track.append(new Uint8Array(bytes), NOTHING, begins);

describe('a track that we publish', () => {
  test('never seals a location twice: groups only rise, over sessions and without keys too', () => {
    attach();
    send(true);
    send(false);
    track.sendGroup(NOTHING, NOTHING);
    track.detach();
    send(true);
    hasKey = false;
    expect([send(true), track.sendGroup(NOTHING, NOTHING)]).toEqual([false, false]);
    hasKey = true;
    attach();
    send(true);
    track.sendGroup(NOTHING, NOTHING);
    expect(new Set(seals).size).toBe(seals.length);
    const groups = seals.map((at) => Number(at.split('/')[0]));
    expect(groups).toEqual([...groups].sort((a, b) => a - b));
  });

  test('knows its largest location, and offers itself with it', () => {
    expect(attach().options).toEqual({ forward: true, description: {} });
    send(true);
    send(false);
    const largest = { group: 0n, object: 1n };
    expect([track.largest, attach().options]).toEqual([largest, { forward: true, description: { largest } }]);
  });

  test('begins with what can be decoded by itself', () => {
    expect(send(false)).toBe(false);
    expect([seals, send(true), send(false)]).toEqual([['0/0', '0/1'], true, true]);
    track.pause();
    expect(send(false)).toBe(false);
  });

  test('sends nothing on a session that is gone', () => {
    const { subscriber } = attach();
    send(true);
    track.detach();
    send(false);
    send(true);
    expect(subscriber.log).toEqual(['open 0', 'write 0/0']);
  });

  test('gives the rest of a group up for a subscriber that is behind, and goes on with the next', () => {
    const { subscriber } = attach();
    const other = attach().subscriber;
    send(true);
    subscriber.queued = 100;
    send(false);
    subscriber.queued = 101;
    send(false);
    subscriber.queued = 0;
    send(false);
    send(true);
    expect(subscriber.log).toEqual([
      'open 0',
      'write 0/0',
      'write 0/1',
      'write 0/2',
      'reset 0',
      'open 1',
      'write 1/0',
    ]);
    expect(other.log).toEqual([
      'open 0',
      'write 0/0',
      'write 0/1',
      'write 0/2',
      'write 0/3',
      'close 0',
      'open 1',
      'write 1/0',
    ]);
    expect(congested).toBe(1);
  });

  test('sends nothing to who wants nothing, and asks for a new group when somebody begins to', () => {
    const { subscriber, owner } = attach();
    expect(wanted).toBe(1);
    subscriber.forwarding = false;
    owner?.updated?.(false);
    send(true);
    track.sendGroup(NOTHING, NOTHING);
    expect(subscriber.log).toEqual([]);
    subscriber.forwarding = true;
    owner?.updated?.(true);
    expect(wanted).toBe(2);
    // About something else, such as a priority.
    for (let at = 0; at < 100; at += 1) owner?.updated?.(true);
    expect(wanted).toBe(2);
    send(false);
    expect(subscriber.log).toEqual([]);
    send(true);
    expect(subscriber.log).toEqual(['open 2', 'write 2/0']);
  });

  test('keeps the newest group for FETCH, within bounds', () => {
    send(true);
    send(false);
    send(true, 1024 * 1024);
    for (let at = 0; at < 4; at += 1) send(false, 1024 * 1024);
    const all = track.fetch(
      { group: groupId(0n), object: objectId(0n) },
      { group: groupId(9n), object: objectId(9n) },
    );
    expect(all.map(({ location }) => `${String(location.group)}/${String(location.object)}`)).toEqual([
      '1/0',
      '1/1',
    ]);
    const first = { group: groupId(1n), object: objectId(0n) };
    expect(track.fetch(first, first)).toHaveLength(1);
  });

  test('that is over says so to all, also to a session that was still being asked', () => {
    const { subscriber } = attach();
    const late = new Session();
    track.offer(late.client);
    send(true);
    track.end(2, 'over');
    late.accept();
    expect(subscriber.log).toEqual(['open 0', 'write 0/0', 'close 0', 'done']);
    const after = new Subscriber();
    track.subscribed(after);
    send(true);
    track.sendGroup(NOTHING, NOTHING);
    expect([late.subscriber.log, after.log]).toEqual([['done'], ['done']]);
  });

  test('forgets a subscriber that ended', () => {
    const { subscriber, owner } = attach();
    send(true);
    owner?.ended('gone');
    send(false);
    send(true);
    expect(subscriber.log).toEqual(['open 0', 'write 0/0']);
  });

  test('is sent to whoever subscribes, though the relay refused to be offered it', () => {
    const refusing = new Session();
    track.offer(refusing.client);
    refusing.refuse();
    const subscriber = new Subscriber();
    const owner = track.subscribed(subscriber);
    expect(wanted).toBe(1);
    send(true);
    owner.updated?.(false);
    owner.updated?.(false);
    expect(wanted).toBe(1);
    owner.updated?.(true);
    expect(wanted).toBe(2);
    owner.ended('gone');
    send(true);
    expect([refusing.subscriber.log, subscriber.log]).toEqual([[], ['open 0', 'write 0/0']]);
  });
});

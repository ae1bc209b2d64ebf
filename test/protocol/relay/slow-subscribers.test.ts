import { describe, expect, test } from 'vitest';
import { RequestErrorCode, StreamCode } from '../../../src/protocol/moqt/codes.ts';
import type { RelayLimits } from '../../../src/protocol/relay/limits.ts';
import type { RequestId } from '../../../src/protocol/moqt/model.ts';
import { millis } from '../../../src/protocol/units.ts';
import { at, object, track } from '../../harness/moqt/names.ts';
import { RelayNet } from '../../harness/relay/relay-net.ts';
import type { RelayClient } from '../../harness/relay/relay-net.ts';

const VIDEO = track('room/media/alice/cam', 'o');
const AUDIO = track('room/media/alice/mic', 'o');
const COMMITS = track('room', 'commits');
const CONTROL = track('room/control/alice/start', 'o');

const LIMITS: Partial<RelayLimits> = {
  transportWindow: 10_000,
  mediaBacklogBytes: 50_000,
  mediaBacklogAge: millis(1_000),
  reliableBacklogBytes: 100_000,
};

/** A publisher of `name`, a subscriber that reads and one that does not. */
function meeting(
  names = [VIDEO],
  limits = LIMITS,
): {
  net: RelayNet;
  alice: RelayClient;
  published: RequestId[];
  fast: { client: RelayClient; ids: RequestId[] };
  slow: { client: RelayClient; ids: RequestId[] };
} {
  const net = new RelayNet(limits);
  const [alice, fast, slow] = [net.connect(), net.connect(), net.connect()];
  const published = names.map((name) => alice.session.publish(name, { forward: true, description: {} }));
  net.run();
  const join = (client: RelayClient): { client: RelayClient; ids: RequestId[] } => ({
    client,
    ids: names.map((name) => client.session.subscribe(name, {})),
  });
  const joined = { fast: join(fast), slow: join(slow) };
  net.run();
  slow.stalled = true;
  return { net, alice, published, ...joined };
}

/** Sends a group of ten objects of 1,000 bytes each on one stream, all but its end. */
function sendGroup(net: RelayNet, alice: RelayClient, id: RequestId, group: number, priority = 200): void {
  const first = object(group, 0, '');
  alice.session.openSubgroup(id, {
    group: first.location.group,
    subgroup: the(first.subgroup),
    publisherPriority: priority,
    endOfGroup: true,
    firstObject: true,
  });
  for (let at = 0; at < 10; at += 1) {
    alice.session.writeObject(id, object(group, at, `v${String(group)}.`.padEnd(1_000, 'x'), { priority }));
    net.run();
  }
  alice.session.closeSubgroup(id, first.location.group, the(first.subgroup));
  net.run();
}

const groupsOf = (client: RelayClient, id: RequestId | undefined): string[] => [
  ...new Set(
    client.of('object').flatMap((event) => (event.id === id ? [String(event.object.location.group)] : [])),
  ),
];

describe('a subscriber that does not read', () => {
  test('delays nobody else, and what waits for it is bounded', () => {
    const { net, alice, published, fast } = meeting();
    for (let group = 0; group < 50; group += 1) {
      sendGroup(net, alice, the(published[0]), group);
      expect(net.relay.statistics().backlogBytes).toBeLessThanOrEqual(LIMITS.mediaBacklogBytes ?? 0);
    }
    expect(fast.client.of('object')).toHaveLength(500);
    expect(fast.client.of('subgroup-end').every(({ complete }) => complete)).toBe(true);
    expect(net.relay.statistics().groupsDropped).toBeGreaterThan(30);
  });

  test('gets the newest groups when it reads again, whole or reset, never with holes inside a stream', () => {
    const { net, alice, published, slow } = meeting();
    for (let group = 0; group < 50; group += 1) sendGroup(net, alice, the(published[0]), group);
    slow.client.stalled = false;
    net.pass(100);
    const groups = groupsOf(slow.client, slow.ids[0]);
    expect(groups).toContain('49');
    expect(groups.length).toBeLessThan(10);
    const objects = slow.client.objects(the(slow.ids[0])).filter((text) => text.startsWith('49/'));
    expect(objects).toHaveLength(10);
    const perStream = new Map<unknown, bigint[]>();
    for (const { stream, object: got } of slow.client.of('object')) {
      perStream.set(stream, [...(perStream.get(stream) ?? []), got.location.object]);
    }
    for (const ids of perStream.values()) expect(ids).toEqual(ids.map((_, index) => BigInt(index)));
  });

  test('a group given up half-way is reset with DELIVERY_TIMEOUT', () => {
    const { net, alice, published, slow } = meeting([VIDEO], { ...LIMITS, transportWindow: 15_000 });
    sendGroup(net, alice, the(published[0]), 0);
    sendGroup(net, alice, the(published[0]), 1);
    net.pass(1_100);
    sendGroup(net, alice, the(published[0]), 2);
    slow.client.stalled = false;
    net.pass(100);
    expect(groupsOf(slow.client, slow.ids[0])).toEqual(['0', '2']);
    expect(net.commandsFor(slow.client)).toContainEqual(
      expect.objectContaining({ kind: 'reset', code: StreamCode.DELIVERY_TIMEOUT }),
    );
    expect(net.relay.statistics().groupsDropped).toBe(1);
  });

  test('a group that is larger than the bound is given up, and the next one goes on', () => {
    const { net, alice, published, slow } = meeting([VIDEO], { ...LIMITS, mediaBacklogBytes: 3_000 });
    for (let group = 0; group < 3; group += 1) sendGroup(net, alice, the(published[0]), group);
    slow.client.stalled = false;
    net.pass(50);
    sendGroup(net, alice, the(published[0]), 3);
    net.pass(50);
    expect(slow.client.objects(the(slow.ids[0])).filter((text) => text.startsWith('3/'))).toHaveLength(10);
  });

  test('nothing more of a group that was given up is sent, though it goes on', () => {
    const { net, alice, published, slow } = meeting([VIDEO], { ...LIMITS, mediaBacklogBytes: 3_000 });
    const id = the(published[0]);
    const first = object(0, 0, '');
    alice.session.openSubgroup(id, {
      group: first.location.group,
      subgroup: the(first.subgroup),
      publisherPriority: 128,
      endOfGroup: true,
      firstObject: true,
    });
    for (let at = 0; at < 20; at += 1) {
      alice.session.writeObject(id, object(0, at, 'x'.repeat(1_000)));
      net.run();
    }
    expect(net.relay.statistics().groupsDropped).toBe(1);
    slow.client.stalled = false;
    net.pass(50);
    alice.session.writeObject(id, object(0, 20, 'more'));
    net.run();
    expect(slow.client.objects(the(slow.ids[0])).filter((text) => text.endsWith('more'))).toEqual([]);
    sendGroup(net, alice, id, 1);
    expect(groupsOf(slow.client, slow.ids[0])).toContain('1');
  });

  test('audio stays when video is given up, and goes first', () => {
    const { net, alice, published, slow } = meeting([VIDEO, AUDIO]);
    const [video, audio] = published as [RequestId, RequestId];
    for (let group = 0; group < 20; group += 1) {
      sendGroup(net, alice, video, group, 200);
      alice.session.sendSingleObject(
        audio,
        object(group, 0, 'sound'.padEnd(100, '.'), { priority: 10 }),
        true,
      );
      net.run();
    }
    slow.client.stalled = false;
    net.pass(100);
    const arrived = slow.client.of('object');
    const sound = arrived.filter(({ id }) => id === slow.ids[1]);
    expect(sound).toHaveLength(20);
    expect(groupsOf(slow.client, slow.ids[0]).length).toBeLessThan(20);
    // Behind what the transport had already, sound comes before any further video.
    const lastSound = arrived.map(({ id }) => id).lastIndexOf(the(slow.ids[1]));
    const videoBefore = arrived.slice(0, lastSound).filter(({ id }) => id === slow.ids[0]);
    expect(videoBefore.length).toBeLessThanOrEqual(11);
  });

  test.each([
    ['MLS', COMMITS],
    ['control', CONTROL],
  ])('%s objects are never dropped: they wait, and all arrive in order', (_, name) => {
    const { net, alice, published, slow } = meeting([name]);
    for (let group = 0; group < 80; group += 1) {
      alice.session.sendSingleObject(the(published[0]), object(group, 0, 'x'.repeat(1_000)), false);
      net.run();
    }
    net.pass(5_000);
    slow.client.stalled = false;
    net.pass(100);
    expect(slow.client.of('object').map((event) => event.object.location.group)).toEqual(
      Array.from({ length: 80 }, (_unused, group) => BigInt(group)),
    );
  });

  test('when too many of them wait the session is closed instead, and nobody else is', () => {
    const { net, alice, published, fast, slow } = meeting([COMMITS]);
    for (let group = 0; group < 150; group += 1) {
      alice.session.sendSingleObject(the(published[0]), object(group, 0, 'x'.repeat(1_000)), false);
      net.run();
    }
    slow.client.stalled = false;
    net.run();
    expect(slow.client.last('closed')).toMatchObject({ by: 'peer' });
    expect(slow.client.last('closed').reason).toContain('EXCESSIVE_LOAD');
    expect(fast.client.of('object')).toHaveLength(150);
    expect(net.relay.statistics()).toMatchObject({ sessionsTooSlow: 1, sessions: 2, backlogBytes: 0 });
  });

  test('small ones count for more than their bytes', () => {
    const { net, alice, published, slow } = meeting([COMMITS]);
    for (let group = 0; group < 2_000; group += 1) {
      alice.session.sendSingleObject(the(published[0]), object(group, 0, '.'), false);
      net.run();
    }
    slow.client.stalled = false;
    net.run();
    expect(slow.client.last('closed').reason).toContain('EXCESSIVE_LOAD');
  });

  test('when they wait too long the session is closed too', () => {
    const { net, alice, published, slow } = meeting([COMMITS], {
      ...LIMITS,
      reliableBacklogAge: millis(2_000),
    });
    for (let group = 0; group < 20; group += 1) {
      alice.session.sendSingleObject(the(published[0]), object(group, 0, 'x'.repeat(1_000)), false);
      net.run();
    }
    net.pass(1_900);
    expect(net.relay.statistics().sessionsTooSlow).toBe(0);
    net.pass(200);
    expect(net.relay.statistics().sessionsTooSlow).toBe(1);
    slow.client.stalled = false;
    net.run();
    expect(slow.client.of('closed')).toHaveLength(1);
  });

  test('a FETCH that nobody reads does not fill the relay', () => {
    const net = new RelayNet({ ...LIMITS, fetchBacklogBytes: 20_000 });
    const [alice, bob] = [net.connect(), net.connect()];
    alice.session.publish(VIDEO, {
      forward: true,
      description: { largest: { group: 0n, object: 99n } as never },
    });
    net.run();
    bob.session.fetch({
      kind: 'standalone',
      track: VIDEO,
      start: object(0, 0, '').location,
      end: object(0, 0, '').location,
    });
    net.run();
    bob.stalled = true;
    const request = alice.request('fetch');
    alice.session.acceptFetch(request.id, object(0, 100, '').location, false);
    for (let at = 0; at < 100; at += 1) {
      alice.session.sendFetchObject(request.id, object(0, at, 'x'.repeat(1_000)));
      net.run();
    }
    expect(alice.of('request-cancelled')).toHaveLength(1);
    bob.stalled = false;
    net.run();
    expect(bob.last('request-cancelled').code).toBe(StreamCode.TOO_FAR_BEHIND);
    expect(net.relay.statistics().backlogBytes).toBe(0);
  });

  test('a FETCH whose publisher sends objects and no FETCH_OK does not fill the relay either', () => {
    const net = new RelayNet({ ...LIMITS, fetchBacklogBytes: 20_000 });
    const [alice, bob] = [net.connect(), net.connect()];
    alice.session.publish(VIDEO, { forward: true, description: { largest: at(0, 99) } });
    net.run();
    const id = bob.session.fetch({ kind: 'standalone', track: VIDEO, start: at(0, 0), end: at(0, 0) });
    net.run();
    const request = alice.request('fetch');
    for (let sent = 0; sent < 100; sent += 1) {
      alice.session.sendFetchObject(request.id, object(0, sent, 'x'.repeat(1_000)));
    }
    net.run();
    expect(alice.of('request-cancelled')).toHaveLength(1);
    expect(bob.refusal(id)).toBe(RequestErrorCode.EXCESSIVE_LOAD);
  });
});

describe('delivery timeouts', () => {
  test('an object that waited longer than OBJECT_DELIVERY_TIMEOUT is not sent, the stream is reset', () => {
    const net = new RelayNet({ transportWindow: 10_000 });
    const [alice, bob] = [net.connect(), net.connect()];
    const published = alice.session.publish(VIDEO, { forward: true, description: {} });
    net.run();
    const subscription = bob.session.subscribe(VIDEO, { objectDeliveryTimeout: millis(200) });
    net.run();
    bob.stalled = true;
    sendGroup(net, alice, published, 0);
    sendGroup(net, alice, published, 1);
    net.pass(300);
    sendGroup(net, alice, published, 2);
    bob.stalled = false;
    net.pass(50);
    expect(groupsOf(bob, subscription)).not.toContain('1');
    expect(groupsOf(bob, subscription)).toContain('2');
    expect(net.relay.statistics().backlogBytes).toBe(0);
  });
});

function the<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('it should be there');
  return value;
}

import { describe, expect, test } from 'vitest';
import { PublishDoneCode, RequestErrorCode, StreamCode } from '../../../src/protocol/moqt/codes.ts';
import type { FullTrackName, RequestId } from '../../../src/protocol/moqt/model.ts';
import { millis } from '../../../src/protocol/units.ts';
import { at, namespace, object, track } from '../../harness/moqt/names.ts';
import { RelayNet } from '../../harness/relay/relay-net.ts';
import type { RelayClient } from '../../harness/relay/relay-net.ts';

const MEDIA = track('room/media/alice/cam', 'o');
const COMMITS = track('room', 'commits');
const PACKAGE = track('room/keypackages', 'alice');
const WELCOME = track('room/welcome', 'alice');

function publish(
  net: RelayNet,
  client: RelayClient,
  name: FullTrackName,
  objects: readonly [number, number, string][] = [],
): RequestId {
  const id = client.session.publish(name, { forward: true, description: {} });
  net.run();
  for (const [group, objectId, payload] of objects) {
    client.session.sendSingleObject(id, object(group, objectId, payload, { subgroup: objectId }), false);
  }
  net.run();
  return id;
}

function fetch(
  net: RelayNet,
  client: RelayClient,
  name: FullTrackName,
  start = at(0, 0),
  end = at(1_000, 0),
  groupOrder: 'ascending' | 'descending' = 'ascending',
): RequestId {
  const id = client.session.fetch({ kind: 'standalone', track: name, start, end }, { groupOrder });
  net.run();
  return id;
}

describe('FETCH from the cache', () => {
  test('a late joiner gets what it missed, without a word to the publisher', () => {
    const net = new RelayNet();
    const [alice, bob, carol] = [net.connect(), net.connect(), net.connect()];
    bob.session.subscribe(MEDIA, { rendezvousTimeout: millis(1_000) });
    net.run();
    publish(net, alice, MEDIA, [
      [0, 0, 'a'],
      [0, 1, 'b'],
      [1, 0, 'c'],
      [2, 0, 'd'],
    ]);
    const fetched = fetch(net, carol, MEDIA, at(0, 1), at(2, 0));
    expect(carol.fetched(fetched)).toEqual(['0/1=b', '1/0=c', '2/0=d']);
    expect(carol.last('fetch-ok')).toMatchObject({ end: at(2, 1), endOfTrack: false });
    expect(carol.last('fetch-end')).toMatchObject({ complete: true });
    expect(alice.of('request')).toHaveLength(0);
    const back = fetch(net, carol, MEDIA, at(0, 0), at(2, 0), 'descending');
    expect(carol.fetched(back)).toEqual(['2/0=d', '1/0=c', '0/0=a', '0/1=b']);
  });

  test('a joining FETCH and its subscription are contiguous', () => {
    const net = new RelayNet();
    const [alice, bob] = [net.connect(), net.connect()];
    const published = publish(net, alice, MEDIA, [
      [3, 0, 'a'],
      [4, 0, 'b'],
    ]);
    const subscription = bob.session.subscribe(MEDIA, { filter: { kind: 'largest-object' } });
    const joining = bob.session.fetch({ kind: 'relative-joining', joins: subscription, groups: 1n });
    net.run();
    alice.session.sendSingleObject(published, object(4, 1, 'c', { subgroup: 1 }), false);
    net.run();
    expect(bob.fetched(joining)).toEqual(['3/0=a', '4/0=b']);
    expect(bob.objects(subscription)).toEqual(['4/1=c']);
  });

  test('what the relay cannot know is asked of the publisher', () => {
    const net = new RelayNet();
    const [alice, bob] = [net.connect(), net.connect()];
    alice.session.publish(MEDIA, { forward: true, description: { largest: at(7, 3) } });
    net.run();
    const fetched = fetch(net, bob, MEDIA, at(7, 0), at(7, 4));
    const request = alice.request('fetch');
    expect(request).toMatchObject({ start: at(7, 0), end: at(7, 4) });
    alice.session.acceptFetch(request.id, at(7, 4), false);
    alice.session.sendFetchObject(request.id, object(7, 0, 'x'));
    alice.session.sendFetchGap(request.id, at(7, 2), 'unknown');
    alice.session.sendFetchObject(request.id, object(7, 3, 'y'));
    alice.session.endFetch(request.id);
    net.run();
    expect(bob.fetched(fetched)).toEqual(['7/0=x', '7/3=y']);
    expect(bob.last('fetch-gap')).toMatchObject({ end: at(7, 2), known: 'unknown' });
    expect(bob.last('fetch-end')).toMatchObject({ complete: true });
  });

  test('a stream that was lost on the way makes its group unknown', () => {
    const net = new RelayNet();
    const [alice, bob] = [net.connect(), net.connect()];
    const published = publish(net, alice, MEDIA, [[0, 0, 'a']]);
    const { subgroup } = object(1, 0, '');
    const header = { group: at(1, 0).group, publisherPriority: 128, endOfGroup: false, firstObject: true };
    alice.session.openSubgroup(published, { ...header, subgroup: subgroup ?? raise() });
    alice.session.writeObject(published, object(1, 0, 'b'));
    net.run();
    alice.session.resetSubgroup(published, header.group, subgroup ?? raise(), 0);
    alice.session.sendSingleObject(published, object(1, 5, 'f', { subgroup: 5 }), false);
    net.run();
    fetch(net, bob, MEDIA, at(0, 0), at(0, 1));
    expect(alice.of('request')).toHaveLength(0);
    fetch(net, bob, MEDIA, at(1, 0), at(1, 6));
    expect(alice.request('fetch')).toMatchObject({ start: at(1, 0) });
  });

  test('publishers are asked one after the other; the last refusal is handed on', () => {
    const net = new RelayNet();
    const [alice, bob, carol] = [net.connect(), net.connect(), net.connect()];
    for (const client of [alice, bob]) client.session.publishNamespace(namespace('room'));
    net.run();
    const fetched = fetch(net, carol, MEDIA, at(0, 0), at(0, 1));
    alice.session.reject(alice.request('fetch').id, { code: RequestErrorCode.DOES_NOT_EXIST, reason: '' });
    net.run();
    bob.session.reject(bob.request('fetch').id, { code: RequestErrorCode.INVALID_RANGE, reason: '' });
    net.run();
    expect(carol.refusal(fetched)).toBe(RequestErrorCode.INVALID_RANGE);
    expect(carol.refusal(fetch(net, carol, track('nobody', 'o')))).toBe(RequestErrorCode.DOES_NOT_EXIST);
  });

  test('a publisher that leaves half-way resets the answer', () => {
    const net = new RelayNet();
    const [alice, bob] = [net.connect(), net.connect()];
    alice.session.publishNamespace(namespace('room'));
    net.run();
    fetch(net, bob, MEDIA, at(0, 0), at(9, 0));
    const request = alice.request('fetch');
    alice.session.acceptFetch(request.id, at(9, 0), false);
    alice.session.sendFetchObject(request.id, object(0, 0, 'x'));
    net.run();
    alice.session.close(0, 'bye');
    net.run();
    expect(bob.last('fetch-end')).toMatchObject({ complete: false, code: StreamCode.UNKNOWN_OBJECT_STATUS });
  });

  test('the cache holds a bounded number of groups, and nothing once the publisher has left', () => {
    const net = new RelayNet({ cacheGroupsPerTrack: 2 });
    const [alice, bob] = [net.connect(), net.connect()];
    publish(net, alice, MEDIA, [
      [0, 0, 'a'],
      [1, 0, 'b'],
      [2, 0, 'c'],
    ]);
    fetch(net, bob, MEDIA, at(1, 0), at(2, 0));
    expect(alice.of('request')).toHaveLength(0);
    fetch(net, bob, MEDIA, at(0, 0), at(2, 0));
    expect(alice.request('fetch')).toMatchObject({ start: at(0, 0) });
    expect(net.relay.statistics().cachedBytes).toBeGreaterThan(0);
    alice.session.close(0, 'bye');
    net.run();
    expect(net.relay.statistics()).toMatchObject({ cachedBytes: 0, tracks: 0 });
  });

  test('media are given up after MAX_CACHE_DURATION of their track', () => {
    const net = new RelayNet();
    const alice = net.connect();
    // MAX_CACHE_DURATION (0x04) = 1,000 ms.
    const description = { properties: Uint8Array.of(0x04, 0x83, 0xe8) };
    const id = alice.session.publish(MEDIA, { forward: true, description });
    net.run();
    alice.session.sendSingleObject(id, object(0, 0, 'a'), false);
    net.run();
    expect(net.relay.statistics().cachedBytes).toBeGreaterThan(0);
    net.pass(10_000);
    expect(net.relay.statistics().cachedBytes).toBe(0);
  });

  test('one session is served by FETCH at a bounded rate', () => {
    const net = new RelayNet({ fetchBytesPerSecond: 10_000 });
    const [alice, bob] = [net.connect(), net.connect()];
    const payload = 'x'.repeat(5_000);
    publish(net, alice, COMMITS, [
      [0, 0, payload],
      [1, 0, payload],
      [2, 0, payload],
      [3, 0, payload],
      [4, 0, payload],
    ]);
    const fetched = fetch(net, bob, COMMITS);
    expect(bob.fetched(fetched).length).toBeLessThan(4);
    net.pass(2_000);
    expect(bob.fetched(fetched)).toHaveLength(5);
    expect(bob.last('fetch-end')).toMatchObject({ complete: true });
  });
});

describe('MLS tracks', () => {
  test.each([
    ['commits', COMMITS],
    ['a key package', PACKAGE],
    ['a welcome', WELCOME],
  ])('%s can be fetched, subscribed to and discovered after the publisher has left', (_, name) => {
    const net = new RelayNet();
    const alice = net.connect();
    publish(net, alice, name, [
      [0, 0, 'one'],
      [1, 0, 'two'],
      [1, 1, 'three'],
    ]);
    alice.session.close(0, 'bye');
    net.run();
    const bob = net.connect();
    const fetched = fetch(net, bob, name);
    expect(bob.fetched(fetched)).toEqual(['0/0=one', '1/0=two', '1/1=three']);
    const subscription = bob.session.subscribe(name, {});
    net.run();
    expect(bob.last('subscribe-ok').description.largest).toEqual(at(1, 1));
    const carol = net.connect();
    carol.session.subscribeTracks(namespace('room'), { forward: false });
    net.run();
    expect(carol.offers()).toHaveLength(1);
    const dora = net.connect();
    publish(net, dora, name, [[2, 0, 'four']]);
    expect(bob.objects(subscription)).toEqual(['2/0=four']);
  });

  test('other tracks end with their publisher', () => {
    const net = new RelayNet();
    const [alice, bob] = [net.connect(), net.connect()];
    publish(net, alice, MEDIA, [[0, 0, 'a']]);
    alice.session.close(0, 'bye');
    net.run();
    expect(bob.refusal(fetch(net, bob, MEDIA))).toBe(RequestErrorCode.DOES_NOT_EXIST);
  });

  test('they expire; then the track is gone and its subscriptions end', () => {
    const net = new RelayNet({ keepFor: millis(60_000) });
    const [alice, bob] = [net.connect(), net.connect()];
    publish(net, alice, COMMITS, [[0, 0, 'a']]);
    bob.session.subscribe(COMMITS, {});
    net.run();
    alice.session.close(0, 'bye');
    net.pass(50_000);
    expect(bob.of('publish-done')).toHaveLength(0);
    expect(net.relay.statistics().keptBytes).toBeGreaterThan(0);
    net.pass(20_000);
    expect(bob.last('publish-done').code).toBe(PublishDoneCode.TRACK_ENDED);
    expect(net.relay.statistics()).toMatchObject({ keptBytes: 0, tracks: 0 });
    expect(bob.refusal(fetch(net, bob, COMMITS))).toBe(RequestErrorCode.DOES_NOT_EXIST);
  });

  test('what is kept is bounded; who floods evicts its own', () => {
    const net = new RelayNet({ keptBytes: 200_000 });
    const [alice, mallory, bob] = [net.connect(), net.connect(), net.connect()];
    publish(net, alice, PACKAGE, [[0, 0, 'mine']]);
    const flood = publish(net, mallory, COMMITS);
    for (let group = 0; group < 100; group += 1) {
      mallory.session.sendSingleObject(flood, object(group, 0, 'x'.repeat(10_000)), false);
    }
    net.run();
    expect(net.relay.statistics().keptBytes).toBeLessThanOrEqual(200_000);
    expect(bob.fetched(fetch(net, bob, PACKAGE))).toEqual(['0/0=mine']);
    mallory.session.close(0, 'bye');
    net.run();
    fetch(net, bob, COMMITS, at(0, 0), at(99, 1));
    expect(bob.last('fetch-gap')).toMatchObject({ known: 'unknown' });
    expect(bob.last('fetch-object').object.location).toEqual(at(99, 0));
  });

  test('after a restart of the relay a publisher fills what it had published before', () => {
    const net = new RelayNet();
    const [alice, bob] = [net.connect(), net.connect()];
    alice.session.publish(COMMITS, { forward: true, description: { largest: at(1, 1) } });
    net.run();
    const request = alice.request('fetch');
    expect(request).toMatchObject({ start: at(0, 0), end: at(1, 2) });
    const early = fetch(net, bob, COMMITS);
    expect(bob.of('fetch-ok')).toHaveLength(0);
    alice.session.acceptFetch(request.id, at(1, 2), false);
    for (const [group, id] of [
      [0, 0],
      [1, 0],
      [1, 1],
    ] as const) {
      alice.session.sendFetchObject(
        request.id,
        object(group, id, `${String(group)}.${String(id)}`, { subgroup: id }),
      );
    }
    alice.session.endFetch(request.id);
    net.run();
    expect(bob.fetched(early)).toEqual(['0/0=0.0', '1/0=1.0', '1/1=1.1']);
    alice.session.close(0, 'bye');
    net.run();
    expect(bob.fetched(fetch(net, bob, COMMITS))).toHaveLength(3);
  });
});

function raise(): never {
  throw new Error('it should be there');
}

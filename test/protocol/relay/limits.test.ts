import { describe, expect, test } from 'vitest';
import { RequestErrorCode, SessionCode } from '../../../src/protocol/moqt/codes.ts';
import { millis } from '../../../src/protocol/units.ts';
import { at, namespace, object, track } from '../../harness/moqt/names.ts';
import { RelayNet } from '../../harness/relay/relay-net.ts';

const OPEN = { forward: true, description: {} } as const;

describe('limits of a session', () => {
  test('tracks, namespaces, subscriptions and fetches are refused beyond them, and free again afterwards', () => {
    const net = new RelayNet({
      tracksPerSession: 2,
      namespacesPerSession: 1,
      subscriptionsPerSession: 1,
      fetchesPerSession: 0,
    });
    const [alice, bob] = [net.connect(), net.connect()];
    const tracks = ['a', 'b', 'c'].map((name) => alice.session.publish(track('room/x', name), OPEN));
    const spaces = ['a', 'b'].map((name) => alice.session.publishNamespace(namespace(name)));
    const subscriptions = ['a', 'b'].map((name) => bob.session.subscribe(track('room/x', name), {}));
    net.run();
    const subscription = bob.session.subscribe(track('room/x', 'b'), {});
    const fetched = bob.session.fetch({
      kind: 'standalone',
      track: track('room/x', 'a'),
      start: at(0, 0),
      end: at(1, 0),
    });
    net.run();
    const busy = RequestErrorCode.EXCESSIVE_LOAD;
    expect(tracks.map((id) => alice.refusal(id))).toEqual([undefined, undefined, busy]);
    expect(spaces.map((id) => alice.refusal(id))).toEqual([undefined, busy]);
    expect(bob.refusal(subscription)).toBe(busy);
    expect(bob.refusal(fetched)).toBe(busy);
    expect(bob.of('request-error').every(({ refusal }) => refusal.retryAfter === 1_000)).toBe(true);
    bob.session.cancel(subscriptions[0] as never);
    net.run();
    const again = bob.session.subscribe(track('room/x', 'b'), {});
    net.run();
    expect(bob.refusal(again)).toBeUndefined();
  });

  test('beyond the subscriptions SUBSCRIBE_TRACKS brings PUBLISH_BLOCKED, and no PUBLISH after it', () => {
    const net = new RelayNet({ subscriptionsPerSession: 1 });
    const [alice, bob] = [net.connect(), net.connect()];
    for (const name of ['a', 'b']) alice.session.publish(track('room/x', name), OPEN);
    net.run();
    const following = bob.session.subscribeTracks(namespace('room'), { forward: true });
    net.run();
    expect(bob.offers()).toHaveLength(1);
    expect(bob.of('publish-blocked')).toEqual([
      { kind: 'publish-blocked', id: following, track: track('room/x', 'b') },
    ]);
    const carol = net.connect();
    carol.session.publish(track('room/x', 'b'), OPEN);
    net.run();
    expect(bob.offers()).toHaveLength(1);
    expect(bob.of('publish-blocked')).toHaveLength(1);
  });

  test('an empty prefix, which would list every meeting, is refused, announced or asked for', () => {
    const net = new RelayNet();
    const bob = net.connect();
    const all = [
      bob.session.subscribeTracks([], { forward: true }),
      bob.session.subscribeNamespace([]),
      bob.session.publishNamespace([]),
    ];
    net.run();
    expect(all.map((id) => bob.refusal(id))).toEqual([
      RequestErrorCode.UNAUTHORIZED,
      RequestErrorCode.UNAUTHORIZED,
      RequestErrorCode.UNAUTHORIZED,
    ]);
  });

  test('nothing of a session is left when it is gone', () => {
    const net = new RelayNet();
    const [alice, bob] = [net.connect(), net.connect()];
    const id = alice.session.publish(track('room/x', 'a'), OPEN);
    alice.session.publishNamespace(namespace('room'));
    bob.session.subscribeTracks(namespace('room'), { forward: true });
    bob.session.subscribeNamespace(namespace('room'));
    net.run();
    alice.session.sendSingleObject(id, object(0, 0, 'a'), true);
    net.run();
    expect(net.relay.statistics()).toMatchObject({ sessions: 2, tracks: 1, subscriptions: 1 });
    for (const { session } of [alice, bob]) session.close(0, 'bye');
    net.run();
    expect(net.relay.statistics()).toMatchObject({
      sessions: 0,
      tracks: 0,
      subscriptions: 0,
      cachedBytes: 0,
      keptBytes: 0,
      backlogBytes: 0,
    });
  });
});

describe('GOAWAY', () => {
  test('sessions are asked to leave, may finish, take no new requests, and are closed in the end', () => {
    const net = new RelayNet();
    const [alice, bob, idle] = [net.connect(), net.connect(), net.connect()];
    const published = alice.session.publish(track('room/x', 'a'), OPEN);
    net.run();
    const subscription = bob.session.subscribe(track('room/x', 'a'), {});
    net.run();
    net.relay.goaway(millis(3_000), net.now);
    net.run();
    expect(bob.last('goaway')).toMatchObject({ uri: '', timeout: 3_000 });
    alice.session.sendSingleObject(published, object(0, 0, 'still'), true);
    net.run();
    expect(bob.objects(subscription)).toEqual(['0/0=still']);
    const late = alice.session.publish(track('room/x', 'b'), OPEN);
    net.run();
    expect(alice.refusal(late)).toBe(RequestErrorCode.GOING_AWAY);
    net.pass(3_000);
    expect(bob.last('closed')).toMatchObject({ code: SessionCode.GOAWAY_TIMEOUT, by: 'peer' });
    expect(idle.last('closed')).toMatchObject({ code: SessionCode.NO_ERROR, by: 'peer' });
    expect(net.relay.statistics().sessions).toBe(0);
  });

  test('a client that said GOAWAY gets no new requests', () => {
    const net = new RelayNet();
    const [alice, bob] = [net.connect(), net.connect()];
    alice.session.publishNamespace(namespace('room'));
    alice.session.subscribeTracks(namespace('room'), { forward: true });
    net.run();
    alice.session.goaway('', millis(1_000));
    net.run();
    bob.session.publish(track('room/x', 'a'), OPEN);
    const subscription = bob.session.subscribe(track('room/x', 'z'), {});
    net.run();
    expect(alice.of('request')).toHaveLength(0);
    expect(bob.refusal(subscription)).toBe(RequestErrorCode.DOES_NOT_EXIST);
  });
});

describe('TRACK_STATUS', () => {
  test('is answered by the relay for a track that it has, and by the publisher for others', () => {
    const net = new RelayNet();
    const [alice, bob] = [net.connect(), net.connect()];
    const published = alice.session.publish(track('room/x', 'a'), OPEN);
    alice.session.publishNamespace(namespace('room'));
    net.run();
    alice.session.sendSingleObject(published, object(3, 4, 'x'), false);
    net.run();
    bob.session.trackStatus(track('room/x', 'a'));
    net.run();
    expect(bob.last('track-status-ok').description.largest).toEqual(at(3, 4));
    bob.session.trackStatus(track('room/x', 'b'));
    net.run();
    alice.session.acceptTrackStatus(alice.request('track-status').id, { largest: at(9, 9) });
    net.run();
    expect(bob.last('track-status-ok').description.largest).toEqual(at(9, 9));
    const unknown = bob.session.trackStatus(track('elsewhere', 'b'));
    net.run();
    expect(bob.refusal(unknown)).toBe(RequestErrorCode.DOES_NOT_EXIST);
  });
});

import { describe, expect, test } from 'vitest';
import { PublishDoneCode, RequestErrorCode } from '../../../src/protocol/moqt/codes.ts';
import { groupId, subgroupId } from '../../../src/protocol/moqt/model.ts';
import type { RequestId } from '../../../src/protocol/moqt/model.ts';
import { millis } from '../../../src/protocol/units.ts';
import { at, namespace, object, track } from '../../harness/moqt/names.ts';
import { RelayNet } from '../../harness/relay/relay-net.ts';
import type { RelayClient } from '../../harness/relay/relay-net.ts';

const MEDIA = track('room/media/alice/cam', 'o');

function publish(net: RelayNet, client: RelayClient, name = MEDIA, forward = true): RequestId {
  const id = client.session.publish(name, { forward, description: {} });
  net.run();
  return id;
}

function subscribe(net: RelayNet, client: RelayClient, name = MEDIA): RequestId {
  const id = client.session.subscribe(name, {});
  net.run();
  return id;
}

describe('fan-out', () => {
  test('every subscriber gets every object byte for byte, with properties, priority and subgroup', () => {
    const net = new RelayNet();
    const [alice, bob, carol] = [net.connect(), net.connect(), net.connect()];
    const published = publish(net, alice);
    const subscriptions = [
      { client: bob, id: subscribe(net, bob) },
      { client: carol, id: subscribe(net, carol) },
    ];
    // Immutable Properties (0xB) with non-minimal integers inside, then an unknown property.
    const properties = Uint8Array.of(0x0b, 3, 0x02, 0x80, 0x07, 0x32, 2, 9, 9);
    const sent = object(5, 7, 'sealed', { subgroup: 3, priority: 17, properties });
    alice.session.openSubgroup(published, {
      group: groupId(5n),
      subgroup: subgroupId(3n),
      publisherPriority: 17,
      endOfGroup: true,
      firstObject: true,
    });
    alice.session.writeObject(published, sent);
    net.run();
    alice.session.writeObject(published, object(5, 9, 'more', { subgroup: 3, priority: 17 }));
    alice.session.closeSubgroup(published, groupId(5n), subgroupId(3n));
    net.run();
    for (const { client, id } of subscriptions) {
      const [first, second] = client.of('object');
      expect(first).toMatchObject({ id, object: sent, firstInSubgroup: true, endOfGroup: true });
      expect(second).toMatchObject({ object: object(5, 9, 'more', { subgroup: 3, priority: 17 }) });
      expect(second?.stream).toBe(first?.stream);
      expect(client.last('subgroup-end')).toMatchObject({ complete: true, endOfGroup: true });
    }
  });

  test('an object that is a whole subgroup goes out as one stream in one call', () => {
    const net = new RelayNet();
    const [alice, bob] = [net.connect(), net.connect()];
    const published = publish(net, alice);
    const subscription = subscribe(net, bob);
    alice.session.sendSingleObject(published, object(0, 0, 'a'), true);
    alice.session.sendSingleObject(published, object(1, 0, 'b'), true);
    net.run();
    expect(bob.objects(subscription)).toEqual(['0/0=a', '1/0=b']);
    expect(bob.of('subgroup-end').every(({ complete, endOfGroup }) => complete && endOfGroup)).toBe(true);
  });

  test('a reset upstream stream is reset downstream, and what follows begins a stream of its own', () => {
    const net = new RelayNet();
    const [alice, bob] = [net.connect(), net.connect()];
    const published = publish(net, alice);
    subscribe(net, bob);
    const header = {
      group: groupId(0n),
      subgroup: subgroupId(0n),
      publisherPriority: 128,
      endOfGroup: false,
    };
    alice.session.openSubgroup(published, { ...header, firstObject: true });
    alice.session.writeObject(published, object(0, 0, 'a'));
    net.run();
    alice.session.resetSubgroup(published, groupId(0n), subgroupId(0n), 0);
    net.run();
    expect(bob.last('subgroup-end')).toMatchObject({ complete: false });
    alice.session.openSubgroup(published, { ...header, firstObject: false });
    alice.session.writeObject(published, object(0, 3, 'd'));
    net.run();
    const [first, second] = bob.of('object');
    expect(second).toMatchObject({ object: object(0, 3, 'd'), firstInSubgroup: false });
    expect(second?.stream).not.toBe(first?.stream);
  });

  test('datagrams stay datagrams', () => {
    const net = new RelayNet();
    const [alice, bob] = [net.connect(), net.connect()];
    const published = publish(net, alice);
    const subscription = subscribe(net, bob);
    const datagram = { ...object(0, 0, 'd'), subgroup: undefined, forwarding: 'datagram' } as const;
    alice.session.sendDatagram(published, datagram);
    net.run();
    expect(bob.objects(subscription)).toEqual(['0/0=d']);
    expect(bob.last('object').object.forwarding).toBe('datagram');
  });

  test('filters, Forward State and the end of a track are kept', () => {
    const net = new RelayNet();
    const [alice, bob, carol] = [net.connect(), net.connect(), net.connect()];
    const published = publish(net, alice);
    const paused = bob.session.subscribe(MEDIA, { forward: false });
    const later = carol.session.subscribe(MEDIA, { filter: { kind: 'absolute-start', start: at(2, 0) } });
    net.run();
    alice.session.sendSingleObject(published, object(1, 0, 'one'), false);
    net.run();
    bob.session.updateSubscription(paused, { forward: true });
    net.run();
    alice.session.sendSingleObject(published, object(2, 0, 'two'), false);
    net.run();
    alice.session.publishDone(published, PublishDoneCode.TRACK_ENDED, 'over');
    net.run();
    expect(bob.objects(paused)).toEqual(['2/0=two']);
    expect(carol.objects(later)).toEqual(['2/0=two']);
    expect(bob.last('request-ok')).toMatchObject({ id: paused, largest: at(1, 0) });
    expect(bob.last('publish-done')).toMatchObject({
      id: paused,
      code: PublishDoneCode.TRACK_ENDED,
      streamCount: 1n,
    });
  });

  test('sessions of different scopes do not meet', () => {
    const net = new RelayNet();
    const [alice, bob] = [net.connect('/one'), net.connect('/two')];
    publish(net, alice);
    const subscription = subscribe(net, bob);
    expect(bob.refusal(subscription)).toBe(RequestErrorCode.DOES_NOT_EXIST);
  });
});

describe('who is asked to publish', () => {
  test('a PUBLISH of Forward State 0 is turned on for the first listener and off after the last', () => {
    const net = new RelayNet();
    const [alice, bob] = [net.connect(), net.connect()];
    publish(net, alice, MEDIA, false);
    expect(alice.last('publish-ok').parameters.forward).toBe(false);
    const subscription = subscribe(net, bob);
    expect(alice.last('subscription-updated').parameters.forward).toBe(true);
    bob.session.cancel(subscription);
    net.run();
    expect(alice.last('subscription-updated').parameters.forward).toBe(false);
  });

  test('one upstream SUBSCRIBE serves all subscribers of an announced namespace and ends with the last', () => {
    const net = new RelayNet();
    const [alice, bob, carol] = [net.connect(), net.connect(), net.connect()];
    alice.session.publishNamespace(namespace('room', 'media'));
    net.run();
    const first = subscribe(net, bob);
    const second = subscribe(net, carol);
    const asked = alice.of('request');
    expect(asked).toHaveLength(1);
    const upstream = alice.request('subscribe');
    expect(bob.of('subscribe-ok')).toHaveLength(0);
    alice.session.acceptSubscribe(upstream.id, { largest: at(4, 2) });
    net.run();
    expect(bob.last('subscribe-ok').description.largest).toEqual(at(4, 2));
    expect(carol.last('subscribe-ok').description.largest).toEqual(at(4, 2));
    alice.session.sendSingleObject(upstream.id, object(5, 0, 'x'), false);
    net.run();
    expect([bob.objects(first), carol.objects(second)]).toEqual([['5/0=x'], ['5/0=x']]);
    bob.session.cancel(first);
    net.run();
    expect(alice.of('request-cancelled')).toHaveLength(0);
    carol.session.cancel(second);
    net.run();
    expect(alice.last('request-cancelled').id).toBe(upstream.id);
  });

  test('a refusal of the publisher reaches the subscriber', () => {
    const net = new RelayNet();
    const [alice, bob] = [net.connect(), net.connect()];
    alice.session.publishNamespace(namespace('room'));
    net.run();
    const subscription = subscribe(net, bob);
    alice.session.reject(alice.request('subscribe').id, {
      code: RequestErrorCode.UNAUTHORIZED,
      reason: 'no',
    });
    net.run();
    expect(bob.refusal(subscription)).toBe(RequestErrorCode.UNAUTHORIZED);
  });

  test('a publisher that does not answer is given up', () => {
    const net = new RelayNet({ upstreamAnswer: millis(1_000) });
    const [alice, bob] = [net.connect(), net.connect()];
    alice.session.publishNamespace(namespace('room'));
    net.run();
    const subscription = subscribe(net, bob);
    net.pass(1_001);
    expect(bob.refusal(subscription)).toBe(RequestErrorCode.TIMEOUT);
    expect(alice.of('request-cancelled')).toHaveLength(1);
  });
});

describe('RENDEZVOUS_TIMEOUT', () => {
  test('a SUBSCRIBE waits for its publisher, and gets no PUBLISH beside it', () => {
    const net = new RelayNet();
    const [alice, bob] = [net.connect(), net.connect()];
    const subscription = bob.session.subscribe(MEDIA, { rendezvousTimeout: millis(5_000) });
    bob.session.subscribeTracks(namespace('room'), { forward: true });
    net.pass(4_000);
    const published = publish(net, alice);
    alice.session.sendSingleObject(published, object(0, 0, 'late'), false);
    net.run();
    expect(bob.objects(subscription)).toEqual(['0/0=late']);
    expect(bob.offers()).toEqual([]);
  });

  test('it is refused with TIMEOUT when the time is over, and at once without the parameter', () => {
    const net = new RelayNet();
    const bob = net.connect();
    const waiting = bob.session.subscribe(MEDIA, { rendezvousTimeout: millis(5_000) });
    net.pass(4_990);
    expect(bob.refusal(waiting)).toBeUndefined();
    net.pass(20);
    expect(bob.refusal(waiting)).toBe(RequestErrorCode.TIMEOUT);
    expect(bob.refusal(subscribe(net, bob))).toBe(RequestErrorCode.DOES_NOT_EXIST);
    expect(net.relay.statistics().tracks).toBe(0);
  });

  test('the relay waits no longer than its own limit', () => {
    const net = new RelayNet({ rendezvous: millis(100) });
    const bob = net.connect();
    const waiting = bob.session.subscribe(MEDIA, { rendezvousTimeout: millis(60_000) });
    net.pass(101);
    expect(bob.refusal(waiting)).toBe(RequestErrorCode.TIMEOUT);
  });
});

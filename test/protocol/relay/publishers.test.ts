import { describe, expect, test } from 'vitest';
import { PublishDoneCode, RequestErrorCode } from '../../../src/protocol/moqt/codes.ts';
import type { RelayLimits } from '../../../src/protocol/relay/limits.ts';
import type { RequestId } from '../../../src/protocol/moqt/model.ts';
import { at, namespace, object, track } from '../../harness/moqt/names.ts';
import { RelayNet } from '../../harness/relay/relay-net.ts';
import type { RelayClient } from '../../harness/relay/relay-net.ts';

const SHARED = track('room/shared', 'state');

/** Two publishers of one track and one subscriber. */
function meeting(limits: Partial<RelayLimits> = {}): {
  net: RelayNet;
  alice: Publisher;
  bob: Publisher;
  carol: RelayClient;
  subscription: RequestId;
} {
  const net = new RelayNet(limits);
  const alice = publisher(net);
  const bob = publisher(net);
  const carol = net.connect();
  const subscription = carol.session.subscribe(SHARED, {});
  net.run();
  return { net, alice, bob, carol, subscription };
}

interface Publisher {
  readonly client: RelayClient;
  readonly id: RequestId;
  send(group: number, id: number, payload: string): void;
}

function publisher(net: RelayNet, name = SHARED): Publisher {
  const client = net.connect();
  const id = client.session.publish(name, { forward: true, description: {} });
  net.run();
  return {
    client,
    id,
    send: (group, objectId, payload) => {
      client.session.sendSingleObject(id, object(group, objectId, payload, { subgroup: objectId }), false);
      net.run();
    },
  };
}

describe('several publishers of a track', () => {
  test('all are accepted; what two of them send arrives once', () => {
    const { alice, bob, carol, subscription, net } = meeting();
    alice.send(0, 0, 'a');
    bob.send(0, 0, 'a');
    bob.send(0, 1, 'b');
    alice.send(0, 1, 'b');
    alice.send(1, 0, 'c');
    expect(carol.objects(subscription)).toEqual(['0/0=a', '0/1=b', '1/0=c']);
    expect(net.relay.statistics().objectsDuplicate).toBe(2);
  });

  test('the subscription lives as long as one of them', () => {
    const { alice, bob, carol, subscription, net } = meeting();
    alice.client.session.close(0, 'bye');
    net.run();
    bob.send(0, 0, 'b');
    expect(carol.objects(subscription)).toEqual(['0/0=b']);
    expect(carol.of('publish-done')).toHaveLength(0);
    bob.client.session.publishDone(bob.id, PublishDoneCode.TRACK_ENDED, 'over');
    net.run();
    expect(carol.last('publish-done')).toMatchObject({ id: subscription, code: PublishDoneCode.TRACK_ENDED });
    expect(net.relay.statistics().tracks).toBe(0);
  });

  test('a second PUBLISH of one session is a duplicate', () => {
    const { alice, net } = meeting();
    const again = alice.client.session.publish(SHARED, { forward: true, description: {} });
    net.run();
    expect(alice.client.refusal(again)).toBe(RequestErrorCode.DUPLICATE_SUBSCRIPTION);
  });

  test('what was handed on is known even when its content has left the cache', () => {
    const { alice, bob, carol, subscription } = meeting({ cacheGroupsPerTrack: 1 });
    for (let group = 0; group < 5; group += 1) alice.send(group, 0, 'a');
    bob.send(0, 0, 'a');
    expect(carol.objects(subscription)).toEqual(['0/0=a', '1/0=a', '2/0=a', '3/0=a', '4/0=a']);
  });

  test('an object that is not the next of its subgroup begins a stream of its own', () => {
    const { alice, bob, carol, subscription, net } = meeting();
    const header = { group: at(0, 0).group, subgroup: object(0, 0, '').subgroup ?? raise() };
    for (const { client, id } of [alice, bob]) {
      client.session.openSubgroup(id, {
        ...header,
        publisherPriority: 128,
        endOfGroup: false,
        firstObject: true,
      });
    }
    alice.client.session.writeObject(alice.id, object(0, 0, 'a'));
    net.run();
    alice.client.session.writeObject(alice.id, object(0, 5, 'f'));
    net.run();
    bob.client.session.writeObject(bob.id, object(0, 2, 'c'));
    net.run();
    expect(carol.objects(subscription)).toEqual(['0/0=a', '0/5=f', '0/2=c']);
    const [first, second, third] = carol.of('object').map(({ stream }) => stream);
    expect(second).toBe(first);
    expect(third).not.toBe(first);
  });

  test('one subgroup from two publishers goes on, in order, when one of them breaks off', () => {
    const { alice, bob, carol, subscription, net } = meeting();
    const header = { group: at(0, 0).group, subgroup: object(0, 0, '').subgroup ?? raise() };
    for (const { client, id } of [alice, bob]) {
      client.session.openSubgroup(id, {
        ...header,
        publisherPriority: 128,
        endOfGroup: false,
        firstObject: true,
      });
      client.session.writeObject(id, object(0, 0, 'a'));
      net.run();
    }
    alice.client.session.writeObject(alice.id, object(0, 2, 'c'));
    net.run();
    alice.client.session.resetSubgroup(alice.id, header.group, header.subgroup, 0);
    net.run();
    bob.client.session.writeObject(bob.id, object(0, 2, 'c'));
    bob.client.session.writeObject(bob.id, object(0, 4, 'e'));
    bob.client.session.closeSubgroup(bob.id, header.group, header.subgroup);
    net.run();
    expect(carol.objects(subscription)).toEqual(['0/0=a', '0/2=c', '0/4=e']);
    expect(new Set(carol.of('object').map(({ stream }) => stream)).size).toBe(1);
    expect(carol.of('subgroup-end')).toMatchObject([{ complete: true }]);
  });
});

test("a subgroup that comes again when its group was forgotten ends nobody's session", () => {
  const { alice, bob, carol, subscription, net } = meeting();
  const begin = ({ client, id }: Publisher, payload: string): void => {
    const first = object(0, 0, payload);
    client.session.openSubgroup(id, {
      group: first.location.group,
      subgroup: first.subgroup ?? raise(),
      publisherPriority: 128,
      endOfGroup: false,
      firstObject: true,
    });
    client.session.writeObject(id, first);
    net.run();
  };
  begin(alice, 'a');
  // More than a relay remembers; the stream of the first is still open.
  for (let group = 1; group < 600; group += 1) alice.send(group, 0, 'a');
  begin(bob, 'b');
  alice.send(600, 0, 'a');
  expect(carol.objects(subscription).slice(-2)).toEqual(['0/0=b', '600/0=a']);
});

describe('a malformed track', () => {
  test('another content at a known location ends its publisher only; the first stays', () => {
    const { alice, bob, carol, subscription, net } = meeting();
    alice.send(0, 0, 'first');
    bob.send(0, 0, 'forged');
    alice.send(0, 1, 'next');
    bob.send(0, 2, 'ignored');
    expect(carol.objects(subscription)).toEqual(['0/0=first', '0/1=next']);
    expect(bob.client.of('request-cancelled')).toMatchObject([{ id: bob.id }]);
    expect(carol.of('publish-done')).toHaveLength(0);
    expect(net.relay.statistics().tracksMalformed).toBe(1);
    const again = bob.client.session.publish(SHARED, { forward: true, description: {} });
    net.run();
    expect(bob.client.refusal(again)).toBe(RequestErrorCode.MALFORMED_TRACK);
  });

  test('without another publisher the subscription ends with MALFORMED_TRACK', () => {
    const net = new RelayNet();
    const alice = publisher(net);
    const carol = net.connect();
    const subscription = carol.session.subscribe(SHARED, {});
    net.run();
    alice.send(0, 0, 'first');
    alice.send(0, 0, 'second');
    expect(carol.objects(subscription)).toEqual(['0/0=first']);
    expect(carol.last('publish-done').code).toBe(PublishDoneCode.MALFORMED_TRACK);
  });

  test.each([
    ['another priority in a subgroup', object(0, 1, 'b', { priority: 9 })],
    ['an object behind the end of its subgroup', object(0, 5, 'b')],
  ])('%s is malformed too', (_, second) => {
    const net = new RelayNet();
    const alice = publisher(net);
    alice.client.session.sendSingleObject(alice.id, object(0, 0, 'a'), false);
    net.run();
    alice.client.session.sendSingleObject(alice.id, second, false);
    net.run();
    expect(net.relay.statistics().tracksMalformed).toBe(1);
  });
});

describe('namespaces', () => {
  test('a follower is told of each namespace once, and of its end when the last announcer has left', () => {
    const net = new RelayNet();
    const [alice, bob, carol] = [net.connect(), net.connect(), net.connect()];
    const following = carol.session.subscribeNamespace(namespace('room'));
    net.run();
    const first = alice.session.publishNamespace(namespace('room', 'keypackages'));
    bob.session.publishNamespace(namespace('room', 'keypackages'));
    net.run();
    expect(carol.of('namespace')).toEqual([
      { kind: 'namespace', id: following, suffix: namespace('keypackages') },
    ]);
    alice.session.cancel(first);
    net.run();
    expect(carol.of('namespace-done')).toHaveLength(0);
    bob.session.close(0, 'bye');
    net.run();
    expect(carol.of('namespace-done')).toEqual([
      { kind: 'namespace-done', id: following, suffix: namespace('keypackages') },
    ]);
  });

  test('a late follower is told what there is; fields match whole', () => {
    const net = new RelayNet();
    const [alice, carol] = [net.connect(), net.connect()];
    alice.session.publishNamespace(namespace('room', 'a'));
    alice.session.publishNamespace(namespace('roommate', 'b'));
    net.run();
    carol.session.subscribeNamespace(namespace('room'));
    net.run();
    expect(carol.of('namespace').map(({ suffix }) => suffix)).toEqual([namespace('a')]);
  });

  test('a track that somebody awaits is asked of who announces its namespace', () => {
    const net = new RelayNet();
    const [alice, bob] = [net.connect(), net.connect()];
    bob.session.subscribe(SHARED, { rendezvousTimeout: 5_000 as never });
    net.run();
    alice.session.publishNamespace(namespace('room'));
    net.run();
    alice.session.acceptSubscribe(alice.request('subscribe').id, {});
    net.run();
    expect(bob.of('subscribe-ok')).toHaveLength(1);
  });

  test('when the publisher leaves, another one that announced the namespace takes over', () => {
    const net = new RelayNet();
    const alice = publisher(net);
    const [bob, carol] = [net.connect(), net.connect()];
    const subscription = carol.session.subscribe(SHARED, {});
    bob.session.publishNamespace(namespace('room'));
    net.run();
    expect(bob.of('request')).toHaveLength(0);
    alice.client.session.close(0, 'bye');
    net.run();
    const upstream = bob.request('subscribe');
    bob.session.acceptSubscribe(upstream.id, {});
    net.run();
    bob.session.sendSingleObject(upstream.id, object(3, 0, 'bob'), false);
    net.run();
    expect(carol.objects(subscription)).toEqual(['3/0=bob']);
    expect(carol.of('publish-done')).toHaveLength(0);
  });
});

describe('SUBSCRIBE_TRACKS', () => {
  test("brings a PUBLISH for each track under the prefix but one's own, now and later", () => {
    const net = new RelayNet();
    const early = publisher(net, track('room/media/early', 'o'));
    const carol = net.connect();
    carol.session.publish(track('room/media/carol', 'o'), { forward: true, description: {} });
    carol.session.subscribeTracks(namespace('room'), { forward: false });
    net.run();
    publisher(net, track('room/media/later', 'p'));
    publisher(net, track('elsewhere/media', 'q'));
    expect(carol.offers()).toMatchObject([
      { name: 'o', forward: false },
      { name: 'p', forward: false },
    ]);
    const [offer] = carol.offers();
    carol.session.acceptPublish(offer?.id ?? raise(), { forward: true });
    net.run();
    early.send(0, 0, 'x');
    expect(carol.objects(offer?.id ?? raise())).toEqual(['0/0=x']);
  });

  test('what comes between PUBLISH and PUBLISH_OK is not lost', () => {
    const net = new RelayNet();
    const carol = net.connect();
    carol.session.subscribeTracks(namespace('room'), { forward: true });
    net.run();
    const alice = publisher(net);
    alice.send(0, 0, 'early');
    const [offer] = carol.offers();
    carol.session.acceptPublish(offer?.id ?? raise(), {});
    net.run();
    expect(carol.objects(offer?.id ?? raise())).toEqual(['0/0=early']);
  });

  test('a track that one publishes together with others is offered when the others come', () => {
    const net = new RelayNet();
    const alice = publisher(net);
    alice.client.session.subscribeTracks(namespace('room'), { forward: true });
    net.run();
    expect(alice.client.offers()).toEqual([]);
    const bob = publisher(net);
    const [offer] = alice.client.offers();
    alice.client.session.acceptPublish(offer?.id ?? raise(), {});
    net.run();
    bob.send(0, 0, 'from bob');
    expect(alice.client.objects(offer?.id ?? raise())).toEqual(['0/0=from bob']);
  });
});

function raise(): never {
  throw new Error('it should be there');
}

import { describe, expect, test } from 'vitest';
import { decodeUtf8 } from '../../../src/protocol/bytes/utf8.ts';
import { RequestErrorCode } from '../../../src/protocol/moqt/codes.ts';
import type { FullTrackName, RequestId } from '../../../src/protocol/moqt/model.ts';
import { openAccess, type RelayPolicy, type TrackTreatment } from '../../../src/protocol/relay/policy.ts';
import { at, namespace, object, track } from '../../harness/moqt/names.ts';
import { RelayNet } from '../../harness/relay/relay-net.ts';
import type { RelayClient } from '../../harness/relay/relay-net.ts';

/** Tracks whose names say how they are treated. */
const POLICY: RelayPolicy = {
  ...openAccess,
  treatmentOf: ({ name }) => {
    const text = decodeUtf8(name) ?? '';
    return {
      kept: text.includes('kept'),
      reliable: text === 'reliable',
      exclusive: text === 'exclusive',
      firstWins: text === 'of all',
    };
  },
};
const EXCLUSIVE = track('place', 'exclusive');

function publish(net: RelayNet, client: RelayClient, name: FullTrackName): RequestId {
  const id = client.session.publish(name, { forward: true, description: {} });
  net.run();
  return id;
}

describe('the policy of whoever runs the relay', () => {
  test.each([
    ['place', 'kept', ['0/0=a']],
    ['place', 'commits', []],
    ['place/welcome', 'x', []],
  ])('says whether (%s) %s outlives its publisher; the relay has no names of its own', (path, name, left) => {
    const net = new RelayNet({}, POLICY);
    const [alice, bob] = [net.connect(), net.connect()];
    const id = publish(net, alice, track(path, name));
    alice.session.sendSingleObject(id, object(0, 0, 'a'), false);
    net.run();
    alice.session.close(0, 'bye');
    net.run();
    const fetched = bob.session.fetch({
      kind: 'standalone',
      track: track(path, name),
      start: at(0, 0),
      end: at(0, 1),
    });
    net.run();
    expect(bob.fetched(fetched)).toEqual(left);
  });

  test('is asked once for each track of a scope', () => {
    const asked: string[] = [];
    const treatment: TrackTreatment = { kept: false, reliable: false, exclusive: false, firstWins: false };
    const policy: RelayPolicy = {
      ...openAccess,
      treatmentOf: ({ name }) => {
        asked.push(decodeUtf8(name) ?? '');
        return treatment;
      },
    };
    const net = new RelayNet({}, policy);
    const [alice, bob] = [net.connect(), net.connect()];
    const id = publish(net, alice, EXCLUSIVE);
    bob.session.subscribe(EXCLUSIVE, {});
    net.run();
    alice.session.sendSingleObject(id, object(0, 0, 'a'), false);
    net.run();
    expect(asked).toEqual(['exclusive']);
  });
});

describe('an exclusive track', () => {
  test('has one publisher; the next is refused until it has ended', () => {
    const net = new RelayNet({}, POLICY);
    const [alice, bob] = [net.connect(), net.connect()];
    const first = publish(net, alice, EXCLUSIVE);
    expect(alice.refusal(first)).toBeUndefined();
    expect(bob.refusal(publish(net, bob, EXCLUSIVE))).toBe(RequestErrorCode.UNINTERESTED);
    // It may come again: the first may have gone by then.
    expect(bob.last('request-error').refusal.retryAfter).toBeGreaterThan(0);
    const shared = publish(net, alice, track('place', 'shared'));
    expect(bob.refusal(publish(net, bob, track('place', 'shared')))).toBeUndefined();
    expect(alice.refusal(shared)).toBeUndefined();
    alice.session.publishDone(first, 0, 'bye');
    net.run();
    expect(bob.refusal(publish(net, bob, EXCLUSIVE))).toBeUndefined();
  });

  test('is taken from the first of those who announced its namespace, and the second is left', () => {
    const net = new RelayNet({}, POLICY);
    const [alice, bob, carol] = [net.connect(), net.connect(), net.connect()];
    alice.session.publishNamespace(namespace('place'));
    bob.session.publishNamespace(namespace('place'));
    net.run();
    const subscription = carol.session.subscribe(EXCLUSIVE, {});
    net.run();
    for (const [client, payload] of [
      [alice, 'a'],
      [bob, 'b'],
    ] as const) {
      const { id } = client.request('subscribe');
      client.session.acceptSubscribe(id, {});
      net.run();
      client.session.sendSingleObject(id, object(payload === 'a' ? 0 : 1, 0, payload), false);
      net.run();
    }
    expect(carol.objects(subscription)).toEqual(['0/0=a']);
    expect(bob.of('request-cancelled')).toHaveLength(1);
  });
});

describe('a track of which the first content counts', () => {
  const OF_ALL = track('place', 'of all');

  test('hands on what came first at a location, and lets whoever came later go on', () => {
    const net = new RelayNet({}, POLICY);
    const [alice, bob, carol] = [net.connect(), net.connect(), net.connect()];
    const [first, second] = [publish(net, alice, OF_ALL), publish(net, bob, OF_ALL)];
    const subscription = carol.session.subscribe(OF_ALL, {});
    net.run();
    const send = (client: RelayClient, id: RequestId, group: number, at: number, payload: string): void => {
      client.session.sendSingleObject(id, object(group, at, payload, { subgroup: at }), false);
      net.run();
    };
    send(alice, first, 0, 0, 'a');
    send(bob, second, 0, 0, 'b');
    send(bob, second, 0, 1, 'c');
    send(alice, first, 1, 0, 'd');
    expect(carol.objects(subscription)).toEqual(['0/0=a', '0/1=c', '1/0=d']);
    expect(bob.of('request-cancelled')).toEqual([]);
    expect(net.relay.statistics()).toMatchObject({ objectsIgnored: 1, tracksMalformed: 0 });
  });

  test('has no subgroup ended by whoever brought nothing to it', () => {
    const net = new RelayNet({}, POLICY);
    const [alice, bob, carol] = [net.connect(), net.connect(), net.connect()];
    const [first, second] = [publish(net, alice, OF_ALL), publish(net, bob, OF_ALL)];
    const subscription = carol.session.subscribe(OF_ALL, {});
    net.run();
    const whole = object(0, 0, 'a');
    alice.session.openSubgroup(first, {
      group: whole.location.group,
      subgroup: whole.subgroup ?? whole.location.object,
      publisherPriority: 128,
      endOfGroup: false,
      firstObject: true,
    } as never);
    alice.session.writeObject(first, whole);
    net.run();
    bob.session.sendSingleObject(second, object(0, 0, 'another'), false);
    net.run();
    alice.session.writeObject(first, object(0, 1, 'b'));
    net.run();
    expect(carol.objects(subscription)).toEqual(['0/0=a', '0/1=b']);
  });
});

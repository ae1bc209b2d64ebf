import { describe, expect, test } from 'vitest';
import { decodeUtf8 } from '../../../src/protocol/bytes/utf8.ts';
import { groupId, subgroupId } from '../../../src/protocol/moqt/model.ts';
import { RequestErrorCode } from '../../../src/protocol/moqt/codes.ts';
import type { MoqtObject, RequestId } from '../../../src/protocol/moqt/model.ts';
import { millis } from '../../../src/protocol/units.ts';
import { at, namespace, object, track } from '../../harness/moqt/names.ts';
import { SessionPair } from '../../harness/moqt/session-pair.ts';
import { bytewise, randomChunks } from '../../harness/moqt/wire.ts';

const TRACK = track('room/media', 'o');

function text({ content }: MoqtObject): string | undefined {
  return content.kind === 'payload' ? decodeUtf8(content.payload) : content.status;
}

/** A pair in which the server publishes TRACK to the client's SUBSCRIBE. */
function subscribed(
  parameters: Parameters<SessionPair['client']['session']['subscribe']>[1] = {},
  largest?: ReturnType<typeof at>,
): { pair: SessionPair; id: RequestId } {
  const pair = new SessionPair();
  const id = pair.client.session.subscribe(TRACK, parameters);
  pair.run();
  pair.server.session.acceptSubscribe(
    pair.server.request('subscribe').id,
    largest === undefined ? {} : { largest },
  );
  pair.run();
  return { pair, id };
}

describe('the beginning of a session', () => {
  test('SETUP goes both ways and tells the server path and authority', () => {
    const pair = new SessionPair();
    pair.run();
    expect(pair.client.last('ready')).toEqual({ kind: 'ready', peerImplementation: 'pair/1' });
    expect(pair.server.last('ready')).toEqual({
      kind: 'ready',
      peerImplementation: 'pair/1',
      path: '/meet',
      authority: 'relay.example:4443',
    });
  });

  test('a peer that sends no SETUP is left with CONTROL_MESSAGE_TIMEOUT', () => {
    const pair = new SessionPair();
    pair.pass(10_000);
    expect(pair.client.last('closed')).toMatchObject({ code: 0x11, by: 'local' });
  });

  test.each([
    ['whole', undefined],
    ['byte by byte', bytewise],
    ['in random pieces', randomChunks(7)],
  ])('a subscription works when bytes come %s', (_, chunking) => {
    const pair = new SessionPair(chunking === undefined ? {} : { chunking });
    const id = pair.client.session.subscribe(TRACK, {});
    pair.run();
    const request = pair.server.request('subscribe');
    pair.server.session.acceptSubscribe(request.id, { largest: at(4, 2) });
    pair.server.session.sendSingleObject(request.id, object(5, 0, 'hello'), true);
    pair.run();
    expect(pair.client.last('subscribe-ok')).toMatchObject({ id, description: { largest: at(4, 2) } });
    const event = pair.client.last('object');
    expect(event).toMatchObject({ id, firstInSubgroup: true, endOfGroup: true });
    expect(event.object).toEqual(object(5, 0, 'hello'));
    expect(pair.client.last('subgroup-end')).toMatchObject({ complete: true, endOfGroup: true });
  });
});

describe('objects', () => {
  test('a subgroup of several objects, properties and a status arrives in order', () => {
    const { pair } = subscribed();
    const { id } = pair.server.request('subscribe');
    const { session } = pair.server;
    const properties = new Uint8Array([0x3c, 0x00]);
    session.openSubgroup(id, {
      group: groupId(1n),
      subgroup: subgroupId(3n),
      publisherPriority: 7,
      endOfGroup: true,
      firstObject: true,
    });
    session.writeObject(id, object(1, 3, 'one', { subgroup: 3, priority: 7 }));
    session.writeObject(id, object(1, 5, 'two', { subgroup: 3, priority: 7, properties }));
    session.writeObject(id, {
      ...object(1, 6, '', { subgroup: 3, priority: 7 }),
      content: { kind: 'status', status: 'end-of-group' },
    });
    session.closeSubgroup(id, groupId(1n), subgroupId(3n));
    pair.run();
    expect(
      pair.client.of('object').map(({ object: { location }, object }) => [location, text(object)]),
    ).toEqual([
      [at(1, 3), 'one'],
      [at(1, 5), 'two'],
      [at(1, 6), 'end-of-group'],
    ]);
    expect(pair.client.of('object').map(({ firstInSubgroup }) => firstInSubgroup)).toEqual([
      true,
      false,
      false,
    ]);
    expect(pair.client.of('object')[1]?.object.properties).toEqual(properties);
    expect(pair.client.last('subgroup-end')).toMatchObject({ complete: true, endOfGroup: true });
  });

  test('only objects inside the filter are sent', () => {
    const { pair } = subscribed({
      filter: { kind: 'absolute-range', start: at(2, 1), endGroup: groupId(3n) },
    });
    const { id } = pair.server.request('subscribe');
    for (const [group, number] of [
      [1, 9],
      [2, 0],
      [2, 1],
      [3, 8],
      [4, 0],
    ] as const) {
      pair.server.session.sendSingleObject(id, object(group, number, 'x', { subgroup: number }), false);
    }
    pair.run();
    expect(pair.client.of('object').map(({ object }) => object.location)).toEqual([at(2, 1), at(3, 8)]);
  });

  test('a relative filter counts from the largest object at SUBSCRIBE_OK', () => {
    const { pair } = subscribed({ filter: { kind: 'next-group-start' } }, at(4, 2));
    const { id } = pair.server.request('subscribe');
    pair.server.session.sendSingleObject(id, object(4, 3, 'late'), false);
    pair.server.session.sendSingleObject(id, object(5, 0, 'next'), false);
    pair.run();
    expect(pair.client.of('object').map(({ object }) => text(object))).toEqual(['next']);
  });

  test('nothing is sent while the Forward State is 0, and REQUEST_UPDATE turns it on', () => {
    const { pair, id: own } = subscribed({ forward: false });
    const { id } = pair.server.request('subscribe');
    pair.server.session.sendSingleObject(id, object(1, 0, 'unseen'), false);
    pair.client.session.updateSubscription(own, { forward: true });
    pair.run();
    expect(pair.client.last('request-ok')).toMatchObject({ id: own, largest: at(1, 0) });
    expect(pair.server.last('subscription-updated').parameters).toEqual({ forward: true });
    pair.server.session.sendSingleObject(id, object(2, 0, 'seen'), false);
    pair.run();
    expect(pair.client.of('object').map(({ object }) => text(object))).toEqual(['seen']);
  });

  test('objects that overtake SUBSCRIBE_OK wait for their Track Alias', () => {
    const pair = new SessionPair();
    pair.client.session.subscribe(TRACK, {});
    pair.run();
    // A twin of the server's stream, opened at the client before the answer.
    const early = new Uint8Array([0x50, 0x00, 0x05, 0x80, 0x00, 0x02, 0x68, 0x69]);
    pair.inject('client', { kind: 'stream-opened', stream: 99 as never, direction: 'uni' });
    pair.inject('client', { kind: 'data', stream: 99 as never, bytes: early, fin: true });
    expect(pair.client.of('object')).toEqual([]);
    pair.server.session.acceptSubscribe(pair.server.request('subscribe').id, {});
    pair.run();
    expect(text(pair.client.last('object').object)).toBe('hi');
  });

  test('a datagram arrives as one', () => {
    const { pair } = subscribed();
    const { id } = pair.server.request('subscribe');
    const sent: MoqtObject = { ...object(3, 4, 'd'), subgroup: undefined, forwarding: 'datagram' };
    pair.server.session.sendDatagram(id, sent, true);
    pair.run();
    expect(pair.client.last('object')).toMatchObject({ object: sent, endOfGroup: true, stream: undefined });
  });
});

describe('PUBLISH', () => {
  test('objects before PUBLISH_OK are kept until the offer is accepted', () => {
    const pair = new SessionPair();
    const own = pair.client.session.publish(TRACK, { forward: true, description: {} });
    pair.client.session.sendSingleObject(own, object(0, 0, 'early'), false);
    pair.run();
    const { id } = pair.server.request('publish');
    expect(pair.server.of('object')).toEqual([]);
    pair.server.session.acceptPublish(id, { subscriberPriority: 3 });
    pair.run();
    expect(text(pair.server.last('object').object)).toBe('early');
    expect(pair.client.last('publish-ok')).toMatchObject({
      id: own,
      parameters: { subscriberPriority: 3, forward: true },
    });
  });

  test('PUBLISH_DONE is told after the streams that it counts', () => {
    const pair = new SessionPair();
    const own = pair.client.session.publish(TRACK, { forward: true, description: {} });
    pair.run();
    pair.server.session.acceptPublish(pair.server.request('publish').id, {});
    pair.client.session.sendSingleObject(own, object(0, 0, 'a'), false);
    pair.client.session.publishDone(own, 2, 'over');
    pair.run();
    expect(pair.server.events.map(({ kind }) => kind).slice(-3)).toEqual([
      'object',
      'subgroup-end',
      'publish-done',
    ]);
    expect(pair.server.last('publish-done')).toMatchObject({ code: 2, streamCount: 1n, reason: 'over' });
  });

  test('PUBLISH_DONE before our answer is told after it, and nothing stays open', () => {
    const pair = new SessionPair();
    const own = pair.client.session.publish(TRACK, { forward: true, description: {} });
    pair.run();
    const { id } = pair.server.request('publish');
    pair.client.session.publishDone(own, 2, 'over');
    pair.run();
    expect(pair.server.of('publish-done')).toEqual([]);
    pair.server.session.acceptPublish(id, {});
    pair.server.session.goaway('', millis(100));
    pair.run();
    expect(pair.server.last('publish-done')).toMatchObject({ id, code: 2, reason: 'over' });
    expect(pair.server.commands.filter((command) => command.kind === 'write' && command.fin)).toHaveLength(1);
    pair.pass(200);
    expect(pair.server.of('closed')).toEqual([]);
  });

  test('the track can be published anew at once', () => {
    const pair = new SessionPair();
    const first = pair.client.session.publish(TRACK, { forward: true, description: {} });
    pair.run();
    pair.server.session.acceptPublish(pair.server.request('publish').id, {});
    pair.client.session.publishDone(first, 2, '');
    pair.client.session.publish(TRACK, { forward: true, description: {} });
    pair.run();
    expect(pair.server.of('request')).toHaveLength(2);
  });

  test('a second subscription to a track is refused', () => {
    const { pair } = subscribed();
    const again = pair.client.session.subscribe(TRACK, {});
    pair.run();
    expect(pair.client.last('request-error')).toMatchObject({
      id: again,
      refusal: { code: RequestErrorCode.DUPLICATE_SUBSCRIPTION },
    });
  });
});

describe('FETCH', () => {
  test('objects and gaps come back in order, then the end', () => {
    const pair = new SessionPair({ chunking: randomChunks(3) });
    const own = pair.client.session.fetch({
      kind: 'standalone',
      track: TRACK,
      start: at(0, 0),
      end: at(9, 0),
    });
    pair.run();
    const { id, start, end } = pair.server.request('fetch');
    expect([start, end]).toEqual([at(0, 0), at(9, 0)]);
    const { session } = pair.server;
    const objects = [
      object(0, 0, 'a'),
      object(0, 1, 'b', { subgroup: 1 }),
      object(3, 2, 'c', { subgroup: 2, priority: 1 }),
    ];
    session.acceptFetch(id, at(3, 3), true);
    for (const one of objects) session.sendFetchObject(id, one);
    session.sendFetchGap(id, at(3, 9), 'unknown');
    session.sendFetchObject(id, object(3, 10, 'd', { subgroup: 2, priority: 1 }));
    session.endFetch(id);
    pair.run();
    expect(pair.client.of('fetch-object').map(({ object }) => object)).toEqual([
      ...objects,
      object(3, 10, 'd', { subgroup: 2, priority: 1 }),
    ]);
    expect(pair.client.last('fetch-gap')).toMatchObject({ end: at(3, 9), known: 'unknown' });
    expect(pair.client.last('fetch-end')).toEqual({ kind: 'fetch-end', id: own, complete: true, code: 0 });
  });

  test('a joining FETCH ends where the subscription began', () => {
    const { pair, id: joins } = subscribed({}, at(7, 3));
    pair.client.session.fetch({ kind: 'relative-joining', joins, groups: 2n });
    pair.run();
    expect(pair.server.request('fetch')).toMatchObject({ track: TRACK, start: at(5, 0), end: at(7, 4) });
  });

  test('a joining FETCH waits for the subscription it joins', () => {
    const pair = new SessionPair();
    const joins = pair.client.session.subscribe(TRACK, {});
    pair.client.session.fetch({ kind: 'absolute-joining', joins, startGroup: groupId(1n) });
    pair.run();
    expect(pair.server.of('request')).toHaveLength(1);
    pair.server.session.acceptSubscribe(pair.server.request('subscribe').id, { largest: at(2, 0) });
    pair.run();
    expect(pair.server.request('fetch')).toMatchObject({ start: at(1, 0), end: at(2, 1) });
  });

  test.each(['refused', 'cancelled'])('a joining FETCH is refused when its subscription is %s', (how) => {
    const pair = new SessionPair();
    const subscription = pair.client.session.subscribe(TRACK, {});
    const joining = pair.client.session.fetch({ kind: 'relative-joining', joins: subscription, groups: 1n });
    pair.run();
    expect(pair.server.of('request').map(({ request }) => request.kind)).toEqual(['subscribe']);
    const { id } = pair.server.request('subscribe');
    if (how === 'refused')
      pair.server.session.reject(id, { code: RequestErrorCode.DOES_NOT_EXIST, reason: '' });
    else pair.client.session.cancel(subscription);
    pair.run();
    expect(pair.client.of('request-error').find((event) => event.id === joining)?.refusal.code).toBe(
      RequestErrorCode.INVALID_JOINING_REQUEST_ID,
    );
  });

  test('a joining FETCH that is cancelled is not told when its subscription begins', () => {
    const pair = new SessionPair();
    const joins = pair.client.session.subscribe(TRACK, {});
    const first = pair.client.session.fetch({ kind: 'relative-joining', joins, groups: 0n });
    const second = pair.client.session.fetch({ kind: 'relative-joining', joins, groups: 0n });
    pair.run();
    pair.client.session.cancel(first);
    pair.run();
    pair.server.session.acceptSubscribe(pair.server.request('subscribe').id, { largest: at(5, 0) });
    pair.run();
    expect(pair.server.of('request').map(({ request }) => request.id)).toEqual([joins, second]);
  });

  test('cancelling a FETCH tells the publisher', () => {
    const pair = new SessionPair();
    const own = pair.client.session.fetch({
      kind: 'standalone',
      track: TRACK,
      start: at(0, 0),
      end: at(1, 0),
    });
    pair.run();
    const { id } = pair.server.request('fetch');
    pair.server.session.acceptFetch(id, at(1, 0), false);
    pair.server.session.sendFetchObject(id, object(0, 0, 'a'));
    pair.run();
    pair.client.session.cancel(own);
    pair.run();
    expect(pair.server.last('request-cancelled')).toMatchObject({ id });
    pair.server.session.sendFetchObject(id, object(0, 1, 'too late'));
    pair.run();
    expect(pair.client.of('fetch-object')).toHaveLength(1);
  });
});

describe('namespaces', () => {
  test('SUBSCRIBE_TRACKS, NAMESPACE and their ends', () => {
    const pair = new SessionPair();
    const tracks = pair.client.session.subscribeTracks(namespace('room'), { forward: false });
    const names = pair.client.session.subscribeNamespace(namespace('room'));
    pair.run();
    for (const { request } of pair.server.of('request')) pair.server.session.acceptRequest(request.id);
    const id = pair.server.request('subscribe-namespace').id;
    pair.server.session.sendNamespace(id, namespace('media'));
    pair.run();
    expect(pair.client.of('request-ok').map(({ id }) => id)).toEqual([tracks, names]);
    expect(pair.client.last('namespace').suffix).toEqual(namespace('media'));
    pair.client.session.cancel(names);
    pair.run();
    expect(pair.server.last('request-cancelled')).toMatchObject({ id });
  });

  test('overlapping prefixes of one type are refused', () => {
    const pair = new SessionPair();
    pair.client.session.subscribeNamespace(namespace('room', 'a'));
    const second = pair.client.session.subscribeNamespace(namespace('room'));
    pair.run();
    expect(pair.client.last('request-error')).toMatchObject({
      id: second,
      refusal: { code: RequestErrorCode.PREFIX_OVERLAP },
    });
  });
});

describe('GOAWAY', () => {
  test('requests after it are refused, and open ones end the session in time', () => {
    const { pair } = subscribed();
    pair.server.session.goaway('https://other.example/', millis(500));
    pair.run();
    expect(pair.client.last('goaway')).toMatchObject({ uri: 'https://other.example/', timeout: 500 });
    pair.client.session.trackStatus(TRACK);
    pair.run();
    expect(pair.client.last('request-error').refusal.code).toBe(RequestErrorCode.GOING_AWAY);
    pair.pass(500);
    expect(pair.client.last('closed')).toMatchObject({ code: 0x10, by: 'peer' });
  });
});

import { describe, expect, test } from 'vitest';
import { draft18 } from '../../../src/protocol/moqt/draft18/draft18.ts';
import type { TrackAlias } from '../../../src/protocol/moqt/model.ts';
import type { StreamHandle } from '../../../src/protocol/moqt/transport.ts';
import { bytesOf } from '../../harness/moqt/hex.ts';
import { at, object, track } from '../../harness/moqt/names.ts';
import { SessionPair } from '../../harness/moqt/session-pair.ts';

const TRACK = track('room', 'o');
const handle = (value: number): StreamHandle => value as StreamHandle;

/** A pair after SETUP, and a way to send the client or server raw bytes on a stream of its peer. */
function pairWithRaw(limits: ConstructorParameters<typeof SessionPair>[0] = {}): {
  pair: SessionPair;
  raw(to: 'client' | 'server', stream: number, direction: 'bidi' | 'uni', hex: string, fin?: boolean): void;
} {
  const pair = new SessionPair(limits);
  pair.run();
  return {
    pair,
    raw: (to, stream, direction, hex, fin = false) => {
      pair.inject(to, { kind: 'stream-opened', stream: handle(stream), direction });
      pair.inject(to, { kind: 'data', stream: handle(stream), bytes: bytesOf(hex), fin });
    },
  };
}

/** TRACK_STATUS of ("a")/"t" with this Request ID. */
const trackStatus = (id: string): string => `0d 0007 ${id} 01 01 61 01 74 00`;

describe('what closes a session', () => {
  test.each<
    [
      name: string,
      messages: readonly [direction: 'bidi' | 'uni', hex: string, fin?: boolean][],
      code: number,
      clause: string,
    ]
  >([
    ['a Request ID with our parity', [['bidi', trackStatus('01')]], 0x4, 'request-id'],
    [
      'a Request ID used twice',
      [
        ['bidi', trackStatus('00')],
        ['bidi', trackStatus('00')],
      ],
      0x4,
      'request-id',
    ],
    ['a second control stream', [['uni', 'af00 0000']], 0x3, 'session-init'],
    ['a stream type that is unknown', [['uni', '04']], 0x3, 'stream-types'],
    ['a FETCH answer to nothing', [['uni', '05 01']], 0x3, 'fetch-header'],
    ['a request stream without request', [['bidi', '', true]], 0x3, 'session-init'],
    ['FIN inside a message', [['bidi', '0d 00', true]], 0x3, 'message'],
  ])('%s', (_, messages, code, clause) => {
    const { pair, raw } = pairWithRaw();
    messages.forEach(([direction, hex, fin], index) => {
      raw('server', 101 + 2 * index, direction, hex, fin);
    });
    expect(pair.server.last('closed')).toMatchObject({ code, by: 'local', clause: `moqt-18#${clause}` });
    expect(pair.client.last('closed')).toMatchObject({ code, by: 'peer' });
  });

  test('the end of the control stream', () => {
    const { pair } = pairWithRaw();
    pair.inject('server', { kind: 'reset', stream: handle(1), code: 0 });
    expect(pair.server.last('closed')).toMatchObject({ code: 0x3, clause: 'moqt-18#session-init' });
  });

  test('PATH over WebTransport', () => {
    const pair = new SessionPair({ transport: 'webtransport' });
    pair.inject('server', { kind: 'stream-opened', stream: handle(99), direction: 'uni' });
    pair.inject('server', {
      kind: 'data',
      stream: handle(99),
      bytes: bytesOf('af00 0003 01 01 2f'),
      fin: false,
    });
    expect(pair.server.of('closed')[0]).toMatchObject({ by: 'local' });
  });

  test('a Track Alias for two tracks', () => {
    const { pair, raw } = pairWithRaw();
    raw('server', 101, 'bidi', '1d 0008 00 01 01 61 01 74 07 00');
    raw('server', 103, 'bidi', '1d 0008 02 01 01 61 01 75 07 00');
    expect(pair.server.last('closed')).toMatchObject({ code: 0x5, clause: 'moqt-18#track-alias' });
  });
});

describe('what does not close a session', () => {
  test('a track that breaks its own rules loses its subscription only', () => {
    const { pair } = pairWithRaw();
    pair.client.session.subscribe(TRACK, {});
    pair.run();
    const { id } = pair.server.request('subscribe');
    pair.server.session.acceptSubscribe(id, {});
    pair.server.session.sendSingleObject(id, object(0, 0, 'x', { properties: bytesOf('c04000 00') }), false);
    pair.run();
    expect(pair.client.last('request-cancelled')).toMatchObject({ code: 0x12 });
    expect(pair.server.last('request-cancelled')).toMatchObject({ id });
    expect(pair.client.of('closed')).toEqual([]);
  });

  test.each([
    ['before', 'SUBSCRIBE_OK'],
    ['after', 'SUBSCRIBE_OK'],
  ])('nor does it with datagrams %s %s', (when) => {
    const { pair } = pairWithRaw();
    pair.client.session.subscribe(TRACK, {});
    pair.run();
    const { id } = pair.server.request('subscribe');
    const malformed = {
      ...object(0, 0, 'x', { properties: bytesOf('c04000 00') }),
      subgroup: undefined,
      forwarding: 'datagram',
    } as const;
    if (when === 'after') {
      pair.server.session.acceptSubscribe(id, {});
      pair.run();
      pair.server.session.sendDatagram(id, malformed);
      pair.server.session.sendDatagram(id, malformed);
    } else {
      // Alias 0 is the first that a publisher gives.
      const bytes = draft18.encodeDatagram(0n as TrackAlias, malformed, false);
      for (let copy = 0; copy < 2; copy += 1)
        pair.inject('client', { kind: 'datagram', bytes: bytes.slice() });
      pair.server.session.acceptSubscribe(id, {});
    }
    pair.run();
    expect(pair.client.of('request-cancelled')).toMatchObject([{ code: 0x12 }]);
    expect(pair.server.last('request-cancelled')).toMatchObject({ id });
    expect(pair.client.of('object')).toEqual([]);
    expect(pair.client.of('closed')).toEqual([]);
  });

  test('a mandatory track property that we do not know refuses the PUBLISH', () => {
    const { pair } = pairWithRaw();
    pair.client.session.publish(TRACK, { forward: true, description: { properties: bytesOf('c04000 00') } });
    pair.run();
    expect(pair.client.last('request-error').refusal.code).toBe(0x33);
    expect(pair.server.of('request')).toEqual([]);
  });

  test('streams without a known alias are dropped after their time', () => {
    const { pair, raw } = pairWithRaw();
    raw('client', 101, 'uni', '50 63 00 80 00 01 61', true);
    expect(pair.client.commands.filter(({ kind }) => kind === 'stop-sending')).toEqual([]);
    pair.pass(3000);
    expect(pair.client.commands.at(-1)).toMatchObject({ kind: 'stop-sending', stream: 101 });
    expect(pair.client.of('closed')).toEqual([]);
  });

  test('more streams and more bytes than we take are stopped', () => {
    const { pair, raw } = pairWithRaw({ client: { waitingStreams: 1, bufferedBytes: 1000 } });
    raw('client', 101, 'uni', '50 63 00 80 00 01 61');
    raw('client', 103, 'uni', '50 64 00 80 00 01 61');
    expect(pair.client.commands.at(-1)).toEqual({ kind: 'stop-sending', stream: 103, code: 0x9 });
    pair.inject('client', { kind: 'data', stream: handle(101), bytes: new Uint8Array(1001), fin: false });
    expect(pair.client.commands.at(-1)).toEqual({ kind: 'stop-sending', stream: 101, code: 0x9 });
    expect(pair.client.of('closed')).toEqual([]);
  });

  test('more streams of tracks that we know are stopped too, and the others go on', () => {
    // The control stream is one of them.
    const { pair } = pairWithRaw({ client: { dataStreams: 3 } });
    const id = pair.client.session.subscribe(TRACK, {});
    pair.run();
    const request = pair.server.request('subscribe');
    pair.server.session.acceptSubscribe(request.id, {});
    const open = (group: number): void => {
      const first = object(group, 0, 'x');
      const { location, subgroup = raise(), publisherPriority } = first;
      const header = {
        group: location.group,
        subgroup,
        publisherPriority,
        endOfGroup: false,
        firstObject: true,
      };
      pair.server.session.openSubgroup(request.id, header);
      pair.server.session.writeObject(request.id, first);
      pair.run();
    };
    for (const group of [0, 1, 2, 3]) open(group);
    expect(pair.client.of('object').map((event) => [event.id, event.object.location.group])).toEqual([
      [id, 0n],
      [id, 1n],
    ]);
    expect(pair.client.of('closed')).toEqual([]);
  });

  test('requests beyond the limit are refused', () => {
    const { pair } = pairWithRaw({ server: { requests: 2 } });
    for (let index = 0; index < 3; index += 1) {
      pair.client.session.fetch({ kind: 'standalone', track: TRACK, start: at(0, 0), end: at(1, 0) });
    }
    pair.run();
    expect(pair.server.of('request')).toHaveLength(2);
    expect(pair.client.last('request-error').refusal.code).toBe(0x9);
  });
});

function raise(): never {
  throw new Error('it should be there');
}

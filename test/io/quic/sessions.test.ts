import { describe, expect, test } from 'vitest';
import { quic } from '../../../src/io/quic/addon.ts';
import { accepted, authority, connect, listen, pair, pattern, Reader, transports, urlOf } from './pair.ts';

describe.each(transports)('%s', (transport) => {
  test('both ends know what was negotiated', async () => {
    const server = await listen({ protocols: ['moqt-19', 'moqt-18'] });
    const [client, peer] = await Promise.all([
      quic().connect({
        url: urlOf(server, transport, '/relay?room=1'),
        trust: { kind: 'ca', pem: authority.pem },
        protocols: ['moqt-17', 'moqt-18'],
      }),
      accepted(server),
    ]);
    for (const session of [client, peer]) {
      expect(session.transport).toBe(transport);
      expect(session.protocol).toBe('moqt-18');
    }
    expect(client.path).toBe('/relay?room=1');
    expect(client.authority).toBe(server.localAddress);
    expect(client.remoteAddress).toBe(server.localAddress);
    // On raw QUIC the path travels in MOQT's SETUP.
    expect(peer.path).toBe(transport === 'quic' ? '' : '/relay?room=1');
    if (transport === 'webtransport') expect(peer.authority).toBe(server.localAddress);
    expect(peer.remoteAddress).toMatch(/^127\.0\.0\.1:\d+$/u);
  });

  test('the server prefers its own order of protocols', async () => {
    const server = await listen({ protocols: ['moqt-19', 'moqt-18'] });
    const client = await quic().connect({
      url: urlOf(server, transport),
      trust: { kind: 'ca', pem: authority.pem },
      protocols: ['moqt-18', 'moqt-19'],
    });
    expect(client.protocol).toBe('moqt-19');
  });

  test('a client that offers no protocol of the server is refused', async () => {
    const server = await listen();
    const refused = quic().connect({
      url: urlOf(server, transport),
      trust: { kind: 'ca', pem: authority.pem },
      protocols: ['moqt-99'],
    });
    await expect(refused).rejects.toMatchObject({ code: 'ERR_QUIC_PROTOCOL' });
    // The next client is served as ever.
    expect((await connect(server, transport)).protocol).toBe('moqt-18');
  });

  test('bidirectional streams echo', async () => {
    const { client, peer } = await pair(transport);
    const [near, far] = [new Reader(client), new Reader(peer)];
    const sent = pattern(100_000);
    client.openBidi(2, 0);
    client.write(2, sent.subarray(0, 40_000), false);
    client.write(2, sent.subarray(40_000), true);
    const opened = await far.take('stream-opened');
    expect(opened).toEqual({ kind: 'stream-opened', stream: 1, direction: 'bidi' });
    peer.write(opened.stream, await far.whole(opened.stream), true);
    expect(Buffer.compare(await near.whole(2), sent)).toBe(0);
    expect(await near.take('sent')).toEqual({ kind: 'sent', stream: 2 });
    expect(await far.take('sent')).toEqual({ kind: 'sent', stream: 1 });
  });

  test('a server opens streams too', async () => {
    const { client, peer } = await pair(transport);
    const near = new Reader(client);
    peer.sendObject(2, 0, pattern(10));
    peer.openBidi(4, 0);
    peer.write(4, pattern(20), true);
    const first = await near.take('stream-opened');
    const second = await near.take('stream-opened');
    expect([first.stream, second.stream]).toEqual([1, 3]);
    const lengths = new Map([
      [first.direction, (await near.whole(1)).length],
      [second.direction, (await near.whole(3)).length],
    ]);
    expect(lengths).toEqual(new Map([['uni', 10], ['bidi', 20]])); // prettier-ignore
  });

  test('an object of any size arrives whole, an empty one too', async () => {
    const { client, peer } = await pair(transport);
    const far = new Reader(peer);
    const sizes = [0, 1, 1200, 65_536, 5_000_000];
    for (const [index, size] of sizes.entries()) {
      client.sendObject(2 * index + 2, 0, pattern(size, index));
      const { stream, direction } = await far.take('stream-opened');
      expect(direction).toBe('uni');
      expect(Buffer.compare(await far.whole(stream), pattern(size, index))).toBe(0);
    }
  });

  test('bytes belong to the caller and to the receiver', async () => {
    const { client, peer } = await pair(transport);
    const far = new Reader(peer);
    const buffer = pattern(1000);
    client.sendObject(2, 0, buffer.subarray(10, 20));
    buffer.fill(0);
    await far.whole(1);
    const data = await far.take('data');
    expect(Buffer.compare(data.bytes, pattern(1000).subarray(10, 20))).toBe(0);
    expect(data.bytes.byteOffset).toBe(0);
    expect(data.bytes.buffer.byteLength).toBe(10);
  });

  test('datagrams go both ways, too large ones are refused', async () => {
    const { client, peer } = await pair(transport);
    const [near, far] = [new Reader(client), new Reader(peer)];
    expect(client.sendDatagram(pattern(900))).toBe(true);
    const { bytes } = await far.take('datagram');
    expect(Buffer.compare(bytes, pattern(900))).toBe(0);
    expect(peer.sendDatagram(bytes)).toBe(true);
    expect(Buffer.compare((await near.take('datagram')).bytes, bytes)).toBe(0);
    expect(client.sendDatagram(pattern(client.maxDatagramSize + 1))).toBe(false);
    expect(client.sendDatagram(pattern(client.maxDatagramSize))).toBe(true);
    client.close(0, '');
    await near.take('closed');
    expect(client.sendDatagram(pattern(1))).toBe(false);
  });

  // 0x1d and 0x1e are where WebTransport's mapping to HTTP/3 codes skips one.
  test.each([0, 7, 0x1d, 0x1e, 0x1f, 0xff_ff_ff_ff])('code %i arrives as given', async (code) => {
    const { client, peer } = await pair(transport);
    const [near, far] = [new Reader(client), new Reader(peer)];
    client.openBidi(2, 0);
    client.write(2, pattern(10), false);
    const { stream } = await far.take('stream-opened');
    client.reset(2, code);
    expect(await far.take('reset')).toEqual({ kind: 'reset', stream, code });
    client.openUni(4, 0);
    client.write(4, pattern(10), false);
    const second = (await far.take('stream-opened')).stream;
    peer.stopSending(second, code);
    expect(await near.take('stop-sending')).toEqual({ kind: 'stop-sending', stream: 4, code });
    // What is written to a stopped stream is dropped.
    expect(client.write(4, pattern(10), true)).toBe(0);
    client.close(code, 'that was all');
    expect(await far.take('closed')).toEqual({ kind: 'closed', code, reason: 'that was all', by: 'peer' });
    expect(await near.take('closed')).toEqual({ kind: 'closed', code, reason: 'that was all', by: 'local' });
  });

  test('a server resets and stops as well', async () => {
    const { client, peer } = await pair(transport);
    const [near, far] = [new Reader(client), new Reader(peer)];
    client.openBidi(2, 0);
    client.write(2, pattern(10), false);
    const { stream } = await far.take('stream-opened');
    peer.stopSending(stream, 3);
    peer.reset(stream, 4);
    expect(await near.take('stop-sending')).toEqual({ kind: 'stop-sending', stream: 2, code: 3 });
    expect(await near.take('reset')).toEqual({ kind: 'reset', stream: 2, code: 4 });
  });

  test('only the first close counts', async () => {
    const { client, peer } = await pair(transport);
    client.close(5, 'first');
    client.close(6, 'second');
    expect(await new Reader(client).take('closed')).toMatchObject({ code: 5, by: 'local' });
    expect(await new Reader(peer).take('closed')).toMatchObject({ code: 5, reason: 'first', by: 'peer' });
    // Calls after the end do nothing.
    client.openUni(2, 0);
    expect(client.write(2, pattern(10), true)).toBe(0);
    client.reset(2, 0);
    expect(client.queuedBytes()).toBe(0);
  });

  test('statistics count', async () => {
    const { client, peer } = await pair(transport);
    client.sendObject(2, 0, pattern(100_000));
    await new Reader(peer).whole(1);
    const stats = client.stats();
    expect(stats.sentBytes).toBeGreaterThan(100_000);
    expect(peer.stats().receivedBytes).toBeGreaterThan(100_000);
    expect(stats.rttMs).toBeGreaterThan(0);
    expect(stats.congestionWindow).toBeGreaterThan(0);
  });

  test('wrong use is refused and named', async () => {
    const { client } = await pair(transport);
    client.openUni(2, 0);
    expect(() => client.openUni(2, 0)).toThrow('stream 2 is in use');
    expect(() => client.openUni(3, 0)).toThrow('odd');
    for (const stream of [-2, 0.5, Number.NaN, 2 ** 60]) {
      expect(() => client.openUni(stream, 0)).toThrow('whole number');
    }
    const waiting = client.next(1);
    expect(() => client.next(1)).toThrow('another next() waits');
    // @ts-expect-error: not bytes
    expect(() => client.write(2, 'text', false)).toThrow();
    client.close(0, '');
    expect(await waiting).toHaveLength(1);
  });
});

test('one port serves both transports', async () => {
  const server = await listen();
  const sessions = await Promise.all(transports.map((transport) => connect(server, transport)));
  const peers = [await accepted(server), await accepted(server)];
  expect(sessions.map((session) => session.transport)).toEqual([...transports]);
  expect(peers.map((session) => session.transport).sort()).toEqual([...transports]);
});

test('closing a server ends its sessions, its port and who waits', async () => {
  const server = await listen();
  const clients = await Promise.all(transports.map((transport) => connect(server, transport)));
  const peers = [await accepted(server), await accepted(server)];
  const waiting = server.accept();
  await server.close(9, 'restart');
  expect(await waiting).toBeNull();
  expect(await server.accept()).toBeNull();
  for (const client of clients) {
    expect(await new Reader(client).take('closed')).toMatchObject({ code: 9, reason: 'restart', by: 'peer' });
  }
  for (const peer of peers) expect(await new Reader(peer).take('closed')).toMatchObject({ by: 'local' });
  await expect(connect(server, 'quic', { handshakeTimeoutMs: 300 })).rejects.toThrow();
});

// Not on WebTransport, where a close aborts what is still unread (draft-ietf-webtrans-http3 §6).
test('quic: what was sent before the close is read before it', async () => {
  const { client, peer } = await pair('quic');
  const [near, far] = [new Reader(client), new Reader(peer)];
  client.sendObject(2, 0, pattern(200_000));
  await near.take('sent');
  client.close(1, 'done');
  await far.take('closed').catch(() => undefined);
  expect(far.events.some((event) => event.kind === 'data' && event.fin)).toBe(true);
  expect(await peer.next(1)).toEqual([]);
  expect(await peer.next(1)).toEqual([]);
});

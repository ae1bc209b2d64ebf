import { describe, expect, test } from 'vitest';
import type { TransportEvent } from '../../../src/protocol/moqt/transport.ts';
import { connect, accepted, listen, pair, pattern, Reader, transports, until } from './pair.ts';
import type { Session } from '../../../src/io/quic/addon.ts';

const kib = 1024;
const mib = 1024 * kib;

/** Sends an object and waits until it has arrived. */
async function roundTrip(sender: Session, receiver: Reader, stream: number): Promise<void> {
  sender.sendObject(stream, 0, pattern(10));
  await receiver.whole((await receiver.take('stream-opened')).stream);
}

/** In which order the streams ended. */
function ends(events: readonly TransportEvent[]): number[] {
  return events.flatMap((event) => (event.kind === 'data' && event.fin ? [event.stream] : []));
}

describe.each(transports)('%s', (transport) => {
  test('a reader that does not read stalls the sender, with bounded memory', async () => {
    const window = 256 * kib;
    const { client, peer } = await pair(transport, {
      server: { streamWindow: window, connectionWindow: window },
      client: { sendWindow: 512 * kib },
    });
    const total = 64 * mib;
    client.openUni(2, 0);
    const chunk = pattern(mib);
    let queued = 0;
    for (let sent = 0; sent < total; sent += mib) queued = client.write(2, chunk, sent + mib === total);
    // All but what QUIC holds is still here, and the caller sees it.
    expect(queued).toBeGreaterThan(total - 2 * mib);
    await until(() => peer.stats().receivedBytes >= window);
    // The connection lives on, and this stream stands still.
    const near = new Reader(client);
    for (const stream of [2, 4, 6]) await roundTrip(peer, near, stream);
    expect(client.queuedBytes()).toBeGreaterThan(total - 2 * mib);
    // Nothing was read ahead of the reader beyond the windows.
    expect(peer.stats().receivedBytes).toBeLessThan(3 * window);
    // It goes on when the reader does, to the last byte.
    let received = 0;
    let fin = false;
    while (!fin) {
      for (const event of await peer.next(64)) {
        if (event.kind !== 'data') continue;
        expect(event.bytes.length).toBeLessThanOrEqual(128 * kib);
        received += event.bytes.length;
        fin ||= event.fin;
      }
    }
    expect(received).toBe(total);
    expect((await near.take('drained')).queued).toBeLessThanOrEqual(64 * kib);
    await near.take('sent');
    expect(client.queuedBytes()).toBe(0);
  });

  test('a reset drops what is queued', async () => {
    const { client, peer } = await pair(transport, { server: { connectionWindow: 64 * kib } });
    client.openUni(2, 0);
    client.write(2, pattern(10 * mib), false);
    await new Reader(peer).take('stream-opened');
    expect(client.queuedBytes()).toBeGreaterThan(mib);
    client.reset(2, 1);
    await new Reader(peer).take('reset');
    expect(client.queuedBytes()).toBe(0);
  });

  test('many empty streams and datagrams do not grow without a reader', async () => {
    const { client, peer } = await pair(transport, { server: { connectionWindow: 16 * kib } });
    for (let index = 1; index <= 2000; index += 1) client.sendObject(2 * index, 0, new Uint8Array(0));
    const near = new Reader(client);
    for (const stream of [2, 4, 6]) await roundTrip(peer, near, stream);
    // 16 KiB hold 128 events of 128 bytes each, at most.
    const unread = (await peer.next(10_000)).filter(({ kind }) => kind !== 'sent');
    expect(unread.length).toBeLessThanOrEqual(128);
    // All arrive once they are read.
    let opened = unread.filter(({ kind }) => kind === 'stream-opened').length;
    for (let fins = ends(unread).length; fins < 2000;) {
      const batch = await peer.next(1000);
      fins += ends(batch).length;
      opened += batch.filter((event) => event.kind === 'stream-opened').length;
    }
    expect(opened).toBe(2000);
  });

  // A small send window: what QUIC was given before is less than a tenth of a stream, all else waits for its turn here.
  const narrow = {
    server: { streamWindow: 8 * mib, connectionWindow: 64 * kib },
    client: { sendWindow: 64 * kib },
  };

  test('the more urgent stream is sent first', async () => {
    const { client, peer } = await pair(transport, narrow);
    const priorities = new Map([[2, -5], [4, 0], [6, 10]]); // prettier-ignore
    for (const [stream, priority] of priorities) client.openUni(stream, priority);
    for (const stream of priorities.keys()) client.write(stream, marked(stream), true);
    expect(await orderOfEnds(new Reader(peer), 3)).toEqual([6, 4, 2]);
  });

  test('an urgent stream that is opened while the windows are full goes first', async () => {
    const { client, peer } = await pair(transport, narrow);
    client.openUni(2, 0);
    client.write(2, marked(2), true);
    await until(() => peer.stats().receivedBytes >= narrow.server.connectionWindow);
    // Over WebTransport its header waits for room too.
    client.openUni(4, 1);
    client.write(4, marked(4), true);
    expect(await orderOfEnds(new Reader(peer), 2)).toEqual([4, 2]);
  });

  test('a stream can become more urgent', async () => {
    const { client, peer } = await pair(transport, narrow);
    for (const stream of [2, 4]) {
      client.openUni(stream, 0);
      client.write(stream, marked(stream), true);
    }
    // Nobody reads: what is on its way fills the windows, and both streams wait.
    await until(() => peer.stats().receivedBytes >= narrow.server.connectionWindow);
    client.setPriority(4, 1);
    expect(await orderOfEnds(new Reader(peer), 2)).toEqual([4, 2]);
  });

  test('streams beyond the peer’s limit wait, the most urgent opens first', async () => {
    const { client, peer } = await pair(transport, { server: { maxConcurrentUni: 3 } });
    const far = new Reader(peer);
    // Fill the limit with streams that stay open; HTTP/3 has up to three of its own.
    const held = [2, 4, 6, 8, 10, 12];
    for (const stream of held) {
      client.openUni(stream, 100);
      client.write(stream, Uint8Array.of(stream), false);
    }
    for (const [stream, priority] of [
      [102, 0],
      [104, 7],
      [106, 0],
      [108, 9],
    ] as const)
      // prettier-ignore
      client.sendObject(stream, priority, Uint8Array.of(stream));
    client.setPriority(102, 8);
    client.reset(106, 0);
    for (const stream of held) client.write(stream, new Uint8Array(0), true);
    await far.until((events) => ends(events).length === held.length + 3);
    const opened = far.events.flatMap((event) => (event.kind === 'stream-opened' ? [event.stream] : []));
    const firsts = opened.map((stream) => firstByte(far.events, stream) ?? 0);
    expect(firsts.filter((first) => first > 100)).toEqual([108, 102, 104]);
  });

  test('silence ends a session, keep-alive prevents it', async () => {
    const idleTimeoutMs = 2000;
    const server = await listen({ limits: { idleTimeoutMs, keepAliveMs: 0 } });
    const kept = await connect(server, transport, { idleTimeoutMs, keepAliveMs: 100 });
    const keptPeer = await accepted(server);
    const silent = connect(server, transport, { idleTimeoutMs, keepAliveMs: 0 });
    const [client, peer] = await Promise.all([silent, accepted(server)]);
    const ends = await Promise.all([client, peer].map((session) => new Reader(session).take('closed')));
    // Whose timer is late may still send, and is answered that there is no such session any more.
    expect(ends.map(({ by }) => by)).toContain('timeout');
    // The other has been silent for longer by now.
    kept.sendObject(2, 0, pattern(5));
    expect(await new Reader(keptPeer).whole(1)).toHaveLength(5);
  });
});

/** 2 MiB, of which the first byte tells the stream. */
function marked(stream: number): Uint8Array {
  const bytes = pattern(2 * mib);
  bytes[0] = stream;
  return bytes;
}

/** Which stream ended first, by the number in its first byte. */
async function orderOfEnds(reader: Reader, count: number): Promise<(number | undefined)[]> {
  const events = await reader.until((seen) => ends(seen).length === count);
  return ends(events).map((stream) => firstByte(events, stream));
}

function firstByte(events: readonly TransportEvent[], stream: number): number | undefined {
  const first = events.find((event) => event.kind === 'data' && event.stream === stream);
  return first?.kind === 'data' ? first.bytes[0] : undefined;
}

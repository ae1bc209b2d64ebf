/**
 * What the native QUIC addon does on this machine: plain functions that give one number each. Client and server
 * share the process, so both ends' work is counted.
 */
import { quic } from '../../src/io/quic/addon.ts';
import type { Session } from '../../src/io/quic/addon.ts';
import { makeAuthority } from '../io/quic/certificates.ts';
import { rounded, type Figure, type Say } from './figure.ts';

export type Transport = 'quic' | 'webtransport';

interface Pair {
  readonly client: Session;
  readonly peer: Session;
  close(): Promise<void>;
}

async function openPair(transport: Transport): Promise<Pair> {
  const authority = await makeAuthority();
  const { certPem, keyPem } = await authority.issue();
  const protocols = ['moqt-18'];
  const server = await quic().listen({ address: '127.0.0.1:0', certPem, keyPem, protocols });
  const scheme = transport === 'quic' ? 'moqt' : 'https';
  const trust = { kind: 'ca', pem: authority.pem } as const;
  const [client, peer] = await Promise.all([
    quic().connect({ url: `${scheme}://${server.localAddress}/`, trust, protocols }),
    server.accept(),
  ]);
  if (peer === null) throw new Error('the server was closed');
  return { client, peer, close: () => server.close(0, '') };
}

/**
 * Round trip of `size` bytes on an open bidirectional stream, echoed by the other end's JavaScript.
 * @returns median in milliseconds.
 */
export async function echoRoundTripMs(transport: Transport, size = 100, rounds = 1000): Promise<number> {
  const { client, peer, close } = await openPair(transport);
  const bytes = new Uint8Array(size);
  const echoing = (async () => {
    for (let batch = await peer.next(64); batch.length > 0; batch = await peer.next(64)) {
      for (const event of batch) if (event.kind === 'data') peer.write(event.stream, event.bytes, false);
    }
  })();
  client.openBidi(2, 0);
  const times: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const began = performance.now();
    client.write(2, bytes, false);
    for (let back = 0; back < size;) {
      for (const event of await client.next(64)) if (event.kind === 'data') back += event.bytes.length;
    }
    times.push(performance.now() - began);
  }
  client.close(0, '');
  await Promise.all([echoing, close()]);
  return times.sort((a, b) => a - b)[rounds >> 1] ?? Number.NaN;
}

/**
 * Objects of `size` bytes, a stream each, from one end's JavaScript to the other's.
 * @returns objects per second.
 */
export async function objectsPerSecond(transport: Transport, size = 1200, count = 30_000): Promise<number> {
  const { client, peer, close } = await openPair(transport);
  const bytes = new Uint8Array(size);
  const began = performance.now();
  const receiving = (async () => {
    for (let whole = 0; whole < count;) {
      for (const event of await peer.next(1024)) if (event.kind === 'data' && event.fin) whole += 1;
    }
  })();
  const draining = (async () => {
    while ((await client.next(1024)).length > 0);
  })();
  for (let sent = 0; sent < count;) {
    // Enough to keep QUIC busy, little enough to stay in its window.
    while (sent < count && client.queuedBytes() < 512 * 1024) client.sendObject(2 * ++sent, 0, bytes);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await receiving;
  const seconds = (performance.now() - began) / 1000;
  client.close(0, '');
  await Promise.all([draining, close()]);
  return count / seconds;
}

/**
 * One stream's bytes from one end's JavaScript to the other's.
 * @returns MiB per second.
 */
export async function streamMibPerSecond(transport: Transport, mib = 256): Promise<number> {
  const { client, peer, close } = await openPair(transport);
  const chunk = new Uint8Array(256 * 1024);
  const chunks = mib * 4;
  client.openUni(2, 0);
  const began = performance.now();
  const receiving = (async () => {
    for (let fin = false; !fin;) {
      for (const event of await peer.next(1024)) if (event.kind === 'data') fin ||= event.fin;
    }
  })();
  for (let sent = 1; sent <= chunks; sent += 1) {
    let queued = client.write(2, chunk, sent === chunks);
    while (queued > 1024 * 1024) {
      for (const event of await client.next(64)) if (event.kind === 'drained') queued = event.queued;
    }
  }
  await receiving;
  const seconds = (performance.now() - began) / 1000;
  client.close(0, '');
  await close();
  return mib / seconds;
}

/** Round trips and objects on both transports. */
export async function quicFigures(say: Say): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const transport of ['quic', 'webtransport'] as const) {
    say(`quic: ${transport}`);
    const echo = await echoRoundTripMs(transport);
    const rate = await objectsPerSecond(transport);
    figures.push(
      {
        name: `echo of 100 bytes, ${transport}`,
        value: rounded(echo),
        unit: 'ms',
        against: 'a frame of 60 Hz video, 16.7 ms',
        goal: '≤ 0.5',
        met: echo <= 0.5,
      },
      {
        name: `objects of 1.2 KB, ${transport}`,
        value: rounded(rate),
        unit: '1/s',
        against: '2,000 a second of a busy meeting',
        goal: '≥ 5,000',
        met: rate >= 5_000,
      },
    );
  }
  return figures;
}

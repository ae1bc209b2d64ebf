import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { HttpsCounterClient } from '../../src/io/counter/counter-client.ts';
import { quic } from '../../src/io/quic/addon.ts';
import { createInvitation, readInvitation, summarise, trustOf } from '../../src/main/invitations.ts';
import { nodeGroupCrypto } from '../../src/main/mls/node-group-crypto.ts';
import type { Servers } from '../../src/main/servers.ts';
import { encodeInvitation } from '../../src/protocol/group/invitation.ts';
import type { TrustAnchor } from '../../src/protocol/group/invitation.ts';
import { makeAuthority } from '../io/quic/certificates.ts';
import type { Leaf } from '../io/quic/certificates.ts';
import { listen, transports, urlOf } from '../io/quic/pair.ts';

const SERVERS: Servers = {
  relays: [{ url: 'https://relay.example', pass: true }],
  counter: 'https://counter.example',
  receiptKey: 'A'.repeat(43),
  mode: 'fenced',
};

/** The authorities that somebody trusts who was given the link. */
function trustIn(link: string): string {
  const read = readInvitation(link);
  if (!read.ok) throw new Error(read.problem.sentence);
  const trust = trustOf(read.value.anchors);
  if (trust.kind !== 'ca') throw new Error(trust.kind);
  return trust.caPem;
}

describe('the authorities of an invitation', () => {
  test('are all that the servers file names: each one’s relay and counter are trusted, others are not', async () => {
    const [first, second, stranger] = await Promise.all([makeAuthority(), makeAuthority(), makeAuthority()]);
    const bundle = `The company's own:\n${first.pem}\r\nand its new one:\n${second.pem}\n`;
    const caPem = trustIn(createInvitation({ ...SERVERS, caPem: bundle }, 'Two authorities', 'classical'));

    for (const [authority, trusted] of [
      [first, true],
      [second, true],
      [stranger, false],
    ] as const) {
      const leaf = await authority.issue();
      const relay = await listen(leaf);
      for (const transport of transports) {
        const url = urlOf(relay, transport);
        const connected = quic().connect({ url, trust: { kind: 'ca', pem: caPem }, protocols: ['moqt-18'] });
        if (trusted) expect((await connected).protocol).toBe('moqt-18');
        else await expect(connected).rejects.toMatchObject({ code: 'ERR_QUIC_CERTIFICATE' });
      }
      expect(await isTrustedCounter(leaf, caPem)).toBe(trusted);
    }
  });

  test('are none where the servers file names none', () => {
    const read = readInvitation(createInvitation(SERVERS, 'Open', 'classical'));
    expect(read.ok && summarise(read.value).verification).toBe('system');
  });

  test.each([
    ['bytes that are no certificate', () => Uint8Array.of(1, 2, 3)],
    ['a certificate with something behind it', (der: Uint8Array) => Uint8Array.of(...der, 0)],
    ['a certificate that was cut short', (der: Uint8Array) => der.subarray(0, -1)],
  ])('are refused with a sentence when they are %s', async (_, damage) => {
    const [anchor] = anchorsOf(
      createInvitation({ ...SERVERS, caPem: (await makeAuthority()).pem }, '', 'classical'),
    );
    if (anchor?.kind !== 'ca-certificate') throw new Error('no authority');
    const link = encodeInvitation(
      {
        name: '',
        mode: 'plain',
        suite: 0x0001,
        secret: new Uint8Array(32),
        relays: SERVERS.relays,
        counter: SERVERS.counter,
        receiptKey: undefined,
        counterToken: '',
        anchors: [{ kind: 'ca-certificate', der: damage(anchor.der) }],
      },
      nodeGroupCrypto,
    );
    expect(readInvitation(link)).toMatchObject({
      ok: false,
      problem: { kind: 'damaged', sentence: expect.stringContaining('certificate') as string },
    });
  });
});

function anchorsOf(link: string): readonly TrustAnchor[] {
  const read = readInvitation(link);
  return read.ok ? read.value.anchors : [];
}

/** Whether a client that trusts `caPem` takes a server with this certificate for the counter. */
async function isTrustedCounter({ certPem, keyPem }: Leaf, caPem: string): Promise<boolean> {
  const server = createServer({ cert: certPem, key: keyPem }, (_request, response) => {
    response.writeHead(401).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const client = new HttpsCounterClient({
    url: `https://127.0.0.1:${String(port)}`,
    trust: { kind: 'ca', caPem },
  });
  const { kind } = await client.receiptKey();
  client.disconnect();
  server.close();
  return kind === 'unauthorized';
}
